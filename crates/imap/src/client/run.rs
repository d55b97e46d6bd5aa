//! One command from its sending to its end: what every method for a single command is made of.

use bytes::Bytes;

use super::command::Command;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use crate::codec::response_parser::{Response, Status, StatusText};

impl Connection {
    /// Sends one command and waits for its end; `on` gets every untagged response. Bodies too large to buffer are
    /// read over.
    pub async fn run(&mut self, command: Command, on: impl FnMut(Response)) -> Result<StatusText, Error> {
        self.must_be_free()?;
        let tag = self.send(command);
        self.finish(tag, on).await
    }

    pub(super) fn must_be_free(&self) -> Result<(), Error> {
        if self.in_flight() == 0 { Ok(()) } else { Err(self.error(ErrorKind::Busy)) }
    }

    /// Waits for the end of a command.
    pub(super) async fn finish(&mut self, tag: Tag, mut on: impl FnMut(Response)) -> Result<StatusText, Error> {
        loop {
            match self.next().await? {
                Event::Response(response) => on(response),
                Event::Done { tag: ended, command, status } if ended == tag => return self.accepted(command, status),
                Event::Done { .. } | Event::BodyStart { .. } | Event::BodyChunk(_) => {}
            }
        }
    }

    /// OK, or the error that NO and BAD are.
    pub(super) fn accepted(&self, command: &'static str, status: StatusText) -> Result<StatusText, Error> {
        match status.status {
            Status::No | Status::Bad => Err(self.error(ErrorKind::refused(command, &status))),
            _ => Ok(status),
        }
    }

    /// Waits for a continuation; a command that ends instead was refused.
    pub(super) async fn continuation(&mut self, tag: Tag) -> Result<Bytes, Error> {
        loop {
            match self.next().await? {
                Event::Response(Response::Continuation(text)) => return Ok(text),
                Event::Done { tag: ended, command, status } if ended == tag => {
                    self.accepted(command, status)?;
                    return Err(self.error(ErrorKind::Protocol(format!("{command} ended before it began"))));
                }
                _ => {}
            }
        }
    }
}
