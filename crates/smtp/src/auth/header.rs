//! Writes the fields that tell what authentication found: Authentication-Results (RFC 8601) and Received-SPF
//! (RFC 7208 §9.1). Senders choose what is in them: nothing that comes in here can end a field, a value or a comment.

/// Characters of a value that are kept.
const VALUE: usize = 255;
/// Where a line is folded (RFC 5322 §2.1.1).
const LINE: usize = 78;

/// A field being written.
pub(super) struct Field {
    text: String,
    line: usize,
}

impl Field {
    /// `name: value`.
    pub(super) fn new(name: &str, value: &str) -> Field {
        let text = format!("{name}: {value}");
        Field { line: text.len(), text }
    }

    /// Ends what was before and starts a line with `word`.
    pub(super) fn next(&mut self, word: &str) {
        self.text.push_str(";\r\n\t");
        self.text.push_str(word);
        self.line = 8 + word.len();
    }

    /// `key=value`. `separator` is `""` or `";"`.
    pub(super) fn pair(&mut self, separator: &str, key: &str, value: &str) {
        self.text.push_str(separator);
        self.line += separator.len();
        self.word(&format!("{key}={}", safe(value)));
    }

    /// `(text)`; of the text only what a comment can hold.
    pub(super) fn comment(&mut self, text: &str) {
        let text: String = text.chars().map(plain).filter(|c| !matches!(c, '(' | ')' | '\\')).take(VALUE).collect();
        self.word(&format!("({text})"));
    }

    fn word(&mut self, word: &str) {
        if self.line + 1 + word.len() > LINE {
            self.text.push_str("\r\n\t");
            self.line = 8;
        } else {
            self.text.push(' ');
            self.line += 1;
        }
        self.text.push_str(word);
        self.line += word.len();
    }

    /// The field with its CRLF.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }
}

/// A token or address as it is, anything else as a quoted string.
fn safe(value: &str) -> String {
    let value: String = value.chars().take(VALUE).map(plain).collect();
    let bare = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~@".contains(c);
    if !value.is_empty() && value.chars().all(bare) {
        return value;
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn plain(c: char) -> char {
    if c == ' ' || c.is_ascii_graphic() { c } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        assert_eq!(safe("user+tag@example.org"), "user+tag@example.org");
        assert_eq!(safe("a;b dkim=pass"), "\"a;b dkim=pass\"");
        assert_eq!(safe("a\r\nX: y"), "\"a??X: y\"");
        assert_eq!(safe("\"\\"), "\"\\\"\\\\\"");
        assert_eq!(safe(""), "\"\"");
        assert_eq!(safe("2001:db8::1"), "\"2001:db8::1\"");
        assert_eq!(safe("jör@x"), "\"j?r@x\"");
        assert_eq!(safe(&"a".repeat(9000)).len(), VALUE);
    }

    #[test]
    fn comments_stay_comments() {
        let mut field = Field::new("X", "y");
        field.comment("a) dkim=pass (\\\r\nZ: é");
        assert_eq!(field.finish(), "X: y (a dkim=pass ??Z: ?)\r\n");
    }

    proptest::proptest! {
        #[test]
        fn lines_are_short_and_folded(values in proptest::collection::vec(".{0,300}", 1..20)) {
            let mut field = Field::new("Authentication-Results", "mx.example.org");
            for value in &values {
                field.next("dkim=pass");
                field.pair("", "header.d", value);
                field.comment(value);
            }
            let text = field.finish();
            proptest::prop_assert!(text.is_ascii());
            let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
            for (at, line) in lines.iter().enumerate() {
                proptest::prop_assert!(at == 0 || line.starts_with('\t'));
                proptest::prop_assert!(!line.trim_matches('\t').contains(char::is_control));
                proptest::prop_assert!(line.len() < 998);
            }
        }
    }
}
