//! What became of messages whose APPEND nobody saw the end of: they are looked for on the old side, by size and digest,
//! among what came after they were announced.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sterna_core::{Flags, SystemFlags, Uid};
use sterna_imap::client::{BodyEvent, StoreMode};
use sterna_imap::codec::response_parser::Body;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::BackMessage;

use super::state::{Appending, Folder, places};
use super::{Back, set};
use crate::error::Result;

/// So long may a server work on at what a broken connection had brought to it, in seconds.
const LINGERS: i64 = 3;

/// Bodies asked for at once.
const AT_ONCE: usize = 64;

impl Back<'_> {
    /// Settles what earlier runs left open.
    pub(super) async fn recover(&mut self) -> Result<()> {
        let folders = self.context.account.read(Folder::all).await?;
        for mut folder in folders.into_iter().filter(|f| f.state.appending.is_some()) {
            // Looked for too early, a message might be sent again and then be there twice.
            self.linger(folder.state.appending.as_ref().map(|appending| appending.at)).await?;
            match self.resolve(&mut folder).await {
                Ok(found) => self.carried.appended += found.len() as u64,
                Err(error) => self.leave(&folder, error).await?,
            }
        }
        Ok(())
    }

    /// Waits until the server has done whatever it was told at that time, seconds since 1970.
    pub(super) async fn linger(&mut self, told: Option<i64>) -> Result<()> {
        let Some(told) = told else { return Ok(()) };
        let now = self.context.account.read(|tx| Ok(tx.now())).await?;
        let wait = told.saturating_add(LINGERS).saturating_sub(now).clamp(0, LINGERS);
        tokio::time::sleep(Duration::from_secs(wait.unsigned_abs())).await;
        Ok(())
    }

    /// Finds what was being appended, writes where it lies, and takes away what only used up UIDs.
    pub(super) async fn resolve(&mut self, folder: &mut Folder) -> Result<Vec<BackMessage>> {
        let Some(appending) = folder.state.appending.clone() else { return Ok(Vec::new()) };
        let mailbox = folder.mailbox;
        let taken = self.context.account.read(move |tx| places(tx, mailbox)).await?;
        let taken: HashSet<Uid> = taken.into_values().collect();
        // What lies behind UIDNEXT is seen only after the server was asked for news.
        self.select(folder).await?;
        self.connection.noop().await?;
        let mut candidates = Vec::new();
        let behind = NumberSet::range(appending.uid_next, u32::MAX);
        self.connection
            .uid_fetch(Some(&behind), "UID RFC822.SIZE", |fetch| {
                if let (Some(uid), Some(size)) = (fetch.uid, fetch.size)
                    && uid.get() >= appending.uid_next
                    && !taken.contains(&uid)
                    && appending.may_be(size)
                {
                    candidates.push(uid);
                }
            })
            .await?;
        candidates.sort_unstable();
        candidates.dedup();
        let hashes = self.hashes(&candidates).await?;
        let (mut found, mut fillers) = (Vec::new(), Vec::new());
        let mut waiting = appending.messages.clone();
        for there in candidates {
            let Some(hash) = hashes.get(&there) else { continue };
            if let Some(at) = waiting.iter().position(|m| m.hash == *hash) {
                let coming = waiting.remove(at);
                found.extend(Uid::new(coming.uid).map(|uid| BackMessage { uid, there }));
            } else if appending.filler.as_ref().is_some_and(|(filler, _)| filler == hash) {
                fillers.push(there);
            }
        }
        if !fillers.is_empty() {
            let fillers = set(fillers);
            let here = self.context.account.read(move |tx| tx.find_mailbox(mailbox)).await?;
            self.step_up(folder, &fillers, here.map_or(0, |here| here.highest_modseq.0)).await?;
            let deleted = Flags::system(SystemFlags::DELETED);
            self.connection.uid_store(&fillers, StoreMode::Add, &deleted, None).await?;
            self.connection.uid_expunge(&fillers).await?;
        }
        folder.state.appending = None;
        let (written, rows) = (folder.clone(), found.clone());
        self.context
            .account
            .write(move |tx| {
                tx.put_back_messages(written.mailbox, &rows)?;
                written.write(tx)
            })
            .await?;
        Ok(found)
    }

    /// BLAKE3 of bodies, in hexadecimal digits. A large one is hashed as it comes.
    async fn hashes(&mut self, uids: &[Uid]) -> Result<HashMap<Uid, String>> {
        let mut hashes = HashMap::new();
        for window in uids.chunks(AT_ONCE) {
            let mut bodies = self.connection.bodies()?;
            bodies.request(set(window.iter().copied()));
            let mut hasher = blake3::Hasher::new();
            while let Some(event) = bodies.next().await? {
                match event {
                    BodyEvent::Message(fetch) => {
                        if let (Some(uid), Body::Bytes(bytes)) = (fetch.uid, &fetch.body) {
                            hashes.insert(uid, blake3::hash(bytes).to_hex().to_string());
                        }
                    }
                    BodyEvent::Begin { .. } => hasher = blake3::Hasher::new(),
                    BodyEvent::Chunk(chunk) => drop(hasher.update(&chunk)),
                    BodyEvent::End(fetch) => {
                        hashes.extend(fetch.uid.map(|uid| (uid, hasher.finalize().to_hex().to_string())));
                    }
                    BodyEvent::BatchDone { .. } | BodyEvent::Update(_) => {}
                }
            }
        }
        Ok(hashes)
    }
}

impl Appending {
    fn may_be(&self, size: u64) -> bool {
        self.messages.iter().any(|m| m.size == size) || self.filler.as_ref().is_some_and(|(_, filler)| *filler == size)
    }
}
