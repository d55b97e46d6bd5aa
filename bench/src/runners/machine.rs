//! What the figures were measured on.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

/// One line: processor, cores, memory, kernel, and how long the disk takes to make 4 KiB durable.
pub fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches([':', ' ', '\t']).to_owned()
    };
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let gib =
        field(&memory, "MemTotal").split(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1_048_576.0;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{}, {cores} cores, {gib:.0} GiB of memory, Linux {}, fdatasync of 4 KiB {:.2} ms (median)",
        field(&cpu, "model name"),
        kernel.trim(),
        durable_write()
    )
}

/// Milliseconds.
fn durable_write() -> f64 {
    let directory = tempfile::tempdir().expect("make a directory");
    let mut file = File::create(directory.path().join("probe")).expect("make a file");
    let mut times: Vec<f64> = (0..101)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("write durably");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
