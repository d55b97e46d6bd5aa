//! The bytes of a mail, trace fields first, piece by piece; and what has to be known about them beforehand.

use std::io::{self, Read};

use sterna_delivery::{Body, Mail};

/// Bytes of one piece.
const PIECE: usize = 128 * 1024;
/// Bytes of a header that are looked at.
const MAX_HEADER: usize = 1 << 20;

/// Reads a mail once. A file is read on the blocking pool.
pub(crate) struct Pieces {
    trace: Option<Vec<u8>>,
    reader: Option<Box<dyn Read + Send>>,
    in_memory: bool,
}

impl Pieces {
    pub fn new(mail: &Mail) -> io::Result<Pieces> {
        Ok(Pieces {
            trace: Some(mail.trace.to_vec()).filter(|trace| !trace.is_empty()),
            reader: Some(mail.body.reader()?),
            in_memory: matches!(mail.body, Body::Memory(_)),
        })
    }

    /// The next piece, never an empty one; `None` at the end.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(trace) = self.trace.take() {
            return Ok(Some(trace));
        }
        let Some(mut reader) = self.reader.take() else { return Ok(None) };
        let read = move || {
            let mut piece = Vec::new();
            reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
            io::Result::Ok((reader, piece))
        };
        let (reader, piece) = match self.in_memory {
            true => read()?,
            false => tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??,
        };
        self.reader = Some(reader).filter(|_| !piece.is_empty());
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

/// Whether the header has other bytes than ASCII: such a message needs SMTPUTF8 if its sender declared it so.
pub(super) async fn header_is_utf8(mail: &Mail) -> io::Result<bool> {
    let (mut pieces, mut seen, mut end) = (Pieces::new(mail)?, 0, HeaderEnd::default());
    while let Some(piece) = pieces.next().await? {
        let header = end.within(&piece);
        if !piece.get(..header).unwrap_or_default().is_ascii() {
            return Ok(true);
        }
        seen += piece.len();
        if header < piece.len() || seen > MAX_HEADER {
            break;
        }
    }
    Ok(false)
}

/// Whether a message that was declared BINARYMIME is one that DATA can carry as it is: lines of at most 998 bytes, no NUL,
/// no bare CR or LF.
pub(super) async fn fits_data(mail: &Mail) -> io::Result<bool> {
    let (mut pieces, mut line, mut cr) = (Pieces::new(mail)?, 0, false);
    while let Some(piece) = pieces.next().await? {
        for &byte in &piece {
            match (byte, cr) {
                (b'\n', true) => line = 0,
                (0 | b'\n', _) | (_, true) => return Ok(false),
                (b'\r', false) => {}
                _ => line += 1,
            }
            cr = byte == b'\r';
            if line > 998 {
                return Ok(false);
            }
        }
    }
    Ok(!cr && line == 0)
}

/// Finds the empty line behind a header, over pieces.
#[derive(Default)]
pub(crate) struct HeaderEnd {
    line: usize,
}

impl HeaderEnd {
    /// How many bytes of this piece belong to the header: all, if it does not end here. The empty line does not.
    pub fn within(&mut self, piece: &[u8]) -> usize {
        for (at, &byte) in piece.iter().enumerate() {
            match byte {
                b'\n' if self.line == 0 => return at,
                b'\n' => self.line = 0,
                b'\r' => {}
                _ => self.line += 1,
            }
        }
        piece.len()
    }
}

#[cfg(test)]
mod tests {
    use sterna_core::DateTime;
    use sterna_delivery::{Envelope, Spool};

    use super::*;

    fn mail(trace: &str, body: &[u8]) -> (tempfile::TempDir, Mail) {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(directory.path());
        spool.write(body).unwrap();
        let mail = Mail {
            envelope: Envelope::default(),
            trace: trace.as_bytes().to_vec().into(),
            body: spool.finish().unwrap(),
            received: DateTime::utc(0),
            authenticated: true,
            quarantine: false,
            queued: None,
            submitter: None,
        };
        (directory, mail)
    }

    #[tokio::test]
    async fn all_pieces_are_the_mail() {
        let body = vec![b'x'; 3 << 20];
        let (_directory, mail) = mail("Received: x\r\n", &body);
        let (mut pieces, mut all) = (Pieces::new(&mail).unwrap(), Vec::new());
        while let Some(piece) = pieces.next().await.unwrap() {
            assert!(piece.len() <= PIECE);
            all.extend(piece);
        }
        assert!(all == [b"Received: x\r\n", &body[..]].concat());
        assert_eq!(all.len() as u64, mail.len());
    }

    #[tokio::test]
    async fn only_the_header_makes_a_message_utf8() {
        for (text, utf8) in [
            ("Subject: a\r\n\r\né\r\n", false),
            ("Subject: é\r\n\r\na\r\n", true),
            ("Subject: a\nX: é\n\na", true),
            ("Subject: a\n\né", false),
            ("", false),
        ] {
            let (_directory, mail) = mail("X-Trace: 1\r\n", text.as_bytes());
            assert_eq!(header_is_utf8(&mail).await.unwrap(), utf8, "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_data_can_carry_is_told_from_binary() {
        let long = format!("{}\r\n", "x".repeat(999));
        let fitting = format!("{}\r\n", "x".repeat(998));
        for (text, fits) in [
            ("a\r\nb\r\n", true),
            (fitting.as_str(), true),
            (long.as_str(), false),
            ("a\nb\r\n", false),
            ("a\rb\r\n", false),
            ("a\0\r\n", false),
            ("a", false),
            ("a\r\n\r", false),
        ] {
            let (_directory, mail) = mail("", text.as_bytes());
            assert_eq!(fits_data(&mail).await.unwrap(), fits, "{text:?}");
        }
    }
}
