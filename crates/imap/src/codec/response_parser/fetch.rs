//! FETCH responses (RFC 9051 §7.5.2), the ones that carry a mailbox over the wire.
//!
//! What the mover needs is typed; everything else is kept raw. An item that cannot be read costs that item, never the
//! response: real servers send `FLAGS(\Seen)`, `INTERNALDATE NIL` and worse.

use bytes::Bytes;
use sterna_core::{DateTime, ModSeq, Uid};

use super::cursor::{Cursor, Str, lossy};
use super::flags::FlagList;

/// A date as the server wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawDate {
    /// Without its quotes.
    pub raw: Bytes,
    /// `None` if it is no valid `date-time`.
    pub parsed: Option<DateTime>,
}

/// The bytes of a message, or why there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// The response has no BODY[] item.
    #[default]
    Absent,
    /// `BODY[] NIL`: the server has the message but not its bytes.
    Nil,
    /// All of it; possibly of length 0.
    Bytes(Bytes),
    /// A literal of so many bytes that was handed over as a stream.
    Streamed(u64),
}

/// One FETCH response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// The sequence number; the UID in a UIDFETCH response (RFC 9586 §3.3).
    pub number: u32,
    /// UID.
    pub uid: Option<Uid>,
    /// FLAGS.
    pub flags: Option<FlagList>,
    /// INTERNALDATE; `None` also for NIL.
    pub internal_date: Option<RawDate>,
    /// RFC822.SIZE, in bytes. Servers lie: it is a plan, never a proof.
    pub size: Option<u64>,
    /// MODSEQ (RFC 7162 §3.1.4).
    pub modseq: Option<ModSeq>,
    /// SAVEDATE (RFC 8514); `None` also for NIL.
    pub save_date: Option<RawDate>,
    /// EMAILID (RFC 8474 §5.1).
    pub email_id: Option<String>,
    /// THREADID (RFC 8474 §5.2).
    pub thread_id: Option<String>,
    /// BODY[], BINARY[] or RFC822.
    pub body: Body,
    /// Every other item: its name in upper case and its value as sent, quotes included.
    pub other: Vec<(String, Bytes)>,
    /// Part of the response could not be read and is missing above.
    pub damaged: bool,
}

impl Fetch {
    /// Reads from behind the word FETCH to the end. A response that breaks off gives what was there.
    pub(super) fn read(number: u32, cursor: &mut Cursor<'_>) -> Fetch {
        let mut fetch = Fetch { number, ..Fetch::default() };
        cursor.spaces();
        cursor.eat(b'(');
        loop {
            cursor.spaces();
            if cursor.at_end() || cursor.peek() == Some(b')') {
                return fetch;
            }
            if fetch.item(cursor).is_none() {
                fetch.damaged = true;
                return fetch;
            }
        }
    }

    /// Reads one item. `None` if nothing behind it can be trusted.
    fn item(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let name = item_name(cursor)?;
        cursor.spaces();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("UID") {
            self.uid = cursor.number32().and_then(Uid::new);
        } else if is("FLAGS") {
            self.flags = FlagList::read(cursor);
        } else if is("RFC822.SIZE") {
            self.size = cursor.number();
        } else if is("INTERNALDATE") {
            self.internal_date = date(cursor)?;
        } else if is("MODSEQ") {
            self.modseq = parenthesised(cursor, |c| c.number())?.filter(|n| *n <= ModSeq::MAX.0).map(ModSeq);
        } else if is("BODY[]") || is("BINARY[]") || is("RFC822") {
            self.body = match cursor.string()? {
                Str::Nil => Body::Nil,
                Str::Bytes(bytes) => Body::Bytes(bytes),
                Str::Elided(size) => Body::Streamed(size),
            };
        } else if is("SAVEDATE") {
            self.save_date = date(cursor)?;
        } else if is("EMAILID") {
            self.email_id = parenthesised(cursor, object_id)?;
        } else if is("THREADID") {
            self.thread_id = parenthesised(cursor, object_id)?;
        } else {
            let start = cursor.position();
            cursor.skip_value()?;
            self.other.push((lossy(name).to_ascii_uppercase(), cursor.since(start)));
        }
        Some(())
    }
}

/// `BODY[HEADER.FIELDS (DATE)]<0>` is one name.
fn item_name<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let rest = cursor.rest();
    let mut in_section = false;
    let end = rest.iter().position(|b| match b {
        b'[' => {
            in_section = true;
            false
        }
        b']' => {
            in_section = false;
            false
        }
        b' ' | b'\t' | b'(' | b')' | b'"' | b'{' => !in_section,
        b'\r' | b'\n' => true,
        _ => false,
    });
    let name = rest.get(..end.unwrap_or(rest.len())).filter(|name| !name.is_empty())?;
    cursor.skip(name.len());
    Some(name)
}

/// NIL and a missing value are `Some(None)`; `None` is a string that does not end.
fn date(cursor: &mut Cursor<'_>) -> Option<Option<RawDate>> {
    let date = |raw: Bytes| RawDate { parsed: DateTime::parse_imap(&raw).ok(), raw };
    match cursor.peek() {
        None | Some(b')') => Some(None),
        Some(b'(') => cursor.skip_value().map(|()| None),
        _ => Some(cursor.string()?.bytes().map(date)),
    }
}

fn object_id(cursor: &mut Cursor<'_>) -> Option<String> {
    cursor.string()?.bytes().map(|id| lossy(&id))
}

/// `(value)`; the parentheses may be missing. `None` if the list does not end.
fn parenthesised<T>(cursor: &mut Cursor<'_>, read: fn(&mut Cursor<'_>) -> Option<T>) -> Option<Option<T>> {
    if cursor.peek() != Some(b'(') {
        return Some(read(cursor));
    }
    let mut inside = cursor.clone();
    cursor.skip_value()?;
    inside.skip(1);
    inside.spaces();
    Some(read(&mut inside))
}

#[cfg(test)]
mod tests {
    use super::super::{Response, parse};
    use super::*;
    use crate::codec::mailbox::NameEncoding;

    fn fetch(wire: &'static [u8]) -> Fetch {
        match parse(&Bytes::from_static(wire), &[], NameEncoding::ModifiedUtf7) {
            Response::Fetch(fetch) => *fetch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_mover_needs_is_typed() {
        let f = fetch(b"* 7 FETCH (UID 12 FLAGS (\\Seen $Work) INTERNALDATE \" 1-Feb-2026 09:30:00 +0100\" RFC822.SIZE 5 MODSEQ (99) EMAILID (M1) THREADID NIL SAVEDATE NIL BODY[] {5}\r\na\r\nb))\r\n");
        assert_eq!((f.number, f.uid, f.size, f.modseq), (7, Uid::new(12), Some(5), Some(ModSeq(99))));
        assert_eq!(f.flags.unwrap().flags.to_string(), "\\Seen $Work");
        assert_eq!(f.internal_date.unwrap().parsed.unwrap().offset, 60);
        assert_eq!(f.body, Body::Bytes(Bytes::from_static(b"a\r\nb)")));
        assert_eq!((f.email_id.as_deref(), f.thread_id, f.save_date, f.damaged), (Some("M1"), None, None, false));
    }

    #[test]
    fn missing_and_extra_spaces_do_not_matter() {
        let f = fetch(b"*  3   FETCH  (FLAGS(\\Seen)UID 4RFC822.SIZE  7   BODY[]\"x\" )\r\n");
        assert_eq!((f.uid, f.size, f.body), (Uid::new(4), Some(7), Body::Bytes(Bytes::from_static(b"x"))));
        assert!(f.flags.is_some() && !f.damaged);
    }

    #[test]
    fn nil_stands_where_anything_should_be() {
        let f = fetch(b"* 3 FETCH (FLAGS NIL INTERNALDATE NIL RFC822.SIZE NIL MODSEQ NIL BODY[] NIL UID 9)\r\n");
        assert_eq!((f.uid, f.size, f.modseq, f.body), (Uid::new(9), None, None, Body::Nil));
        assert_eq!(f.flags, Some(FlagList::default()));
    }

    #[test]
    fn empty_body_and_absent_body_and_nil_body_differ() {
        assert_eq!(fetch(b"* 1 FETCH (BODY[] {0}\r\n)\r\n").body, Body::Bytes(Bytes::new()));
        assert_eq!(fetch(b"* 1 FETCH (BODY[] \"\")\r\n").body, Body::Bytes(Bytes::new()));
        assert_eq!(fetch(b"* 1 FETCH (BODY[] NIL)\r\n").body, Body::Nil);
        assert_eq!(fetch(b"* 1 FETCH (UID 1)\r\n").body, Body::Absent);
    }

    #[test]
    fn an_invalid_internaldate_is_kept_raw() {
        let date = fetch(b"* 1 FETCH (INTERNALDATE \"00-Jan-1970 99:00:00 +0000\" UID 3)\r\n").internal_date.unwrap();
        assert_eq!((&date.raw[..], date.parsed), (&b"00-Jan-1970 99:00:00 +0000"[..], None));
    }

    #[test]
    fn flags_that_are_no_atoms_are_reported_as_text() {
        let flags =
            fetch(b"* 1 FETCH (FLAGS (\\Seen \\Forwarded caf\xc3\xa9 \"two words\" \\Recent NonJunk))\r\n").flags;
        let flags = flags.unwrap();
        assert_eq!(flags.odd, ["\\Forwarded", "caf\u{e9}", "two words"]);
        assert_eq!((flags.flags.to_string().as_str(), flags.recent), ("\\Seen NonJunk", true));
    }

    #[test]
    fn unknown_items_and_structures_are_kept_raw() {
        let f = fetch(b"* 1 FETCH (ENVELOPE (NIL \"a)\\\"\" (({1}\r\n)))) X-GM-LABELS (\"a b\") body[HEADER.FIELDS (DATE X)]<0> {2}\r\n)( UID 8)\r\n");
        assert_eq!(f.uid, Uid::new(8));
        let names: Vec<_> = f.other.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ENVELOPE", "X-GM-LABELS", "BODY[HEADER.FIELDS (DATE X)]<0>"]);
        assert_eq!(&f.other[0].1[..], b"(NIL \"a)\\\"\" (({1}\r\n))))");
    }

    #[test]
    fn a_response_that_breaks_off_gives_what_was_there() {
        let f = fetch(b"* 1 FETCH (UID 8 ENVELOPE (NIL \"open\r\n");
        assert_eq!((f.uid, f.damaged), (Uid::new(8), true));
    }

    #[test]
    fn quoted_strings_may_hold_bare_cr_and_8_bit_bytes() {
        let f = fetch(b"* 1 FETCH (BODY[] \"a\rb\xff\" UID 2)\r\n");
        assert_eq!((f.body, f.uid), (Body::Bytes(Bytes::from_static(b"a\rb\xff")), Uid::new(2)));
    }
}
