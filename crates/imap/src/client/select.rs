//! SELECT and EXAMINE (RFC 9051 §6.3.2), with CONDSTORE and QRESYNC where offered (RFC 7162 §3.2.5).

use sterna_core::{ModSeq, Uid, UidValidity};

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use crate::codec::mailbox::MailboxName;
use crate::codec::response_parser::{Code, Fetch, FlagList, Response, StatusText};
use crate::codec::sequence::NumberSet;

/// What the caller knows of a mailbox, for a quick resynchronisation.
#[derive(Clone, Debug)]
pub struct Known {
    /// Under which the rest holds.
    pub uid_validity: UidValidity,
    /// The highest the caller has seen.
    pub modseq: ModSeq,
    /// The UIDs it has; `None` for all up to the server's largest.
    pub uids: Option<NumberSet>,
}

/// The state of a mailbox when it was selected.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// Messages.
    pub exists: u32,
    /// `None` if the server keeps no UIDs, or tells none.
    pub uid_validity: Option<UidValidity>,
    /// `None` if it does not tell.
    pub uid_next: Option<Uid>,
    /// `None` without CONDSTORE, or if the mailbox keeps none (NOMODSEQ).
    pub highest_modseq: Option<ModSeq>,
    /// FLAGS.
    pub flags: FlagList,
    /// PERMANENTFLAGS.
    pub permanent_flags: Option<FlagList>,
    /// Nothing can be changed.
    pub read_only: bool,
    /// QRESYNC: what is gone since.
    pub vanished: NumberSet,
    /// QRESYNC: what is new or changed since, without bodies.
    pub changed: Vec<Fetch>,
}

impl Selected {
    fn take(&mut self, response: Response) {
        match response {
            Response::Exists(count) => self.exists = count,
            Response::Flags(flags) => self.flags = flags,
            Response::Status(status) => self.take_status(&status),
            Response::Vanished { uids, .. } => self.vanished = self.vanished.union(&uids),
            Response::Fetch(fetch) => self.changed.push(*fetch),
            _ => {}
        }
    }

    fn take_status(&mut self, status: &StatusText) {
        match &status.code {
            Some(Code::UidValidity(validity)) => self.uid_validity = Some(*validity),
            Some(Code::UidNext(uid)) => self.uid_next = Some(*uid),
            Some(Code::HighestModSeq(modseq)) => self.highest_modseq = Some(*modseq),
            Some(Code::NoModSeq) => self.highest_modseq = None,
            Some(Code::PermanentFlags(flags)) => self.permanent_flags = Some(flags.clone()),
            Some(Code::ReadOnly) => self.read_only = true,
            // Everything said before concerns the mailbox that was selected until now (RFC 7162 §3.2.11).
            Some(Code::Other { name, .. }) if name == "CLOSED" => *self = Selected::default(),
            _ => {}
        }
    }
}

impl Connection {
    /// Selects a mailbox, read-only with EXAMINE. With `known`, and QRESYNC enabled ([`Connection::enable`]), the server
    /// tells what changed since, unless its UIDVALIDITY is another.
    pub async fn select(
        &mut self,
        name: &MailboxName,
        read_only: bool,
        known: Option<&Known>,
    ) -> Result<Selected, Error> {
        let mut command = self.command(if read_only { "EXAMINE" } else { "SELECT" }).mailbox(name);
        match known {
            Some(known) if self.is_enabled("QRESYNC") => {
                let uids = known.uids.as_ref().filter(|u| !u.is_empty()).map(|u| format!(" {u}")).unwrap_or_default();
                command = command.text(&format!(" (QRESYNC ({} {}{uids}))", known.uid_validity, known.modseq));
            }
            _ if self.capabilities().has("CONDSTORE") => command = command.text(" (CONDSTORE)"),
            _ => {}
        }
        let mut selected = Selected::default();
        let status = self.run(command, |response| selected.take(response)).await?;
        selected.read_only |= read_only;
        selected.take_status(&status);
        Ok(selected)
    }

    /// As [`Connection::select`], and an error unless the UIDs the caller knows are still valid.
    pub async fn select_same(
        &mut self,
        name: &MailboxName,
        read_only: bool,
        was: UidValidity,
        known: Option<&Known>,
    ) -> Result<Selected, Error> {
        let selected = self.select(name, read_only, known).await?;
        if selected.uid_validity != Some(was) {
            let now = selected.uid_validity.map_or(0, UidValidity::get);
            return Err(self.error(ErrorKind::UidValidityChanged { mailbox: name.as_str().to_owned(), was, now }));
        }
        Ok(selected)
    }
}
