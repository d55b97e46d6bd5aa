//! The commands of RFC 5804 §2, from their words.

use super::framing::Word;

/// Bytes of a script's name. RFC 5804 §1.6 asks for 128 characters at least.
const MAX_NAME: usize = 512;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    StartTls,
    Logout,
    Capability,
    HaveSpace {
        name: String,
        size: u64,
    },
    PutScript {
        name: String,
        script: String,
    },
    ListScripts,
    /// `None`: no script is to be active.
    SetActive(Option<String>),
    GetScript(String),
    DeleteScript(String),
    RenameScript {
        old: String,
        new: String,
    },
    CheckScript(String),
    Noop(Option<String>),
    Unauthenticate,
}

impl Command {
    /// Reads a command; an error is the text of the answer NO.
    pub fn from_words(words: Vec<Word>) -> Result<Command, &'static str> {
        let mut words = words.into_iter();
        let Some(Word::Atom(name)) = words.next() else { return Err("a command is expected") };
        let name = name.to_ascii_uppercase();
        let mut arguments = Arguments(words);
        let command = match name.as_slice() {
            b"AUTHENTICATE" => Command::Authenticate {
                mechanism: arguments.text()?.to_ascii_uppercase(),
                initial: arguments.optional_bytes()?,
            },
            b"STARTTLS" => Command::StartTls,
            b"LOGOUT" => Command::Logout,
            b"CAPABILITY" => Command::Capability,
            b"HAVESPACE" => Command::HaveSpace { name: arguments.name()?, size: arguments.number()? },
            b"PUTSCRIPT" => Command::PutScript { name: arguments.name()?, script: arguments.text()? },
            b"LISTSCRIPTS" => Command::ListScripts,
            b"SETACTIVE" => Command::SetActive(match arguments.text()? {
                name if name.is_empty() => None,
                name => Some(valid_name(name)?),
            }),
            b"GETSCRIPT" => Command::GetScript(arguments.name()?),
            b"DELETESCRIPT" => Command::DeleteScript(arguments.name()?),
            b"RENAMESCRIPT" => Command::RenameScript { old: arguments.name()?, new: arguments.name()? },
            b"CHECKSCRIPT" => Command::CheckScript(arguments.text()?),
            b"NOOP" => Command::Noop(arguments.optional_bytes()?.map(text).transpose()?),
            b"UNAUTHENTICATE" => Command::Unauthenticate,
            _ => return Err("this command is not known"),
        };
        match arguments.0.next() {
            None => Ok(command),
            Some(_) => Err("too many arguments"),
        }
    }
}

struct Arguments(std::vec::IntoIter<Word>);

impl Arguments {
    fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        match self.0.next() {
            Some(Word::Text(bytes)) => Ok(Some(bytes)),
            Some(Word::Atom(_)) => Err("a string is expected: quoted, or a literal"),
            None => Ok(None),
        }
    }

    fn text(&mut self) -> Result<String, &'static str> {
        text(self.optional_bytes()?.ok_or("an argument is missing")?)
    }

    fn name(&mut self) -> Result<String, &'static str> {
        valid_name(self.text()?)
    }

    fn number(&mut self) -> Result<u64, &'static str> {
        match self.0.next() {
            Some(Word::Atom(digits)) if digits.iter().all(u8::is_ascii_digit) => {
                let digits = String::from_utf8_lossy(&digits).into_owned();
                digits.parse().map_err(|_| "the number is too large")
            }
            _ => Err("a number is expected"),
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    String::from_utf8(bytes).map_err(|_| "strings must be UTF-8")
}

/// RFC 5804 §1.6.
fn valid_name(name: String) -> Result<String, &'static str> {
    let bad = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if name.is_empty() || name.len() > MAX_NAME || name.contains(bad) {
        return Err("this cannot be the name of a script");
    }
    Ok(name)
}
