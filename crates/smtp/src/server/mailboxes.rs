//! The addresses of a From or Sender field (RFC 5322 §3.4, RFC 6532), read strictly: a field that two programs could
//! read differently names nobody, and the message is refused.

use super::lexer::Lexer;
use super::path;

/// Addresses of one field at most.
const MAX: usize = 100;

/// All addresses of a field's value, as `local@domain`; `None` if it is not a list of mailboxes.
pub(super) fn addresses(value: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(value).ok()?;
    let (mut lexer, mut found) = (Lexer::new(text), Vec::new());
    loop {
        lexer.blanks()?;
        if lexer.peek().is_none() {
            return (!found.is_empty()).then_some(found);
        }
        if lexer.take(',') {
            continue;
        }
        mailbox(&mut lexer, &mut found)?;
        lexer.blanks()?;
        if found.len() > MAX || !matches!(lexer.peek(), None | Some(',')) {
            return None;
        }
    }
}

/// `[display-name] "<" addr-spec ">"` or `addr-spec`. A name that looks like an address, `a@b <c@d>`, counts as one.
fn mailbox(lexer: &mut Lexer<'_>, found: &mut Vec<String>) -> Option<()> {
    let mut words: Vec<String> = Vec::new();
    loop {
        match lexer.peek()? {
            '<' => {
                lexer.take('<');
                lexer.blanks()?;
                let local = word(lexer)?;
                lexer.blanks()?;
                found.push(address(lexer, &local)?);
                lexer.blanks()?;
                return lexer.take('>').then_some(());
            }
            '@' => {
                // What stands in front must be one local part.
                let local = words.pop().filter(|_| words.is_empty())?;
                found.push(address(lexer, &local)?);
                lexer.blanks()?;
                if lexer.peek() != Some('<') {
                    return Some(());
                }
            }
            _ => words.push(word(lexer)?),
        }
        lexer.blanks()?;
    }
}

/// An atom with its dots, or a quoted string, in the form that an envelope has.
fn word(lexer: &mut Lexer<'_>) -> Option<String> {
    if lexer.peek() == Some('"') {
        let text = lexer.quoted()?;
        return Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    let atom = lexer.dot_atom();
    (!atom.is_empty()).then(|| atom.to_owned())
}

fn address(lexer: &mut Lexer<'_>, local: &str) -> Option<String> {
    if !lexer.take('@') {
        return None;
    }
    lexer.blanks()?;
    let domain = if lexer.peek() == Some('[') { lexer.literal()? } else { lexer.dot_atom() };
    let address = format!("{local}@{domain}");
    path::is_mailbox(&address).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_every_form_are_found() {
        for (value, expected) in [
            (" ada@example.org", &["ada@example.org"][..]),
            ("Ada L. Lovelace <ada@example.org>", &["ada@example.org"]),
            ("\"Lovelace, Ada\" <ada@example.org>, bob@x,", &["ada@example.org", "bob@x"]),
            ("=?utf-8?q?Ada?= (the (first)) <\r\n ada@example.org\r\n >", &["ada@example.org"]),
            ("Ædå <ada@bücher.example>", &["ada@bücher.example"]),
            ("\"a b\" @ example.org", &["\"a b\"@example.org"]),
            ("<ada@[192.0.2.1]>", &["ada@[192.0.2.1]"]),
            ("ceo@bank.example <ada@example.org>", &["ceo@bank.example", "ada@example.org"]),
        ] {
            assert_eq!(addresses(value.as_bytes()).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_a_list_of_mailboxes_names_nobody() {
        for bad in [
            "",
            " ",
            ",",
            "ada",
            "Ada <ada>",
            "<>",
            "group: a@b;",
            "a@b c@d",
            "<a@b> c",
            "<a@b><c@d>",
            "a <b@c",
            "<@x:a@b>",
            "\"a <b@c>",
            "a@b; c@d",
            "x@y@z",
            "a b@c",
            "<a@b\u{0}>",
            "(a@b)",
            "<a@b,c@d>",
        ] {
            assert_eq!(addresses(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(addresses(b"\xff <a@b>"), None);
        assert_eq!(addresses("a@b,".repeat(MAX + 1).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_is_found_is_an_address(text in "[a-c@<>,.\"\\\\() :;\\[\\]\r\n]{0,30}") {
            for address in addresses(text.as_bytes()).unwrap_or_default() {
                prop_assert!(path::is_mailbox(&address));
            }
        }
    }
}
