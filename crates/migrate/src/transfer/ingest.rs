//! Bodies are scanned, hashed and compressed on the blocking pool while the next ones are read from the network.
//!
//! Small bodies go there in groups, a large one as a stream through a short channel, so that memory stays bounded by
//! the number of groups at work.

use std::collections::HashMap;

use bytes::Bytes;
use sterna_core::{DateTime, Uid};
use sterna_message::Ingest;
use sterna_store::NewEmail;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Context;
use crate::error::{Error, Result};

/// Bytes of bodies in one group.
const GROUP_BYTES: usize = 512 << 10;

/// Bodies in one group.
const GROUP_MESSAGES: usize = 64;

/// Chunks of a large body that may wait to be compressed.
const CHUNKS_AHEAD: usize = 4;

type Emails = Vec<(Uid, NewEmail)>;

/// The bodies of one batch. INTERNALDATE is set later: it may come behind the body.
#[derive(Default)]
pub(super) struct Ingester {
    group: Vec<(Uid, Bytes)>,
    bytes: usize,
    running: Vec<JoinHandle<sterna_store::Result<Emails>>>,
}

/// A large body on its way.
pub(super) struct LargeBody {
    chunks: mpsc::Sender<Bytes>,
    task: JoinHandle<sterna_store::Result<NewEmail>>,
}

impl Ingester {
    /// Takes a body; waits while too many groups are at work.
    pub async fn push(&mut self, context: &Context, uid: Uid, body: Bytes) -> Result<()> {
        self.bytes += body.len();
        self.group.push((uid, body));
        if self.bytes >= GROUP_BYTES || self.group.len() >= GROUP_MESSAGES {
            self.flush(context).await?;
        }
        Ok(())
    }

    /// Adds a large body that has arrived completely.
    pub fn push_large(&mut self, uid: Uid, body: LargeBody) {
        drop(body.chunks);
        let task = body.task;
        self.running.push(tokio::spawn(async move {
            let email = task.await.map_err(|e| sterna_store::Error::Internal(e.to_string()))??;
            Ok(vec![(uid, email)])
        }));
    }

    pub async fn flush(&mut self, context: &Context) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        self.bytes = 0;
        if group.is_empty() {
            return Ok(());
        }
        let closed = |_| Error::Cancelled;
        let permit = context.ingest.clone().acquire_owned().await.map_err(closed)?;
        let blobs = context.blobs.clone();
        self.running.push(tokio::task::spawn_blocking(move || {
            let _permit = permit;
            group.into_iter().map(|(uid, body)| Ok((uid, Ingest::whole(&blobs, &body, DateTime::utc(0))?))).collect()
        }));
        Ok(())
    }

    /// Waits for all of them.
    pub async fn join(self) -> Result<HashMap<Uid, NewEmail>> {
        let mut emails = HashMap::new();
        for task in self.running {
            emails.extend(task.await.map_err(Error::join)??);
        }
        Ok(emails)
    }
}

impl LargeBody {
    /// Begins to take a body of `size` bytes; one that ends sooner is no message.
    pub fn begin(context: &Context, size: u64) -> LargeBody {
        let (chunks, mut arriving) = mpsc::channel::<Bytes>(CHUNKS_AHEAD);
        let blobs = context.blobs.clone();
        let task = tokio::task::spawn_blocking(move || {
            let mut ingest = Ingest::new(&blobs);
            let mut left = size;
            while let Some(chunk) = arriving.blocking_recv() {
                left = left.saturating_sub(chunk.len() as u64);
                ingest.feed(&chunk)?;
            }
            match left {
                0 => ingest.finish(DateTime::utc(0)),
                _ => Err(sterna_store::Error::Io(format!("a message broke off {left} bytes before its end"))),
            }
        });
        LargeBody { chunks, task }
    }

    /// Hands a chunk over; an error if the store cannot take it.
    pub async fn chunk(&mut self, chunk: Bytes) -> Result<()> {
        if self.chunks.send(chunk).await.is_ok() {
            return Ok(());
        }
        // The task has ended before its time: its error says why.
        match (&mut self.task).await {
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(_)) => Err(Error::Cancelled),
            Err(error) => Err(Error::join(error)),
        }
    }
}
