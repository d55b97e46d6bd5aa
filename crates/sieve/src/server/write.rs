//! Responses (RFC 5804 §1.2, §1.3).

/// Bytes of a quoted string (RFC 5804 §4).
const MAX_QUOTED: usize = 1024;

/// An answer: OK, NO or BYE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub word: &'static str,
    pub code: Option<String>,
    pub text: String,
}

impl Reply {
    pub fn ok(text: &str) -> Reply {
        Reply { word: "OK", code: None, text: text.to_owned() }
    }

    pub fn no(text: impl Into<String>) -> Reply {
        Reply { word: "NO", code: None, text: text.into() }
    }

    /// NO with a response code.
    pub fn no_code(code: &'static str, text: impl Into<String>) -> Reply {
        Reply { word: "NO", code: Some(code.to_owned()), text: text.into() }
    }

    /// The connection ends with it.
    pub fn bye(code: Option<&'static str>, text: &str) -> Reply {
        Reply { word: "BYE", code: code.map(str::to_owned), text: text.to_owned() }
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.word.as_bytes());
        if let Some(code) = &self.code {
            out.extend_from_slice(format!(" ({code})").as_bytes());
        }
        out.push(b' ');
        string(out, &self.text);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a string: quoted if it can be, else a literal.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    if text.len() > MAX_QUOTED || text.contains(['\r', '\n', '\0']) {
        return literal(out, text);
    }
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Appends a literal.
pub(super) fn literal(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text.as_bytes());
}
