//! A server's reply (RFC 5321 §4.2) with its enhanced status code (RFC 2034).

use std::fmt;

/// Bytes of one line that are kept; RFC 5321 §4.5.3.1.5 allows 512.
const MAX_TEXT: usize = 512;
/// Lines that are kept. EHLO has one for each extension.
const MAX_LINES: usize = 64;

/// A whole reply, one line or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The text of each line without the code, control characters replaced, cut at 512 bytes; at most 64 lines.
    pub lines: Vec<String>,
}

/// One line of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub code: u16,
    pub last: bool,
    pub text: String,
}

impl Line {
    /// Reads a line without its end. `None`: no server of mail says this.
    pub fn parse(line: &[u8]) -> Option<Line> {
        let (code, rest) = line.split_at_checked(3)?;
        let good = matches!(code, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']);
        let code = std::str::from_utf8(code).ok().filter(|_| good)?.parse().ok()?;
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            // Some servers forget the blank.
            Some(_) => return None,
        };
        let text = text.get(..MAX_TEXT).unwrap_or(text);
        Some(Line { code, last, text: one_line(text) })
    }
}

/// As text of one line: what a server says goes into reports and logs.
fn one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().replace(char::is_control, " ")
}

impl Reply {
    /// Adds a line; whether it was the last.
    pub(super) fn push(lines: &mut Option<Reply>, line: Line) -> bool {
        let reply = lines.get_or_insert_with(|| Reply { code: line.code, lines: Vec::new() });
        // RFC 5321 §4.2.1: all lines have one code; of those that differ, the last counts.
        reply.code = line.code;
        if reply.lines.len() < MAX_LINES {
            reply.lines.push(line.text);
        }
        line.last
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The enhanced status code that the server gave, if its class is the reply's (RFC 2034 §4).
    pub fn status(&self) -> Option<&str> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut parts = word.split('.');
        let class = parts.next()?;
        let number = |part: Option<&str>| {
            part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
        };
        let good = class == (self.code / 100).to_string() && number(parts.next()) && number(parts.next());
        (good && parts.next().is_none()).then_some(word)
    }
}

impl fmt::Display for Reply {
    /// `550 5.1.1 no such user; try elsewhere`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for (n, line) in self.lines.iter().enumerate() {
            // The status code stands in every line of a long reply.
            let again = self.status().filter(|_| n > 0).and_then(|status| line.strip_prefix(status));
            write!(f, " {}", again.unwrap_or(line).trim())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&str]) -> Reply {
        let mut reply = None;
        for line in lines {
            Reply::push(&mut reply, Line::parse(line.as_bytes()).unwrap());
        }
        reply.unwrap()
    }

    #[test]
    fn lines_become_one_reply() {
        let long = reply(&["550-5.1.1 no such user", "550-5.1.1 here", "550 5.1.1 or elsewhere"]);
        assert_eq!(long.to_string(), "550 5.1.1 no such user here or elsewhere");
        assert_eq!(long.status(), Some("5.1.1"));
        assert!(long.is_permanent());
        assert_eq!(reply(&["250"]).to_string(), "250 ");
    }

    #[test]
    fn a_status_of_another_class_is_none() {
        assert_eq!(reply(&["450 5.1.1 odd"]).status(), None);
        assert_eq!(reply(&["550 5.1 odd"]).status(), None);
        assert_eq!(reply(&["550 5.1.1.1 odd"]).status(), None);
        assert_eq!(reply(&["550 5.1.x odd"]).status(), None);
        assert_eq!(reply(&["550 hello"]).status(), None);
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for bad in ["", "2", "25", "HTTP/1.1 400", "250x", "150 a", "650 a", "2 0 a"] {
            assert_eq!(Line::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn remote_text_has_no_control_characters_and_an_end() {
        let line = Line::parse(&[&b"250 a\r\x1b[31m\xff"[..], &[b'x'; 5000]].concat()).unwrap();
        assert!(!line.text.contains(char::is_control));
        assert!(line.text.len() < 600);
    }
}
