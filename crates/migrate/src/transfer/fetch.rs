//! Fetches batches on one connection: several are on their way at once, a committed one makes place for the next.
//!
//! What a batch does not bring is asked for again, message by message: some servers answer with empty bodies now and
//! then, and one message that a server cannot read makes it refuse the whole command.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sterna_core::{MailboxId, Uid};
use sterna_imap::client::{BodyEvent, Connection, ErrorKind};
use sterna_imap::codec::response_parser::{Body, Fetch};
use sterna_imap::codec::sequence::NumberSet;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::commit::{Envelope, Ready, commit};
use super::ingest::{Ingester, LargeBody};
use super::plan::{Batch, Window};
use super::{Context, FolderJob, Work};
use crate::error::{Error, Result};

/// Batches requested at once on one connection.
const DEPTH: usize = 2;

/// Batches read and not yet durable, for each connection.
const COMMITS: usize = 2;

/// How often a message is asked for alone before it counts as missing.
const ATTEMPTS: u8 = 3;

/// Where a connection gets its work from.
pub(crate) enum Feed {
    /// A list of its own.
    Own(VecDeque<Work>),
    /// One that several connections share.
    Shared(Arc<Mutex<mpsc::Receiver<Work>>>),
}

impl Feed {
    async fn next(&mut self) -> Option<Work> {
        match self {
            Feed::Own(list) => list.pop_front(),
            Feed::Shared(receiver) => receiver.lock().await.recv().await,
        }
    }

    /// What is there at once.
    fn ready(&mut self) -> Option<Work> {
        match self {
            Feed::Own(list) => list.pop_front(),
            // Whoever holds the lock waits for work: there is none.
            Feed::Shared(receiver) => receiver.try_lock().ok()?.try_recv().ok(),
        }
    }
}

/// What the source claims of the messages of a window. A server that answers without sizes has the messages all the same.
pub(crate) async fn sizes(connection: &mut Connection, window: &Window) -> Result<Vec<(u32, u64)>> {
    let mut sizes = Vec::new();
    connection
        .uid_fetch(Some(&window.uids), "UID RFC822.SIZE", |fetch| {
            if let (Some(uid), Some(size)) = (fetch.uid, fetch.size) {
                sizes.push((uid.get(), size));
            }
        })
        .await?;
    let told: NumberSet = sizes.iter().map(|(uid, _)| *uid).collect();
    sizes.extend(window.uids.difference(&told).iter().map(|uid| (uid, 1)));
    Ok(sizes)
}

/// Fetches until the feed ends. `selected`: the folder that the connection has open already.
pub(crate) async fn fetch(
    connection: &mut Connection,
    context: &Arc<Context>,
    mut feed: Feed,
    mut selected: Option<MailboxId>,
) -> Result<()> {
    let mut commits = JoinSet::new();
    let mut held = None;
    while let Some(work) = match held.take() {
        Some(work) => Some(work),
        None => feed.next().await,
    } {
        if selected != Some(work.folder.mailbox) {
            selected = None;
            if !select(connection, context, &work.folder).await? {
                continue;
            }
            selected = Some(work.folder.mailbox);
        }
        held = folder_batches(connection, context, &mut feed, work, &mut commits).await?;
    }
    while let Some(done) = commits.join_next().await {
        done.map_err(Error::join)??;
    }
    Ok(())
}

/// Opens a folder; `false` if it is refused, which costs this folder its pass and not the move.
async fn select(connection: &mut Connection, context: &Arc<Context>, folder: &Arc<FolderJob>) -> Result<bool> {
    let error = match connection.select_same(&folder.name, true, folder.validity, None).await {
        Ok(_) => return Ok(true),
        Err(error) => error,
    };
    match *error.kind {
        ErrorKind::No { .. } | ErrorKind::Bad { .. } | ErrorKind::UidValidityChanged { .. } => {
            folder.fail();
            let (noted, reason) = (folder.clone(), error.to_string());
            context.account.write(move |tx| noted.note(tx, None, &reason)).await?;
            Ok(false)
        }
        _ => Err(error.into()),
    }
}

/// A batch on its way.
struct Running {
    work: Work,
    ingester: Ingester,
    envelopes: HashMap<Uid, Envelope>,
    /// Came without a body.
    empty: Vec<Uid>,
}

/// Fetches batches of one folder while there are any; gives back work for another folder.
async fn folder_batches(
    connection: &mut Connection,
    context: &Arc<Context>,
    feed: &mut Feed,
    first: Work,
    commits: &mut JoinSet<Result<()>>,
) -> Result<Option<Work>> {
    let folder = first.folder.clone();
    let mut bodies = connection.bodies()?;
    let mut running: VecDeque<Running> = VecDeque::new();
    let mut singles: VecDeque<Work> = VecDeque::new();
    let mut next = Some(first);
    let mut held = None;
    let mut large: Option<LargeBody> = None;
    loop {
        while running.len() < DEPTH {
            let work = next.take().or_else(|| singles.pop_front());
            let work = if work.is_none() && held.is_none() { feed.ready() } else { work };
            let Some(work) = work else { break };
            if work.folder.mailbox != folder.mailbox {
                held = Some(work);
                break;
            }
            let run = Running { ingester: Ingester::default(), envelopes: HashMap::new(), empty: Vec::new(), work };
            if run.work.batch.messages.is_empty() {
                finish(context, commits, run, NumberSet::new(), None, &mut singles).await?;
                continue;
            }
            bodies.request(run.work.batch.uids());
            running.push_back(run);
        }
        match bodies.next().await? {
            None => return Ok(held),
            Some(BodyEvent::Message(mut fetch)) => {
                let body = std::mem::take(&mut fetch.body);
                let Some((uid, run)) = owner(&mut running, &fetch) else { continue };
                match body {
                    Body::Bytes(bytes) if !bytes.is_empty() || run.work.batch.messages.contains(&(uid.get(), 0)) => {
                        run.envelopes.insert(uid, Envelope::from_fetch(&fetch));
                        run.ingester.push(context, uid, bytes).await?;
                    }
                    _ => run.empty.push(uid),
                }
            }
            Some(BodyEvent::Begin { size, .. }) => large = Some(LargeBody::begin(context, size)),
            Some(BodyEvent::Chunk(chunk)) => {
                if let Some(body) = &mut large {
                    body.chunk(chunk).await?;
                }
            }
            Some(BodyEvent::End(fetch)) => {
                if let (Some(body), Some((uid, run))) = (large.take(), owner(&mut running, &fetch)) {
                    run.envelopes.insert(uid, Envelope::from_fetch(&fetch));
                    run.ingester.push_large(uid, body);
                }
            }
            Some(BodyEvent::BatchDone { missing, refused }) => {
                if let Some(run) = running.pop_front() {
                    finish(context, commits, run, missing, refused.map(|s| s.text), &mut singles).await?;
                }
            }
            // What others change meanwhile is seen by the next pass.
            Some(BodyEvent::Update(_)) => {}
        }
    }
}

/// The batch that waits for this message.
fn owner<'r>(running: &'r mut VecDeque<Running>, fetch: &Fetch) -> Option<(Uid, &'r mut Running)> {
    let uid = fetch.uid?;
    let wanted = |run: &&mut Running| {
        run.work.batch.messages.binary_search_by_key(&uid.get(), |(uid, _)| *uid).is_ok()
            && !run.envelopes.contains_key(&uid)
    };
    running.iter_mut().find(wanted).map(|run| (uid, run))
}

/// Hands a batch that is through to its transaction; what it lacks is asked for again, alone.
async fn finish(
    context: &Arc<Context>,
    commits: &mut JoinSet<Result<()>>,
    mut run: Running,
    missing: NumberSet,
    refused: Option<String>,
    singles: &mut VecDeque<Work>,
) -> Result<()> {
    run.ingester.flush(context).await?;
    let Running { work: Work { folder, batch, attempt }, ingester, envelopes, empty } = run;
    let mut covers = batch.covers;
    let mut gone = Vec::new();
    let absent = missing.uids().map(|uid| (uid, false)).chain(empty.into_iter().map(|uid| (uid, true)));
    for (uid, was_empty) in absent {
        let vanished = !was_empty && refused.is_none() && attempt > 0;
        if attempt < ATTEMPTS && !vanished {
            let one = NumberSet::range(uid.get(), uid.get());
            covers = covers.difference(&one);
            let size = batch.messages.iter().find(|(u, _)| *u == uid.get()).map_or(1, |(_, size)| *size);
            let batch = Batch { messages: vec![(uid.get(), size)], covers: one };
            singles.push_back(Work { folder: folder.clone(), batch, attempt: attempt + 1 });
        } else if !vanished {
            let words = refused.clone().unwrap_or_else(|| "it sends an empty body".to_owned());
            gone.push((uid, words));
        }
    }
    while commits.len() >= COMMITS {
        if let Some(done) = commits.join_next().await {
            done.map_err(Error::join)??;
        }
    }
    let context = context.clone();
    commits.spawn(async move {
        let emails = ingester.join().await?;
        commit(context, folder, Ready { emails, envelopes, covers, missing: gone }).await
    });
    Ok(())
}
