//! Commands about one mailbox: SELECT and EXAMINE with their parameters, CREATE, STATUS.

use sterna_core::{ModSeq, Role, UidValidity};

use super::{CommandBody, number_set, sp_mailbox};
use crate::codec::lexer::{Cursor, Parsed};
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::sequence::NumberSet;

/// SELECT or EXAMINE (RFC 9051 §6.3.2, §6.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// What to open.
    pub mailbox: MailboxName,
    /// EXAMINE.
    pub read_only: bool,
    /// `(CONDSTORE)`: a CONDSTORE-enabling command (RFC 7162 §3.1.8).
    pub condstore: bool,
    /// `(QRESYNC (…))` (RFC 7162 §3.2.5).
    pub qresync: Option<QResync>,
}

/// What a client remembers of the mailbox it opens again (RFC 7162 §3.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QResync {
    /// The UIDVALIDITY it knows; another one makes the rest void.
    pub uid_validity: UidValidity,
    /// The highest MODSEQ it knows.
    pub mod_seq: ModSeq,
    /// The UIDs it knows; `None` for all that exist.
    pub known_uids: Option<NumberSet>,
    /// Sequence numbers and their UIDs, pairwise and of equal count, to narrow down what it missed.
    pub seq_match: Option<(NumberSet, NumberSet)>,
}

/// CREATE (RFC 9051 §6.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// The name; a trailing separator means that children will follow and is not part of it.
    pub mailbox: MailboxName,
    /// `(USE (…))` (RFC 6154 §3).
    pub uses: Vec<Role>,
    /// A use that RFC 6154 does not know: `NO [USEATTR]`.
    pub unknown_use: bool,
}

/// What STATUS tells (RFC 9051 §6.3.11 and extensions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// RECENT (RFC 3501; always 0 here)
    Recent,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN: how many
    Unseen,
    /// DELETED: how many (RFC 9051, RFC 9208)
    Deleted,
    /// DELETED-STORAGE: bytes that an expunge would free (RFC 9208 §4.1.4)
    DeletedStorage,
    /// SIZE: bytes (RFC 8438)
    Size,
    /// HIGHESTMODSEQ (RFC 7162): a CONDSTORE-enabling command
    HighestModSeq,
    /// MAILBOXID (RFC 8474)
    MailboxId,
    /// APPENDLIMIT (RFC 7889)
    AppendLimit,
}

impl StatusItem {
    const NAMES: [(StatusItem, &'static str); 11] = [
        (StatusItem::Messages, "MESSAGES"),
        (StatusItem::Recent, "RECENT"),
        (StatusItem::UidNext, "UIDNEXT"),
        (StatusItem::UidValidity, "UIDVALIDITY"),
        (StatusItem::Unseen, "UNSEEN"),
        (StatusItem::Deleted, "DELETED"),
        (StatusItem::DeletedStorage, "DELETED-STORAGE"),
        (StatusItem::Size, "SIZE"),
        (StatusItem::HighestModSeq, "HIGHESTMODSEQ"),
        (StatusItem::MailboxId, "MAILBOXID"),
        (StatusItem::AppendLimit, "APPENDLIMIT"),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(item, _)| *item == self).map_or("", |(_, name)| name)
    }

    /// From the name on the wire, without regard to case.
    pub fn from_name(name: &str) -> Option<StatusItem> {
        Self::NAMES.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(item, _)| *item)
    }
}

/// `select = "SELECT" SP mailbox [select-params]`, `select-params = SP "(" select-param *(SP select-param) ")"`
pub(super) fn select(c: &mut Cursor<'_>, names: NameEncoding, read_only: bool) -> Parsed<Select> {
    let mailbox = sp_mailbox(c, names)?;
    let mut select = Select { mailbox, read_only, condstore: false, qresync: None };
    if c.take(b" ") {
        c.list(|c| {
            let at = c.clone();
            match c.atom()?.to_ascii_uppercase().as_str() {
                "CONDSTORE" => select.condstore = true,
                "QRESYNC" => {
                    c.sp()?;
                    select.qresync = Some(qresync(c)?);
                }
                _ => return Err(at.error("CONDSTORE or QRESYNC")),
            }
            Ok(())
        })?;
    }
    Ok(select)
}

/// `"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"` (RFC 7162 §7)
fn qresync(c: &mut Cursor<'_>) -> Parsed<QResync> {
    c.expect("(")?;
    let uid_validity = UidValidity(c.nz_number()?);
    c.sp()?;
    let mut qresync = QResync { uid_validity, mod_seq: ModSeq(c.number64()?), known_uids: None, seq_match: None };
    if c.looking_at(b" ") && !c.looking_at(b" (") {
        c.sp()?;
        qresync.known_uids = Some(number_set(c)?);
    }
    if c.take(b" (") {
        let error = c.error("as many sequence numbers as UIDs");
        let sequence = number_set(c)?;
        c.sp()?;
        let uids = number_set(c)?;
        c.expect(")")?;
        if sequence.len() != uids.len() {
            return Err(error);
        }
        qresync.seq_match = Some((sequence, uids));
    }
    c.expect(")")?;
    Ok(qresync)
}

/// `create = "CREATE" SP mailbox [create-params]`, `create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"`
pub(super) fn create(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<Create> {
    let mailbox = sp_mailbox(c, names)?;
    let mut create = Create { mailbox, uses: Vec::new(), unknown_use: false };
    if c.take(b" (") {
        c.expect("USE")?;
        c.sp()?;
        c.list0(|c| {
            c.expect("\\")?;
            match Role::from_imap_attribute(&format!("\\{}", c.atom()?)) {
                Some(role) => create.uses.push(role),
                None => create.unknown_use = true,
            }
            Ok(())
        })?;
        c.expect(")")?;
    }
    Ok(create)
}

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"`
pub(super) fn status(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<CommandBody> {
    let mailbox = sp_mailbox(c, names)?;
    c.sp()?;
    Ok(CommandBody::Status { mailbox, items: status_items(c)? })
}

/// `"(" status-att *(SP status-att) ")"`
pub(super) fn status_items(c: &mut Cursor<'_>) -> Parsed<Vec<StatusItem>> {
    c.list(|c| {
        let at = c.clone();
        StatusItem::from_name(c.atom()?).ok_or(at.error("a status item"))
    })
}
