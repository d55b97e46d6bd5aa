//! Reads one command line (RFC 5321 §4.1.1).
//!
//! A line comes here without its CRLF and holds no other CR or LF. What is not exactly a command is answered, never
//! guessed at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::params::{MailParams, RcptParams};
use super::path::{self, PathError};
use super::reply::Reply;

/// How a client says hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// RFC 821: no extensions.
    Helo,
    /// RFC 5321.
    Ehlo,
    /// RFC 2033.
    Lhlo,
}

/// One command.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Command {
    Hello(Hello, String),
    Mail { sender: String, params: MailParams },
    Rcpt { address: String, params: RcptParams },
    Data,
    Bdat { size: u64, last: bool },
    Auth { mechanism: String, initial: Option<Vec<u8>> },
    StartTls,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
}

/// Words with which a browser that was tricked into talking to us begins; no mail client does.
const FOREIGN: [&str; 8] = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "CONTENT-TYPE:"];

/// Whether a line is another protocol's.
pub(super) fn is_foreign(line: &[u8]) -> bool {
    let word = line.split(|b| *b == b' ').next().unwrap_or_default();
    FOREIGN.iter().any(|foreign| word.eq_ignore_ascii_case(foreign.as_bytes()))
}

/// Whether a line begins as BDAT, so that an unknown number of bytes follows it if it cannot be read.
pub(super) fn is_bdat(line: &[u8]) -> bool {
    line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
        && !line.get(4).is_some_and(u8::is_ascii_alphanumeric)
}

fn syntax(text: &'static str) -> Reply {
    Reply::new(501, "5.5.4", text)
}

impl Command {
    /// Reads a line.
    pub fn parse(line: &[u8]) -> Result<Command, Reply> {
        let text = std::str::from_utf8(line).map_err(|_| Reply::new(500, "5.5.2", "the command is not UTF-8"))?;
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return Err(Reply::new(500, "5.5.2", "the command has control characters"));
        }
        let text = text.trim_end_matches([' ', '\t']);
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let bare = |command: Command| if rest.is_empty() { Ok(command) } else { Err(syntax("no parameters here")) };
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => hello(Hello::Ehlo, rest),
            "HELO" => hello(Hello::Helo, rest),
            "LHLO" => hello(Hello::Lhlo, rest),
            "MAIL" => {
                let (sender, params) = after(rest, "FROM:").ok_or_else(|| syntax("say MAIL FROM:<address>"))??;
                if sender == "postmaster" {
                    return Err(Reply::new(553, "5.1.7", "the sender has no domain"));
                }
                Ok(Command::Mail { sender: sender.to_owned(), params: MailParams::parse(params)? })
            }
            "RCPT" => {
                let (address, params) = after(rest, "TO:").ok_or_else(|| syntax("say RCPT TO:<address>"))??;
                if address.is_empty() {
                    return Err(Reply::new(553, "5.1.3", "the recipient is empty"));
                }
                Ok(Command::Rcpt { address: address.to_owned(), params: RcptParams::parse(params)? })
            }
            "DATA" => bare(Command::Data),
            "BDAT" => bdat(rest),
            "AUTH" => auth(rest),
            "STARTTLS" => bare(Command::StartTls),
            "RSET" => bare(Command::Rset),
            "QUIT" => bare(Command::Quit),
            "NOOP" => Ok(Command::Noop),
            "HELP" => Ok(Command::Help),
            "VRFY" if !rest.is_empty() => Ok(Command::Vrfy),
            "EXPN" if !rest.is_empty() => Ok(Command::Expn),
            "VRFY" | "EXPN" => Err(syntax("say whom")),
            "SEND" | "SOML" | "SAML" | "TURN" | "ETRN" | "ATRN" | "BURL" => {
                Err(Reply::new(502, "5.5.1", "this command is not served here"))
            }
            _ => Err(Reply::new(500, "5.5.1", "this is no command")),
        }
    }
}

/// The path behind `FROM:` or `TO:`, and what follows it. Blanks before the path are common and harmless.
fn after<'t>(rest: &'t str, prefix: &str) -> Option<Result<(&'t str, &'t str), Reply>> {
    let (word, path) = (rest.get(..prefix.len())?, rest.get(prefix.len()..)?.trim_start_matches(' '));
    if !word.eq_ignore_ascii_case(prefix) {
        return None;
    }
    match path::path(path) {
        Ok(parts) => Some(Ok(parts)),
        Err(PathError::Syntax) => None,
        Err(PathError::Mailbox) => Some(Err(Reply::new(
            553,
            if prefix == "TO:" { "5.1.3" } else { "5.1.7" },
            "this is not an address (RFC 5321 section 4.1.2)",
        ))),
    }
}

fn hello(kind: Hello, name: &str) -> Result<Command, Reply> {
    // Names that break the rules are common and say nothing about the mail; what could break a header field is not taken.
    let good = |b: u8| b.is_ascii_graphic() && !b"()<>\",;@\\".contains(&b);
    if name.is_empty() || name.len() > 255 || !name.bytes().all(good) {
        return Err(syntax("say hello with the name of your host, or its address in brackets"));
    }
    Ok(Command::Hello(kind, name.to_owned()))
}

/// RFC 3030 §2.
fn bdat(rest: &str) -> Result<Command, Reply> {
    let (size, last) = rest.split_once(' ').map_or((rest, None), |(size, last)| (size, Some(last.trim())));
    let last = match last {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(syntax("say BDAT size [LAST]")),
    };
    let digits = (1..=20).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_digit());
    let size = size.parse().ok().filter(|_| digits).ok_or_else(|| syntax("say BDAT size [LAST]"))?;
    Ok(Command::Bdat { size, last })
}

/// RFC 4954 §4; `=` stands for an empty initial response.
fn auth(rest: &str) -> Result<Command, Reply> {
    let (mechanism, initial) = rest.split_once(' ').map_or((rest, None), |(m, i)| (m, Some(i.trim())));
    if mechanism.is_empty() {
        return Err(syntax("say AUTH and a mechanism"));
    }
    let initial = match initial {
        None => None,
        Some("=") => Some(Vec::new()),
        Some(text) => Some(STANDARD.decode(text).map_err(|_| Reply::new(501, "5.5.2", "this is not base64"))?),
    };
    Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(line: &str) -> u16 {
        Command::parse(line.as_bytes()).map_or_else(|reply| reply.code, |_| 0)
    }

    #[test]
    fn commands_are_read_in_any_case() {
        for line in [
            "ehlo [192.0.2.1]",
            "HELO x_y",
            "LHLO a.b",
            "mail from:<>",
            "MAIL FROM: <a@b> size=5",
            "RCPT to:<postmaster>",
            "data ",
            "BDAT 0 last",
            "bdat 18446744073709551615",
            "AUTH PLAIN",
            "auth plain =",
            "AUTH LOGIN YWRh",
            "STARTTLS",
            "RSET",
            "NOOP anything",
            "VRFY ada",
            "EXPN list",
            "HELP MAIL",
            "HELP",
            "QUIT",
        ] {
            assert_eq!(code(line), 0, "{line}");
        }
    }

    #[test]
    fn every_error_has_its_code() {
        for (line, expected) in [
            ("", 500),
            ("XYZZY", 500),
            ("MAILFROM:<a@b>", 500),
            ("a\u{0}b", 500),
            ("NOOP\u{7}", 500),
            ("EHLO", 501),
            ("EHLO a b", 501),
            ("EHLO <a>", 501),
            ("EHLO é", 501),
            ("MAIL", 501),
            ("MAIL FROM", 501),
            ("MAIL FROM:a@b", 501),
            ("MAIL TO:<a@b>", 501),
            ("MAIL FROM:<a>", 553),
            ("MAIL FROM:<postmaster>", 553),
            ("MAIL FROM:<a@b>X", 501),
            ("MAIL FROM:<a@b> X=1", 555),
            ("RCPT TO:<>", 553),
            ("RCPT TO:<a@b@c>", 553),
            ("RCPT TO:<a@b> Y", 555),
            ("DATA x", 501),
            ("BDAT", 501),
            ("BDAT x", 501),
            ("BDAT -1", 501),
            ("BDAT 1 FIRST", 501),
            ("BDAT +1", 501),
            ("BDAT 18446744073709551616", 501),
            ("AUTH", 501),
            ("AUTH PLAIN !", 501),
            ("VRFY", 501),
            ("EXPN", 501),
            ("QUIT now", 501),
            ("ETRN x", 502),
            ("TURN", 502),
            ("BURL x", 502),
        ] {
            assert_eq!(code(line), expected, "{line:?}");
        }
        assert!(Command::parse(b"NOOP \xff").is_err_and(|r| r.code == 500));
    }

    #[test]
    fn other_protocols_and_unreadable_bdat_are_recognised() {
        assert!(is_foreign(b"GET / HTTP/1.1") && is_foreign(b"post /x") && !is_foreign(b"HELP"));
        assert!(
            is_bdat(b"bdat x") && is_bdat(b"BDAT") && is_bdat(b"BDAT\t1") && !is_bdat(b"BDATA 1") && !is_bdat(b"DATA")
        );
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Command::parse(&line);
        }

        #[test]
        fn an_address_that_is_taken_has_no_control_characters(text in "[ -~\u{0}-\u{20}é]{0,30}") {
            if let Ok(Command::Rcpt { address, .. }) = Command::parse(format!("RCPT TO:<{text}>").as_bytes()) {
                prop_assert!(!address.contains(char::is_control));
            }
        }
    }
}
