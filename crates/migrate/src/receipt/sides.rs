//! The two sides of a folder as compact tables: one line for each message, without its body.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sterna_core::{BlobHash, BlobId, DateTime, Flags, MailboxId, Uid};
use sterna_imap::client::{BodyEvent, Connection};
use sterna_imap::codec::response_parser::{Body, Fetch};
use sterna_store::{Tx, UidRange};

use crate::error::Result;
use crate::transfer::plan;

/// What identifies a message beside its UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Number in [`Side::flags`].
    pub flags: u32,
    /// `None`: the source has no valid one.
    pub date: Option<DateTime>,
    pub size: u64,
    /// Of the bytes; `None` where they were not read.
    pub hash: Option<BlobHash>,
    /// Of its last change; 0: not told.
    pub modseq: u64,
}

/// One side of one folder, by ascending UID.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub lines: Vec<(Uid, Line)>,
    flags: Vec<String>,
    by_text: HashMap<String, u32>,
}

impl Side {
    /// Few combinations of flags exist: each is kept once, in lower case, as two servers may spell them differently.
    fn intern(&mut self, flags: &Flags) -> u32 {
        let text = flags.to_string().to_ascii_lowercase();
        if let Some(number) = self.by_text.get(&text) {
            return *number;
        }
        let number = self.flags.len() as u32;
        self.flags.push(text.clone());
        self.by_text.insert(text, number);
        number
    }

    pub fn flags(&self, line: &Line) -> &str {
        self.flags.get(line.flags as usize).map_or("", String::as_str)
    }

    fn push(&mut self, fetch: &Fetch, size: Option<u64>, hash: Option<BlobHash>) {
        let Some(uid) = fetch.uid else { return };
        let flags = self.intern(&fetch.flags.clone().unwrap_or_default().flags);
        let date = fetch.internal_date.as_ref().and_then(|d| d.parsed);
        let modseq = fetch.modseq.map_or(0, |m| m.0);
        self.lines.push((uid, Line { flags, date, size: size.or(fetch.size).unwrap_or(0), hash, modseq }));
    }

    fn sorted(mut self) -> Side {
        self.lines.sort_by_key(|(uid, _)| *uid);
        // An answer may come twice, as news.
        self.lines.dedup_by_key(|(uid, _)| *uid);
        self
    }

    /// From the selected folder of the source, without bodies.
    pub async fn of_source(connection: &mut Connection) -> Result<Side> {
        let mut side = Side::default();
        let modseq = if connection.capabilities().has("CONDSTORE") { " MODSEQ" } else { "" };
        connection
            .uid_fetch(None, &format!("UID FLAGS INTERNALDATE RFC822.SIZE{modseq}"), |fetch| {
                if fetch.size.is_some() {
                    side.push(&fetch, None, None);
                }
            })
            .await?;
        Ok(side.sorted())
    }

    /// The same with the hashes of all bodies, which are read and thrown away.
    pub async fn of_source_bodies(connection: &mut Connection) -> Result<Side> {
        let uids = connection.uid_search("ALL").await?;
        let mut side = Side::default();
        let mut windows = plan::windows(&uids, plan::BATCH_MESSAGES).into_iter();
        let mut bodies = connection.bodies()?;
        let mut large = blake3::Hasher::new();
        loop {
            while bodies.in_flight() < 2
                && let Some(window) = windows.next()
            {
                bodies.request(window.uids);
            }
            match bodies.next().await? {
                None => return Ok(side.sorted()),
                Some(BodyEvent::Message(fetch)) => {
                    let hash = match &fetch.body {
                        Body::Bytes(bytes) => Some(BlobHash(*blake3::hash(bytes).as_bytes())),
                        _ => None,
                    };
                    side.push(&fetch, None, hash);
                }
                Some(BodyEvent::Begin { .. }) => large = blake3::Hasher::new(),
                Some(BodyEvent::Chunk(chunk)) => drop(large.update(&chunk)),
                Some(BodyEvent::End(fetch)) => side.push(&fetch, None, Some(BlobHash(*large.finalize().as_bytes()))),
                Some(BodyEvent::BatchDone { .. } | BodyEvent::Update(_)) => {}
            }
        }
    }

    /// From the store; with the hashes of all bodies where asked for.
    pub fn of_store(tx: &Tx<'_>, mailbox: MailboxId, hashes: bool) -> sterna_store::Result<Side> {
        let keysets = tx.keysets()?;
        let mut side = Side::default();
        let mut blobs: Vec<BlobId> = Vec::new();
        let _ = tx.emails(mailbox, UidRange::ALL, |message, email| {
            let flags = side.intern(&keysets.flags(message.flags));
            let (date, modseq) = (Some(email.internaldate), message.modseq.0);
            let line = Line { flags, date, size: email.size, hash: None, modseq };
            side.lines.push((message.uid, line));
            if hashes {
                blobs.push(email.blob);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for ((_, line), blob) in side.lines.iter_mut().zip(blobs) {
            line.hash = Some(hash_of(tx, blob, line.size)?);
        }
        Ok(side)
    }
}

/// From the stored bytes themselves, a megabyte at a time: a receipt must not repeat what the index claims.
fn hash_of(tx: &Tx<'_>, blob: BlobId, size: u64) -> sterna_store::Result<BlobHash> {
    const PIECE: u64 = 8 * sterna_store::CHUNK as u64;
    let mut hasher = blake3::Hasher::new();
    let mut at = 0;
    while at < size {
        hasher.update(&tx.blob_range(blob, at, PIECE)?);
        at += PIECE;
    }
    Ok(BlobHash(*hasher.finalize().as_bytes()))
}
