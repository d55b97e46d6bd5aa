//! Memory of a process and all its descendants, from `/proc`: what an operator pays for a server with many processes.

use std::collections::HashMap;
use std::fs;

/// Bytes of memory of a process tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Proportional set size: a page shared by n processes counts one n-th in each. The fair sum of a tree.
    pub pss: u64,
    /// Resident set size, summed: shared pages count once per process.
    pub rss: u64,
    /// How many processes were counted.
    pub processes: u32,
}

/// The memory of `pid` and all its descendants now. Processes that end meanwhile count nothing.
pub fn tree_memory(pid: u32) -> Memory {
    let mut total = Memory::default();
    for pid in tree(pid) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        let field = |name: &str| -> u64 {
            let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        total.pss += field("Pss:");
        total.rss += field("Rss:");
        total.processes += 1;
    }
    total
}

/// `pid` and all its descendants now, parents before their children.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").expect("read /proc").flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        if let Some(parent) = parent(child) {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        let more = children.remove(pid).unwrap_or_default();
        found.extend(more);
        next += 1;
    }
    found
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_a_missing_one_has_none() {
        let own = tree_memory(std::process::id());
        assert!(own.processes >= 1 && own.rss > 100_000 && own.pss > 0 && own.pss <= own.rss, "{own:?}");
        assert_eq!(tree_memory(u32::MAX), Memory::default());
    }
}
