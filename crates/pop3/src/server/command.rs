//! The commands, read from their lines. Any bytes are a line; what is not a command is told so.

use std::fmt;

/// A command with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    User(Vec<u8>),
    Pass(Secret),
    /// Without a mechanism: which are there?
    Auth {
        mechanism: Option<String>,
        initial: Option<Secret>,
    },
    Capa,
    Stls,
    Utf8,
    Lang(Option<String>),
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top(u32, u64),
    Dele(u32),
    Rset,
    Noop,
    Quit,
}

/// Never printed.
#[derive(PartialEq, Eq)]
pub(super) struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// No command of ours.
    Unknown,
    /// Its arguments make no sense.
    Arguments,
}

impl Command {
    /// Reads a line without its end. A keyword is in any case (RFC 1939 §3).
    pub fn parse(line: &[u8]) -> Result<Command, Bad> {
        let (word, rest) = match line.iter().position(|b| *b == b' ') {
            Some(space) => (line.get(..space).unwrap_or_default(), line.get(space + 1..)),
            None => (line, None),
        };
        let word = word.to_ascii_uppercase();
        let text = rest.unwrap_or_default();
        let arguments: Vec<&[u8]> = text.split(|b| *b == b' ').filter(|a| !a.is_empty()).collect();
        let message = |a: &[u8]| number(a).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or(Bad::Arguments);
        let one = |make: fn(u32) -> Command| match arguments[..] {
            [n] => message(n).map(make),
            _ => Err(Bad::Arguments),
        };
        let optional = |make: fn(Option<u32>) -> Command| match arguments[..] {
            [] => Ok(make(None)),
            [n] => message(n).map(|n| make(Some(n))),
            _ => Err(Bad::Arguments),
        };
        let none = |command: Command| if arguments.is_empty() { Ok(command) } else { Err(Bad::Arguments) };
        let words = |a: &[u8]| String::from_utf8_lossy(a).into_owned();
        match &word[..] {
            // A name may hold spaces, a password may begin with one.
            b"USER" if !text.is_empty() => Ok(Command::User(text.to_vec())),
            b"PASS" if rest.is_some() => Ok(Command::Pass(Secret(text.to_vec()))),
            b"USER" | b"PASS" => Err(Bad::Arguments),
            b"AUTH" => match arguments[..] {
                [] => Ok(Command::Auth { mechanism: None, initial: None }),
                [m] => Ok(Command::Auth { mechanism: Some(words(m).to_ascii_uppercase()), initial: None }),
                [m, i] => {
                    let mechanism = Some(words(m).to_ascii_uppercase());
                    Ok(Command::Auth { mechanism, initial: Some(Secret(i.to_vec())) })
                }
                _ => Err(Bad::Arguments),
            },
            b"CAPA" => none(Command::Capa),
            b"STLS" => none(Command::Stls),
            b"UTF8" => none(Command::Utf8),
            b"LANG" => match arguments[..] {
                [] => Ok(Command::Lang(None)),
                [tag] => Ok(Command::Lang(Some(words(tag)))),
                _ => Err(Bad::Arguments),
            },
            b"STAT" => none(Command::Stat),
            b"LIST" => optional(Command::List),
            b"UIDL" => optional(Command::Uidl),
            b"RETR" => one(Command::Retr),
            b"DELE" => one(Command::Dele),
            b"TOP" => match arguments[..] {
                [n, lines] => Ok(Command::Top(message(n)?, number(lines).ok_or(Bad::Arguments)?)),
                _ => Err(Bad::Arguments),
            },
            b"RSET" => none(Command::Rset),
            b"NOOP" => none(Command::Noop),
            b"QUIT" => none(Command::Quit),
            _ => Err(Bad::Unknown),
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Command, Bad> {
        Command::parse(line.as_bytes())
    }

    #[test]
    fn commands_are_read_in_any_case() {
        assert_eq!(parse("stat"), Ok(Command::Stat));
        assert_eq!(parse("Retr 7"), Ok(Command::Retr(7)));
        assert_eq!(parse("TOP 1 0"), Ok(Command::Top(1, 0)));
        assert_eq!(parse("LIST"), Ok(Command::List(None)));
        assert_eq!(parse("UIDL 3"), Ok(Command::Uidl(Some(3))));
        assert_eq!(parse("NOOP "), Ok(Command::Noop));
        assert_eq!(parse("auth plain"), Ok(Command::Auth { mechanism: Some("PLAIN".into()), initial: None }));
    }

    #[test]
    fn a_password_is_the_rest_of_the_line_and_is_never_shown() {
        let pass = parse("PASS  two words ").unwrap();
        assert_eq!(pass, Command::Pass(Secret(b" two words ".to_vec())));
        assert!(!format!("{pass:?}").contains("words"));
        assert_eq!(parse("PASS "), Ok(Command::Pass(Secret(Vec::new()))));
        assert_eq!(parse("USER a b"), Ok(Command::User(b"a b".to_vec())));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for line in ["RETR", "RETR 0", "RETR -1", "RETR 4294967296", "DELE 1 2", "TOP 1", "TOP 1 x", "STAT 1", "USER"] {
            assert_eq!(parse(line), Err(Bad::Arguments), "{line}");
        }
        for line in ["", " ", "XTND", "APOP a b", "+OK", "GET / HTTP/1.1"] {
            assert_eq!(parse(line), Err(Bad::Unknown), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Command::parse(&line);
        }
    }
}
