//! RETR and TOP of many messages: several commands are on their way at once where the server allows it, and each
//! message comes as a stream.

use std::collections::VecDeque;

use super::connection::Connection;
use super::error::Error;
use crate::dot::Unstuffer;

/// Commands on their way at once. Their bytes fit any buffer between both sides, so that sending never waits for the
/// replies to be read.
const AHEAD: usize = 64;

/// Bytes of one message at most.
const MAX_MESSAGE: u64 = 16 << 30;

/// What is asked for of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// RETR: all of it.
    Whole,
    /// TOP: the header, and so many lines of the body.
    Top(u32),
}

/// What comes.
#[derive(Debug, PartialEq, Eq)]
pub enum FetchEvent {
    /// A message begins; its bytes follow, as they are stored there as far as POP3 shows that.
    Begin(u32),
    /// The next bytes of it, dots undone.
    Chunk(Vec<u8>),
    /// It is complete.
    End(u32),
    /// The server does not give this message, or does not know the command.
    Refused {
        /// Which message.
        number: u32,
        /// The server's words.
        text: String,
    },
}

/// Messages on their way. The connection can be used again once [`Fetch::next`] gave `None`.
pub struct Fetch<'c> {
    connection: &'c mut Connection,
    part: Part,
    waiting: VecDeque<u32>,
    asked: VecDeque<u32>,
    coming: Option<Coming>,
}

struct Coming {
    number: u32,
    unstuffer: Unstuffer,
    bytes: u64,
    ended: bool,
}

impl Connection {
    /// Asks for messages by their numbers.
    pub fn fetch(&mut self, numbers: Vec<u32>, part: Part) -> Result<Fetch<'_>, Error> {
        if self.in_flight > 0 {
            return Err(self.protocol("replies to earlier commands were not read"));
        }
        let (asked, coming) = (VecDeque::new(), None);
        Ok(Fetch { connection: self, part, waiting: numbers.into(), asked, coming })
    }
}

impl Fetch<'_> {
    /// The next event; `None` when all messages have come.
    pub async fn next(&mut self) -> Result<Option<FetchEvent>, Error> {
        match &self.coming {
            Some(Coming { ended: true, number, .. }) => {
                let number = *number;
                self.coming = None;
                return Ok(Some(FetchEvent::End(number)));
            }
            Some(_) => return self.chunk().await.map(Some),
            None => {}
        }
        self.ask().await?;
        let Some(number) = self.asked.pop_front() else { return Ok(None) };
        let status = self.connection.status("waiting for a message").await?;
        self.connection.in_flight -= 1;
        Ok(Some(match status {
            Ok(_) => {
                self.connection.in_flight += 1;
                self.coming = Some(Coming { number, unstuffer: Unstuffer::new(), bytes: 0, ended: false });
                FetchEvent::Begin(number)
            }
            Err(text) => FetchEvent::Refused { number, text },
        }))
    }

    /// Leaves out what was not asked for yet.
    pub fn stop(&mut self) {
        self.waiting.clear();
    }

    async fn ask(&mut self) -> Result<(), Error> {
        let most = if self.connection.capabilities().has("PIPELINING") { AHEAD } else { 1 };
        // In groups, so that not every message costs a packet.
        if self.asked.len() > most / 2 {
            return Ok(());
        }
        let mut commands = String::new();
        while self.asked.len() < most
            && let Some(number) = self.waiting.pop_front()
        {
            match self.part {
                Part::Whole => commands.push_str(&format!("RETR {number}\r\n")),
                Part::Top(lines) => commands.push_str(&format!("TOP {number} {lines}\r\n")),
            }
            self.asked.push_back(number);
            self.connection.in_flight += 1;
        }
        if commands.is_empty() { Ok(()) } else { self.connection.send(commands.as_bytes()).await }
    }

    async fn chunk(&mut self) -> Result<FetchEvent, Error> {
        loop {
            let Some(coming) = &mut self.coming else { return Err(self.connection.protocol("no message is coming")) };
            let input = self.connection.input();
            let mut chunk = Vec::with_capacity(input.len());
            let (taken, ended) = coming.unstuffer.take(input, &mut chunk);
            drop(input.split_to(taken));
            coming.bytes += chunk.len() as u64;
            coming.ended = ended;
            if coming.bytes > MAX_MESSAGE {
                return Err(self.connection.protocol("a message does not end"));
            }
            if ended {
                self.connection.in_flight -= 1;
            }
            if ended || !chunk.is_empty() {
                return Ok(FetchEvent::Chunk(chunk));
            }
            self.connection.read_more("reading a message", self.connection.timeouts.response).await?;
        }
    }
}
