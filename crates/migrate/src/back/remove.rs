//! Folders whose mailboxes are gone here: deleted on the old side, if everything in them is accounted for; emptied of what
//! they had if mail came to them there since.

use sterna_core::{Flags, SystemFlags};
use sterna_imap::client::StoreMode;
use sterna_imap::codec::sequence::NumberSet;

use super::state::{Folder, Places, places};
use super::{Back, is_refusal};
use crate::error::{Error, Result};

impl Back<'_> {
    /// Deletes the folder there; `true` if it is gone. A message that came to it there and was never brought over keeps it.
    pub(super) async fn remove(&mut self, folder: &Folder) -> Result<bool> {
        match self.try_remove(folder).await {
            Ok(gone) => Ok(gone),
            Err(error) => self.leave(folder, error).await.map(|()| false),
        }
    }

    async fn try_remove(&mut self, folder: &Folder) -> Result<bool> {
        let (mailbox, path, source) = (folder.mailbox, folder.state.path.clone(), folder.source.clone());
        let read = move |tx: &sterna_store::Tx<'_>| {
            let subscribed = tx.dangling_subscriptions()?.contains(&path) || tx.mailbox_tree()?.find(&path).is_some();
            let heir = Folder::all(tx)?.into_iter().find(|other| other.source == source && other.mailbox != mailbox);
            let kept = heir.map(|heir| places(tx, heir.mailbox)).transpose()?;
            Ok((places(tx, mailbox)?, subscribed, kept))
        };
        let (places, subscribed, kept) = self.context.account.read(read).await?;
        if let Some(kept) = kept {
            return self.empty(folder, &places, &kept).await;
        }
        let name = folder.name(self.connection);
        self.selected = None;
        let is_there = match self.connection.status(&name).await {
            Ok(_) => true,
            Err(error) if is_refusal(&error) => false,
            Err(error) => return Err(error.into()),
        };
        if is_there {
            let selected = self.select(folder).await?;
            let found = match selected.exists {
                0 => NumberSet::new(),
                _ => self.connection.uid_search("ALL").await?,
            };
            let unknown = found.difference(&folder.accounted(&places));
            if !unknown.is_empty() {
                let reason = format!(
                    "it was deleted here and stays there: messages {unknown} came to it there and were not brought over"
                );
                self.note(folder, None, reason).await?;
                return Ok(false);
            }
            // It cannot be taken back: a second connection must see the same.
            let mut second = self.login.open().await?;
            let confirmed = second.select(&name, true, None).await?;
            // Only a courtesy: the answer is in.
            let _ = second.logout().await;
            if u64::from(confirmed.exists) != found.len() {
                let at = self.connection.at();
                return Err(Error::Doubtful(format!(
                    "{at}: \"{}\" has {} messages and lists {}; it will be looked at again",
                    name.as_str(),
                    confirmed.exists,
                    found.len()
                )));
            }
            // Some servers do not delete what is open. EXAMINE first: closing must not expunge.
            self.selected = None;
            self.connection.select(&name, true, None).await?;
            self.connection.run(self.connection.command("CLOSE"), |_| {}).await?;
            self.connection.delete(&name).await?;
            self.carried.deleted += 1;
        }
        if folder.state.subscribed && !subscribed {
            match self.connection.subscribe(&name, false).await {
                Err(error) if !is_refusal(&error) => return Err(error.into()),
                _ => {}
            }
        }
        self.context.account.write(move |tx| tx.remove_back_folder(mailbox)).await?;
        Ok(true)
    }

    /// Mail came to the folder there after its mailbox was deleted here, and has a mailbox again: only what was deleted goes.
    async fn empty(&mut self, folder: &Folder, places: &Places, kept: &Places) -> Result<bool> {
        self.selected = None;
        let selected = self.select(folder).await?;
        let found = match selected.exists {
            0 => NumberSet::new(),
            _ => self.connection.uid_search("ALL").await?,
        };
        let kept: NumberSet = kept.values().copied().collect();
        let doomed = found.intersection(&folder.accounted(places)).difference(&kept);
        if !doomed.is_empty() {
            if !self.can_expunge() {
                let reason = "it was deleted here, and its messages stay there: the server has no UIDPLUS".to_owned();
                self.note(folder, None, reason).await?;
                return Ok(false);
            }
            let deleted = Flags::system(SystemFlags::DELETED);
            self.connection.uid_store(&doomed, StoreMode::Add, &deleted, None).await?;
            self.connection.uid_expunge(&doomed).await?;
            self.carried.expunged += doomed.len();
        }
        let mailbox = folder.mailbox;
        self.context.account.write(move |tx| tx.remove_back_folder(mailbox)).await?;
        Ok(true)
    }
}
