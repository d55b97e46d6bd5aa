//! IDLE (RFC 9051 §6.3.13, RFC 2177): tells at once what others change in the open mailbox, until DONE.

use super::hold;
use super::problem::{Problem, Reply};
use super::session::{Session, at, going_down, tell_again, turned_true};
use crate::codec::framing::{LineStep, plain_line};
use crate::codec::write::status::continuation;

/// The longest line that can be DONE.
const MAX_LINE: usize = 1_024;

enum Event {
    Held,
    Read(usize),
    Changed,
    Shutdown,
    Timeout,
}

/// Answers IDLE.
pub(super) async fn handle(session: &mut Session) -> Result<Reply, Problem> {
    session.account()?;
    continuation(session.out.buffer(), "idling");
    wait_for_done(session).await
}

/// Waits for DONE; told meanwhile: everything, for no command is in progress whose numbers could be wrong.
pub(super) async fn wait_for_done(session: &mut Session) -> Result<Reply, Problem> {
    let mut changes = session.account()?.changes();
    let limit = session.service.config.idle_timeout;
    let mut deadline = tokio::time::Instant::now() + limit;
    // What happened between the last command and the subscription to changes.
    let (mut pending, mut again) = (true, None);
    loop {
        if std::mem::take(&mut pending) {
            again = if tell(session).await? { None } else { tell_again() };
            session.out.flush().await?;
        }
        match plain_line(&session.input, MAX_LINE) {
            LineStep::Line { len } => {
                let line = session.input.split_to(len);
                if line.trim_ascii().eq_ignore_ascii_case(b"DONE") {
                    return Ok(Reply::ok("IDLE completed"));
                }
                return Err(Problem::bad("DONE ends IDLE"));
            }
            LineStep::TooLong => return Err(Problem::bye("line too long")),
            LineStep::NeedMore => {}
        }
        session.out.release();
        let Session { out, input, shutdown, stay, .. } = session;
        let event = tokio::select! {
            biased;
            () = hold::disturbed(stay) => Event::Held,
            read = out.stream.read(input) => Event::Read(read?),
            Ok(()) = changes.changed() => Event::Changed,
            () = at(again) => Event::Changed,
            () = turned_true(shutdown) => Event::Shutdown,
            () = tokio::time::sleep_until(deadline) => Event::Timeout,
        };
        match event {
            Event::Read(0) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            Event::Read(_) => deadline = tokio::time::Instant::now() + limit,
            Event::Held => {
                session.held().await?;
                pending = true;
            }
            Event::Changed => pending = true,
            Event::Shutdown => return Err(going_down()),
            // RFC 9051 §6.3.13: clients are to repeat IDLE every 29 minutes.
            Event::Timeout => return Err(Problem::bye("autologout after a long IDLE")),
        }
    }
}

/// `false`: the store is not available now.
async fn tell(session: &mut Session) -> Result<bool, Problem> {
    let told = match Box::pin(session.sync(true)).await {
        Ok(()) => Box::pin(session.tell_mailbox_events()).await,
        Err(problem) => Err(problem),
    };
    match told {
        Err(over @ (Problem::Bye { .. } | Problem::Io(_))) => Err(over),
        Err(problem) => {
            tracing::warn!(?problem, "cannot synchronise");
            Ok(false)
        }
        Ok(()) => Ok(true),
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "memory_tests.rs"]
mod memory_tests;
