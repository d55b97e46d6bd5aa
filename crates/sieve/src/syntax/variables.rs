//! What stands between `${` and `}` in a string: encoded characters (RFC 5228 §2.4.2.4) and variables (RFC 5229 §3).

/// A piece of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Literal(&'t str),
    /// `${name}` or `${3}`, the name only.
    Variable(&'t str),
}

/// Divides a string. What looks like a variable and is none stays as it is (RFC 5229 §3).
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut literal, mut from) = (0, 0);
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("${")) {
        let open = from + found;
        let name =
            text.get(open + 2..).and_then(|rest| up_to_brace(rest, |c| c.is_ascii_alphanumeric() || "_.".contains(c)));
        match name.filter(|n| is_reference(n)) {
            Some(name) => {
                pieces.extend(text.get(literal..open).filter(|l| !l.is_empty()).map(Piece::Literal));
                pieces.push(Piece::Variable(name));
                from = open + name.len() + 3;
                literal = from;
            }
            None => from = open + 2,
        }
    }
    pieces.extend(text.get(literal..).filter(|l| !l.is_empty()).map(Piece::Literal));
    pieces
}

/// What stands before the closing brace, if that is nothing but `allowed`. It looks no further than the first other
/// character: a string full of opening braces is read once, not once for each.
fn up_to_brace(text: &str, allowed: impl Fn(char) -> bool) -> Option<&str> {
    let end = text.find(|c| !allowed(c))?;
    let (inner, rest) = text.split_at(end);
    rest.starts_with('}').then_some(inner)
}

/// `variable-name` of RFC 5229 §3: digits, or an identifier with namespaces.
fn is_reference(name: &str) -> bool {
    !name.is_empty() && (name.bytes().all(|b| b.is_ascii_digit()) || name.split('.').all(is_identifier))
}

/// RFC 5228 §8.1.
pub(super) fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Replaces `${hex:…}` and `${unicode:…}`. What is malformed stays as it is; `Err` only for a number that is no
/// character.
pub(super) fn decode(text: &str) -> Result<String, String> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("${") {
        let (before, after) = rest.split_at(open);
        bytes.extend_from_slice(before.as_bytes());
        let inner = after.get(2..).unwrap_or_default();
        match encoded(inner)? {
            Some((decoded, len)) => {
                bytes.extend_from_slice(&decoded);
                rest = inner.get(len + 1..).unwrap_or_default();
            }
            None => {
                bytes.extend_from_slice(b"${");
                rest = inner;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "the encoded characters are not UTF-8".to_owned())
}

/// The octets of `hex:…}` or `unicode:…}`, and how long it is without the brace.
fn encoded(code: &str) -> Result<Option<(Vec<u8>, usize)>, String> {
    let kinds = ["hex:", "unicode:"];
    let kind = kinds.into_iter().find(|kind| code.get(..kind.len()).is_some_and(|k| k.eq_ignore_ascii_case(kind)));
    let Some(kind) = kind else { return Ok(None) };
    let digits =
        code.get(kind.len()..).and_then(|d| up_to_brace(d, |c| c.is_ascii_hexdigit() || c.is_ascii_whitespace()));
    let Some(digits) = digits else { return Ok(None) };
    let (unicode, len) = (kind == "unicode:", kind.len() + digits.len());
    let words: Vec<&str> = digits.split_ascii_whitespace().collect();
    if words.is_empty() || !words.iter().all(|word| unicode || word.len() <= 2) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    for word in words {
        let number = u32::from_str_radix(word, 16).unwrap_or(u32::MAX);
        if unicode {
            let c = char::from_u32(number).filter(|c| *c != '\0');
            let c = c.ok_or_else(|| format!("there is no character with the number {word}"))?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            bytes.extend(u8::try_from(number).ok().filter(|b| *b != 0));
        }
    }
    Ok(Some((bytes, len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_variable_stays_as_it_is() {
        assert_eq!(
            pieces("a${b}$${1}"),
            [Piece::Literal("a"), Piece::Variable("b"), Piece::Literal("$"), Piece::Variable("1")]
        );
        for literal in ["${}", "${a b}", "${a-b}", "${1a}", "$ {a}", "${a", "${.a}"] {
            assert_eq!(pieces(literal), [Piece::Literal(literal)]);
        }
        assert_eq!(pieces("${${a}"), [Piece::Literal("${"), Piece::Variable("a")]);
        assert_eq!(pieces("${global.x}"), [Piece::Variable("global.x")]);
    }

    #[test]
    fn strings_full_of_beginnings_are_read_once() {
        for text in ["${", "${a", "${hex:", "${hex:4"] {
            let text = text.repeat((1 << 20) / text.len());
            assert_eq!(pieces(&text), [Piece::Literal(&text)]);
            assert_eq!(decode(&text).unwrap(), text);
        }
    }

    #[test]
    fn encoded_characters_are_decoded() {
        assert_eq!(decode("$${hex:40}").unwrap(), "$@");
        assert_eq!(decode("${hex:4}${hex: 40 }${UNICODE:e9 20AC}").unwrap(), "\u{4}@é€");
        for same in ["${hex:}", "${hex:400}", "${hix:40}", "${hex:40", "${unicode:zz}"] {
            assert_eq!(decode(same).unwrap(), same);
        }
        assert!(decode("${unicode:D800}").is_err());
        assert!(decode("${hex:ff}").is_err());
    }
}
