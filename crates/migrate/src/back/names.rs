//! Mailboxes that were made, renamed, subscribed here: the same on the old side. That a folder is being made is written
//! before, so that it is known to be ours whatever becomes of the answer.

use std::collections::BTreeMap;

use sterna_core::MailboxId;
use sterna_imap::client::Folder as Listed;
use sterna_imap::codec::mailbox::MailboxName;
use sterna_store::{Mailbox, MailboxTree};

use super::state::{Folder, State};
use super::{Back, is_refusal};
use crate::error::Result;

/// What both sides have.
pub(super) struct Names {
    pub tree: MailboxTree,
    pub folders: BTreeMap<MailboxId, Folder>,
    /// The old side's folders by their names on the wire, with UIDVALIDITY where told.
    pub listed: BTreeMap<Vec<u8>, u32>,
    /// The old side's separator.
    pub delimiter: Option<u8>,
}

impl Back<'_> {
    /// Makes the names of the old side follow; the folders whose mailboxes are gone here.
    pub(super) async fn names(&mut self) -> Result<Vec<Folder>> {
        let mut names = self.read_names().await?;
        self.settle_renames(&mut names).await?;
        let mailboxes: Vec<(String, Mailbox)> =
            names.tree.iter().filter(|(_, m)| m.selectable).map(|(p, m)| (p.to_owned(), m.clone())).collect();
        for (path, mailbox) in &mailboxes {
            match names.folders.get(&mailbox.id).map(|f| f.state.path == *path) {
                None => self.create(&mut names, path, mailbox).await?,
                Some(false) => self.rename(&mut names, path, mailbox).await?,
                Some(true) => {}
            }
            self.restore(&mut names, mailbox).await?;
            self.subscribe(&mut names, mailbox).await?;
        }
        let gone = |f: &Folder| !names.is_alive(f.mailbox);
        let mut gone: Vec<Folder> = names.folders.values().filter(|f| gone(f)).cloned().collect();
        // Children before their parents.
        gone.sort_by_key(|f| std::cmp::Reverse(f.source.len()));
        Ok(gone)
    }

    /// Asks both sides.
    pub(super) async fn read_names(&mut self) -> Result<Names> {
        let read = |tx: &sterna_store::Tx<'_>| {
            let folders = Folder::all(tx)?.into_iter().map(|f| (f.mailbox, f)).collect();
            Ok((tx.mailbox_tree()?, folders))
        };
        let (tree, folders): (_, BTreeMap<MailboxId, Folder>) = self.context.account.read(read).await?;
        // A name that is asked for too early may change under us.
        let announced = folders.values().filter_map(|f| f.state.renaming.as_ref()).map(|renaming| renaming.at).max();
        self.linger(announced).await?;
        let listing = self.connection.folders().await?;
        let encoding = self.connection.encoding();
        let there = |f: &&Listed| !f.entry.no_select();
        let validity = |f: &Listed| f.status.as_ref().and_then(|s| s.uid_validity).map_or(0, |v| v.get());
        let delimiter = listing.iter().find_map(|f| f.entry.delimiter).and_then(|d| u8::try_from(d).ok());
        let listed = listing.iter().filter(there).map(|f| (f.entry.name.to_wire(encoding), validity(f))).collect();
        Ok(Names { tree, folders, listed, delimiter })
    }

    /// Notes where a new mailbox goes; [`Back::restore`] makes the folder.
    async fn create(&mut self, names: &mut Names, path: &str, mailbox: &Mailbox) -> Result<()> {
        let source = names.wire(self, mailbox.id);
        self.make_way(names, &source).await?;
        let making = !names.listed.contains_key(&source);
        let state = State { path: path.to_owned(), scan: true, making, ..State::default() };
        let folder = Folder { mailbox: mailbox.id, source, state };
        self.save(&folder).await?;
        names.folders.insert(folder.mailbox, folder);
        Ok(())
    }

    /// Makes a folder that is to be there, or is there no more: what came here needs a place. What the move brought stays
    /// gone there.
    async fn restore(&mut self, names: &mut Names, mailbox: &Mailbox) -> Result<()> {
        let Some(folder) = names.folders.get_mut(&mailbox.id) else { return Ok(()) };
        let (is_there, is_new) = (names.listed.contains_key(&folder.source), folder.state.making);
        if is_there && !is_new {
            return Ok(());
        }
        folder.state.making = false;
        if !is_new {
            folder.state = State { lost: true, uid_validity: 0, scan: true, appending: None, ..folder.state.clone() };
        }
        let folder = folder.clone();
        if !is_there {
            let name = folder.name(self.connection);
            match self.connection.create(&name, mailbox.role).await {
                Ok(()) => self.carried.created += 1,
                Err(error) if is_refusal(&error) => {
                    return self.not_made(names, &folder, is_new, error.to_string()).await;
                }
                Err(error) => return Err(error.into()),
            }
            names.listed.insert(folder.source.clone(), 0);
        }
        if !is_new {
            self.note(&folder, None, "the old side had lost the folder; it was made again".into()).await?;
        }
        let write = move |tx: &sterna_store::Tx<'_>| {
            if !is_new {
                tx.clear_back_messages(folder.mailbox)?;
            }
            folder.write(tx)
        };
        Ok(self.context.account.write(write).await?)
    }

    /// The old side refuses a folder: it is asked again in the next pass.
    async fn not_made(&mut self, names: &mut Names, folder: &Folder, is_new: bool, refusal: String) -> Result<()> {
        if is_new {
            let mailbox = folder.mailbox;
            names.folders.remove(&mailbox);
            self.context.account.write(move |tx| tx.remove_back_folder(mailbox)).await?;
        }
        self.note(folder, None, refusal).await
    }

    async fn subscribe(&mut self, names: &mut Names, mailbox: &Mailbox) -> Result<()> {
        let Some(folder) = names.folders.get_mut(&mailbox.id) else { return Ok(()) };
        if folder.state.subscribed == mailbox.subscribed {
            return Ok(());
        }
        folder.state.subscribed = mailbox.subscribed;
        let folder = folder.clone();
        let name = folder.name(self.connection);
        match self.connection.subscribe(&name, mailbox.subscribed).await {
            Ok(()) => self.carried.subscriptions += 1,
            Err(error) if is_refusal(&error) => self.note(&folder, None, error.to_string()).await?,
            Err(error) => return Err(error.into()),
        }
        self.save(&folder).await
    }
}

impl Names {
    /// Whether a mailbox is here.
    pub fn is_alive(&self, mailbox: MailboxId) -> bool {
        self.tree.get(mailbox).is_some_and(|m| m.selectable)
    }

    /// The name of a mailbox on the old side's wire, as it should be.
    pub fn wire(&self, back: &Back<'_>, id: MailboxId) -> Vec<u8> {
        let (Some(mailbox), Some(path)) = (self.tree.get(id), self.tree.path(id)) else { return Vec::new() };
        if let Some(folder) = self.folders.get(&id).filter(|f| f.state.path == path) {
            return folder.source.clone();
        }
        let encoding = back.connection.encoding();
        let own = match &mailbox.raw_name {
            Some(raw) => raw.clone(),
            None => MailboxName::from_text(&mailbox.name).to_wire(encoding),
        };
        let (Some(parent), Some(delimiter)) = (mailbox.parent, self.delimiter) else { return own };
        // A separator inside a component would make two of it there.
        let own = own.into_iter().map(|b| if b == delimiter { b'_' } else { b });
        self.wire(back, parent).into_iter().chain([delimiter]).chain(own).collect()
    }
}
