//! Commands on their way to the platform, cut at their literals: a server without LITERAL+ is asked before each of them
//! (RFC 9051 §4.3, RFC 7888), whatever the client did.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::codec::framing::trailing_literal;
use crate::codec::response_parser::Capabilities;

/// How literals are announced to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    /// Each waits for a continuation request.
    Synchronizing,
    /// LITERAL-: those of up to 4,096 bytes do not.
    Small,
    /// LITERAL+: none does.
    Free,
}

impl Literals {
    pub fn of(capabilities: &Capabilities) -> Literals {
        match (capabilities.has("LITERAL+"), capabilities.has("LITERAL-")) {
            (true, _) => Literals::Free,
            (false, true) => Literals::Small,
            (false, false) => Literals::Synchronizing,
        }
    }

    fn waits(self, size: u64) -> bool {
        match self {
            Literals::Free => false,
            Literals::Small => size > 4_096,
            Literals::Synchronizing => true,
        }
    }

    /// The line of a command with its literal announced as this server takes it; and whether it must be waited for.
    pub fn announce(self, line: &[u8]) -> (Vec<u8>, bool) {
        let Some(literal) = trailing_literal(line) else { return (line.to_vec(), false) };
        let open = line.iter().rposition(|b| *b == b'{').unwrap_or(line.len());
        let waits = self.waits(literal.size);
        let mut announced = line.get(..open).unwrap_or_default().to_vec();
        let plus = if waits { "" } else { "+" };
        announced.extend_from_slice(format!("{{{}{plus}}}\r\n", literal.size).as_bytes());
        (announced, waits)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Bytes(Bytes),
    /// The server must ask for what follows.
    Await,
    /// The end of the command with this tag.
    End(String),
}

/// What is to be sent.
#[derive(Default)]
pub(super) struct Outgoing(VecDeque<Piece>);

impl Outgoing {
    /// A whole command, as the client sent it.
    pub fn command(&mut self, tag: &str, command: &[u8], literals: Literals) {
        let mut rest = command;
        loop {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
            let (line, behind) = rest.split_at(end);
            let Some(literal) = trailing_literal(line) else {
                self.0.push_back(Piece::Bytes(Bytes::copy_from_slice(line)));
                break;
            };
            let (announced, waits) = literals.announce(line);
            self.0.push_back(Piece::Bytes(announced.into()));
            if waits {
                self.0.push_back(Piece::Await);
            }
            // The framer has seen to it that the literal is there.
            let size = usize::try_from(literal.size).unwrap_or(usize::MAX).min(behind.len());
            let (bytes, next) = behind.split_at(size);
            self.0.push_back(Piece::Bytes(Bytes::copy_from_slice(bytes)));
            if next.is_empty() {
                break;
            }
            rest = next;
        }
        self.0.push_back(Piece::End(tag.to_owned()));
    }

    /// A line of a command, announced already; what follows it comes by itself, once the server has asked if it `waits`.
    pub fn line(&mut self, announced: Vec<u8>, waits: bool) {
        self.0.push_back(Piece::Bytes(announced.into()));
        if waits {
            self.0.push_back(Piece::Await);
        }
    }

    /// The beginning of a command, up to the end of one of its literals.
    pub fn begin(&mut self, beginning: &[u8], literals: Literals) {
        self.command("", beginning, literals);
        self.0.pop_back();
    }

    /// Nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The server must ask before anything goes on.
    pub fn is_waiting(&self) -> bool {
        self.0.front() == Some(&Piece::Await)
    }

    /// The server has asked.
    pub fn continued(&mut self) {
        if self.is_waiting() {
            self.0.pop_front();
        }
    }

    /// The server has ended a command: what was not sent of it is not sent any more.
    pub fn ended(&mut self, tag: &str) {
        let end = self.0.iter().position(|piece| matches!(piece, Piece::End(t) if t == tag));
        if let Some(end) = end
            && !self.0.iter().take(end).any(|piece| matches!(piece, Piece::End(_)))
        {
            self.0.drain(..=end);
        }
    }

    /// What can be sent now is appended to `output`.
    pub fn pump(&mut self, output: &mut Vec<u8>, most: usize) {
        while output.len() < most {
            match self.0.front() {
                Some(Piece::Bytes(bytes)) => output.extend_from_slice(bytes),
                Some(Piece::End(_)) => {}
                Some(Piece::Await) | None => return,
            }
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outgoing: &mut Outgoing) -> String {
        let mut output = Vec::new();
        outgoing.pump(&mut output, 1_000);
        String::from_utf8(output).unwrap()
    }

    const COMMAND: &[u8] = b"a LOGIN {3}\r\nbob {2+}\r\nxy\r\n";

    #[test]
    fn literals_are_announced_as_the_server_takes_them() {
        let mut free = Outgoing::default();
        free.command("a", COMMAND, Literals::Free);
        assert_eq!(sent(&mut free), "a LOGIN {3+}\r\nbob {2+}\r\nxy\r\n");
        assert!(free.is_empty());
        let mut strict = Outgoing::default();
        strict.command("a", COMMAND, Literals::Synchronizing);
        assert_eq!(sent(&mut strict), "a LOGIN {3}\r\n");
        assert!(strict.is_waiting());
        strict.continued();
        assert_eq!(sent(&mut strict), "bob {2}\r\n");
        strict.continued();
        assert_eq!(sent(&mut strict), "xy\r\n");
        assert!(strict.is_empty());
        assert_eq!(Literals::Small.announce(b"x {5000+}\r\n"), (b"x {5000}\r\n".to_vec(), true));
        assert_eq!(Literals::Small.announce(b"x ~{50}\r\n"), (b"x ~{50+}\r\n".to_vec(), false));
    }

    #[test]
    fn what_is_left_of_a_refused_command_is_not_sent() {
        let mut strict = Outgoing::default();
        strict.command("a", COMMAND, Literals::Synchronizing);
        strict.command("b", b"b NOOP\r\n", Literals::Synchronizing);
        sent(&mut strict);
        strict.ended("a");
        assert_eq!(sent(&mut strict), "b NOOP\r\n");
        // An answer that comes before all was sent, of another command, drops nothing.
        strict.command("c", COMMAND, Literals::Synchronizing);
        strict.ended("x");
        assert!(!strict.is_empty());
    }
}
