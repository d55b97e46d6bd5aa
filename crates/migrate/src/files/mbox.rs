//! Imports an mbox file into one mailbox.
//!
//! A message is known by its offset and the BLAKE3 of its bytes, so that a file that has grown at its end brings only
//! what is new. Its INTERNALDATE is that of the `From ` line, else of its Date field; flags are those that Status and
//! X-Status tell.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use sterna_core::{DateTime, Flag, Flags, SystemFlags};
use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_message::{Ingest, parse_date};
use sterna_store::{Account, Blobs};
use tokio::sync::{mpsc, watch};

use super::FilesReport;
use super::import::{Importer, Incoming, LineEnds, date_of, key, path, pump};
use super::mbox_reader::{Item, read};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::progress::{Progress, Reporter};

/// Header bytes that are looked at for Status and X-Status.
const HEADER_MAX: usize = 64 << 10;

/// Imports the mbox `file` into the mailbox `folder`, a path with `/` between its components, made where it is missing.
///
/// # Errors
/// If the file cannot be read or does not begin like an mbox, or the store cannot take a message. What was committed
/// stays, and a second run goes on from there.
pub async fn import_mbox(
    account: &Account,
    file: &Path,
    folder: &str,
    cancel: &Cancel,
    progress: watch::Sender<Progress>,
) -> Result<FilesReport> {
    let reporter = Reporter::new(progress);
    reporter.set(|p| (p.state, p.folder, p.folders_total) = ("importing".into(), folder.to_owned(), 1));
    let mut report = FilesReport { folders: 1, ..FilesReport::default() };
    let wire = MailboxName::from_text(folder).to_wire(NameEncoding::ModifiedUtf7);
    let path = path(account, &wire, '/').await?;
    report.exceptions.extend(path.replaced.clone());
    let mut importer = Importer::open(account, "mbox", &wire, path, None).await?;
    let (blobs, file) = (account.blobs(), file.to_owned());
    let now = account.read(|tx| Ok(tx.now())).await?;
    pump(&mut importer, cancel, &reporter, &mut report, move |sender| {
        let error = |e| Error::file("read", &file, e);
        let input = BufReader::with_capacity(256 << 10, File::open(&file).map_err(error)?);
        let mut messages = Messages { blobs: &blobs, sender: &sender, now, current: None, failed: None, any: false };
        read(input, |item| messages.item(item)).map_err(error)?;
        messages.close();
        match messages.failed.take() {
            Some(error) => Err(error),
            None if !messages.any && file.metadata().map_err(error)?.len() > 0 => {
                Err(Error::Invalid(format!("{} is no mbox: no line begins with \"From \"", file.display())))
            }
            None => Ok(()),
        }
    })
    .await?;
    reporter.set(|p| p.folders_done = 1);
    Ok(report)
}

/// Makes messages of what the reader finds.
struct Messages<'m> {
    blobs: &'m Blobs,
    sender: &'m mpsc::Sender<Result<Incoming>>,
    now: i64,
    current: Option<Current>,
    failed: Option<Error>,
    any: bool,
}

struct Current {
    offset: u64,
    date: Option<DateTime>,
    ingest: Ingest,
    ends: LineEnds,
    header: Vec<u8>,
    in_header: bool,
}

impl Messages<'_> {
    fn item(&mut self, item: Item<'_>) -> bool {
        match item {
            Item::Begin(offset, line) => {
                self.close();
                self.any = true;
                let (ingest, ends) = (Ingest::new(self.blobs), LineEnds::new());
                let date = date(line);
                self.current = Some(Current { offset, date, ingest, ends, header: Vec::new(), in_header: true });
            }
            Item::Piece(piece) => {
                if let Some(current) = &mut self.current {
                    current.in_header &= !matches!(piece, b"\n" | b"\r\n") && current.header.len() < HEADER_MAX;
                    if current.in_header {
                        current.header.extend_from_slice(piece);
                    }
                    if let Err(error) = current.ingest.feed(current.ends.convert(piece)) {
                        self.failed = Some(error.into());
                    }
                }
            }
        }
        self.failed.is_none()
    }

    fn close(&mut self) {
        let Some(current) = self.current.take() else { return };
        if self.failed.is_some() {
            return;
        }
        match current.ingest.finish(DateTime::utc(0)) {
            Ok(mut email) => {
                date_of(&mut email, current.date, self.now);
                let key = key(format!("{} {}", current.offset, email.blob.hash).as_bytes());
                let flags = flags(&current.header);
                if self.sender.blocking_send(Ok(Incoming { key, uid: None, flags, email })).is_err() {
                    // The other side has its own reason to stop, and tells it.
                    self.failed = Some(Error::Cancelled);
                }
            }
            Err(error) => self.failed = Some(error.into()),
        }
    }
}

/// `From sender Sun Feb  1 09:30:00 2026`: what follows the sender is a date or is not.
fn date(line: &[u8]) -> Option<DateTime> {
    let rest = line.strip_prefix(b"From ")?;
    let space = rest.iter().position(|b| *b == b' ')?;
    parse_date(rest.get(space..)?)
}

/// Status: R read, O old. X-Status: A answered, F flagged, T draft, D deleted.
fn flags(header: &[u8]) -> Flags {
    let mut flags = Flags::default();
    for line in header.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let status = name.eq_ignore_ascii_case(b"Status");
        let extra = name.eq_ignore_ascii_case(b"X-Status");
        for letter in value {
            let flag = match letter {
                b'R' if status => SystemFlags::SEEN,
                b'A' if extra => SystemFlags::ANSWERED,
                b'F' if extra => SystemFlags::FLAGGED,
                b'T' if extra => SystemFlags::DRAFT,
                b'D' if extra => SystemFlags::DELETED,
                _ => continue,
            };
            flags.insert(Flag::System(flag));
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_and_flags_come_from_the_lines_that_tell_them() {
        assert_eq!(date(b"From a@b Sun Feb  1 09:30:00 2026").unwrap().to_string(), "2026-02-01T09:30:00Z");
        assert_eq!(date(b"From nobody"), None);
        assert_eq!(flags(b"Status: RO\r\nX-Status: AF\r\nX: D\r\n").to_string(), "\\Answered \\Flagged \\Seen");
    }
}
