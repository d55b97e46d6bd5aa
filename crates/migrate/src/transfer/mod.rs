//! Messages on their way from the source into the account.
//!
//! [`plan`] cuts UIDs into batches, [`fetch`] asks for them on a connection, [`ingest`] scans and compresses the bodies
//! beside it, [`commit`] writes a batch with its folder's cursor in one transaction.

mod commit;
mod fetch;
mod ingest;
pub(crate) mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use sterna_core::{MailboxId, UidValidity};
use sterna_imap::codec::mailbox::MailboxName;
use sterna_store::{Account, Blobs, Tx};
use tokio::sync::Semaphore;

use crate::progress::Reporter;
use crate::record::Totals;
use plan::Batch;

pub(crate) use fetch::{Feed, fetch, sizes};

/// What all parts of one pass share.
pub(crate) struct Context {
    pub account: Account,
    pub blobs: Blobs,
    pub reporter: Arc<Reporter>,
    pub counters: Counters,
    /// Groups of bodies that are scanned at the same time.
    ingest: Arc<Semaphore>,
    #[cfg(test)]
    pub faults: crate::tests::Faults,
}

impl Context {
    pub fn new(account: Account, reporter: Arc<Reporter>) -> Context {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let blobs = account.blobs();
        let ingest = Arc::new(Semaphore::new(cores.clamp(2, 8)));
        Context {
            account,
            blobs,
            reporter,
            counters: Counters::default(),
            ingest,
            #[cfg(test)]
            faults: Default::default(),
        }
    }

    #[cfg(test)]
    pub fn with_faults(self, faults: &crate::tests::Faults) -> Context {
        Context { faults: faults.clone(), ..self }
    }
}

/// Counts of one run, added to the record's totals.
#[derive(Default)]
pub(crate) struct Counters {
    pub messages: AtomicU64,
    pub bytes: AtomicU64,
    pub flags: AtomicU64,
    pub expunged: AtomicU64,
    pub passes: AtomicU64,
}

impl Counters {
    /// Hands the counts over, and begins at 0 again.
    pub fn take_into(&self, totals: &mut Totals) -> bool {
        let take = |counter: &AtomicU64, total: &mut u64| {
            let n = counter.swap(0, Ordering::Relaxed);
            *total += n;
            n > 0
        };
        let carried = [
            take(&self.messages, &mut totals.messages),
            take(&self.bytes, &mut totals.bytes),
            take(&self.flags, &mut totals.flags),
            take(&self.expunged, &mut totals.expunged),
        ];
        take(&self.passes, &mut totals.passes);
        carried.contains(&true)
    }
}

/// Exceptions noted one by one for each folder; what comes after them adds nothing to a receipt.
const EXCEPTIONS_MAX: usize = 200;

/// A folder of which messages are being fetched.
pub(crate) struct FolderJob {
    pub name: MailboxName,
    pub wire: Vec<u8>,
    pub mailbox: MailboxId,
    pub validity: UidValidity,
    /// A batch could not be dealt with: the folder is not equal after this pass.
    pub failed: AtomicBool,
    /// It is read after the flip: its messages get new UIDs here.
    pub straggling: bool,
    noted: AtomicUsize,
}

impl FolderJob {
    pub fn new(name: MailboxName, wire: Vec<u8>, mailbox: MailboxId, validity: UidValidity) -> FolderJob {
        FolderJob {
            name,
            wire,
            mailbox,
            validity,
            failed: AtomicBool::new(false),
            straggling: false,
            noted: AtomicUsize::new(0),
        }
    }

    pub fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Notes an exception, within a bound for each folder.
    pub fn note(&self, tx: &Tx<'_>, uid: Option<sterna_core::Uid>, reason: &str) -> sterna_store::Result<()> {
        match self.noted.fetch_add(1, Ordering::Relaxed) {
            0..EXCEPTIONS_MAX => tx.add_move_exception(&self.wire, uid, reason),
            EXCEPTIONS_MAX => tx.add_move_exception(&self.wire, None, "more exceptions of these kinds were not noted"),
            _ => Ok(()),
        }
    }
}

/// One batch of one folder.
pub(crate) struct Work {
    pub folder: Arc<FolderJob>,
    pub batch: Batch,
    /// How often its one message was asked for alone; 0: an ordinary batch.
    pub attempt: u8,
}
