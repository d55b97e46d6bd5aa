//! A client of a protocol of lines for tests: SMTP, LMTP, POP3, ManageSieve. What it sends is what the test wrote.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::READ_TIMEOUT;

/// A connection.
#[derive(Debug)]
pub struct LineWire {
    reader: BufReader<TcpStream>,
}

/// A reply of SMTP or LMTP, all its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    /// The three digits.
    pub code: u16,
    /// The text of each line.
    pub lines: Vec<String>,
}

impl SmtpReply {
    /// All lines as one text.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

impl LineWire {
    /// Connects to a port of 127.0.0.1.
    #[track_caller]
    pub fn connect(port: u16) -> LineWire {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        LineWire { reader: BufReader::new(stream) }
    }

    /// The port of this side, by which a server knows the client.
    pub fn local_port(&self) -> u16 {
        self.reader.get_ref().local_addr().expect("an address").port()
    }

    /// Another limit for each read.
    pub fn set_read_timeout(&self, timeout: Duration) {
        self.reader.get_ref().set_read_timeout(Some(timeout)).unwrap();
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(bytes.as_ref()).expect("send");
    }

    /// As [`LineWire::send`], for a server that may have closed the connection; whether all was sent.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// The next line without its CRLF; `None` when the server has closed the connection.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(e) => panic!("no line: {e}"),
        }
        assert!(line.ends_with(b"\r\n"), "a line without CRLF: {}", line.escape_ascii());
        line.truncate(line.len() - 2);
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    /// Lines up to one that is a dot alone, dots unstuffed: a POP3 multi-line response behind its first line.
    #[track_caller]
    pub fn until_dot(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = Vec::new();
            self.reader.read_until(b'\n', &mut line).expect("a line of a response");
            assert!(line.ends_with(b"\n"), "the response ends early");
            if line == b".\r\n" {
                return body;
            }
            body.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// Bytes, exactly so many.
    #[track_caller]
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    /// A reply of SMTP.
    ///
    /// # Panics
    /// If the server says nothing, or something else.
    #[track_caller]
    pub fn reply(&mut self) -> SmtpReply {
        self.try_reply().expect("the server closed the connection instead of a reply")
    }

    /// The same; `None` when the server has closed the connection.
    #[track_caller]
    pub fn try_reply(&mut self) -> Option<SmtpReply> {
        let mut reply: Option<SmtpReply> = None;
        loop {
            let line = self.line()?;
            let code = line.get(..3).and_then(|c| c.parse().ok()).unwrap_or_else(|| panic!("no reply: {line:?}"));
            let reply = reply.get_or_insert(SmtpReply { code, lines: Vec::new() });
            assert_eq!(reply.code, code, "one reply has one code");
            reply.lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.get(3..4) != Some("-") {
                return Some(reply.clone());
            }
        }
    }

    /// Sends a command of SMTP; gives the reply.
    #[track_caller]
    pub fn smtp(&mut self, command: &str) -> SmtpReply {
        self.send(format!("{command}\r\n"));
        self.reply()
    }

    /// The same; the reply must have this code.
    #[track_caller]
    pub fn expect(&mut self, command: &str, code: u16) -> SmtpReply {
        let reply = self.smtp(command);
        assert_eq!(reply.code, code, "{command}: {reply:?}");
        reply
    }

    /// Connects and reads the greeting and the answer to EHLO (or LHLO).
    #[track_caller]
    pub fn hello(port: u16, hello: &str) -> LineWire {
        let mut wire = LineWire::connect(port);
        let greeting = wire.reply();
        assert_eq!(greeting.code, 220, "{greeting:?}");
        wire.expect(hello, 250);
        wire
    }

    /// Sends a message over SMTP; gives the reply to its data. Dots are stuffed here; the message ends with CRLF.
    #[track_caller]
    pub fn mail(&mut self, sender: &str, recipients: &[&str], message: &[u8]) -> SmtpReply {
        self.expect(&format!("MAIL FROM:<{sender}>"), 250);
        for recipient in recipients {
            self.expect(&format!("RCPT TO:<{recipient}>"), 250);
        }
        self.expect("DATA", 354);
        self.send(stuffed(message));
        self.reply()
    }
}

/// A message as DATA carries it, with the final dot.
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    assert!(message.ends_with(b"\r\n"), "a message of lines");
    let mut out = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}
