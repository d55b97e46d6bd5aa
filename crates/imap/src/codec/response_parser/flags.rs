//! Flags as servers send them: what a message can hold as [`Flags`], everything else kept as text and reported.

use sterna_core::Flags;

use super::cursor::{Cursor, lossy};
use crate::codec::flag::WireFlag;

/// The flags in one FETCH, FLAGS or PERMANENTFLAGS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagList {
    /// System flags and proper keywords.
    pub flags: Flags,
    /// `\Recent` was among them (RFC 3501 §2.3.2; a property of the session).
    pub recent: bool,
    /// `\*` was among them: clients may make new keywords.
    pub any: bool,
    /// What no message can hold (`\Forwarded`, 8-bit, quoted with a space): as text, invalid UTF-8 replaced.
    pub odd: Vec<String>,
}

impl FlagList {
    /// Reads a parenthesised list; NIL is an empty one. `None` if no list is here.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<FlagList> {
        let mut list = FlagList::default();
        if !cursor.eat(b'(') {
            return cursor.eat_word("NIL").then_some(list);
        }
        loop {
            cursor.spaces();
            match cursor.peek() {
                None => return Some(list),
                Some(b')') => {
                    cursor.skip(1);
                    return Some(list);
                }
                // A flag is no string, yet some servers quote what is no atom; a quote that does not end is a byte.
                Some(b'"' | b'{') => match cursor.string() {
                    Some(text) => list.add(&text.bytes().unwrap_or_default()),
                    None => cursor.skip(1),
                },
                Some(b'(') => cursor.skip(1),
                Some(_) => match cursor.take_while(|b| !matches!(b, b' ' | b'\t' | b'(' | b')')) {
                    b"" => cursor.skip(1),
                    name => list.add(name),
                },
            }
        }
    }

    fn add(&mut self, name: &[u8]) {
        match WireFlag::from_name(name) {
            WireFlag::Known(flag) => self.flags.insert(flag),
            WireFlag::Recent => self.recent = true,
            WireFlag::Any => self.any = true,
            WireFlag::Extension(_) | WireFlag::Unusable(_) if name.is_empty() => {}
            WireFlag::Extension(_) | WireFlag::Unusable(_) => self.odd.push(lossy(name)),
        }
    }
}
