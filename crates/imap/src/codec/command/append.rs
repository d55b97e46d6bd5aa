//! APPEND and REPLACE around their messages (RFC 9051 §6.3.12, RFC 3502, RFC 3516, RFC 6855 §4, RFC 8508).
//!
//! A message is never part of a parsed command: [`AppendHead`] is what stands before the first one, [`AppendTail`] what
//! stands behind each, and the session streams the bytes between.

use std::num::NonZeroU32;

use sterna_core::{DateTime, Flags};

use super::store::flag_list;
use super::{Addressing, BadCommand};
use crate::codec::date::date_time;
use crate::codec::framing::read_tag;
use crate::codec::lexer::{Cursor, LiteralHead, Parsed};
use crate::codec::mailbox::{MailboxName, NameEncoding};

/// An APPEND or REPLACE up to the announcement of its first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendHead {
    /// Goes back in the tagged response.
    pub tag: String,
    /// REPLACE: the message that is expunged when the new one is stored (RFC 8508); `None` for APPEND.
    pub replaces: Option<(Addressing, NonZeroU32)>,
    /// Where to.
    pub mailbox: MailboxName,
    /// The first message.
    pub message: MessageHead,
}

/// What is told about one message before its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHead {
    /// Flags to set; `\Recent` was dropped.
    pub flags: Flags,
    /// INTERNALDATE to set; `None` for now.
    pub date: Option<DateTime>,
    /// How many bytes come, and whether the client waits for a continuation request. Size 0: the client cancels the
    /// whole command (RFC 3502 §6.3.11).
    pub literal: LiteralHead,
    /// `UTF8 (~{n}…)`: headers may be in UTF-8 (RFC 6855 §4).
    pub utf8: bool,
}

/// What stands behind a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendTail {
    /// The command is complete.
    End,
    /// Another message (RFC 3502); REPLACE has none.
    Next(MessageHead),
}

impl AppendHead {
    /// Parses the bytes of [`crate::codec::framing::Step::AppendHead`].
    pub fn parse(input: &[u8], names: NameEncoding) -> Result<AppendHead, BadCommand> {
        let mut c = Cursor::new(input);
        let parsed = (|| {
            let (tag, replaces) = target(&mut c)?;
            let mailbox = MailboxName::from_wire(&c.mailbox()?, names);
            let message = message_head(&mut c)?;
            if !c.rest().is_empty() {
                return Err(c.error("the message"));
            }
            Ok(AppendHead { tag: tag.to_owned(), replaces, mailbox, message })
        })();
        parsed.map_err(|error| BadCommand { tag: read_tag(input), error })
    }
}

impl AppendTail {
    /// Parses the bytes of [`crate::codec::framing::Step::AppendTail`], behind the message that `head` announced.
    /// `tag` is the command's.
    pub fn parse(input: &[u8], head: &MessageHead, tag: &str) -> Result<AppendTail, BadCommand> {
        let mut c = Cursor::new(input);
        let parsed = (|| {
            if head.utf8 {
                c.expect(")")?;
            }
            if c.at_end() {
                return c.end().map(|()| AppendTail::End);
            }
            let next = message_head(&mut c)?;
            if c.rest().is_empty() { Ok(AppendTail::Next(next)) } else { Err(c.error("the message")) }
        })();
        parsed.map_err(|error| BadCommand { tag: Some(tag.to_owned()), error })
    }
}

/// Whether these bytes, which end in a literal's announcement, announce a message: the mailbox is complete and
/// something stands behind it.
pub(in crate::codec) fn announces_message(input: &[u8]) -> bool {
    let mut c = Cursor::new(input);
    target(&mut c).is_ok() && c.mailbox().is_ok() && c.looking_at(b" ")
}

/// `append = "APPEND" SP mailbox 1*append-message`, `replace = "REPLACE" SP seq-number SP mailbox append-message`,
/// `uid =/ "UID" SP "REPLACE" SP uniqueid …`; reads up to the mailbox.
fn target<'a>(c: &mut Cursor<'a>) -> Parsed<(&'a str, Option<(Addressing, NonZeroU32)>)> {
    let tag = c.tag()?;
    c.sp()?;
    if c.take(b"APPEND ") {
        return Ok((tag, None));
    }
    let by = if c.take(b"UID ") { Addressing::Uid } else { Addressing::Sequence };
    c.expect("REPLACE")?;
    c.sp()?;
    let number = c.nz_number()?;
    c.sp()?;
    Ok((tag, Some((by, number))))
}

/// `append-message = [SP flag-list] [SP date-time] SP append-data`
/// `append-data = literal / literal8 / "UTF8" SP "(" literal8 ")"`
fn message_head(c: &mut Cursor<'_>) -> Parsed<MessageHead> {
    c.sp()?;
    let mut flags = Flags::default();
    if c.looking_at(b"(") {
        flags = flag_list(c)?;
        c.sp()?;
    }
    let mut date = None;
    if c.looking_at(b"\"") {
        date = Some(date_time(c)?);
        c.sp()?;
    }
    let utf8 = c.take(b"UTF8 (");
    let literal = c.literal_head()?;
    if utf8 && !literal.binary {
        return Err(c.error("a literal8"));
    }
    Ok(MessageHead { flags, date, literal, utf8 })
}
