//! `import` and `export`: mail in files, in and out by the road of a move.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_migrate::files::{FilesReport, export_maildir, export_mbox, import_maildir, import_mbox};
use sterna_migrate::{Cancel, Progress};
use tokio::sync::watch;

use super::answer::{Answer, Event, FilesInfo, ProgressInfo};
use super::handler::Events;
use super::platform::Platform;
use super::request::{FileFormat, FilesRequest};
use crate::error::{Error, Result};

/// Time between two events.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);

/// The end of the name of a mailbox's mbox file.
const MBOX: &str = "mbox";

/// Brings files into an account.
pub(super) async fn import(platform: &Platform, request: FilesRequest, events: Events<'_>) -> Result<Answer> {
    let record = platform.record(&request.address).await?;
    let account = platform.account(&record).await?;
    let address = record.address.to_string();
    let cancel = Cancel::new();
    let _stop = StopWhenDropped(cancel.clone());
    if request.format == FileFormat::Maildir {
        let report =
            watched(&address, events, |progress| import_maildir(&account, &request.path, &cancel, progress)).await?;
        return Ok(answer(address, report));
    }
    let mut total = FilesReport::default();
    for (file, folder) in mbox_files(&request)? {
        let work = |progress| import_mbox(&account, &file, &folder, &cancel, progress);
        let report = watched(&address, events, work).await?;
        total.folders += report.folders;
        total.messages += report.messages;
        total.bytes += report.bytes;
        total.known += report.known;
        total.exceptions.extend(report.exceptions);
    }
    Ok(answer(address, total))
}

/// Writes an account into files.
pub(super) async fn export(platform: &Platform, request: FilesRequest, events: Events<'_>) -> Result<Answer> {
    let record = platform.record(&request.address).await?;
    let account = platform.account(&record).await?;
    let address = record.address.to_string();
    let cancel = Cancel::new();
    let _stop = StopWhenDropped(cancel.clone());
    let path = &request.path;
    let report = match request.format {
        FileFormat::Maildir => {
            watched(&address, events, |progress| export_maildir(&account, path, &cancel, progress)).await?
        }
        FileFormat::Mbox => {
            watched(&address, events, |progress| export_mbox(&account, path, &cancel, progress)).await?
        }
    };
    Ok(answer(address, report))
}

fn answer(address: String, report: FilesReport) -> Answer {
    let FilesReport { folders, messages, bytes, known, exceptions } = report;
    Answer::Files(FilesInfo { address, folders, messages, bytes, known, exceptions })
}

/// The mbox files to import, each with the path of its mailbox: one file, or those of a directory that `export` wrote.
fn mbox_files(request: &FilesRequest) -> Result<Vec<(PathBuf, String)>> {
    let path = &request.path;
    if !path.is_dir() {
        return Ok(vec![(path.clone(), request.folder.clone().unwrap_or_else(|| mailbox_of(path)))]);
    }
    if request.folder.is_some() {
        return Err(Error::new(format!("{} is a directory, but --folder names one mailbox", path.display())));
    }
    let failed = |e| Error::new(format!("cannot read {}: {e}", path.display()));
    let entries = std::fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.is_file() && file.extension().is_some_and(|end| end == MBOX));
    files.sort();
    if files.is_empty() {
        return Err(Error::new(format!(
            "{} has no file NAME.mbox; name one file, or --format maildir",
            path.display()
        )));
    }
    Ok(files.into_iter().map(|file| (file.clone(), mailbox_of(&file))).collect())
}

/// The mailbox that a file's name stands for, as `export` names files: components in modified UTF-7 joined by dots.
fn mailbox_of(file: &Path) -> String {
    let name = file.with_extension("");
    let name = if file.extension().is_some_and(|end| end == MBOX) { &name } else { file };
    let name = name.file_name().unwrap_or_default().as_encoded_bytes();
    let components = name.split(|b| *b == b'.').filter(|component| !component.is_empty());
    let text: Vec<String> =
        components.map(|c| MailboxName::from_wire(c, NameEncoding::ModifiedUtf7).into_string()).collect();
    text.join("/")
}

/// Runs `work` and tells how far it is.
async fn watched<F>(
    address: &str,
    events: Events<'_>,
    work: impl FnOnce(watch::Sender<Progress>) -> F,
) -> Result<FilesReport>
where
    F: Future<Output = sterna_migrate::Result<FilesReport>>,
{
    let (sender, progress) = watch::channel(Progress::default());
    let work = work(sender);
    tokio::pin!(work);
    let mut tick = tokio::time::interval(EVENT_INTERVAL);
    loop {
        tokio::select! {
            report = &mut work => return Ok(report?),
            _ = tick.tick() => {
                let progress = ProgressInfo::from(&*progress.borrow());
                events(Event { address: address.to_owned(), progress });
            }
        }
    }
}

/// Stops the threads that read files when nobody waits for the answer any more.
struct StopWhenDropped(Cancel);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_stands_for_the_mailbox_that_export_named_it_after() {
        for (file, mailbox) in [
            ("/x/INBOX.mbox", "INBOX"),
            ("/x/Projets.2024.mbox", "Projets/2024"),
            ("/x/&AMk-l&AOk-ments.mbox", "Éléments"),
            ("/x/archive", "archive"),
            ("/x/archive.old", "archive/old"),
            ("/x/.hidden.mbox", "hidden"),
        ] {
            assert_eq!(mailbox_of(Path::new(file)), mailbox, "{file}");
        }
    }
}
