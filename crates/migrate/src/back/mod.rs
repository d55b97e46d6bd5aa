//! The way back: what changed here since the change of sides is carried to the old side over IMAP, so that a move can be
//! undone without losing anything.
//!
//! [`begin`] is called in the transaction of the change of sides and writes where each folder stands then; it costs the same
//! however large the mailbox is. [`pass`] carries what changed since the last one, and is called until it carries nothing.
//! Only what changed here is applied: what the old side changed by itself is never overwritten. Every step can be repeated,
//! and before a message is appended, its row says so: what became of it is looked up before anything is appended again.
//!
//! ```text
//! names ─▶ recover ─▶ plan ─▶ carry (new messages, ascending) ─▶ raise (UIDNEXT, HIGHESTMODSEQ) ─▶ settle (expunges, flags)
//!       ─▶ folders that are gone here
//! ```

mod body;
mod carry;
pub(crate) mod changed;
mod filler;
mod names;
mod plan;
mod raise;
mod recover;
mod remove;
mod rename;
mod settle;
mod state;

use std::sync::Arc;
use std::time::Duration;

use sterna_core::{MailboxId, Uid, UidValidity};
use sterna_frontdoor::step;
use sterna_imap::client::{Connection, Error as ClientError, ErrorKind, Selected};
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{BackMessage, Tx};
use tokio::time::Instant;

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::folders::apply::is_folder;
use crate::session::Login;
use crate::transfer::Context;
use plan::Plan;
use state::{Folder, State};

/// So long a broken pass's placeholders may be made use of before they are removed.
const RECOVERING: Duration = Duration::from_secs(10);

/// A message that has another UID on the old side than here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Differing {
    /// The folder there.
    pub folder: String,
    pub here: Uid,
    pub there: Uid,
}

/// How much a pass does beside what changed: whose UIDNEXT and HIGHESTMODSEQ it raises to those of here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raise {
    /// Nobody's: the old side has clients again, who would see it.
    Nothing,
    /// Those of folders to which it carries something, until then. What the old side refused is not sent again.
    Carried(Instant),
    /// Those of all folders, until then.
    All(Instant),
}

impl Raise {
    fn until(self) -> Option<Instant> {
        match self {
            Raise::Nothing => None,
            Raise::Carried(until) | Raise::All(until) => Some(until),
        }
    }
}

/// What one pass carried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Messages uploaded.
    pub appended: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that the old side copied or moved by itself.
    pub moved: u64,
    /// Messages whose flags were set.
    pub flags: u64,
    pub expunged: u64,
    pub created: u64,
    pub renamed: u64,
    pub deleted: u64,
    pub subscriptions: u64,
    /// Messages appended under another UID, in folders whose UIDs are otherwise the same on both sides.
    pub differing: Vec<Differing>,
    /// UIDs and steps of MODSEQ that were used up on the old side.
    pub raised: u64,
    /// What could not be carried, one sentence each. It is tried again in each pass.
    pub left: Vec<String>,
    /// Folders whose figures on the old side are less than what was told here, one sentence each.
    pub behind: Vec<String>,
    /// What was carried in part, one sentence each. It is told once.
    pub remarks: Vec<String>,
}

impl Carried {
    /// Both sides were equal before the pass, but for what cannot be carried.
    pub fn is_nothing(&self) -> bool {
        let Carried {
            appended,
            bytes: _,
            moved,
            flags,
            expunged,
            created,
            renamed,
            deleted,
            subscriptions,
            raised,
            ..
        } = self;
        [appended, moved, flags, expunged, created, renamed, deleted, subscriptions, raised].iter().all(|n| **n == 0)
    }
}

/// Writes the starting point: both sides are equal now. To be called in a transaction of the account while nobody can
/// change either side, behind the last pass of the move.
pub(crate) fn begin(tx: &Tx<'_>) -> sterna_store::Result<()> {
    end(tx)?;
    let clock = tx.account_state()?.modseq;
    let tree = tx.mailbox_tree()?;
    for known in tx.move_folders()?.into_iter().filter(|f| is_folder(&f.source)) {
        let Some(mailbox) = known.mailbox.and_then(|id| tree.get(id)) else { continue };
        let cursor = Cursor::read(&known.cursor).map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?;
        let state = State {
            path: tree.path(mailbox.id).unwrap_or_default().to_owned(),
            subscribed: mailbox.subscribed,
            uid_validity: cursor.uid_validity,
            uid_next: mailbox.uid_next,
            brought: cursor.brought(),
            modseq: clock.0,
            there_modseq: cursor.modseq,
            scan: true,
            ..State::default()
        };
        if mailbox.selectable {
            Folder { mailbox: mailbox.id, source: known.source, state }.write(tx)?;
        }
    }
    Ok(())
}

/// Says which folder of the old side a mailbox belongs to that was made for what came there after the change of sides. Nothing
/// while there is no way back.
pub(crate) fn adopt(tx: &Tx<'_>, mailbox: MailboxId, source: &[u8], validity: UidValidity) -> sterna_store::Result<()> {
    let folders = tx.back_folders()?;
    if folders.is_empty() || folders.iter().any(|folder| folder.mailbox == mailbox) {
        return Ok(());
    }
    let (tree, modseq) = (tx.mailbox_tree()?, tx.account_state()?.modseq.0);
    let path = tree.path(mailbox).unwrap_or_default().to_owned();
    let subscribed = tree.get(mailbox).is_some_and(|mailbox| mailbox.subscribed);
    let uid_validity = validity.get();
    let state = State { path, subscribed, uid_validity, uid_next: 1, modseq, scan: true, ..State::default() };
    Folder { mailbox, source: source.to_vec(), state }.write(tx)
}

/// Where the old side has the mailboxes: folder by folder its name there, and its UIDVALIDITY as far as it was asked.
pub(crate) fn places(tx: &Tx<'_>) -> sterna_store::Result<Vec<(MailboxId, Vec<u8>, u32)>> {
    let folders = Folder::all(tx)?.into_iter();
    Ok(folders.map(|folder| (folder.mailbox, folder.source, folder.state.uid_validity)).collect())
}

/// Whether there is a way back: from [`begin`] to [`end`].
pub(crate) fn is_open(tx: &Tx<'_>) -> sterna_store::Result<bool> {
    Ok(!tx.back_folders()?.is_empty())
}

/// Forgets the way back.
pub(crate) fn end(tx: &Tx<'_>) -> sterna_store::Result<()> {
    tx.back_folders()?.iter().try_for_each(|folder| tx.remove_back_folder(folder.mailbox))
}

/// Where messages of a mailbox lie on the old side that came after the change of sides: those that were carried back, and
/// those that came there and were brought here. None of them must be brought again.
pub(crate) fn on_both_sides(tx: &Tx<'_>, mailbox: MailboxId) -> sterna_store::Result<Vec<BackMessage>> {
    tx.back_messages(mailbox)
}

/// Notes messages that came to the old side after the change of sides and were brought here: they are not new here. Nothing
/// while there is no way back.
pub(crate) fn arrived(tx: &Tx<'_>, mailbox: MailboxId, messages: &[BackMessage]) -> sterna_store::Result<()> {
    match tx.back_folders()?.iter().any(|folder| folder.mailbox == mailbox) {
        true => tx.put_back_messages(mailbox, messages),
        false => Ok(()),
    }
}

/// Carries what changed here since the last pass. Dropping the future at any moment is safe; the connection is then of no
/// use any more, and the next pass needs a new one. Until `raising` UIDNEXT and HIGHESTMODSEQ of the old side are raised, too.
/// What was carried is in `carried` whatever the end.
pub(crate) async fn pass(
    context: &Arc<Context>,
    login: &Login,
    connection: &mut Connection,
    raise: Raise,
    carried: &mut Carried,
) -> Result<()> {
    let first = context.account.read(move |tx| Plan::read(tx, raise)).await?;
    if first.is_nothing() {
        return Ok(());
    }
    let raising = raise.until();
    let mut back = Back { context, login, connection, selected: None, raising, carried };
    let gone = back.names().await?;
    back.recover().await?;
    let Plan { upto, folders, originals, .. } = context.account.read(move |tx| Plan::read(tx, raise)).await?;
    let mut settled = Vec::new();
    for mut plan in folders {
        match back.carry(&mut plan, &originals).await {
            Ok(appended) => settled.push((plan, appended)),
            Err(error) => back.leave(&plan.folder, error).await?,
        }
    }
    step::reached("messages carried back").await;
    for (mut plan, appended) in settled {
        let folder = plan.folder.clone();
        // Before the changes: each gets a greater MODSEQ there than it has here.
        if let Err(error) = back.raise(&mut plan).await {
            back.leave(&folder, error).await?;
        }
        if let Err(error) = back.settle(plan, appended, upto).await {
            back.leave(&folder, error).await?;
        }
    }
    for folder in gone {
        if let Err(error) = back.remove(&folder).await {
            back.leave(&folder, error).await?;
        }
    }
    Ok(())
}

/// Settles what a broken pass left open, and carries nothing else.
pub(crate) async fn recover(context: &Arc<Context>, login: &Login, connection: &mut Connection) -> Result<()> {
    let carried = &mut Carried::default();
    let raising = Some(Instant::now() + RECOVERING);
    let mut back = Back { context, login, connection, selected: None, raising, carried };
    if context.account.read(Folder::all).await?.iter().any(|folder| folder.state.renaming.is_some()) {
        let mut names = back.read_names().await?;
        back.settle_renames(&mut names).await?;
    }
    back.recover().await
}

/// One pass at work.
struct Back<'b> {
    context: &'b Arc<Context>,
    login: &'b Login,
    connection: &'b mut Connection,
    /// The mailbox whose folder is open, and what opening it told.
    selected: Option<(MailboxId, Selected)>,
    /// Until when the old side's figures are raised.
    raising: Option<Instant>,
    carried: &'b mut Carried,
}

impl Back<'_> {
    /// Opens a folder, unless it is open already.
    async fn select(&mut self, folder: &Folder) -> Result<Selected> {
        if let Some((mailbox, selected)) = &self.selected
            && *mailbox == folder.mailbox
        {
            return Ok(selected.clone());
        }
        self.selected = None;
        let name = folder.name(self.connection);
        let mut selected = self.connection.select(&name, false, None).await?;
        let validity = selected.uid_validity.map_or(0, |v| v.get());
        if folder.state.uid_validity != 0 && folder.state.uid_validity != validity {
            let was = folder.state.uid_validity;
            return Err(Error::Invalid(format!(
                "UIDVALIDITY of \"{}\" changed on the old side from {was} to {validity}: where messages lie there is not known any more",
                name.as_str()
            )));
        }
        if selected.uid_next.is_none() {
            let last = self.connection.uid_search("ALL").await?.last().unwrap_or(0);
            selected.uid_next = Uid::new(last.saturating_add(1));
        }
        self.selected = Some((folder.mailbox, selected.clone()));
        Ok(selected)
    }

    /// What the folder costs: itself. An error that concerns the connection or our store ends the pass.
    async fn leave(&mut self, folder: &Folder, error: Error) -> Result<()> {
        let passes = match &error {
            Error::Source(error) => is_refusal(error),
            Error::Invalid(_) => true,
            _ => false,
        };
        if !passes {
            return Err(error);
        }
        self.note(folder, None, error.to_string()).await
    }

    /// Notes something that is not carried.
    async fn note(&mut self, folder: &Folder, uid: Option<Uid>, reason: String) -> Result<()> {
        let told = self.except(folder, uid, reason).await?;
        self.carried.left.push(told);
        Ok(())
    }

    /// Notes something that is carried in part and not looked at again.
    async fn remark(&mut self, folder: &Folder, uid: Option<Uid>, reason: String) -> Result<()> {
        let told = self.except(folder, uid, reason).await?;
        self.carried.remarks.push(told);
        Ok(())
    }

    async fn except(&mut self, folder: &Folder, uid: Option<Uid>, reason: String) -> Result<String> {
        let which = uid.map(|uid| format!(", message {uid} here")).unwrap_or_default();
        let told = format!("{}{which}: {reason}", folder.shown());
        let source = folder.source.clone();
        let sentence = match uid {
            Some(uid) => format!("on the way back, message {uid} here: {reason}"),
            None => format!("on the way back: {reason}"),
        };
        self.context.account.write(move |tx| tx.add_move_exception(&source, None, &sentence)).await?;
        Ok(told)
    }

    /// Writes a folder's state.
    async fn save(&mut self, folder: &Folder) -> Result<()> {
        let folder = folder.clone();
        Ok(self.context.account.write(move |tx| folder.write(tx)).await?)
    }

    fn can_expunge(&self) -> bool {
        self.connection.capabilities().has("UIDPLUS")
    }
}

/// The server says no, and the connection is as good as before.
fn is_refusal(error: &ClientError) -> bool {
    error.is_refusal() || matches!(*error.kind, ErrorKind::NotOffered(_))
}

/// UIDs in a set.
fn set(uids: impl IntoIterator<Item = Uid>) -> NumberSet {
    uids.into_iter().collect()
}
