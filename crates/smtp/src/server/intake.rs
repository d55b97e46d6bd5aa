//! The bytes of one message on their way from the connection into a spool: its header filtered, its size bounded, little
//! of it in memory. What is not finished leaves nothing behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sterna_delivery::{Body, IN_MEMORY, Spool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::config::ServerConfig;
use super::head::{Head, Rules, Summary};
use super::mail::too_large;
use super::reply::Reply;

/// Bytes that are handed on at once.
const CHUNK: usize = 256 << 10;

/// How long a client waits for its turn while too many messages are being received.
const PATIENCE: Duration = Duration::from_secs(20);

/// One message on its way.
pub(super) struct Intake {
    head: Head,
    spool: Option<Spool>,
    /// Bytes that passed the head and are not spooled yet.
    pending: Vec<u8>,
    /// Bytes that came.
    size: u64,
    max: u64,
    /// Why the message will be refused. Nothing is kept any more.
    problem: Option<Reply>,
    /// The last byte was a CR.
    cr: bool,
    /// A CR or LF stood alone, or there was a NUL: no text for DATA.
    binary: bool,
    started: Instant,
    grace: Duration,
    min_rate: u64,
    room: OwnedSemaphorePermit,
}

/// A message that is in.
pub(super) struct Taken {
    pub body: Body,
    pub summary: Summary,
    /// It can only be sent on with BINARYMIME.
    pub binary: bool,
    /// Its share of what is received at a time.
    pub room: OwnedSemaphorePermit,
}

impl Intake {
    /// Waits for its turn. `incoming` is where a large message's file goes.
    pub async fn begin(
        config: &ServerConfig,
        receiving: &Arc<Semaphore>,
        incoming: PathBuf,
        rules: Rules,
    ) -> Result<Intake, Reply> {
        let busy = || Reply::new(451, "4.3.2", "too many messages are arriving, please try again");
        let room = timeout(PATIENCE, receiving.clone().acquire_owned()).await;
        let room = room.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Intake {
            head: Head::new(rules),
            spool: Some(Spool::new(&incoming)),
            pending: Vec::new(),
            size: 0,
            max: config.max_size,
            problem: None,
            cr: false,
            binary: false,
            started: Instant::now(),
            grace: config.command_timeout,
            min_rate: config.min_rate.max(1),
            room,
        })
    }

    /// Until when the message must have gone on, at the rate it has.
    pub fn deadline(&self) -> Instant {
        self.started + self.grace + Duration::from_secs(self.size / self.min_rate)
    }

    /// Why the message will be refused, so far.
    pub fn problem(&self) -> Option<&Reply> {
        self.problem.as_ref()
    }

    /// Whether so much came beyond the limit that nobody need listen any more.
    pub fn is_flood(&self) -> bool {
        self.size > self.max.saturating_mul(2).saturating_add(1 << 20)
    }

    /// The message will be refused with this, unless it was refused before.
    pub fn refuse(&mut self, reply: Reply) {
        self.problem.get_or_insert(reply);
        self.spool = None;
        self.pending = Vec::new();
    }

    /// The next bytes of the message. `text`: their lines are known to end with CRLF.
    pub async fn take(&mut self, bytes: &[u8], text: bool) {
        self.size += bytes.len() as u64;
        if self.size > self.max {
            self.refuse(too_large(self.max));
        }
        if self.problem.is_some() {
            return;
        }
        if !text {
            self.look_for_binary(bytes);
        }
        self.head.push(bytes, &mut self.pending);
        if self.pending.len() >= CHUNK {
            self.spill().await;
        }
    }

    fn look_for_binary(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.binary |= byte == 0 || self.cr != (byte == b'\n');
            self.cr = byte == b'\r';
        }
    }

    async fn spill(&mut self) {
        let (Some(mut spool), pending) = (self.spool.take(), std::mem::take(&mut self.pending)) else { return };
        let written = if spool.len() + pending.len() as u64 <= IN_MEMORY as u64 {
            spool.write(&pending).map(|()| spool)
        } else {
            let write = move || spool.write(&pending).map(|()| spool);
            tokio::task::spawn_blocking(write).await.unwrap_or_else(|e| Err(std::io::Error::other(e)))
        };
        match written {
            Ok(spool) => self.spool = Some(spool),
            Err(error) => {
                tracing::error!(%error, "cannot spool a message");
                self.refuse(Reply::new(452, "4.3.1", "no room for the message, please try again later"));
            }
        }
    }

    /// The message is complete.
    pub async fn finish(mut self) -> Result<Taken, Reply> {
        self.head.finish(&mut self.pending);
        self.spill().await;
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let summary = self.head.summary().clone();
        if summary.bare_cr {
            return Err(Reply::new(550, "5.6.0", "a CR stands alone in the header (RFC 5322 section 2.2)"));
        }
        let body = self.spool.take().map(Spool::finish).ok_or_else(Reply::local_error)?;
        let body = body.map_err(|error| {
            tracing::error!(%error, "cannot spool a message");
            Reply::new(452, "4.3.1", "no room for the message, please try again later")
        })?;
        Ok(Taken { body, summary, binary: self.binary || self.cr, room: self.room })
    }
}
