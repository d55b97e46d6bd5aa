//! `sterna move cutover …` and `sterna move rollback …`

use std::time::Duration;

use clap::Args;

use crate::admin::{CutoverRequest, Request};
use crate::config::parse_duration;

/// The longest that people may be made to wait.
const HOLD_MAX: Duration = Duration::from_secs(300);

/// What both take.
#[derive(Debug, Args)]
pub(super) struct Hold {
    /// Which accounts, one after the other
    #[arg(required = true)]
    addresses: Vec<String>,
    /// How long open sessions and mail may wait before everything goes on as it was, to be tried later; 2s if not given
    #[arg(long, value_name = "TIME", value_parser = hold)]
    deadline: Option<Duration>,
    /// How long POP3 and filter sessions have to come to their end by themselves before that; 20s if not given
    #[arg(long, value_name = "TIME", value_parser = hold)]
    finish: Option<Duration>,
    /// How often it is tried before it is given up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    attempts: Option<u32>,
    /// Return only when it is done; needed where no server runs
    #[arg(long)]
    wait: bool,
}

/// What `cutover` takes.
#[derive(Debug, Args)]
pub(super) struct Cutover {
    #[command(flatten)]
    hold: Hold,
    /// For so long the move can be undone, and what still comes to the old side is brought over
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    rollback_window: Option<Duration>,
    /// Until then, carry what changes here back to the old side as it happens, so that it has everything at any time; without
    /// this it is carried back when a rollback is asked for
    #[arg(long)]
    back_sync: bool,
    /// Also where no password is known here: nobody can log in to the mailbox then until one is set
    #[arg(long)]
    without_password: bool,
}

/// A time that people notice.
fn hold(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time.is_zero() || time > HOLD_MAX {
        return Err(format!("write more than nothing, and at most {}s", HOLD_MAX.as_secs()));
    }
    Ok(time)
}

impl Cutover {
    pub fn request(self) -> Request {
        let Cutover { hold, rollback_window, back_sync, without_password } = self;
        match hold.request(false) {
            Request::Cutover(request) => {
                Request::Cutover(CutoverRequest { rollback_window, back_sync, without_password, ..request })
            }
            other => other,
        }
    }
}

impl Hold {
    /// `back`: to the platform.
    pub fn request(self, back: bool) -> Request {
        Request::Cutover(CutoverRequest {
            addresses: self.addresses,
            back,
            deadline: self.deadline,
            finish: self.finish,
            attempts: self.attempts,
            rollback_window: None,
            back_sync: false,
            without_password: false,
            wait: self.wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_neither_nothing_nor_long() {
        assert_eq!(hold("500ms"), Ok(Duration::from_millis(500)));
        assert!(hold("0s").is_err() && hold("1h").is_err() && hold("2").is_err());
    }
}
