//! STORE, COPY and MOVE (RFC 9051 §6.4.6–§6.4.8, RFC 7162 §3.1.3), and the flag lists that STORE and APPEND share.

use sterna_core::{Flags, ModSeq};

use super::{Addressing, sp_mailbox, sp_message_set};
use crate::codec::flag::WireFlag;
use crate::codec::lexer::{Cursor, Parsed};
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::sequence::MessageSet;

/// How STORE changes flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAction {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// STORE or UID STORE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// What the numbers are.
    pub by: Addressing,
    /// The messages.
    pub set: MessageSet,
    /// How.
    pub action: StoreAction,
    /// `.SILENT`: no FETCH responses (a MODSEQ is told all the same where CONDSTORE is on, RFC 7162 §3.1.3).
    pub silent: bool,
    /// The flags; `\Recent` was dropped.
    pub flags: Flags,
    /// `(UNCHANGEDSINCE n)`: messages with a higher MODSEQ are left alone and reported in MODIFIED.
    pub unchanged_since: Option<ModSeq>,
}

/// COPY, MOVE and their UID forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// What the numbers are.
    pub by: Addressing,
    /// The messages.
    pub set: MessageSet,
    /// Where to.
    pub mailbox: MailboxName,
}

/// `copy = "COPY" SP sequence-set SP mailbox`, `move = "MOVE" SP sequence-set SP mailbox`
pub(super) fn transfer(c: &mut Cursor<'_>, by: Addressing, names: NameEncoding) -> Parsed<Transfer> {
    Ok(Transfer { by, set: sp_message_set(c)?, mailbox: sp_mailbox(c, names)? })
}

/// `store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags`
/// `store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))`
pub(super) fn store(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Store> {
    let set = sp_message_set(c)?;
    c.sp()?;
    let mut unchanged_since = None;
    if c.looking_at(b"(") {
        c.list(|c| {
            c.expect("UNCHANGEDSINCE ")?;
            unchanged_since = Some(ModSeq(c.number64()?));
            Ok(())
        })?;
        c.sp()?;
    }
    let action = match c.peek() {
        Some(b'+') => StoreAction::Add,
        Some(b'-') => StoreAction::Remove,
        _ => StoreAction::Replace,
    };
    if action != StoreAction::Replace {
        let _ = c.take(b"+") || c.take(b"-");
    }
    c.expect("FLAGS")?;
    let silent = c.take(b".SILENT");
    c.sp()?;
    let flags = if c.looking_at(b"(") {
        flag_list(c)?
    } else {
        let mut flags = Flags::default();
        flag(c, &mut flags)?;
        while c.take(b" ") {
            flag(c, &mut flags)?;
        }
        flags
    };
    Ok(Store { by, set, action, silent, flags, unchanged_since })
}

/// `flag-list = "(" [flag *(SP flag)] ")"`
pub(super) fn flag_list(c: &mut Cursor<'_>) -> Parsed<Flags> {
    let mut flags = Flags::default();
    c.list0(|c| flag(c, &mut flags))?;
    Ok(flags)
}

/// `flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword / flag-extension`
///
/// `\Recent` is let through and ignored, as clients copy what they were told; a `flag-extension` is an error, for a
/// client must not set what the server does not list (RFC 9051 §2.3.2).
fn flag(c: &mut Cursor<'_>, flags: &mut Flags) -> Parsed<()> {
    let at = c.clone();
    let run = c.take_while(|b| b == b'\\' || crate::codec::lexer::is_atom_char(b));
    match WireFlag::from_name(run) {
        WireFlag::Known(flag) => flags.insert(flag),
        WireFlag::Recent => {}
        WireFlag::Any | WireFlag::Extension(_) | WireFlag::Unusable(_) => {
            return Err(at.error("a system flag or a keyword of at most 255 bytes"));
        }
    }
    Ok(())
}
