//! Exports an account as Maildir++ (with Dovecot's uidlist, keywords and subscriptions beside it, so that UIDs stay) or
//! as one mbox file for each mailbox. Bytes go out as they are stored.
//!
//! A Maildir keeps every identity but MODSEQ; an mbox keeps bytes and dates only. A second run writes what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sterna_core::{BlobId, DateTime, Flags, Keyword, MailboxId, SystemFlags, Uid};
use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_store::{Account, Mailbox, MailboxTree, Tx, UidRange};
use tokio::sync::watch;

use super::FilesReport;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::progress::{Progress, Reporter};

/// Messages whose rows are held at once.
const PAGE: usize = 500;

/// Bytes of a body held at once.
const PIECE: u64 = 8 * sterna_store::CHUNK as u64;

/// Letters that Maildir file names have for keywords.
const KEYWORDS_MAX: usize = 26;

/// One message of a page.
struct Row {
    uid: Uid,
    flags: Flags,
    date: DateTime,
    size: u64,
    blob: BlobId,
}

/// Writes the account as a Maildir with subfolders.
pub async fn export_maildir(
    account: &Account,
    root: &Path,
    cancel: &Cancel,
    progress: watch::Sender<Progress>,
) -> Result<FilesReport> {
    let root = root.to_owned();
    let tree = account.read(|tx| tx.mailbox_tree()).await?;
    let mut taken = BTreeSet::new();
    let mut exceptions = Vec::new();
    let mut directory = |mailbox: &Mailbox| {
        let name = file_name(&tree, mailbox, '.', &mut taken, &mut exceptions);
        if name == "INBOX" { root.clone() } else { root.join(format!(".{name}")) }
    };
    let targets: Vec<_> = selectable(&tree).map(|m| (m.clone(), directory(m))).collect();
    let mut report = export(account, targets, cancel, progress, maildir).await?;
    report.exceptions.extend(exceptions);
    let mut subscribed = String::from("V\t2\n\n");
    for mailbox in selectable(&tree).filter(|m| m.subscribed) {
        subscribed += &format!("{}\n", components(&tree, mailbox).join("\t"));
    }
    let path = root.join("subscriptions");
    std::fs::write(&path, subscribed).map_err(|e| Error::file("write", &path, e))?;
    Ok(report)
}

/// Writes each mailbox as `NAME.mbox` (mboxrd) into a directory. An existing file is written anew.
pub async fn export_mbox(
    account: &Account,
    directory: &Path,
    cancel: &Cancel,
    progress: watch::Sender<Progress>,
) -> Result<FilesReport> {
    std::fs::create_dir_all(directory).map_err(|e| Error::file("create", directory, e))?;
    let tree = account.read(|tx| tx.mailbox_tree()).await?;
    let (mut taken, mut exceptions) = (BTreeSet::new(), Vec::new());
    let targets: Vec<_> = selectable(&tree)
        .map(|m| {
            let name = file_name(&tree, m, '.', &mut taken, &mut exceptions);
            (m.clone(), directory.join(format!("{name}.mbox")))
        })
        .collect();
    let mut report = export(account, targets, cancel, progress, mbox).await?;
    report.exceptions.extend(exceptions);
    Ok(report)
}

fn selectable(tree: &MailboxTree) -> impl Iterator<Item = &Mailbox> {
    tree.iter().map(|(_, m)| m).filter(|m| m.selectable)
}

/// What one mailbox came to.
#[derive(Default)]
struct Counts {
    messages: u64,
    bytes: u64,
    /// Messages that were there already.
    known: u64,
    /// What the format cannot hold.
    left_out: Option<String>,
}

async fn export(
    account: &Account,
    targets: Vec<(Mailbox, PathBuf)>,
    cancel: &Cancel,
    progress: watch::Sender<Progress>,
    write: impl Fn(&Mailbox, &Path, &Tx<'_>) -> Result<Counts> + Copy + Send + 'static,
) -> Result<FilesReport> {
    let reporter = Reporter::new(progress);
    let mut report = FilesReport::default();
    reporter.set(|p| {
        (p.state, p.folders_total) = ("exporting".into(), targets.len() as u64);
        p.messages_total = targets.iter().map(|(m, _)| u64::from(m.total)).sum();
        p.bytes_total = targets.iter().map(|(m, _)| m.bytes).sum();
    });
    for (mailbox, target) in targets {
        cancel.check()?;
        reporter.set(|p| p.folder.clone_from(&mailbox.name));
        let counts = account.read(move |tx| Ok(write(&mailbox, &target, tx))).await??;
        report.folders += 1;
        report.messages += counts.messages;
        report.bytes += counts.bytes;
        report.known += counts.known;
        report.exceptions.extend(counts.left_out);
        reporter.carried(counts.messages, counts.bytes);
        reporter.set(|p| p.folders_done += 1);
    }
    Ok(report)
}

/// Components in modified UTF-7.
fn components(tree: &MailboxTree, mailbox: &Mailbox) -> Vec<String> {
    let mut names = Vec::new();
    let mut next = Some(mailbox);
    while let Some(mailbox) = next {
        let wire = MailboxName::from_text(&mailbox.name).to_wire(NameEncoding::ModifiedUtf7);
        names.push(String::from_utf8_lossy(&wire).into_owned());
        next = mailbox.parent.and_then(|p| tree.get(p));
    }
    names.reverse();
    names
}

/// A name that a file can have: components joined by `join`, which they must not contain, nor `/`.
fn file_name(
    tree: &MailboxTree,
    mailbox: &Mailbox,
    join: char,
    taken: &mut BTreeSet<String>,
    exceptions: &mut Vec<String>,
) -> String {
    let names = components(tree, mailbox);
    let clean: Vec<String> = names.iter().map(|n| n.replace(['/', join], "_")).collect();
    let full = clean.join(&join.to_string());
    // 255 bytes is what file systems take; a dot before and an ending behind belong to it.
    let end = full.floor_char_boundary(200);
    let base = full.get(..end).unwrap_or_default().to_owned();
    let mut name = base.clone();
    let mut n = 2;
    while !taken.insert(name.clone()) {
        name = format!("{base}-{n}");
        n += 1;
    }
    if name != names.join(&join.to_string()) {
        exceptions.push(format!("the mailbox \"{}\" is called \"{name}\" in the files", names.join("/")));
    }
    name
}

/// Calls `f` for each message, a page of rows at a time.
fn each(tx: &Tx<'_>, mailbox: MailboxId, mut f: impl FnMut(&Row) -> Result<()>) -> Result<()> {
    let keysets = tx.keysets()?;
    let mut first = Some(Uid::MIN);
    while let Some(from) = first {
        let mut page = Vec::with_capacity(PAGE);
        let _ = tx.emails(mailbox, UidRange { first: from, last: Uid::MAX }, |message, email| {
            let (uid, flags) = (message.uid, keysets.flags(message.flags));
            page.push(Row { uid, flags, date: email.internaldate, size: email.size, blob: email.blob });
            Ok(if page.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        first = page.last().filter(|_| page.len() == PAGE).and_then(|row| Uid::new(row.uid.get().checked_add(1)?));
        page.iter().try_for_each(&mut f)?;
    }
    Ok(())
}

fn body(tx: &Tx<'_>, row: &Row, mut out: impl FnMut(&[u8]) -> std::io::Result<()>, path: &Path) -> Result<()> {
    let mut at = 0;
    while at < row.size {
        out(&tx.blob_range(row.blob, at, PIECE)?).map_err(|e| Error::file("write", path, e))?;
        at += PIECE;
    }
    Ok(())
}

fn maildir(mailbox: &Mailbox, target: &Path, tx: &Tx<'_>) -> Result<Counts> {
    for name in ["cur", "new", "tmp"] {
        let path = target.join(name);
        std::fs::create_dir_all(&path).map_err(|e| Error::file("create", &path, e))?;
    }
    let cur = target.join("cur");
    let listed = std::fs::read_dir(&cur).map_err(|e| Error::file("list", &cur, e))?;
    // Base name → name: what an earlier run has written, whatever its flags were.
    let there: BTreeMap<String, String> = listed
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .map(|name| (name.split(":2,").next().unwrap_or_default().to_owned(), name))
        .collect();
    let mut letters: Vec<Keyword> = Vec::new();
    let mut list = format!("3 V{} N{}\n", mailbox.uid_validity, mailbox.uid_next);
    let mut counts = Counts::default();
    each(tx, mailbox.id, |row| {
        let base = format!("{}.U{}.sterna,S={}", row.date.unix.max(0), row.uid, row.size);
        let name = format!("{base}:2,{}", flag_letters(&row.flags, &mut letters));
        list += &format!("{} :{name}\n", row.uid);
        let path = cur.join(&name);
        if let Some(known) = there.get(&base) {
            counts.known += 1;
            return std::fs::rename(cur.join(known), &path).map_err(|e| Error::file("rename", &path, e));
        }
        let temporary = target.join("tmp").join(&base);
        let error = |e| Error::file("write", &temporary, e);
        let mut file = File::create(&temporary).map_err(error)?;
        body(tx, row, |bytes| file.write_all(bytes), &temporary)?;
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(row.date.unix).unwrap_or(0));
        file.set_modified(date).and_then(|()| std::fs::rename(&temporary, &path)).map_err(error)?;
        (counts.messages, counts.bytes) = (counts.messages + 1, counts.bytes + row.size);
        Ok(())
    })?;
    if let Some(more) = letters.get(KEYWORDS_MAX..).filter(|more| !more.is_empty()) {
        let more = more.iter().map(Keyword::as_str).collect::<Vec<_>>().join(", ");
        let name = &mailbox.name;
        counts.left_out = Some(format!(
            "a Maildir holds {KEYWORDS_MAX} keywords; of the mailbox \"{name}\" these are left out: {more}"
        ));
    }
    let names: String = letters.iter().take(KEYWORDS_MAX).enumerate().map(|(n, k)| format!("{n} {k}\n")).collect();
    for (name, text) in [("dovecot-uidlist", list), ("dovecot-keywords", names)] {
        let path = target.join(name);
        std::fs::write(&path, text).map_err(|e| Error::file("write", &path, e))?;
    }
    // Maildir++: marks a subfolder.
    if target.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')) {
        let path = target.join("maildirfolder");
        std::fs::write(&path, "").map_err(|e| Error::file("write", &path, e))?;
    }
    Ok(counts)
}

/// Upper case in the order of the alphabet, then keywords, of which a Maildir has 26.
fn flag_letters(flags: &Flags, letters: &mut Vec<Keyword>) -> String {
    let system = [
        (SystemFlags::DRAFT, 'D'),
        (SystemFlags::FLAGGED, 'F'),
        (SystemFlags::ANSWERED, 'R'),
        (SystemFlags::SEEN, 'S'),
        (SystemFlags::DELETED, 'T'),
    ];
    let mut out: String = system.iter().filter(|(bit, _)| flags.system.contains(*bit)).map(|(_, l)| *l).collect();
    let mut keywords = String::new();
    for keyword in flags.keywords() {
        let number = letters.iter().position(|k| k == keyword).or_else(|| {
            letters.push(keyword.clone());
            Some(letters.len() - 1)
        });
        if let Some(letter) = number.filter(|n| *n < KEYWORDS_MAX).and_then(|n| char::from_u32('a' as u32 + n as u32)) {
            keywords.push(letter);
        }
    }
    out += &keywords;
    out
}

fn mbox(mailbox: &Mailbox, target: &Path, tx: &Tx<'_>) -> Result<Counts> {
    let new = target.with_extension("mbox.new");
    let error = |e| Error::file("write", &new, e);
    let mut out = BufWriter::with_capacity(256 << 10, File::create(&new).map_err(error)?);
    let mut counts = Counts::default();
    each(tx, mailbox.id, |row| {
        let (d, h, m, s) = DateTime::utc(row.date.unix).civil();
        // 1970-01-01 was a Thursday.
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        let weekday = days.get(d.days().rem_euclid(7) as usize).copied().unwrap_or("Thu");
        writeln!(out, "From MAILER-DAEMON {weekday} {} {:2} {h:02}:{m:02}:{s:02} {:04}", d.month_name(), d.day, d.year)
            .map_err(error)?;
        let mut quoter = Quoter::default();
        body(tx, row, |bytes| quoter.write(bytes, &mut out), &new)?;
        quoter.end(&mut out).map_err(error)?;
        (counts.messages, counts.bytes) = (counts.messages + 1, counts.bytes + row.size);
        Ok(())
    })?;
    let file = out.into_inner().map_err(|e| error(e.into_error()))?;
    file.sync_all().and_then(|()| std::fs::rename(&new, target)).map_err(error)?;
    Ok(counts)
}

/// mboxrd: a line of any number of `>` and then `From ` gets one more `>`.
#[derive(Default)]
struct Quoter {
    /// The beginning of a line, as long as it may still become such a line.
    held: Vec<u8>,
    inside: bool,
    /// `None`: the message is empty.
    last: Option<u8>,
}

impl Quoter {
    fn write(&mut self, bytes: &[u8], out: &mut impl Write) -> std::io::Result<()> {
        self.last = bytes.last().copied().or(self.last);
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.inside {
                let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
                let (now, later) = rest.split_at(end);
                out.write_all(now)?;
                self.inside = !now.ends_with(b"\n");
                rest = later;
                continue;
            }
            let Some((byte, later)) = rest.split_first() else { break };
            self.held.push(*byte);
            rest = later;
            let marks = self.held.iter().take_while(|b| **b == b'>').count();
            let tail = self.held.get(marks..).unwrap_or_default();
            // `>` without end must not be held without end: so many were never quoted by anybody.
            if tail == b"From " && marks < 1024 {
                out.write_all(b">")?;
                self.release(out)?;
            } else if !b"From ".starts_with(tail) || marks >= 1024 {
                self.release(out)?;
            }
        }
        Ok(())
    }

    fn release(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&self.held)?;
        self.inside = !self.held.ends_with(b"\n");
        self.held.clear();
        Ok(())
    }

    /// Ends the message: its last line, and the empty one before the next.
    fn end(mut self, out: &mut impl Write) -> std::io::Result<()> {
        self.release(out)?;
        out.write_all(match self.last {
            None | Some(b'\n') => b"\n",
            Some(b'\r') => b"\n\n",
            Some(_) => b"\r\n\n",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_lines_are_quoted_however_they_are_cut() {
        let text = b"From a\n>From b\nFro\n >From c\n>>From d\nx From e";
        for size in 1..text.len() {
            let (mut quoter, mut out) = (Quoter::default(), Vec::new());
            text.chunks(size).for_each(|c| quoter.write(c, &mut out).unwrap());
            quoter.end(&mut out).unwrap();
            assert_eq!(out, b">From a\n>>From b\nFro\n >From c\n>>>From d\nx From e\r\n\n".to_vec(), "{size}");
        }
    }
}
