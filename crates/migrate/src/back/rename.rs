//! RENAME on the old side. It is announced before, and a folder that is under the announced name afterwards, with its
//! UIDVALIDITY, and under its old one no more, was renamed, whatever became of the answer.

use sterna_imap::codec::mailbox::MailboxName;
use sterna_store::{Mailbox, MoveFolder, Tx};

use super::names::Names;
use super::state::{Folder, Renaming};
use super::{Back, is_refusal};
use crate::error::Result;

impl Back<'_> {
    /// Gives a folder the name that its mailbox has here.
    pub(super) async fn rename(&mut self, names: &mut Names, path: &str, mailbox: &Mailbox) -> Result<()> {
        let Some(folder) = names.folders.get(&mailbox.id).cloned() else { return Ok(()) };
        let target = names.wire(self, mailbox.id);
        if target == folder.source {
            return self.renamed(names, &folder, target, path).await;
        }
        self.make_way(names, &target).await?;
        match (names.listed.contains_key(&folder.source), names.listed.contains_key(&target)) {
            (_, true) => {
                let reason = format!("it cannot be renamed to \"{path}\": the old side has a folder of that name");
                self.note(&folder, None, reason).await
            }
            (true, false) => self.rename_there(names, &folder, target, path).await,
            // Gone there: made anew under its present name.
            (false, false) => self.renamed(names, &folder, target, path).await,
        }
    }

    /// RENAME, announced in the folder's state.
    async fn rename_there(&mut self, names: &mut Names, folder: &Folder, target: Vec<u8>, path: &str) -> Result<()> {
        let mut announced = folder.clone();
        let at = self.context.account.read(|tx| Ok(tx.now())).await?;
        announced.state.renaming = Some(Renaming { source: target.clone(), path: path.to_owned(), at });
        self.save(&announced).await?;
        let encoding = self.connection.encoding();
        let (from, to) = (folder.name(self.connection), MailboxName::from_wire(&target, encoding));
        self.selected = None;
        match self.connection.rename(&from, &to).await {
            Ok(()) => self.carried.renamed += 1,
            Err(error) if is_refusal(&error) => {
                self.save(folder).await?;
                return self.note(folder, None, error.to_string()).await;
            }
            Err(error) => return Err(error.into()),
        }
        self.renamed(names, folder, target, path).await
    }

    /// What became of names that were announced: the old side has the folder, with its UIDVALIDITY, under the new one, or it
    /// was not renamed.
    pub(super) async fn settle_renames(&mut self, names: &mut Names) -> Result<()> {
        let announced: Vec<Folder> = names.folders.values().filter(|f| f.state.renaming.is_some()).cloned().collect();
        for mut folder in announced {
            let Some(Renaming { source, path, at: _ }) = folder.state.renaming.take() else { continue };
            let validity = names.listed.get(&source).copied();
            let same = validity.is_some_and(|v| folder.state.uid_validity == 0 || v == folder.state.uid_validity);
            if same && !names.listed.contains_key(&folder.source) {
                self.renamed(names, &folder, source, &path).await?;
            } else {
                self.save(&folder).await?;
                names.folders.insert(folder.mailbox, folder);
            }
        }
        Ok(())
    }

    /// Writes the new name; what lies below has gone along.
    async fn renamed(&mut self, names: &mut Names, folder: &Folder, target: Vec<u8>, path: &str) -> Result<()> {
        let here = names.tree.delimiter().to_string();
        let (old_path, old) = (folder.state.path.clone(), folder.source.clone());
        let (mut changed, mut subscribed, mut cursors) = (Vec::new(), Vec::new(), Vec::new());
        for other in names.folders.values_mut() {
            let before = other.source.clone();
            if other.mailbox == folder.mailbox {
                (other.source, other.state.path) = (target.clone(), path.to_owned());
                other.state.renaming = None;
                cursors.push((before.clone(), other.source.clone()));
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
                cursors.push((before.clone(), other.source.clone()));
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
        let write = move |tx: &Tx<'_>| {
            changed.iter().try_for_each(|folder| folder.write(tx))?;
            cursors.iter().try_for_each(|(before, after)| rename_cursor(tx, before, after))
        };
        Ok(self.context.account.write(write).await?)
    }

    /// Frees a name there that other mailboxes had: gone here, or of another name by now.
    pub(super) async fn make_way(&mut self, names: &mut Names, wanted: &[u8]) -> Result<()> {
        let holders: Vec<Folder> = names.folders.values().filter(|f| f.source == wanted).cloned().collect();
        for other in holders {
            let alive = names.is_alive(other.mailbox);
            if alive && names.tree.path(other.mailbox) == Some(other.state.path.as_str()) {
                continue;
            }
            if !alive && self.remove(&other).await? {
                names.folders.remove(&other.mailbox);
                if !names.folders.values().any(|f| f.source == wanted) {
                    names.listed.remove(wanted);
                }
                continue;
            }
            // It gets out of the way; if it is alive, under its present name soon.
            let aside = [wanted, format!(" ({})", other.mailbox).as_bytes()].concat();
            let path = format!("{} ({})", other.state.path, other.mailbox);
            match names.listed.contains_key(wanted) {
                true => self.rename_there(names, &other, aside, &path).await?,
                false => self.renamed(names, &other, aside, &path).await?,
            }
        }
        Ok(())
    }
}

/// Under another name a folder would pass for a new one, and all of its messages for new.
fn rename_cursor(tx: &Tx<'_>, before: &[u8], after: &[u8]) -> sterna_store::Result<()> {
    if before == after {
        return Ok(());
    }
    let Some(folder) = tx.move_folder(before)? else { return Ok(()) };
    tx.remove_move_folder(before)?;
    tx.put_move_folder(&MoveFolder { source: after.to_vec(), ..folder })
}
