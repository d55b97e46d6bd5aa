//! Mailboxes that were made, renamed, subscribed here: the same on the old side.
//!
//! A step whose end nobody saw is recognised by its result: a folder that is not under its old name and is, with the same
//! UIDVALIDITY, under the new one was renamed.

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
        let read = |tx: &sterna_store::Tx<'_>| {
            let folders = Folder::all(tx)?.into_iter().map(|f| (f.mailbox, f)).collect();
            Ok((tx.mailbox_tree()?, folders))
        };
        let (tree, folders) = self.context.account.read(read).await?;
        let listing = self.connection.folders().await?;
        let encoding = self.connection.encoding();
        let there = |f: &&Listed| !f.entry.has("\\NonExistent") && !f.entry.no_select();
        let validity = |f: &Listed| f.status.as_ref().and_then(|s| s.uid_validity).map_or(0, |v| v.get());
        let delimiter = listing.iter().find_map(|f| f.entry.delimiter).and_then(|d| u8::try_from(d).ok());
        let listed = listing.iter().filter(there).map(|f| (f.entry.name.to_wire(encoding), validity(f))).collect();
        let mut names = Names { tree, folders, listed, delimiter };
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
        let gone = |f: &Folder| names.tree.get(f.mailbox).is_none_or(|m| !m.selectable);
        let mut gone: Vec<Folder> = names.folders.values().filter(|f| gone(f)).cloned().collect();
        // Children before their parents.
        gone.sort_by_key(|f| std::cmp::Reverse(f.source.len()));
        Ok(gone)
    }

    async fn create(&mut self, names: &mut Names, path: &str, mailbox: &Mailbox) -> Result<()> {
        let source = names.wire(self, mailbox.id);
        let state = State { path: path.to_owned(), scan: true, ..State::default() };
        let folder = Folder { mailbox: mailbox.id, source: source.clone(), state };
        self.make_way(names, &source).await?;
        let is_there = names.listed.contains_key(&source);
        if !is_there {
            let name = folder.name(self.connection);
            match self.connection.create(&name, mailbox.role).await {
                Ok(()) => {}
                Err(error) if is_refusal(&error) => return self.note(&folder, None, error.to_string()).await,
                Err(error) => return Err(error.into()),
            }
            names.listed.insert(source, 0);
            self.carried.created += 1;
        }
        self.save(&folder).await?;
        names.folders.insert(folder.mailbox, folder);
        Ok(())
    }

    async fn rename(&mut self, names: &mut Names, path: &str, mailbox: &Mailbox) -> Result<()> {
        let Some(folder) = names.folders.get(&mailbox.id).cloned() else { return Ok(()) };
        let target = names.wire(self, mailbox.id);
        if target == folder.source {
            return self.renamed(names, &folder, target, path).await;
        }
        self.make_way(names, &target).await?;
        let is_there = names.listed.contains_key(&folder.source);
        match names.listed.get(&target) {
            Some(validity) if !is_there && *validity == folder.state.uid_validity => {}
            Some(_) => {
                let reason = format!("it cannot be renamed to \"{path}\": the old side has a folder of that name");
                return self.note(&folder, None, reason).await;
            }
            None if is_there => {
                let from = folder.name(self.connection);
                let to = MailboxName::from_wire(&target, self.connection.encoding());
                self.selected = None;
                match self.connection.rename(&from, &to).await {
                    Ok(()) => self.carried.renamed += 1,
                    Err(error) if is_refusal(&error) => return self.note(&folder, None, error.to_string()).await,
                    Err(error) => return Err(error.into()),
                }
            }
            // Gone there: made anew under its present name.
            None => {}
        }
        self.renamed(names, &folder, target, path).await
    }

    /// Writes the new name; what lies below has gone along.
    async fn renamed(&mut self, names: &mut Names, folder: &Folder, target: Vec<u8>, path: &str) -> Result<()> {
        let here = names.tree.delimiter().to_string();
        let (old_path, old) = (folder.state.path.clone(), folder.source.clone());
        let (mut changed, mut subscribed) = (Vec::new(), Vec::new());
        for other in names.folders.values_mut() {
            let before = other.source.clone();
            if other.mailbox == folder.mailbox {
                (other.source, other.state.path) = (target.clone(), path.to_owned());
                subscribed.extend(other.state.subscribed.then(|| (before, other.source.clone())));
                changed.push(other.clone());
                continue;
            }
            let wire =
                other.source.strip_prefix(old.as_slice()).filter(|rest| rest.first().copied() == names.delimiter);
            let below = other.state.path.strip_prefix(&old_path).filter(|rest| rest.starts_with(&here));
            if let (Some(wire), Some(below)) = (wire, below) {
                let source = [target.as_slice(), wire].concat();
                (other.state.path, other.source) = (format!("{path}{below}"), source);
                subscribed.extend(other.state.subscribed.then(|| (before, other.source.clone())));
                changed.push(other.clone());
            }
        }
        let listed = std::mem::take(&mut names.listed);
        names.listed = listed
            .into_iter()
            .map(|(wire, validity)| match wire.strip_prefix(old.as_slice()) {
                Some(rest) if rest.is_empty() || rest.first().copied() == names.delimiter => {
                    ([target.as_slice(), rest].concat(), validity)
                }
                _ => (wire, validity),
            })
            .collect();
        // RENAME leaves subscriptions with the old names on some servers (RFC 9051 §6.3.6 does not say).
        let encoding = self.connection.encoding();
        for (before, after) in subscribed.into_iter().filter(|(before, after)| before != after) {
            for (wire, subscribed) in [(before, false), (after, true)] {
                let name = MailboxName::from_wire(&wire, encoding);
                match self.connection.subscribe(&name, subscribed).await {
                    Err(error) if !is_refusal(&error) => return Err(error.into()),
                    _ => {}
                }
            }
        }
        let write = move |tx: &sterna_store::Tx<'_>| changed.iter().try_for_each(|folder| folder.write(tx));
        Ok(self.context.account.write(write).await?)
    }

    /// Frees a name there that another mailbox had: one that is gone here, or has another name by now.
    async fn make_way(&mut self, names: &mut Names, wanted: &[u8]) -> Result<()> {
        let Some(other) = names.folders.values().find(|f| f.source == wanted).cloned() else { return Ok(()) };
        let alive = names.tree.get(other.mailbox).is_some_and(|m| m.selectable);
        if alive && names.tree.path(other.mailbox) == Some(other.state.path.as_str()) {
            return Ok(());
        }
        if !alive && self.remove(&other).await? {
            names.folders.remove(&other.mailbox);
            names.listed.remove(wanted);
            return Ok(());
        }
        // It gets out of the way; if it is alive, under its present name soon.
        let aside = [wanted, format!(" ({})", other.mailbox).as_bytes()].concat();
        if names.listed.contains_key(wanted) {
            let encoding = self.connection.encoding();
            let (from, to) = (MailboxName::from_wire(wanted, encoding), MailboxName::from_wire(&aside, encoding));
            self.selected = None;
            match self.connection.rename(&from, &to).await {
                Ok(()) => self.carried.renamed += 1,
                Err(error) if is_refusal(&error) => return self.note(&other, None, error.to_string()).await,
                Err(error) => return Err(error.into()),
            }
        }
        let path = format!("{} ({})", other.state.path, other.mailbox);
        self.renamed(names, &other, aside, &path).await
    }

    /// Makes a folder again that the old side lost: what came here needs a place. What the move brought stays gone there.
    async fn restore(&mut self, names: &mut Names, mailbox: &Mailbox) -> Result<()> {
        let Some(folder) = names.folders.get_mut(&mailbox.id) else { return Ok(()) };
        if names.listed.contains_key(&folder.source) {
            return Ok(());
        }
        folder.state = State { lost: true, uid_validity: 0, scan: true, appending: None, ..folder.state.clone() };
        let folder = folder.clone();
        let name = folder.name(self.connection);
        match self.connection.create(&name, mailbox.role).await {
            Ok(()) => self.carried.created += 1,
            Err(error) if is_refusal(&error) => return self.note(&folder, None, error.to_string()).await,
            Err(error) => return Err(error.into()),
        }
        names.listed.insert(folder.source.clone(), 0);
        self.note(&folder, None, "the old side had lost the folder; it was made again".into()).await?;
        let write = move |tx: &sterna_store::Tx<'_>| {
            tx.clear_back_messages(folder.mailbox)?;
            folder.write(tx)
        };
        Ok(self.context.account.write(write).await?)
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
    /// The name of a mailbox on the old side's wire, as it should be.
    fn wire(&self, back: &Back<'_>, id: MailboxId) -> Vec<u8> {
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
