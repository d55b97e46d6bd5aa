//! What the server says: a code, an enhanced status code (RFC 2034, RFC 5248) and a text, on one line or several.

use std::borrow::Cow;

use sterna_delivery::Refusal;

/// Characters of text on one line of a reply: with code and status it stays below 512 bytes (RFC 5321 §4.5.3.1.5).
const MAX_TEXT: usize = 480;

/// Lines of one reply at most; what a user's script wants to say beyond is cut.
const MAX_LINES: usize = 20;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// RFC 5321 §4.2.
    pub code: u16,
    /// `None` where RFC 2034 §4 wants none: greeting, EHLO, 334, 354.
    pub status: Option<Cow<'static, str>>,
    /// Lines are parted by `\n`.
    pub text: Cow<'static, str>,
}

/// Why a command did not end with the reply that was hoped for.
#[derive(Debug)]
pub(super) enum Fail {
    /// A negative reply; the session goes on.
    Reply(Reply),
    /// The last reply of the session.
    Close(Reply),
    /// The connection is lost.
    Lost(std::io::Error),
}

/// What a command's handler gives.
pub(super) type Answer = Result<Reply, Fail>;

impl From<std::io::Error> for Fail {
    fn from(error: std::io::Error) -> Fail {
        Fail::Lost(error)
    }
}

impl From<Reply> for Fail {
    fn from(reply: Reply) -> Fail {
        Fail::Reply(reply)
    }
}

impl From<sterna_store::Error> for Fail {
    fn from(error: sterna_store::Error) -> Fail {
        tracing::error!(%error, "the store failed");
        Fail::Reply(Reply::local_error())
    }
}

impl Reply {
    /// With an enhanced status code.
    pub fn new(code: u16, status: &'static str, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, status: Some(status.into()), text: text.into() }
    }

    /// Without.
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, status: None, text: text.into() }
    }

    /// 451: it is our fault, and it will pass.
    pub fn local_error() -> Reply {
        Reply::new(451, "4.3.0", "a local error, please try again later")
    }

    /// 503: not now.
    pub fn bad_sequence(text: &'static str) -> Reply {
        Reply::new(503, "5.5.1", text)
    }

    /// A command that was not understood, or made no sense where it stood.
    pub fn is_protocol_error(&self) -> bool {
        matches!(self.code, 500..=504 | 555)
    }

    /// Appends it as it goes over the wire. Whatever the text holds, it is one reply.
    pub fn write(&self, out: &mut Vec<u8>) {
        let lines = lines(&self.text);
        for (i, line) in lines.iter().enumerate() {
            let mark = if i + 1 == lines.len() { ' ' } else { '-' };
            out.extend_from_slice(format!("{}{mark}", self.code).as_bytes());
            if let Some(status) = &self.status {
                out.extend_from_slice(status.as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Reply {
        Reply { code: refusal.code, status: Some(refusal.status.into()), text: refusal.text.into() }
    }
}

/// The lines of a text, each of printable ASCII (RFC 5321 §4.2 `textstring`) and short enough.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let clean: String =
            line.trim_end().chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(MAX_TEXT * 4).collect();
        let mut rest = clean.as_str();
        loop {
            let at = rest.char_indices().nth(MAX_TEXT).map_or(rest.len(), |(i, _)| i);
            let (line, more) = rest.split_at(at);
            lines.push(line.to_owned());
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
    }
    while lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.truncate(MAX_LINES);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_of_several_lines_repeats_code_and_status() {
        let reply = Reply::new(550, "5.7.1", "No.\r\nRéally\tno.\n");
        assert_eq!(written(&reply), "550-5.7.1 No.\r\n550 5.7.1 R?ally?no.\r\n");
        assert_eq!(written(&Reply::plain(354, "go on")), "354 go on\r\n");
    }

    #[test]
    fn no_text_breaks_out_of_its_reply() {
        for text in ["a\r250 b", "a\r\n250 b", &"x".repeat(5000), &"y\n".repeat(500), "", "\n\n"] {
            let reply = written(&Reply::new(550, "5.7.1", text.to_owned()));
            let lines: Vec<&str> = reply.strip_suffix("\r\n").unwrap().split("\r\n").collect();
            assert!(lines.len() <= MAX_LINES);
            for (i, line) in lines.iter().enumerate() {
                let head = if i + 1 == lines.len() { "550 5.7.1 " } else { "550-5.7.1 " };
                assert!(line.starts_with(head) && line.len() <= 510 && !line.contains(['\r', '\n']), "{line:?}");
            }
        }
    }
}
