//! A sign of life from a command that takes long (RFC 9585), which also shows whether the client is still there.

use std::time::{Duration, Instant};

use crate::codec::write::status::{Code, Condition, untagged};
use crate::server::problem::Problem;
use crate::server::session::Session;

/// RFC 9585 §4 leaves the pace to the server; clients give up after some 30 seconds of silence.
const PACE: Duration = Duration::from_secs(10);

/// When the client heard last of a command.
pub(crate) struct Progress {
    text: &'static str,
    last: Instant,
}

impl Progress {
    /// The command begins.
    pub fn start(text: &'static str) -> Progress {
        Progress { text, last: Instant::now() }
    }

    /// Tells how far the command is, if it is time. Fails if the connection is gone: nobody waits for the result.
    pub async fn tell(&mut self, session: &mut Session, (done, goal): (usize, usize)) -> Result<(), Problem> {
        if self.last.elapsed() < PACE {
            return Ok(());
        }
        self.last = Instant::now();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let progress = Some((count(done), Some(count(goal))));
        let tag = session.tag.clone();
        let code = Code::InProgress { tag: &tag, progress };
        untagged(session.out.buffer(), Condition::Ok, Some(code), self.text);
        Ok(session.out.flush().await?)
    }
}
