//! Messages that a script sends: replies and notifications.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::header;

/// RFC 5322 §2.1.1: bytes of a line.
const MAX_LINE: usize = 998;

/// A header under construction and its body.
pub(crate) struct Letter {
    header: String,
}

impl Letter {
    /// With the fields that every message of ours has.
    pub fn new(now: i64, hostname: &str, from: &str, to: &str, auto_submitted: &str) -> Letter {
        let mut header = String::new();
        header::write_structured(&mut header, "From", from);
        header::write_structured(&mut header, "To", to);
        header::write_structured(&mut header, "Date", &header::date(now));
        let unique = blake3::hash(format!("{}{}", crate::engine::random(), to).as_bytes()).to_hex();
        let unique: String = unique.chars().take(24).collect();
        header::write_structured(&mut header, "Message-ID", &format!("<{now:x}.{unique}@{hostname}>"));
        header::write_structured(&mut header, "Auto-Submitted", auto_submitted);
        Letter { header }
    }

    /// A field with text in it.
    pub fn text_field(&mut self, name: &str, value: &str) {
        header::write(&mut self.header, name, value);
    }

    /// A field that is structured already.
    pub fn field(&mut self, name: &str, value: &str) {
        header::write_structured(&mut self.header, name, value);
    }

    /// Ends it with a plain text: as it is if any server can take it so, else in base64.
    pub fn with_text(mut self, text: &str) -> Vec<u8> {
        let text = crlf(text);
        self.field("MIME-Version", "1.0");
        self.field("Content-Type", "text/plain; charset=utf-8");
        if text.is_ascii() && !text.contains('\0') && text.lines().all(|line| line.len() <= MAX_LINE) {
            self.field("Content-Transfer-Encoding", "7bit");
            self.header.push_str("\r\n");
            self.header.push_str(&text);
            return self.header.into_bytes();
        }
        self.field("Content-Transfer-Encoding", "base64");
        self.header.push_str("\r\n");
        let encoded = BASE64.encode(&text);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, next) = rest.split_at(rest.len().min(76));
            self.header.push_str(line);
            self.header.push_str("\r\n");
            rest = next;
        }
        self.header.into_bytes()
    }

    /// Ends it with a MIME entity, which begins with its own header (RFC 5230 §4.3).
    pub fn with_entity(mut self, entity: &str) -> Vec<u8> {
        self.field("MIME-Version", "1.0");
        let entity = crlf(entity);
        let (head, body) = entity.split_at(header::length(entity.as_bytes()));
        for field in sterna_message::headers::fields(head.as_bytes()) {
            // Nothing but what describes the content: the rest of the header is not the script's.
            let content = field.name.get(..8).is_some_and(|n| n.eq_ignore_ascii_case(b"content-"));
            if content && let Some(text) = head.get(field.range) {
                self.header.push_str(text);
                if !text.ends_with("\r\n") {
                    self.header.push_str("\r\n");
                }
            }
        }
        self.header.push_str("\r\n");
        self.header.push_str(body);
        self.header.into_bytes()
    }
}

/// With CRLF as line ends, one at the end.
pub(crate) fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for line in text.replace("\r\n", "\n").replace('\r', "\n").lines() {
        out.push_str(line);
        out.push_str("\r\n");
    }
    out
}
