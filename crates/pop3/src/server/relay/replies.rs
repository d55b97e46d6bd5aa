//! Which reply belongs to which command, and where it ends: so that CAPA can be told as what both sides can do, and nothing is
//! said to the client in the middle of something.

use std::collections::VecDeque;
use std::io;

use bytes::BytesMut;
use sterna_net::Passing;

use crate::server::capability::ALWAYS;
use crate::server::command::{Bad, Command};

/// The longest line that is looked for, bytes.
const MAX_LINE: usize = 8_192;

/// Commands of a client that wait for their replies (RFC 2449 §6.6).
const MAX_DUE: usize = 1_000;

/// A reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// A line.
    Line,
    /// After +OK, lines up to a dot.
    Lines,
    /// The same, of which a part is told.
    Capabilities,
    /// Sterna's own: the command was not passed on.
    Own(&'static str),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A status line comes next.
    #[default]
    Status,
    /// Within lines that end with a dot; `true`: in the middle of a line.
    Lines(bool),
    Capabilities,
}

/// The replies of a platform to the commands that were passed on.
#[derive(Debug, Default)]
pub(super) struct Replies {
    due: VecDeque<Due>,
    state: State,
    quit: bool,
}

impl Replies {
    /// The client has said QUIT.
    pub fn has_quit(&self) -> bool {
        self.quit
    }

    fn expect(&mut self, line: &[u8]) -> Due {
        match Command::parse(line) {
            Ok(
                Command::List(None) | Command::Uidl(None) | Command::Retr(_) | Command::Top(..) | Command::Lang(None),
            ) => Due::Lines,
            Ok(Command::Capa) => Due::Capabilities,
            Ok(Command::Quit) => {
                self.quit = true;
                Due::Line
            }
            Ok(Command::User(_) | Command::Pass(_) | Command::Auth { .. }) => Due::Own("-ERR logged in already\r\n"),
            Ok(Command::Stls | Command::Utf8) => Due::Own("-ERR this comes before the login\r\n"),
            Ok(
                Command::Stat
                | Command::List(Some(_))
                | Command::Uidl(Some(_))
                | Command::Dele(_)
                | Command::Rset
                | Command::Noop
                | Command::Lang(Some(_)),
            ) => Due::Line,
            // Nobody knows where the reply to something else ends.
            Err(Bad::Unknown) => Due::Own("-ERR unknown command\r\n"),
            Err(Bad::Arguments) => Due::Own("-ERR the arguments make no sense\r\n"),
        }
    }

    /// Says what Sterna itself has to say, where it is its turn.
    fn own(&mut self, client: &mut Vec<u8>) {
        while self.state == State::Status
            && let Some(Due::Own(text)) = self.due.front()
        {
            client.extend_from_slice(text.as_bytes());
            self.due.pop_front();
        }
    }

    fn status(&mut self, line: &[u8], client: &mut Vec<u8>) {
        client.extend_from_slice(line);
        let good = line.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"+OK"));
        self.state = match self.due.pop_front() {
            Some(Due::Lines) if good => State::Lines(false),
            Some(Due::Capabilities) if good => State::Capabilities,
            _ => State::Status,
        };
    }
}

impl Passing for Replies {
    fn client_said(&mut self, input: &mut BytesMut, server: &mut Vec<u8>, client: &mut Vec<u8>) -> io::Result<()> {
        while !self.is_full() {
            let Some(line) = line(input)? else { break };
            let due = self.expect(trimmed(&line));
            if !matches!(due, Due::Own(_)) {
                server.extend_from_slice(trimmed(&line));
                server.extend_from_slice(b"\r\n");
            }
            self.due.push_back(due);
        }
        self.own(client);
        Ok(())
    }

    fn server_said(&mut self, input: &mut BytesMut, client: &mut Vec<u8>) -> io::Result<()> {
        loop {
            if let State::Lines(middle) = self.state {
                self.state = lines(input, client, middle);
                if self.state != State::Status {
                    return Ok(());
                }
            } else {
                let Some(line) = line(input)? else { return Ok(()) };
                match self.state {
                    State::Capabilities if trimmed(&line) == b"." => {
                        client.extend_from_slice(b".\r\n");
                        self.state = State::Status;
                    }
                    State::Capabilities if shared(trimmed(&line)) => client.extend_from_slice(&line),
                    State::Capabilities => {}
                    State::Status | State::Lines(_) => self.status(&line, client),
                }
            }
            self.own(client);
        }
    }

    fn is_full(&self) -> bool {
        self.due.len() >= MAX_DUE
    }

    fn is_idle(&self) -> bool {
        self.due.is_empty() && self.state == State::Status
    }
}

/// Passes lines on as far as they are there; the state behind them.
fn lines(input: &mut BytesMut, client: &mut Vec<u8>, mut middle: bool) -> State {
    let mut taken = 0;
    let state = loop {
        let rest = input.get(taken..).unwrap_or_default();
        match rest {
            // What may be the final dot is kept until it is known.
            b"" => break State::Lines(middle),
            b"." | b".\r" if !middle => break State::Lines(false),
            [b'.', b'\r', b'\n', ..] if !middle => {
                taken += 3;
                break State::Status;
            }
            [b'.', b'\n', ..] if !middle => {
                taken += 2;
                break State::Status;
            }
            _ => {}
        }
        match memchr::memchr(b'\n', rest) {
            Some(newline) => (taken, middle) = (taken + newline + 1, false),
            None => (taken, middle) = (taken + rest.len(), true),
        }
    };
    client.extend_from_slice(&input.split_to(taken));
    state
}

/// A line with its end, if one is there.
fn line(input: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    match memchr::memchr(b'\n', input) {
        Some(newline) if newline <= MAX_LINE => Ok(Some(input.split_to(newline + 1))),
        None if input.len() <= MAX_LINE => Ok(None),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long")),
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether Sterna, too, has this capability after the login. How long messages stay is the platform's own affair.
fn shared(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b' ').next().unwrap_or_default();
    let ours = ALWAYS.iter().filter_map(|line| line.split(' ').next()).filter(|name| *name != "UTF8");
    ours.chain(["IMPLEMENTATION"]).any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}
