//! What the figures were measured on.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// One line: processor, cores, memory, kernel, file system, and how long the disk took to make 4 KiB durable
/// ([`durable_write`]) before the measurements and after them.
pub fn describe(before: f64, after: f64) -> String {
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
        "{}, {cores} cores, {gib:.0} GiB of memory, Linux {}, {}, fdatasync of 4 KiB {before:.2} ms before and \
         {after:.2} ms after (medians of 101)",
        field(&cpu, "model name"),
        kernel.trim(),
        file_system(&read("/proc/mounts"), &std::env::temp_dir())
    )
}

/// Type and device of the file system that a directory lies on, from the text of `/proc/mounts`.
fn file_system(mounts: &str, directory: &Path) -> String {
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = fields
        .filter(|fields| fields.get(1).is_some_and(|mounted| directory.starts_with(mounted)))
        .max_by_key(|fields| fields[1].len());
    match found.as_deref() {
        Some([device, _, kind, ..]) => format!("{kind} on {device}"),
        _ => "an unknown file system".to_owned(),
    }
}

/// Milliseconds that 4 KiB take to become durable where all servers keep their mail: the median.
pub fn durable_write() -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_holds_the_directory() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp2 xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/tmp/x")), "tmpfs on tmpfs");
        assert_eq!(file_system(mounts, Path::new("/work")), "ext4 on /dev/vda");
    }
}
