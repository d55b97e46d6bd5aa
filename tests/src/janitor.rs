//! Clears up behind test processes that share one PostgreSQL and one S3 server: what belongs to a process that is gone is
//! removed, so that a run of a thousand tests needs no more disk than a few of them.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::postgres::psql;
use crate::process::exists;
use crate::s3::BUCKET;

const PAUSE: Duration = Duration::from_secs(2);

/// The clearing thread; dropping it waits for its end.
#[derive(Debug)]
pub(crate) struct Janitor {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Janitor {
    /// Looks every two seconds for what processes that have ended left in the server of `database` and below `s3_root`.
    pub(crate) fn start(database: &str, s3_root: &Path) -> Janitor {
        let (stop, stopped) = channel();
        let (database, root) = (database.to_owned(), s3_root.to_owned());
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                clear(&database, &root);
            }
        });
        Janitor { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn clear(database: &str, s3_root: &Path) {
    for name in psql(database, "SELECT datname FROM pg_database WHERE datname LIKE 'sterna\\_%'").lines() {
        if name.strip_prefix("sterna_").is_some_and(|rest| has_ended(rest, '_')) {
            psql(database, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
    for entry in std::fs::read_dir(s3_root.join(BUCKET)).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(|name| name.strip_prefix('t')).is_some_and(|rest| has_ended(rest, '-')) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a name begins with the id of a process that is gone. A number that is in use again only delays it.
fn has_ended(name: &str, separator: char) -> bool {
    name.split_once(separator).and_then(|(pid, _)| pid.parse().ok()).is_some_and(|pid| !exists(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_a_process_that_is_gone_is_removed() {
        assert!(has_ended(&format!("{}_0", u32::MAX), '_'));
        assert!(!has_ended(&format!("{}_0", std::process::id()), '_'));
        assert!(!has_ended("elephant_0", '_') && !has_ended("", '_'));
    }
}
