//! Imports a Maildir with its Maildir++ subfolders (`.Work.2024`), and what Dovecot keeps beside them.
//!
//! A message is known by the base name of its file, which stays when its flags change. Its INTERNALDATE is the file's
//! time of modification, as Dovecot has it.

use std::fs::{DirEntry, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sterna_core::{DateTime, Flag, Flags, Keyword, SystemFlags, Uid};
use sterna_message::Ingest;
use sterna_store::{Account, Blobs, NewEmail};
use tokio::sync::watch;

use super::FilesReport;
use super::dovecot::{self, UidList};
use super::import::{Importer, Incoming, LineEnds, key, path, pump};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::progress::{Progress, Reporter};

/// Imports the Maildir at `root` as INBOX, and its subfolders beside it.
///
/// # Errors
/// If `root` is no Maildir, a file cannot be read, or the store cannot take a message. What was committed stays, and a
/// second run goes on from there.
pub async fn import_maildir(
    account: &Account,
    root: &Path,
    cancel: &Cancel,
    progress: watch::Sender<Progress>,
) -> Result<FilesReport> {
    let reporter = Reporter::new(progress);
    let mut report = FilesReport::default();
    let found = root.to_owned();
    let folders = tokio::task::spawn_blocking(move || folders(&found)).await.map_err(Error::join)??;
    reporter.set(|p| (p.state, p.folders_total) = ("importing".into(), folders.len() as u64));
    for (wire, directory) in folders {
        cancel.check()?;
        let shown = String::from_utf8_lossy(&wire).into_owned();
        reporter.set(|p| p.folder = shown);
        let path = path(account, &wire, '.').await?;
        report.exceptions.extend(path.replaced.clone());
        let list = dovecot::uid_list(&directory);
        let mut importer = Importer::open(account, "maildir", &wire, path, list.identity).await?;
        let blobs = account.blobs();
        let done = importer.done.clone();
        pump(&mut importer, cancel, &reporter, &mut report, move |sender| {
            let files = files(&directory, &list)?;
            let keywords = dovecot::keywords(&directory);
            for (uid, name, file) in files {
                let key = key(dovecot::base_name(&name));
                if done.contains(&key) {
                    continue;
                }
                let email = match read(&blobs, &file) {
                    // Another program moved or removed it meanwhile.
                    Err(Error::File { reason, .. }) if reason.kind() == std::io::ErrorKind::NotFound => continue,
                    other => other?,
                };
                let flags = flags(&name, |letter| keywords.get(&letter).cloned());
                if sender.blocking_send(Ok(Incoming { key, uid, flags, email })).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await?;
        report.known = report.known.saturating_add(importer.done.len() as u64);
        report.folders += 1;
        reporter.set(|p| p.folders_done += 1);
    }
    subscribe(account, root).await?;
    Ok(report)
}

async fn subscribe(account: &Account, root: &Path) -> Result<()> {
    let mut paths = Vec::new();
    for wire in dovecot::subscriptions(root) {
        paths.push(path(account, &wire, '.').await?);
    }
    let write = move |tx: &sterna_store::Tx<'_>| {
        let tree = tx.mailbox_tree()?;
        paths.iter().map(|p| p.join(tree.delimiter())).try_for_each(|p| match tree.find(&p) {
            Some(mailbox) => tx.set_subscribed(mailbox.id, true),
            None => tx.set_dangling_subscription(&p, true),
        })
    };
    Ok(account.write(write).await?)
}

/// The folders by their names with `.` between the components, INBOX first.
fn folders(root: &Path) -> Result<Vec<(Vec<u8>, PathBuf)>> {
    if !root.join("cur").is_dir() && !root.join("new").is_dir() {
        return Err(Error::Invalid(format!("{} is no Maildir: it has neither \"cur\" nor \"new\"", root.display())));
    }
    let mut folders = Vec::new();
    for entry in entries(root)? {
        let name = entry.file_name().as_bytes().to_vec();
        if let Some(name) = name.strip_prefix(b".").filter(|n| !n.is_empty() && *n != b".")
            && entry.path().join("cur").is_dir()
        {
            folders.push((name.to_vec(), entry.path()));
        }
    }
    folders.sort();
    folders.insert(0, (b"INBOX".to_vec(), root.to_owned()));
    Ok(folders)
}

fn entries(directory: &Path) -> Result<Vec<DirEntry>> {
    let error = |e| Error::file("list", directory, e);
    match std::fs::read_dir(directory) {
        Ok(entries) => entries.map(|e| e.map_err(error)).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(error(e)),
    }
}

/// A message's UID, if it is known, its file's name, and where it is.
type Entry = (Option<Uid>, Vec<u8>, PathBuf);

/// The messages of a folder: those with UIDs in their order, then the rest by name, which begins with their time.
fn files(folder: &Path, list: &UidList) -> Result<Vec<Entry>> {
    let mut files = Vec::new();
    for place in ["cur", "new"] {
        for entry in entries(&folder.join(place))? {
            let name = entry.file_name().as_bytes().to_vec();
            if !name.starts_with(b".") && entry.path().is_file() {
                files.push((list.uids.get(dovecot::base_name(&name)).copied(), name, entry.path()));
            }
        }
    }
    files.sort_by(|(a, x, _), (b, y, _)| (a.is_none(), a, x).cmp(&(b.is_none(), b, y)));
    Ok(files)
}

/// The letters behind `:2,`; a letter in lower case stands for a keyword.
fn flags(name: &[u8], keyword: impl Fn(u8) -> Option<Keyword>) -> Flags {
    let letters = name.windows(3).position(|w| w == b":2,").and_then(|at| name.get(at + 3..)).unwrap_or_default();
    let flag = |letter: &u8| match letter {
        b'D' => Some(Flag::System(SystemFlags::DRAFT)),
        b'F' => Some(Flag::System(SystemFlags::FLAGGED)),
        b'P' => Keyword::new("$Forwarded").map(Flag::Keyword),
        b'R' => Some(Flag::System(SystemFlags::ANSWERED)),
        b'S' => Some(Flag::System(SystemFlags::SEEN)),
        b'T' => Some(Flag::System(SystemFlags::DELETED)),
        b'a'..=b'z' => keyword(*letter).map(Flag::Keyword),
        _ => None,
    };
    letters.iter().filter_map(flag).collect()
}

fn read(blobs: &Blobs, path: &Path) -> Result<NewEmail> {
    let error = |e| Error::file("read", path, e);
    let mut file = File::open(path).map_err(error)?;
    let time = file.metadata().and_then(|m| m.modified()).map_err(error)?;
    let unix = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let mut ingest = Ingest::new(blobs);
    let mut ends = LineEnds::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer).map_err(error)? {
            0 => return Ok(ingest.finish(DateTime::utc(unix))?),
            n => ingest.feed(ends.convert(buffer.get(..n).unwrap_or_default()))?,
        }
    }
}
