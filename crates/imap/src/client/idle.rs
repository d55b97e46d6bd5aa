//! IDLE (RFC 2177): the server tells what changes, at once.

use std::time::Duration;

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use crate::codec::response_parser::{Response, Status};

/// A server may log an inactive client off after 30 minutes (RFC 2177 §3), so IDLE is renewed before.
pub const LONGEST: Duration = Duration::from_secs(29 * 60);

/// A running IDLE. End it with [`Idle::done`]: dropping it leaves the connection [`ErrorKind::Busy`].
pub struct Idle<'c> {
    connection: &'c mut Connection,
    tag: Tag,
    deadline: tokio::time::Instant,
}

impl Connection {
    /// Begins IDLE; an error if the server does not offer it (then NOOP asks as well).
    pub async fn idle(&mut self) -> Result<Idle<'_>, Error> {
        self.must_be_free()?;
        if !self.capabilities().has("IDLE") {
            return Err(self.error(ErrorKind::NotOffered("IDLE")));
        }
        let tag = self.send(self.command("IDLE"));
        self.continuation(tag).await?;
        Ok(Idle { connection: self, tag, deadline: tokio::time::Instant::now() + LONGEST })
    }
}

impl Idle<'_> {
    /// The next news, or `None` when `wait` is over or IDLE has to be renewed (29 minutes after its start).
    pub async fn wait(&mut self, wait: Duration) -> Result<Option<Response>, Error> {
        let until = self.deadline.min(tokio::time::Instant::now() + wait);
        loop {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            match self.connection.next_within(left).await? {
                None => return Ok(None),
                // "Still here": sent to keep the connection open, no news.
                Some(Event::Response(Response::Status(status))) if status.status == Status::Ok => {}
                Some(Event::Response(Response::Continuation(_))) => {}
                Some(Event::Response(news)) => return Ok(Some(news)),
                Some(Event::Done { command, status, .. }) => {
                    self.connection.accepted(command, status)?;
                    let said = "it ended IDLE by itself".to_owned();
                    return Err(self.connection.error(ErrorKind::Protocol(said)));
                }
                Some(Event::BodyStart { .. } | Event::BodyChunk(_)) => {}
            }
        }
    }

    /// Whether IDLE has run as long as it may.
    pub fn must_renew(&self) -> bool {
        tokio::time::Instant::now() >= self.deadline
    }

    /// Ends IDLE; gives the news that came meanwhile.
    pub async fn done(self) -> Result<Vec<Response>, Error> {
        self.connection.push(self.tag, b"DONE\r\n");
        let mut news = Vec::new();
        self.connection.finish(self.tag, |response| news.push(response)).await?;
        Ok(news)
    }
}
