//! Reads the data of a response as nested values: atoms, strings, lists. Enough to compare, no more.

use std::collections::BTreeMap;

use super::Response;

/// How deep lists may nest before the rest is refused.
const MAX_DEPTH: usize = 200;

/// A datum of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `NIL`, `7`, `\Seen`, `BODY[HEADER.FIELDS (DATE)]`: anything without quotes.
    Atom(String),
    /// A quoted string or a literal.
    String(Vec<u8>),
    /// A parenthesised list.
    List(Vec<Value>),
}

impl Value {
    /// All values of a text, `None` if it is not well-formed.
    pub fn parse_all(bytes: &[u8]) -> Option<Vec<Value>> {
        let mut cursor = Cursor { rest: bytes };
        let values = cursor.list(None, 0)?;
        cursor.rest.is_empty().then_some(values)
    }

    /// The bytes of an atom or a string.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Atom(text) => Some(text.as_bytes()),
            Value::String(bytes) => Some(bytes),
            Value::List(_) => None,
        }
    }

    /// The bytes as text; lossy.
    pub fn text(&self) -> Option<String> {
        self.bytes().map(|b| String::from_utf8_lossy(b).into_owned())
    }

    /// A number.
    pub fn number(&self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// The elements of a list.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// Whether this is `NIL`.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Atom(text) if text.eq_ignore_ascii_case("NIL"))
    }
}

/// Sequence number and items of a FETCH response (RFC 9051 §7.5.2), the items by their name in capitals.
pub fn fetch(response: &Response) -> Option<(u32, BTreeMap<String, Value>)> {
    let rest = response.strip("* ")?;
    let space = rest.iter().position(|b| *b == b' ')?;
    let number = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
    let tail = &rest[space + 1..];
    if !tail.get(..6)?.eq_ignore_ascii_case(b"FETCH ") {
        return None;
    }
    let values = Value::parse_all(&tail[6..])?;
    let [Value::List(items)] = values.as_slice() else { return None };
    let (pairs, []) = items.as_chunks::<2>() else { return None };
    let items = pairs.iter().map(|[name, value]| Some((name.text()?.to_ascii_uppercase(), value.clone())));
    Some((number, items.collect::<Option<_>>()?))
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn list(&mut self, end: Option<u8>, depth: usize) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            while self.rest.first() == Some(&b' ') {
                self.rest = &self.rest[1..];
            }
            match self.rest.first().copied() {
                None => return end.is_none().then_some(values),
                Some(b')') if end == Some(b')') => {
                    self.rest = &self.rest[1..];
                    return Some(values);
                }
                Some(b'(') if depth < MAX_DEPTH => {
                    self.rest = &self.rest[1..];
                    values.push(Value::List(self.list(Some(b')'), depth + 1)?));
                }
                Some(b'"') => values.push(self.quoted()?),
                Some(b'{') => values.push(self.literal()?),
                Some(_) => values.push(self.atom()?),
            }
        }
    }

    fn quoted(&mut self) -> Option<Value> {
        let mut bytes = Vec::new();
        let mut input = self.rest.iter().enumerate().skip(1);
        while let Some((at, byte)) = input.next() {
            match byte {
                b'"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(Value::String(bytes));
                }
                b'\\' => bytes.push(*input.next()?.1),
                byte => bytes.push(*byte),
            }
        }
        None
    }

    fn literal(&mut self) -> Option<Value> {
        let end = self.rest.iter().position(|b| *b == b'}')?;
        let length: usize = std::str::from_utf8(&self.rest[1..end]).ok()?.parse().ok()?;
        let rest = self.rest[end + 1..].strip_prefix(b"\r\n")?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Value::String(bytes.to_vec()))
    }

    /// An atom. The section of a `BODY[…]` or `BINARY[…]` belongs to it, spaces and parentheses included; in a keyword a
    /// bracket is a letter like any other.
    fn atom(&mut self) -> Option<Value> {
        let section = |item: &str| self.rest.get(..item.len()).is_some_and(|r| r.eq_ignore_ascii_case(item.as_bytes()));
        let has_section = section("BODY") || section("BINARY");
        let mut brackets = 0usize;
        let end = self.rest.iter().position(|b| {
            match b {
                b'[' if has_section => brackets += 1,
                b']' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            brackets == 0 && matches!(b, b' ' | b'(' | b')' | b'"')
        });
        let end = end.unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!atom.is_empty()).then(|| Value::Atom(String::from_utf8_lossy(atom).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fetch_items_keep_strings_literals_and_lists_apart() {
        let text = b"* 5 FETCH (UID 6 FLAGS (\\Seen k) BODY[HEADER.FIELDS (A B)] {4}\r\n\r\n)( X \"a\\\"b\" Y NIL)";
        let (number, items) = fetch(&Response(text.to_vec())).unwrap();
        assert_eq!(number, 5);
        assert_eq!(items["UID"].number(), Some(6));
        assert_eq!(items["FLAGS"].list().unwrap().len(), 2);
        assert_eq!(items["BODY[HEADER.FIELDS (A B)]"].bytes(), Some(&b"\r\n)("[..]));
        assert_eq!(items["X"].bytes(), Some(&b"a\"b"[..]));
        assert!(items["Y"].is_nil());
    }

    #[test]
    fn a_bracket_in_a_keyword_is_a_letter() {
        let values = Value::parse_all(b"FLAGS ([bracket \\Seen)").unwrap();
        assert_eq!(values[1].list().unwrap().len(), 2);
    }

    #[test]
    fn unbalanced_data_is_refused() {
        for bad in ["(a", "a)", "\"x", "{9}\r\nshort", &"(".repeat(100_000)] {
            assert_eq!(Value::parse_all(bad.as_bytes()), None, "{}", &bad[..bad.len().min(20)]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_values_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::parse_all(&bytes);
            let _ = fetch(&Response(bytes));
        }
    }
}
