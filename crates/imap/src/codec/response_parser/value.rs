//! Any parenthesised value as a tree: NAMESPACE, ID, and for callers who want to look into a raw ENVELOPE or
//! BODYSTRUCTURE. Depth-bounded, because the tree is built and dropped by recursion.

use bytes::Bytes;

use super::cursor::{Cursor, Str};

/// How deep lists may nest. BODYSTRUCTURE of real mail stays below 30.
pub const MAX_DEPTH: usize = 64;

/// A value of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string, an atom or NIL.
    String(Str),
    /// A list.
    List(Vec<Value>),
}

impl Value {
    /// Reads one value. `None` if it does not end or nests deeper than [`MAX_DEPTH`].
    pub fn parse(raw: &Bytes) -> Option<Value> {
        Value::read(&mut Cursor::new(raw, &[]), MAX_DEPTH)
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, depth: usize) -> Option<Value> {
        cursor.spaces();
        if !cursor.eat(b'(') {
            return cursor.string().map(Value::String);
        }
        let depth = depth.checked_sub(1)?;
        let mut list = Vec::new();
        loop {
            cursor.spaces();
            if cursor.eat(b')') {
                return Some(Value::List(list));
            }
            list.push(Value::read(cursor, depth)?);
        }
    }

    /// The items, if it is a list.
    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            Value::String(_) => &[],
        }
    }

    /// The bytes, if it is a string that is there.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Value::String(Str::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_bounded() {
        let deep = |n: usize| Bytes::from("(".repeat(n) + &")".repeat(n));
        assert!(Value::parse(&deep(MAX_DEPTH)).is_some());
        assert!(Value::parse(&deep(MAX_DEPTH + 1)).is_none());
        assert!(Value::parse(&deep(1_000_000)).is_none());
    }

    #[test]
    fn strings_of_all_kinds_come_without_their_quotes() {
        let value = Value::parse(&Bytes::from_static(b"(a \"b\\\"\" {2}\r\nc)NIL ())")).unwrap();
        let texts: Vec<_> = value.list().iter().map(|v| v.bytes().map(|b| &b[..])).collect();
        assert_eq!(texts, [Some(&b"a"[..]), Some(b"b\""), Some(b"c)"), None, None]);
        assert_eq!(value.list()[3], Value::String(Str::Nil));
    }
}
