//! A connection that may break at any moment: every end of it is a value here, where the wire of the other suites fails.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use sterna_tests::wire::{Response, Value};

/// A session that is silent for longer hangs, which no fault of the run excuses.
const READ: Duration = Duration::from_secs(40);

/// Lines of both sides that a failure shows.
const KEPT: usize = 60;

pub struct Wire {
    reader: BufReader<TcpStream>,
    started: Instant,
    said: VecDeque<String>,
}

impl Wire {
    pub fn connect(port: u16) -> io::Result<Wire> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ))?;
        stream.set_write_timeout(Some(READ))?;
        Ok(Wire { reader: BufReader::new(stream), started: Instant::now(), said: VecDeque::new() })
    }

    fn note(&mut self, side: char, bytes: &[u8]) {
        if self.said.len() == KEPT {
            self.said.pop_front();
        }
        let shown = bytes.get(..300).unwrap_or(bytes).escape_ascii();
        self.said.push_back(format!("{:9.3} {side}: {shown}", self.started.elapsed().as_secs_f64()));
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.note('C', bytes);
        self.reader.get_mut().write_all(bytes)
    }

    /// One response with its literals.
    pub fn read(&mut self) -> io::Result<Response> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            self.reader.read_until(b'\n', &mut bytes).map_err(|error| self.hangs(error))?;
            if bytes.last() != Some(&b'\n') {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(length) = literal(&bytes[before..]) else { break };
            let start = bytes.len();
            bytes.resize(start + length, 0);
            self.reader.read_exact(&mut bytes[start..]).map_err(|error| self.hangs(error))?;
        }
        while bytes.last().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            bytes.pop();
        }
        self.note('S', &bytes);
        Ok(Response(bytes))
    }

    fn hangs(&self, error: io::Error) -> io::Error {
        let late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        assert!(!late, "a session hangs for {READ:?}:\n{}", self.transcript());
        error
    }

    pub fn transcript(&self) -> String {
        self.said.iter().fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{line}");
            all
        })
    }
}

fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let digits = &line[line.iter().rposition(|b| *b == b'{')? + 1..];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Under which the identity of a message comes.
pub const HEADER: &str = "BODY[HEADER.FIELDS (MESSAGE-ID)]";

/// The identity in a Message-ID field.
pub fn identity(value: &Value) -> Option<String> {
    let text = value.text()?;
    Some(text.split_once('<')?.1.split('@').next()?.to_owned())
}

/// Hands a message over by LMTP. `Ok(true)`: taken; `Ok(false)`: refused; an error: nobody knows.
pub fn deliver(port: u16, recipient: &str, message: &[u8]) -> io::Result<bool> {
    let mut wire = Wire::connect(port)?;
    let reply = |wire: &mut Wire, line: &str| {
        wire.send(line.as_bytes())?;
        loop {
            let reply = wire.read()?;
            if reply.0.get(3) != Some(&b'-') {
                return Ok::<_, io::Error>(reply.0.first() == Some(&b'2') || reply.0.first() == Some(&b'3'));
            }
        }
    };
    let hello = ["", "LHLO soak\r\n", "MAIL FROM:<bob@there.test>\r\n"];
    let to = format!("RCPT TO:<{recipient}>\r\n");
    for line in hello.into_iter().chain([to.as_str(), "DATA\r\n"]) {
        if !reply(&mut wire, line)? {
            return Ok(false);
        }
    }
    let text = String::from_utf8_lossy(message);
    let taken = reply(&mut wire, &format!("{text}.\r\n"))?;
    let _ = wire.send(b"QUIT\r\n");
    Ok(taken)
}
