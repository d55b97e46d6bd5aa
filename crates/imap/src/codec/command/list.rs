//! LIST with its extensions (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154) and LSUB (RFC 3501 §6.3.9).

use super::mailbox::{StatusItem, status_items};
use super::{CommandBody, sp_mailbox};
use crate::codec::lexer::{Cursor, Parsed};
use crate::codec::mailbox::{MailboxName, NameEncoding};

/// The most patterns of one LIST.
const PATTERNS_MAX: usize = 1_000;

/// A LIST command, basic or extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Which mailboxes are chosen.
    pub select: ListSelect,
    /// The reference name; often empty.
    pub reference: MailboxName,
    /// One or more patterns with `%` and `*`, decoded like names. A basic LIST with one empty pattern asks for the
    /// separator; an extended one matches nothing with it (RFC 9051 §6.3.9).
    pub patterns: Vec<MailboxName>,
    /// What is told about them.
    pub returns: ListReturn,
    /// The extended syntax was used: selection options, a list of patterns, or RETURN.
    pub extended: bool,
}

/// Selection options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSelect {
    /// SUBSCRIBED: the subscribed names, existing or not; implies the return option.
    pub subscribed: bool,
    /// REMOTE: mailboxes of other servers too.
    pub remote: bool,
    /// RECURSIVEMATCH: parents of a match as well, with CHILDINFO.
    pub recursive_match: bool,
    /// SPECIAL-USE: those with a role; implies the return option (RFC 6154 §2).
    pub special_use: bool,
}

/// Return options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListReturn {
    /// SUBSCRIBED: tell `\Subscribed`.
    pub subscribed: bool,
    /// CHILDREN: tell `\HasChildren` or `\HasNoChildren`.
    pub children: bool,
    /// SPECIAL-USE: tell the roles.
    pub special_use: bool,
    /// STATUS: a STATUS response behind each selectable mailbox (RFC 5819). Empty: not asked for.
    pub status: Vec<StatusItem>,
}

/// `list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`
pub(super) fn list(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<List> {
    c.sp()?;
    let mut extended = false;
    let mut select = ListSelect::default();
    if c.looking_at(b"(") {
        select = list_select(c)?;
        extended = true;
        c.sp()?;
    }
    let reference = MailboxName::from_wire(&c.mailbox()?, names);
    c.sp()?;
    let pattern = |c: &mut Cursor<'_>| c.list_mailbox().map(|p| MailboxName::from_wire(&p, names));
    let patterns = if c.looking_at(b"(") {
        extended = true;
        c.list(pattern)?
    } else {
        vec![pattern(c)?]
    };
    if patterns.len() > PATTERNS_MAX {
        return Err(c.error("at most 1000 patterns"));
    }
    let mut returns = ListReturn::default();
    if c.take(b" ") {
        returns = list_return(c)?;
        extended = true;
    }
    returns.subscribed |= select.subscribed;
    returns.special_use |= select.special_use;
    Ok(List { select, reference, patterns, returns, extended })
}

/// `list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")"`
fn list_select(c: &mut Cursor<'_>) -> Parsed<ListSelect> {
    let mut select = ListSelect::default();
    let start = c.clone();
    c.list0(|c| {
        let at = c.clone();
        match c.atom()?.to_ascii_uppercase().as_str() {
            "SUBSCRIBED" => select.subscribed = true,
            "REMOTE" => select.remote = true,
            "RECURSIVEMATCH" => select.recursive_match = true,
            "SPECIAL-USE" => select.special_use = true,
            // RFC 5258 §3: an option that the server does not know is a BAD.
            _ => return Err(at.error("a list selection option")),
        }
        Ok(())
    })?;
    // RFC 9051 §6.3.9.1: RECURSIVEMATCH alone, or with REMOTE only, is a BAD.
    if select.recursive_match && !select.subscribed && !select.special_use {
        return Err(start.error("RECURSIVEMATCH together with SUBSCRIBED or SPECIAL-USE"));
    }
    Ok(select)
}

/// `list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"`
fn list_return(c: &mut Cursor<'_>) -> Parsed<ListReturn> {
    let mut returns = ListReturn::default();
    c.expect("RETURN")?;
    c.sp()?;
    c.list0(|c| {
        let at = c.clone();
        match c.atom()?.to_ascii_uppercase().as_str() {
            "SUBSCRIBED" => returns.subscribed = true,
            "CHILDREN" => returns.children = true,
            "SPECIAL-USE" => returns.special_use = true,
            "STATUS" => {
                c.sp()?;
                returns.status = status_items(c)?;
            }
            _ => return Err(at.error("a list return option")),
        }
        Ok(())
    })?;
    Ok(returns)
}

/// `lsub = "LSUB" SP mailbox SP list-mailbox` (RFC 3501 §9)
pub(super) fn lsub(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<CommandBody> {
    let reference = sp_mailbox(c, names)?;
    c.sp()?;
    Ok(CommandBody::Lsub { reference, pattern: MailboxName::from_wire(&c.list_mailbox()?, names) })
}
