//! The named steps of a change of sides, at which a test can have the process wait while it kills a server or cuts a link.
//!
//! Debug builds only, and only where the environment names a file (docs/decisions/0016): a release build has nothing of it.

/// The process has come to a named step of a hold or of what is done under it.
///
/// In a debug build the variable `STERNA_STOP_AT` may name a file. If that holds the name of this step, it gets the ending
/// `.reached`, and the process waits until it is removed, for 20 seconds at most.
#[cfg(debug_assertions)]
pub async fn reached(step: &str) {
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    let Some(file) = std::env::var_os("STERNA_STOP_AT").map(std::path::PathBuf::from) else { return };
    if std::fs::read_to_string(&file).is_ok_and(|wanted| wanted == step) {
        let reached = file.with_extension("reached");
        if let Err(error) = std::fs::rename(&file, &reached) {
            return tracing::warn!(step, %error, "a step is not waited at");
        }
        let until = Instant::now() + Duration::from_secs(20);
        while reached.exists() && Instant::now() < until {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The process has come to a named step of a hold or of what is done under it: nothing happens.
#[cfg(not(debug_assertions))]
pub async fn reached(_step: &str) {}
