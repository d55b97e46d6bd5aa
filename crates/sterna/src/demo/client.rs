//! The mail client of the tour: a few lines of IMAP over a plain socket, so that what it shows is what any client sees.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use sterna_imap::codec::mutf7;

use super::Failure;

/// So long may a server be silent.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    reader: BufReader<TcpStream>,
    commands: u32,
}

impl Client {
    pub fn login(port: u16, user: &str, password: &str) -> Result<Client, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client = Client { reader: BufReader::new(stream), commands: 0 };
        client.line()?;
        client.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(client)
    }

    /// Sends one command; its untagged lines. Anything but OK is an error.
    pub fn command(&mut self, command: &str) -> Result<Vec<String>, Failure> {
        let tag = self.send(command.as_bytes())?;
        self.finish(&tag)
    }

    /// Creates a folder whose name is given in UTF-8, and subscribes to it.
    pub fn create(&mut self, folder: &str) -> Result<(), Failure> {
        let name = mutf7::encode(folder);
        self.command(&format!("CREATE \"{name}\""))?;
        self.command(&format!("SUBSCRIBE \"{name}\"")).map(|_| ())
    }

    pub fn append(&mut self, folder: &str, flags: &str, date: Option<&str>, raw: &[u8]) -> Result<(), Failure> {
        let date = date.map(|d| format!("\"{d}\" ")).unwrap_or_default();
        let head = format!("APPEND \"{}\" ({flags}) {date}{{{}+}}\r\n", mutf7::encode(folder), raw.len());
        let tag = self.send(&[head.as_bytes(), raw].concat())?;
        self.finish(&tag).map(|_| ())
    }

    /// What a client compares when it decides whether its cache still holds: the mailbox and its newest messages.
    pub fn identity(&mut self, folder: &str) -> Result<Vec<String>, Failure> {
        let selected = self.command(&format!("SELECT \"{folder}\""))?;
        let told = |word: &str| selected.iter().find(|line| line.contains(word)).cloned().unwrap_or_default();
        let count = told(" EXISTS").split(' ').nth(1).and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
        let mut lines = vec![told("EXISTS"), told("UIDVALIDITY"), told("UIDNEXT")];
        if count > 0 {
            let first = count.saturating_sub(2).max(1);
            lines.extend(self.command(&format!("FETCH {first}:{count} (UID FLAGS INTERNALDATE RFC822.SIZE)"))?);
        }
        self.command("UNSELECT")?;
        Ok(lines)
    }

    /// Waits for news from now on (RFC 2177).
    pub fn idle(&mut self) -> Result<(), Failure> {
        self.send(b"IDLE")?;
        let line = self.line()?;
        if line.starts_with('+') { Ok(()) } else { Err(format!("the server answered: {line}").into()) }
    }

    /// Ends waiting.
    pub fn done(&mut self) -> Result<(), Failure> {
        self.reader.get_mut().write_all(b"DONE\r\n")?;
        let tag = format!("d{}", self.commands);
        self.finish(&tag).map(drop)
    }

    /// The next line if it comes within `limit`.
    pub fn wait_line(&mut self, limit: Duration) -> Result<Option<String>, Failure> {
        self.reader.get_mut().set_read_timeout(Some(limit))?;
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        self.reader.get_mut().set_read_timeout(Some(PATIENCE))?;
        match read {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(_) => Ok(Some(line.trim_end().to_owned())),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && line.is_empty() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The port of this end of the connection.
    pub fn port(&self) -> Result<u16, Failure> {
        Ok(self.reader.get_ref().local_addr()?.port())
    }

    fn send(&mut self, command: &[u8]) -> Result<String, Failure> {
        self.commands += 1;
        let tag = format!("d{}", self.commands);
        self.reader.get_mut().write_all(&[tag.as_bytes(), b" ", command, b"\r\n"].concat())?;
        Ok(tag)
    }

    fn finish(&mut self, tag: &str) -> Result<Vec<String>, Failure> {
        let mut untagged = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix(tag).map(str::trim_start) {
                Some(status) if status.starts_with("OK") => return Ok(untagged),
                Some(status) => return Err(format!("the server answered: {status}").into()),
                None => untagged.push(line),
            }
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }
}
