//! How much a script may do. One value for compiling and running.

use std::time::Duration;

/// Bounds of one script and one run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The text of a script, bytes.
    pub script: usize,
    /// Messages that one run may redirect.
    pub redirects: usize,
    /// Notifications of one run.
    pub notifications: usize,
    /// Depth of includes.
    pub includes: usize,
    /// Actions of one run, all together.
    pub actions: usize,
    /// Instructions of the evaluator in one run.
    pub instructions: usize,
    /// The time of one run; looked at between tests, each of which is bounded by itself.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            script: 1 << 20,
            redirects: 10,
            notifications: 3,
            includes: 10,
            actions: 100,
            instructions: 500_000,
            time: Duration::from_secs(5),
        }
    }
}
