//! Takes messages that a reader produces and commits them in batches, each with the memory of what it brought.
//!
//! The memory is one row for each batch, written once: a second run, or one after a crash, skips what is in it.

use std::collections::HashSet;
use std::sync::Arc;

use sterna_core::{DateTime, Flags, MailboxId, ModSeq, Uid, UidValidity};
use sterna_imap::codec::mailbox::NameEncoding;
use sterna_store::{Account, Import, Imported, MoveFolder, NewEmail, NewMailbox, Tx};
use tokio::sync::mpsc;

use super::FilesReport;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::folders::names::{self, FolderPath};
use crate::progress::Reporter;

/// Messages committed together.
const BATCH_MESSAGES: usize = 200;

/// Their bytes.
const BATCH_BYTES: u64 = 8 << 20;

/// Messages read ahead of the one that is being committed.
pub(super) const AHEAD: usize = 16;

/// One message on its way in.
pub(super) struct Incoming {
    /// What a later run knows it by.
    pub key: String,
    /// The UID it had; `None`: the next one.
    pub uid: Option<Uid>,
    pub flags: Flags,
    pub email: NewEmail,
}

/// A message's key: half a BLAKE3 in hexadecimal, enough to tell every message of a mailbox from every other.
pub(super) fn key(identity: &[u8]) -> String {
    blake3::hash(identity).to_hex().get(..32).unwrap_or_default().to_owned()
}

/// One folder being filled.
pub(super) struct Importer<'i> {
    pub account: &'i Account,
    pub mailbox: MailboxId,
    pub source: Vec<u8>,
    pub done: Arc<HashSet<String>>,
    rows: usize,
}

/// The identity of a folder, where its files tell it.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    pub validity: UidValidity,
    pub uid_next: u64,
}

impl<'i> Importer<'i> {
    /// Opens or creates the mailbox at `path`. `kind` and `name` make up the key of its memory.
    pub async fn open(
        account: &'i Account,
        kind: &str,
        name: &[u8],
        path: FolderPath,
        identity: Option<Identity>,
    ) -> Result<Importer<'i>> {
        // No server can send a name with NUL: these rows are never a folder of a move.
        let source = [b"\0", kind.as_bytes(), b":", name, b"\0"].concat();
        let prefix = source.clone();
        let (mailbox, rows) = account
            .write(move |tx| {
                let mailbox = ensure(tx, &path)?;
                if let Some(identity) = identity
                    && tx.mailbox(mailbox)?.total == 0
                {
                    tx.import_identity(mailbox, identity.validity, identity.uid_next, ModSeq(0))?;
                }
                let rows: Vec<MoveFolder> =
                    tx.move_folders()?.into_iter().filter(|f| f.source.starts_with(&prefix)).collect();
                Ok((mailbox, rows))
            })
            .await?;
        let done = rows.iter().flat_map(|row| row.cursor.split(' ').map(str::to_owned)).collect();
        Ok(Importer { account, mailbox, source, done: Arc::new(done), rows: rows.len() })
    }

    /// Commits everything that arrives.
    pub async fn take(
        &mut self,
        mut arriving: mpsc::Receiver<Result<Incoming>>,
        cancel: &Cancel,
        reporter: &Reporter,
        report: &mut FilesReport,
    ) -> Result<()> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = arriving.recv().await {
            cancel.check()?;
            let next = next?;
            if self.done.contains(&next.key) {
                report.known += 1;
                continue;
            }
            bytes += next.email.blob.size;
            batch.push(next);
            if batch.len() >= BATCH_MESSAGES || bytes >= BATCH_BYTES {
                self.commit(std::mem::take(&mut batch), std::mem::take(&mut bytes), reporter, report).await?;
            }
        }
        self.commit(batch, bytes, reporter, report).await
    }

    async fn commit(
        &mut self,
        batch: Vec<Incoming>,
        bytes: u64,
        reporter: &Reporter,
        report: &mut FilesReport,
    ) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (messages, mailbox) = (batch.len() as u64, self.mailbox);
        let source = [&self.source[..], format!("{:08}", self.rows).as_bytes()].concat();
        let moved = self.account.write(move |tx| write(tx, mailbox, source, batch)).await?;
        self.rows += 1;
        report.messages += messages;
        report.bytes += bytes;
        report.exceptions.extend(moved);
        reporter.carried(messages, bytes);
        Ok(())
    }
}

/// One batch with its memory. Sentences about messages that could not keep their UID.
fn write(tx: &Tx<'_>, mailbox: MailboxId, source: Vec<u8>, batch: Vec<Incoming>) -> sterna_store::Result<Vec<String>> {
    let mut moved = Vec::new();
    let keys: Vec<&str> = batch.iter().map(|m| m.key.as_str()).collect();
    // Without the mailbox: the memory may outlive it.
    tx.put_move_folder(&MoveFolder { source, mailbox: None, cursor: keys.join(" ") })?;
    let wanted: Vec<Uid> = batch.iter().filter_map(|m| m.uid).collect();
    let mut taken = tx.taken_uids(mailbox, &wanted)?;
    let mut next = tx.mailbox(mailbox)?.uid_next;
    let mut uids = Vec::new();
    for message in &batch {
        let uid = match message.uid.filter(|uid| !taken.contains(uid)) {
            Some(uid) => uid,
            None => u32::try_from(next)
                .ok()
                .and_then(Uid::new)
                .ok_or(sterna_store::Error::UidTaken { mailbox, uid: next })?,
        };
        if let Some(wanted) = message.uid.filter(|wanted| *wanted != uid) {
            moved.push(format!("a message with UID {wanted} was given UID {uid}: another message has that one here"));
        }
        taken.insert(uid);
        next = next.max(u64::from(uid.get()) + 1);
        uids.push(uid);
    }
    let import = Import::default();
    let messages = batch.iter().zip(uids);
    let messages = messages.map(|(m, uid)| Imported { uid, email: &m.email, flags: &m.flags, import: &import });
    tx.import_many(mailbox, &messages.collect::<Vec<_>>())?;
    Ok(moved)
}

fn ensure(tx: &Tx<'_>, path: &FolderPath) -> sterna_store::Result<MailboxId> {
    let mut parent = None;
    let last = path.components.len().saturating_sub(1);
    for (depth, component) in path.components.iter().enumerate() {
        let found = tx.mailboxes()?.into_iter().find(|m| m.parent == parent && m.name == component.name);
        let mailbox = match found {
            Some(mailbox) => mailbox,
            None => tx.create_mailbox(&NewMailbox {
                parent,
                name: component.name.clone(),
                raw_name: component.raw.clone(),
                no_select: depth < last,
                ..NewMailbox::default()
            })?,
        };
        if depth == last && !mailbox.selectable {
            tx.set_selectable(mailbox.id, true)?;
        }
        parent = Some(mailbox.id);
    }
    parent.ok_or_else(|| sterna_store::Error::Invalid("a folder without a name".into()))
}

/// The path that a name in modified UTF-7 stands for.
pub(super) async fn path(account: &Account, wire: &[u8], delimiter: char) -> Result<FolderPath> {
    let own = account.read(|tx| Ok(tx.account_state()?.delimiter)).await?;
    Ok(names::path(wire, NameEncoding::ModifiedUtf7, Some(delimiter), own))
}

/// Turns line ends into CRLF, in pieces, if the message's first line ends in a bare LF: files on disk are kept so, and
/// an IMAP server serves them with CRLF. A message that has CRLF is taken as it is.
pub(super) struct LineEnds {
    convert: Option<bool>,
    last: u8,
    out: Vec<u8>,
}

impl LineEnds {
    pub fn new() -> LineEnds {
        LineEnds { convert: None, last: 0, out: Vec::new() }
    }

    /// The next piece as it is to be stored.
    pub fn convert<'a>(&'a mut self, piece: &'a [u8]) -> &'a [u8] {
        if self.convert.is_none()
            && let Some(newline) = piece.iter().position(|b| *b == b'\n')
        {
            let before = newline.checked_sub(1).and_then(|i| piece.get(i)).copied().unwrap_or(self.last);
            self.convert = Some(before != b'\r');
        }
        let last = self.last;
        self.last = piece.last().copied().unwrap_or(last);
        if self.convert != Some(true) {
            return piece;
        }
        self.out.clear();
        let mut before = last;
        for byte in piece {
            if *byte == b'\n' && before != b'\r' {
                self.out.push(b'\r');
            }
            self.out.push(*byte);
            before = *byte;
        }
        &self.out
    }
}

/// A date for what has none of its own.
pub(super) fn date_of(email: &mut NewEmail, given: Option<DateTime>, now: i64) {
    email.internaldate = given.or(email.sent).unwrap_or(DateTime::utc(now));
}

/// Runs a reader on the blocking pool; what it sends is committed here.
pub(super) async fn pump(
    importer: &mut Importer<'_>,
    cancel: &Cancel,
    reporter: &Reporter,
    report: &mut FilesReport,
    read: impl FnOnce(mpsc::Sender<Result<Incoming>>) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(sender));
    let taken = importer.take(receiver, cancel, reporter, report).await;
    let read = reading.await.map_err(Error::join)?;
    taken.and(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_decides_whether_line_ends_are_converted() {
        for (pieces, wanted) in [
            (&["a\nb\r", "\nc\n"][..], "a\r\nb\r\nc\r\n"),
            (&["a\r\nb\nc"], "a\r\nb\nc"),
            (&["a\r", "\nb\n"], "a\r\nb\n"),
            (&["no line end"], "no line end"),
        ] {
            let mut ends = LineEnds::new();
            let out: Vec<u8> = pieces.iter().flat_map(|p| ends.convert(p.as_bytes()).to_vec()).collect();
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
