//! UIDs that came and went here are used up on the old side as well, so that what follows keeps its own: clients have
//! cached the UIDs that they were given here.

use bytes::Bytes;
use sterna_core::{Flags, SystemFlags, Uid};
use sterna_imap::client::{NewMessage, StoreMode};
use sterna_imap::codec::sequence::NumberSet;

use super::state::{Appending, Folder};
use super::{Back, set};
use crate::error::{Error, Result};

/// UIDs used up in one pass and folder.
pub(super) const MOST: u64 = 200;

/// Such messages in one command.
const AT_ONCE: usize = 50;

/// What such a message is, and when it was made.
#[derive(Clone)]
pub(super) struct Filler {
    body: Bytes,
    at: i64,
}

impl Back<'_> {
    /// Uses up `count` UIDs from `next` on; the UID that comes next then. Clients may know messages by these UIDs: that they are
    /// gone is told with a MODSEQ above `told`, the HIGHESTMODSEQ of here.
    pub(super) async fn burn(&mut self, folder: &mut Folder, next: Uid, count: u64, told: u64) -> Result<Uid> {
        let (mut next, mut left) = (next, usize::try_from(count).unwrap_or(usize::MAX));
        let filler = self.filler(folder, next).await?;
        while left > 0 {
            let n = left.min(AT_ONCE);
            let all = self.fill(folder, &filler, next, n).await?;
            self.step_up(folder, &all, told).await?;
            self.clear(folder, &all).await?;
            let behind = all.last().and_then(|last| last.checked_add(1)).and_then(Uid::new);
            next = behind.ok_or_else(|| Error::Doubtful("the old side has no UIDs left".into()))?;
            left -= n;
        }
        folder.state.appending = None;
        self.save(folder).await?;
        Ok(next)
    }

    /// A message that is like no other.
    pub(super) async fn filler(&mut self, folder: &Folder, next: Uid) -> Result<Filler> {
        // With both no two such messages are alike.
        let (now, at) = self.context.account.read(|tx| Ok((tx.account_state()?.modseq, tx.now()))).await?;
        let body = format!(
            "Subject: (placeholder)\r\nMessage-ID: <{}.{}.{next}.{now}@placeholder.invalid>\r\n\r\n\
             This message only uses up a number and is removed at once.\r\n",
            self.context.account.id(),
            folder.mailbox,
        );
        Ok(Filler { body: Bytes::from(body), at })
    }

    /// Announces such messages and appends them; their UIDs.
    pub(super) async fn fill(
        &mut self,
        folder: &mut Folder,
        filler: &Filler,
        next: Uid,
        n: usize,
    ) -> Result<NumberSet> {
        let Filler { body, at } = filler.clone();
        let known = (blake3::hash(&body).to_hex().to_string(), body.len() as u64);
        folder.state.appending =
            Some(Appending { uid_next: next.get(), at, filler: Some(known), ..Appending::default() });
        self.save(folder).await?;
        let flags = Flags::system(SystemFlags::DELETED.union(SystemFlags::SEEN));
        let name = folder.name(self.connection);
        let appended = self.connection.append_all(&name, &vec![NewMessage { flags, date: None, body }; n]).await?;
        let uids: Vec<Uid> = appended.into_iter().flatten().map(|(_, uid)| uid).collect();
        if uids.len() != n {
            let what = "the server does not tell the UIDs of messages it takes".to_owned();
            return Err(Error::Doubtful(what));
        }
        Ok(set(uids))
    }

    /// Removes them again.
    pub(super) async fn clear(&mut self, folder: &Folder, all: &NumberSet) -> Result<()> {
        self.select(folder).await?;
        let deleted = Flags::system(SystemFlags::DELETED);
        self.connection.uid_store(all, StoreMode::Add, &deleted, None).await?;
        Ok(self.connection.uid_expunge(all).await?)
    }
}
