//! Whether an Authentication-Results field claims to come from a certain server (RFC 8601 §2.2, §5).

use super::lexer::Lexer;

/// Whether the authserv-id of a field's value is `name`, or cannot be told.
pub(super) fn claims(value: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(value);
    id(&text).is_none_or(|id| id.trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.')))
}

/// `[CFWS] authserv-id [ CFWS version ]`, the id a token or a quoted string.
fn id(text: &str) -> Option<String> {
    let mut lexer = Lexer::new(text);
    lexer.blanks()?;
    if lexer.peek() == Some('"') {
        return lexer.quoted();
    }
    let id = lexer.dot_atom();
    // "mail.example.org/1" is older than versions being words of their own.
    let id = id.split('/').next().unwrap_or_default();
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::claims;

    #[test]
    fn our_name_is_found_in_every_form() {
        for ours in [
            " mail.example.org; none",
            "MAIL.Example.Org;",
            "\r\n\tmail.example.org 1; none",
            " (a (b) \\)) mail.example.org",
            "\"mail.example.org\"; x",
            "\"mail\\.example.org\"",
            "mail.example.org.; x",
            "mail.example.org/1; x",
            "",
            "; none",
            "(",
            "\"mail",
            "((((((((((((((((((((((x",
        ] {
            assert!(claims(ours.as_bytes(), "mail.example.org"), "{ours}");
        }
        for other in
            [" example.org; mail.example.org", "mail.example.orgx;", "xmail.example.org", "(mail.example.org) a.b;"]
        {
            assert!(!claims(other.as_bytes(), "mail.example.org"), "{other}");
        }
    }
}
