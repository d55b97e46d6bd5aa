//! One pass over the source: folders, then in each what is new, changed and gone. The seeding is the first one.
//!
//! Folders whose STATUS shows the state of the last pass are not opened at all. A folder that is refused costs itself
//! only; a source that breaks off ends the pass, and the next one goes on from the cursors.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sterna_core::{MailboxId, ModSeq, Uid, UidValidity};
use sterna_imap::client::{Connection, Selected};
use sterna_imap::codec::response_parser::MailboxStatus;
use sterna_store::Tx;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::cursor::{self, Cursor, Seen};
use crate::delta::{self, Delta, Subject};
use crate::error::{Error, Result};
use crate::folders::apply::{self, Mailboxes};
use crate::folders::{Listing, SourceFolder, gone};
use crate::session::Login;
use crate::transfer::{Context, Feed, FolderJob, Work, fetch, plan, sizes};

/// Up to so many messages a folder's news are fetched on the connection that found them.
const FEW: u64 = 50;

/// Batches planned ahead of the connections that fetch them.
const PLANNED: usize = 8;

/// One pass.
pub(crate) struct Pass<'p> {
    pub context: &'p Arc<Context>,
    pub login: &'p Login,
    /// Connections that fetch beside the one that plans.
    pub connections: usize,
    fetchers: Option<Fetchers>,
    pending: Vec<Pending>,
}

/// What a pass found.
pub(crate) struct Outcome {
    /// The source's folders as they were when it began.
    pub listing: Arc<Listing>,
    /// Mailboxes, roles or subscriptions had to follow; messages are counted by the context.
    pub changed: bool,
}

/// Connections at work. Dropping it stops them.
struct Fetchers {
    work: mpsc::Sender<Work>,
    tasks: JoinSet<Result<()>>,
}

/// A folder whose messages are on their way, and what has to be written when they are here.
struct Pending {
    job: Arc<FolderJob>,
    delta: Delta,
    state: SourceState,
}

#[derive(Clone, Copy)]
struct SourceState {
    validity: UidValidity,
    seen: Seen,
    /// At least; from the largest UID where the source tells none.
    uid_next: u64,
}

impl<'p> Pass<'p> {
    pub fn new(context: &'p Arc<Context>, login: &'p Login, connections: usize) -> Pass<'p> {
        Pass { context, login, connections: connections.clamp(1, 16), fetchers: None, pending: Vec::new() }
    }

    /// Runs it.
    pub async fn run(mut self, connection: &mut Connection) -> Result<Outcome> {
        let account = &self.context.account;
        let delimiter = account.read(apply::settled_delimiter).await?;
        let listing = Arc::new(Listing::read(connection, delimiter).await?);
        let (unread, changed) = (listing.clone(), listing.clone());
        let known = account.read(move |tx| apply::unchanged(tx, &unread)).await?;
        let mut changed_folders = known.is_none();
        let mailboxes = match known {
            Some(mailboxes) => mailboxes,
            None => account.write(move |tx| apply::apply(tx, &changed)).await?,
        };
        changed_folders |= gone::remove(connection, self.context, &listing).await?;
        let cursors = account.read(|tx| tx.move_folders()).await?;
        let selectable = listing.folders.iter().filter(|f| f.selectable);
        self.context.reporter.set(|p| {
            p.folders_total = selectable.clone().count() as u64;
            p.folders_done = 0;
        });
        for folder in selectable {
            let Some(known) = cursors.iter().find(|c| c.source == folder.wire) else { continue };
            let cursor = Cursor::read(&known.cursor)?;
            if !folder.status.as_ref().and_then(seen).is_some_and(|(v, seen)| cursor.is_current(v, seen)) {
                self.context.reporter.set(|p| p.folder = folder.shown().to_owned());
                self.folder(connection, folder, cursor, &mailboxes).await?;
            }
            self.context.reporter.set(|p| p.folders_done += 1);
        }
        self.finish().await?;
        self.context.counters.passes.fetch_add(1, Ordering::Relaxed);
        self.context.reporter.set(|p| p.folder.clear());
        Ok(Outcome { listing, changed: changed_folders })
    }

    /// Opens one folder and carries over what differs.
    async fn folder(
        &mut self,
        connection: &mut Connection,
        folder: &SourceFolder,
        cursor: Cursor,
        mailboxes: &Mailboxes,
    ) -> Result<()> {
        let Some(mailbox) = mailboxes.get(&folder.wire).copied() else { return Ok(()) };
        let known = delta::known(&cursor);
        let selected = match connection.select(&folder.name, true, known.as_ref()).await {
            Ok(selected) => selected,
            Err(e) if e.is_refusal() => {
                return self.refuse(folder, &e.to_string()).await;
            }
            Err(e) => return Err(e.into()),
        };
        let Some(validity) = selected.uid_validity else {
            return self
                .refuse(folder, "the source tells no UIDVALIDITY for it, so that its messages have no identity")
                .await;
        };
        let modseq = selected.highest_modseq.unwrap_or_default();
        let resynced = known.is_some() && connection.is_enabled("QRESYNC") && cursor.uid_validity == validity.get();
        let cursor = match cursor.uid_validity == validity.get() {
            true => cursor,
            false => match self.begin(folder, mailbox, validity, modseq, selected.uid_next).await? {
                Some(cursor) => cursor,
                None => return Ok(()),
            },
        };
        let job = Arc::new(FolderJob::new(folder.name.clone(), folder.wire.clone(), mailbox, validity));
        let carried = async {
            let account = &self.context.account;
            let subject = Subject { login: self.login, account, folder, mailbox, cursor: &cursor };
            let delta = delta::compare(connection, &subject, &selected, resynced).await?;
            self.transfer(connection, &job, &delta).await?;
            Ok(delta)
        };
        let delta = match carried.await {
            // It was deleted under the connection.
            Err(Error::Source(error)) if error.is_refusal() => return self.refuse(folder, &error.to_string()).await,
            carried => carried?,
        };
        let state = state(&selected, validity, &delta, &cursor);
        let pending = Pending { job, delta, state };
        // What costs nothing is written at once; a long transfer is waited for at the end of the pass.
        if self.fetchers.is_none() {
            return self.settle(vec![pending]).await;
        }
        self.pending.push(pending);
        Ok(())
    }

    /// A folder that cannot be read in this pass: said, and tried again in the next.
    async fn refuse(&self, folder: &SourceFolder, reason: &str) -> Result<()> {
        tracing::warn!(folder = folder.shown(), reason, "folder refused");
        let (wire, reason) = (folder.wire.clone(), reason.to_owned());
        let write = move |tx: &Tx<'_>| {
            let update = |c: &mut Cursor| {
                c.refused = Some(reason);
                Ok(())
            };
            cursor::update(tx, &wire, update).map(drop)
        };
        Ok(self.context.account.write(write).await?)
    }

    /// Takes the identity of a folder over that is read for the first time, or whose UIDVALIDITY has changed. `None` if
    /// the mailbox holds messages that are not the move's.
    async fn begin(
        &self,
        folder: &SourceFolder,
        mailbox: MailboxId,
        validity: UidValidity,
        modseq: ModSeq,
        uid_next: Option<Uid>,
    ) -> Result<Option<Cursor>> {
        let wire = folder.wire.clone();
        let write = move |tx: &Tx<'_>| {
            let mut refused = None;
            let cursor = cursor::update(tx, &wire, |cursor| {
                if cursor.uid_validity != 0 {
                    gone::expunge(tx, mailbox, &cursor.brought())?;
                    let was = cursor.uid_validity;
                    let reason = format!(
                        "UIDVALIDITY changed at the source from {was} to {validity}; the folder was copied anew"
                    );
                    tx.add_move_exception(&wire, None, &reason)?;
                }
                let here = tx.mailbox(mailbox)?;
                if here.total > 0 && here.uid_validity != validity {
                    let reason = format!(
                        "the mailbox holds {} messages that are not from the source, so that it cannot take over UIDVALIDITY {validity}; empty it",
                        here.total
                    );
                    refused = Some(reason.clone());
                    *cursor = Cursor { created: cursor.created, refused: Some(reason), ..Cursor::default() };
                    return Ok(());
                }
                let uid_next = uid_next.map_or(1, |uid| u64::from(uid.get()));
                tx.import_identity(mailbox, validity, uid_next, modseq)?;
                *cursor = cursor.begin(validity, modseq);
                Ok(())
            })?;
            Ok(refused.is_none().then_some(cursor))
        };
        Ok(self.context.account.write(write).await?)
    }

    /// Fetches what is wanted, here if it is little, else on connections of their own.
    async fn transfer(&mut self, connection: &mut Connection, job: &Arc<FolderJob>, delta: &Delta) -> Result<()> {
        self.context.reporter.set(|p| p.messages_total += delta.wanted.len());
        if self.fetchers.is_none() && delta.wanted.len() > FEW {
            self.fetchers = self.start_fetchers().await?;
        }
        for window in plan::windows(&delta.wanted, plan::WINDOW) {
            let sizes = sizes(connection, &window).await?;
            self.context.reporter.set(|p| p.bytes_total += sizes.iter().map(|(_, size)| size).sum::<u64>());
            let batches = plan::batches(&window, sizes);
            let work = batches.into_iter().map(|batch| Work { folder: job.clone(), batch, attempt: 0 });
            match &mut self.fetchers {
                None => {
                    let own = Feed::Own(work.collect::<VecDeque<_>>());
                    fetch(connection, self.context, own, Some(job.mailbox)).await?;
                }
                Some(fetchers) => {
                    for work in work {
                        fetchers.send(work).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens the other connections; none if the source does not allow any beside the first.
    async fn start_fetchers(&self) -> Result<Option<Fetchers>> {
        let mut opening = JoinSet::new();
        for _ in 0..self.connections {
            let login = self.login.clone();
            opening.spawn(async move { login.open().await });
        }
        let (work, receiver) = mpsc::channel(PLANNED);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut tasks = JoinSet::new();
        while let Some(opened) = opening.join_next().await {
            match opened.map_err(Error::join)? {
                Ok(mut connection) => {
                    let (context, feed) = (self.context.clone(), Feed::Shared(receiver.clone()));
                    tasks.spawn(async move {
                        fetch(&mut connection, &context, feed, None).await?;
                        // Only a courtesy: everything is committed.
                        let _ = connection.logout().await;
                        Ok(())
                    });
                }
                Err(error) => tracing::info!(%error, "the source does not allow another connection"),
            }
        }
        Ok((!tasks.is_empty()).then_some(Fetchers { work, tasks }))
    }

    /// Waits for the connections, then writes what remains of each folder.
    async fn finish(&mut self) -> Result<()> {
        if let Some(fetchers) = self.fetchers.take() {
            let Fetchers { work, mut tasks } = fetchers;
            drop(work);
            while let Some(ended) = tasks.join_next().await {
                ended.map_err(Error::join)??;
            }
        }
        let pending = std::mem::take(&mut self.pending);
        self.settle(pending).await
    }

    /// Flags, expunges and the new state of folders whose messages are here, in one transaction.
    async fn settle(&self, pending: Vec<Pending>) -> Result<()> {
        let done: Vec<Pending> = pending.into_iter().filter(|p| !p.job.has_failed()).collect();
        if done.is_empty() {
            return Ok(());
        }
        let (flags, expunged) = self
            .context
            .account
            .write(move |tx| {
                let mut counts = (0, 0);
                for p in &done {
                    let (flags, expunged) = settle_folder(tx, p)?;
                    counts = (counts.0 + flags, counts.1 + expunged);
                }
                Ok(counts)
            })
            .await?;
        self.context.counters.flags.fetch_add(flags, Ordering::Relaxed);
        self.context.counters.expunged.fetch_add(expunged, Ordering::Relaxed);
        Ok(())
    }
}

impl Fetchers {
    /// Hands work over; an error if a connection has failed.
    async fn send(&mut self, work: Work) -> Result<()> {
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next() => {
                // Work goes on until it is told to end: one that ends before has failed.
                ended.map_err(Error::join)??;
                Err(Error::Doubtful("a connection to the source ended too soon".into()))
            }
            sent = self.work.send(work) => sent.map_err(|_| Error::Cancelled),
        }
    }
}

fn settle_folder(tx: &Tx<'_>, p: &Pending) -> sterna_store::Result<(u64, u64)> {
    let mailbox = p.job.mailbox;
    let expunged = match p.delta.gone.is_empty() {
        true => 0,
        false => tx.expunge(mailbox, &delta::ranges(&p.delta.gone))?.len() as u64,
    };
    let mut flags = 0;
    for (uid, new, modseq) in &p.delta.flags {
        match tx.import_flags(mailbox, *uid, new, *modseq) {
            Ok(changed) => flags += u64::from(changed),
            // Removed here meanwhile.
            Err(sterna_store::Error::NotFound(_)) => {}
            Err(e) => return Err(e),
        }
    }
    for uid in p.delta.removed_here.uids() {
        p.job.note(tx, Some(uid), "it was removed here and is still at the source")?;
    }
    tx.import_identity(mailbox, p.state.validity, p.state.uid_next, ModSeq(p.state.seen.modseq))?;
    cursor::update(tx, &p.job.wire, |cursor| {
        if cursor.uid_validity == p.state.validity.get() {
            cursor.modseq = p.state.seen.modseq;
            cursor.seen = Some(p.state.seen);
            cursor.missing = cursor.missing.difference(&p.delta.gone);
            cursor.refused = None;
        }
        Ok(())
    })?;
    Ok((flags, expunged))
}

fn state(selected: &Selected, validity: UidValidity, delta: &Delta, cursor: &Cursor) -> SourceState {
    let told = selected.uid_next.map_or(0, Uid::get);
    let largest = delta.wanted.last().max(cursor.done.last()).map_or(0, u64::from);
    let seen =
        Seen { messages: selected.exists, uid_next: told, modseq: selected.highest_modseq.unwrap_or_default().0 };
    SourceState { validity, seen, uid_next: u64::from(told).max(largest + 1) }
}

/// What STATUS told, in the cursor's form.
fn seen(status: &MailboxStatus) -> Option<(u32, Seen)> {
    let seen = Seen {
        messages: status.messages?,
        uid_next: status.uid_next.map_or(0, Uid::get),
        modseq: status.highest_modseq.unwrap_or_default().0,
    };
    Some((status.uid_validity?.get(), seen))
}
