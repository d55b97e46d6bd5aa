//! OK, NO, BAD, BYE and PREAUTH with their response codes (RFC 9051 §7.1, RFC 5530).

use sterna_core::{ModSeq, Uid, UidValidity};

use super::capability::Capabilities;
use super::cursor::{Cursor, lossy};
use super::flags::FlagList;
use super::search::number_set;
use crate::codec::sequence::NumberSet;

/// The first word of a status response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Success, or information.
    Ok,
    /// Failure, or a warning.
    No,
    /// The server did not understand.
    Bad,
    /// The connection is about to close.
    Bye,
    /// Greeting of a connection that needs no login.
    PreAuth,
}

impl Status {
    pub(super) fn from_word(word: &[u8]) -> Option<Status> {
        let all = [
            ("OK", Status::Ok),
            ("NO", Status::No),
            ("BAD", Status::Bad),
            ("BYE", Status::Bye),
            ("PREAUTH", Status::PreAuth),
        ];
        all.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, status)| *status)
    }
}

/// What stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// CAPABILITY.
    Capability(Capabilities),
    /// PERMANENTFLAGS.
    PermanentFlags(FlagList),
    /// UIDVALIDITY.
    UidValidity(UidValidity),
    /// UIDNEXT; a number above 2³²−1 or 0 is [`Code::Other`].
    UidNext(Uid),
    /// HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
    HighestModSeq(ModSeq),
    /// NOMODSEQ (RFC 7162 §3.1.2.2).
    NoModSeq,
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// APPENDUID (RFC 4315 §3).
    AppendUid {
        /// Of the mailbox appended to.
        validity: UidValidity,
        /// The new UIDs, in the order of the messages.
        uids: NumberSet,
    },
    /// COPYUID (RFC 4315 §3). Both sets have their numbers in ascending order.
    CopyUid {
        /// Of the target mailbox.
        validity: UidValidity,
        /// UIDs copied.
        from: NumberSet,
        /// UIDs assigned.
        to: NumberSet,
    },
    /// MODIFIED (RFC 7162 §3.1.3): the messages a conditional STORE left alone.
    Modified(NumberSet),
    /// Any other: its name in upper case and its arguments as text.
    Other {
        /// `TRYCREATE`, `AUTHENTICATIONFAILED`, …
        name: String,
        /// What follows it in the brackets.
        arguments: String,
    },
}

/// A status, its code and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusText {
    /// The first word.
    pub status: Status,
    /// The response code, if any.
    pub code: Option<Code>,
    /// The text for people; invalid UTF-8 replaced.
    pub text: String,
}

impl StatusText {
    /// Reads what follows the status word.
    pub(super) fn read(status: Status, cursor: &mut Cursor<'_>) -> StatusText {
        cursor.spaces();
        let code = if cursor.peek() == Some(b'[') { code(cursor) } else { None };
        cursor.spaces();
        StatusText { status, code, text: lossy(cursor.rest()) }
    }

    /// The name of a code without typed arguments, in upper case: `THROTTLED`, `ALREADYEXISTS`, ….
    pub fn code_name(&self) -> Option<&str> {
        match &self.code {
            Some(Code::Other { name, .. }) => Some(name),
            _ => None,
        }
    }
}

/// `[NAME arguments]`. Brackets in quoted arguments do not close it. `None` if it does not close: it is then text.
fn code(cursor: &mut Cursor<'_>) -> Option<Code> {
    let rest = cursor.rest();
    let mut quoted = false;
    let closing = rest.iter().position(|b| {
        quoted ^= *b == b'"';
        *b == b']' && !quoted
    });
    let end = closing.or_else(|| memchr::memchr(b']', rest))?;
    let mut inside = cursor.clone();
    inside.skip(1);
    let start = inside.position();
    cursor.skip(end);
    let whole = cursor.since(start);
    cursor.skip(1);

    let mut arguments = Cursor::new(&whole, &[]);
    arguments.spaces();
    let name = lossy(arguments.word()).to_ascii_uppercase();
    let other = Code::Other { arguments: lossy(arguments.rest()), name };
    let Code::Other { name, .. } = &other else { return Some(other) };
    let typed = match name.as_str() {
        "CAPABILITY" => Some(Code::Capability(Capabilities::parse(arguments.rest()))),
        "PERMANENTFLAGS" => FlagList::read(&mut arguments).map(Code::PermanentFlags),
        "UIDVALIDITY" => arguments.number32().and_then(UidValidity::new).map(Code::UidValidity),
        "UIDNEXT" => arguments.number32().and_then(Uid::new).map(Code::UidNext),
        "HIGHESTMODSEQ" => arguments.number().filter(|n| *n <= ModSeq::MAX.0).map(|n| Code::HighestModSeq(ModSeq(n))),
        "NOMODSEQ" => Some(Code::NoModSeq),
        "READ-ONLY" => Some(Code::ReadOnly),
        "READ-WRITE" => Some(Code::ReadWrite),
        "APPENDUID" => append_uid(&mut arguments),
        "COPYUID" => copy_uid(&mut arguments),
        "MODIFIED" => number_set(arguments.atom()).map(Code::Modified),
        _ => None,
    };
    Some(typed.unwrap_or(other))
}

fn append_uid(cursor: &mut Cursor<'_>) -> Option<Code> {
    let validity = UidValidity::new(cursor.number32()?)?;
    cursor.spaces();
    Some(Code::AppendUid { validity, uids: number_set(cursor.atom())? })
}

fn copy_uid(cursor: &mut Cursor<'_>) -> Option<Code> {
    let validity = UidValidity::new(cursor.number32()?)?;
    cursor.spaces();
    let from = number_set(cursor.word())?;
    Some(Code::CopyUid { validity, from, to: number_set(cursor.atom())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn read(text: &'static str) -> StatusText {
        StatusText::read(Status::Ok, &mut Cursor::new(&Bytes::from_static(text.as_bytes()), &[]))
    }

    #[test]
    fn known_codes_are_typed() {
        assert_eq!(read(" [UIDVALIDITY 5] ok").code, Some(Code::UidValidity(UidValidity::new(5).unwrap())));
        assert_eq!(read("[HIGHESTMODSEQ 77]").code, Some(Code::HighestModSeq(ModSeq(77))));
        assert_eq!(read("[NOMODSEQ] x").code, Some(Code::NoModSeq));
        let Some(Code::CopyUid { from, to, .. }) = read("[COPYUID 9 1:3,5 11:14] done").code else { panic!() };
        assert_eq!((from.len(), to.first()), (4, Some(11)));
        let Some(Code::PermanentFlags(flags)) = read("[PERMANENTFLAGS (\\Seen $X \\*)] yes").code else { panic!() };
        assert!(flags.any && flags.flags.keywords().count() == 1);
    }

    #[test]
    fn unknown_and_broken_codes_do_no_harm() {
        let status = read("[X-FOO \"a]b\" 3] text");
        let other = Code::Other { name: "X-FOO".into(), arguments: "\"a]b\" 3".into() };
        assert_eq!((status.code, status.text.as_str()), (Some(other), "text"));
        assert_eq!(read("[UIDVALIDITY 0] x").code_name(), Some("UIDVALIDITY"));
        assert_eq!(read("[never closed"), StatusText { status: Status::Ok, code: None, text: "[never closed".into() });
        assert_eq!(read("[A \"b] c").text, "c");
    }
}
