//! Commands that change the other side: STORE, COPY, MOVE, EXPUNGE, and mailboxes created and subscribed.
//!
//! The mover uses them to bring later changes back; nothing here is called while a mailbox is only read.

use std::fmt::Write;

use sterna_core::{Flags, ModSeq, Role};

use super::command::pieces;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::Tag;
use crate::codec::mailbox::MailboxName;
use crate::codec::response_parser::{Code, Response, StatusText};
use crate::codec::sequence::NumberSet;

/// How STORE changes flags (RFC 9051 §6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// Exactly these.
    Replace,
    /// These too.
    Add,
    /// These no more.
    Remove,
}

/// Where copies went: COPYUID, where the server tells (RFC 4315).
pub type CopyUid = Option<(NumberSet, NumberSet)>;

impl Connection {
    /// Changes flags, silently. With `unchanged_since`, messages changed after it are left alone and returned
    /// (RFC 7162 §3.1.3).
    pub async fn uid_store(
        &mut self,
        set: &NumberSet,
        mode: StoreMode,
        flags: &Flags,
        unchanged_since: Option<ModSeq>,
    ) -> Result<NumberSet, Error> {
        self.must_be_free()?;
        let sign = match mode {
            StoreMode::Replace => "",
            StoreMode::Add => "+",
            StoreMode::Remove => "-",
        };
        let mut tail = String::new();
        if let Some(modseq) = unchanged_since {
            // Writing to a String cannot fail.
            let _ = write!(tail, " (UNCHANGEDSINCE {modseq})");
        }
        let _ = write!(tail, " {sign}FLAGS.SILENT ({flags})");
        let store = |c: &Connection, piece| c.command("UID STORE").ranges(piece).text(&tail);
        let tags: Vec<Tag> = pieces(set).map(|piece| self.send(store(self, piece))).collect();
        let mut modified = NumberSet::new();
        for tag in tags {
            if let Some(Code::Modified(set)) = self.finish(tag, |_| {}).await?.code {
                modified = modified.union(&set);
            }
        }
        Ok(modified)
    }

    /// UID COPY.
    pub async fn uid_copy(&mut self, set: &NumberSet, to: &MailboxName) -> Result<CopyUid, Error> {
        self.transfer_messages("UID COPY", set, to).await
    }

    /// UID MOVE (RFC 6851); an error if the server does not offer it.
    pub async fn uid_move(&mut self, set: &NumberSet, to: &MailboxName) -> Result<CopyUid, Error> {
        if !self.capabilities().has("MOVE") {
            return Err(self.error(ErrorKind::NotOffered("MOVE")));
        }
        self.transfer_messages("UID MOVE", set, to).await
    }

    async fn transfer_messages(
        &mut self,
        name: &'static str,
        set: &NumberSet,
        to: &MailboxName,
    ) -> Result<CopyUid, Error> {
        let mut copied: CopyUid = None;
        let mut take = |status: &StatusText| {
            if let Some(Code::CopyUid { from, to, .. }) = &status.code {
                let (all_from, all_to) = copied.get_or_insert_default();
                (*all_from, *all_to) = (all_from.union(from), all_to.union(to));
            }
        };
        for piece in pieces(set) {
            let command = self.command(name).ranges(piece).mailbox(to);
            // MOVE tells COPYUID in an untagged OK before it expunges (RFC 6851 §4.3).
            let status = self
                .run(command, |response| {
                    if let Response::Status(status) = response {
                        take(&status);
                    }
                })
                .await?;
            take(&status);
        }
        Ok(copied)
    }

    /// Expunges those messages of the set that are marked `\Deleted` (RFC 4315 §2.1). Without UIDPLUS an error, because a
    /// plain EXPUNGE would take what another client marked.
    pub async fn uid_expunge(&mut self, set: &NumberSet) -> Result<(), Error> {
        if !self.capabilities().has("UIDPLUS") {
            return Err(self.error(ErrorKind::NotOffered("UIDPLUS")));
        }
        self.must_be_free()?;
        let tags = pieces(set).map(|piece| self.send(self.command("UID EXPUNGE").ranges(piece))).collect();
        self.finish_all(tags, |_| {}).await
    }

    /// Expunges every message marked `\Deleted`.
    pub async fn expunge(&mut self) -> Result<(), Error> {
        self.run(self.command("EXPUNGE"), |_| {}).await.map(drop)
    }

    /// Makes a mailbox, with a special use where the server takes one (RFC 6154 §3). One that exists is no error.
    pub async fn create(&mut self, name: &MailboxName, role: Option<Role>) -> Result<(), Error> {
        let role = role.and_then(Role::imap_attribute).filter(|_| self.capabilities().has("CREATE-SPECIAL-USE"));
        let mut command = self.command("CREATE").mailbox(name);
        if let Some(attribute) = role {
            command = command.text(&format!(" (USE ({attribute}))"));
        }
        match self.run(command, |_| {}).await.map(drop) {
            Err(error) if already_exists(&error.kind) => Ok(()),
            result => result,
        }
    }

    /// Deletes a mailbox.
    pub async fn delete(&mut self, name: &MailboxName) -> Result<(), Error> {
        self.run(self.command("DELETE").mailbox(name), |_| {}).await.map(drop)
    }

    /// Renames a mailbox.
    pub async fn rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<(), Error> {
        self.run(self.command("RENAME").mailbox(from).mailbox(to), |_| {}).await.map(drop)
    }

    /// Subscribes or unsubscribes.
    pub async fn subscribe(&mut self, name: &MailboxName, subscribed: bool) -> Result<(), Error> {
        let command = if subscribed { "SUBSCRIBE" } else { "UNSUBSCRIBE" };
        self.run(self.command(command).mailbox(name), |_| {}).await.map(drop)
    }
}

/// RFC 5530 ALREADYEXISTS, and the words of servers that do not know it.
fn already_exists(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::No { code: Some(code), .. } if code == "ALREADYEXISTS" => true,
        ErrorKind::No { text, .. } => text.to_ascii_lowercase().contains("already exist"),
        _ => false,
    }
}
