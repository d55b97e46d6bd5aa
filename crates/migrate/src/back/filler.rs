//! UIDs that came and went here are used up on the old side as well, so that what follows keeps its own: clients have
//! cached the UIDs that they were given here.

use bytes::Bytes;
use sterna_core::{Flags, SystemFlags, Uid};
use sterna_imap::client::{NewMessage, StoreMode};

use super::state::{Appending, Folder};
use super::{Back, set};
use crate::error::{Error, Result};

/// UIDs used up in one pass and folder.
pub(super) const MOST: u64 = 200;

/// Such messages in one command.
const AT_ONCE: usize = 50;

impl Back<'_> {
    /// Uses up `count` UIDs from `next` on; the UID that comes next then.
    pub(super) async fn burn(&mut self, folder: &mut Folder, next: Uid, count: u64) -> Result<Uid> {
        let (mut next, mut left) = (next, usize::try_from(count).unwrap_or(usize::MAX));
        // With both no two such messages are alike.
        let (now, at) = self.context.account.read(|tx| Ok((tx.account_state()?.modseq, tx.now()))).await?;
        let body = format!(
            "Subject: (placeholder)\r\nMessage-ID: <{}.{}.{next}.{now}@placeholder.invalid>\r\n\r\n\
             This message only uses up a number and is removed at once.\r\n",
            self.context.account.id(),
            folder.mailbox,
        );
        let body = Bytes::from(body);
        let filler = (blake3::hash(&body).to_hex().to_string(), body.len() as u64);
        let flags = Flags::system(SystemFlags::DELETED.union(SystemFlags::SEEN));
        let name = folder.name(self.connection);
        while left > 0 {
            folder.state.appending =
                Some(Appending { uid_next: next.get(), at, filler: Some(filler.clone()), ..Appending::default() });
            self.save(folder).await?;
            let n = left.min(AT_ONCE);
            let message = NewMessage { flags: flags.clone(), date: None, body: body.clone() };
            let appended = self.connection.append_all(&name, &vec![message; n]).await?;
            let uids: Vec<Uid> = appended.into_iter().flatten().map(|(_, uid)| uid).collect();
            if uids.len() != n {
                let what = "the server does not tell the UIDs of messages it takes".to_owned();
                return Err(Error::Doubtful(what));
            }
            self.select(folder).await?;
            let all = set(uids);
            let deleted = Flags::system(SystemFlags::DELETED);
            self.connection.uid_store(&all, StoreMode::Add, &deleted, None).await?;
            self.connection.uid_expunge(&all).await?;
            let behind = all.last().and_then(|last| last.checked_add(1)).and_then(Uid::new);
            next = behind.ok_or_else(|| Error::Doubtful("the old side has no UIDs left".into()))?;
            left -= n;
        }
        folder.state.appending = None;
        self.save(folder).await?;
        Ok(next)
    }
}
