//! System flags and keywords of a message (RFC 9051 §2.3.2).

use std::collections::BTreeMap;
use std::fmt;

/// The longest keyword that is kept, in bytes. Longer ones are refused to clients and reported by an import.
pub const KEYWORD_MAX: usize = 255;

/// The five flags that RFC 9051 defines as permanent, as bits. `\Recent` is a matter of a session, not of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemFlags(pub u8);

impl SystemFlags {
    /// `\Seen`
    pub const SEEN: SystemFlags = SystemFlags(1);
    /// `\Answered`
    pub const ANSWERED: SystemFlags = SystemFlags(2);
    /// `\Flagged`
    pub const FLAGGED: SystemFlags = SystemFlags(4);
    /// `\Deleted`
    pub const DELETED: SystemFlags = SystemFlags(8);
    /// `\Draft`
    pub const DRAFT: SystemFlags = SystemFlags(16);

    /// Every system flag with its name on the wire, in the order in which they are listed.
    pub const ALL: [(SystemFlags, &'static str); 5] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
    ];

    /// Whether every flag of `other` is set.
    pub fn contains(self, other: SystemFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both.
    pub fn union(self, other: SystemFlags) -> SystemFlags {
        SystemFlags(self.0 | other.0)
    }

    /// The flags of `self` that `other` lacks.
    pub fn without(self, other: SystemFlags) -> SystemFlags {
        SystemFlags(self.0 & !other.0)
    }

    /// No flag set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flag of that name, without regard to case (`\Seen`, `\seen`).
    pub fn from_name(name: &str) -> Option<SystemFlags> {
        Self::ALL.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(f, _)| *f)
    }
}

/// A keyword: an atom without a leading backslash, compared without regard to case, shown as first written.
#[derive(Clone, Debug)]
pub struct Keyword(String);

impl Keyword {
    /// `None` if the text is not an atom of at most [`KEYWORD_MAX`] bytes (RFC 9051 §9, `flag-keyword`).
    pub fn new(text: &str) -> Option<Keyword> {
        let atom = |b: u8| b > b' ' && b < 0x7f && !br#"(){%*"\]"#.contains(&b);
        (!text.is_empty() && text.len() <= KEYWORD_MAX && text.bytes().all(atom)).then(|| Keyword(text.to_owned()))
    }

    /// As first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One flag as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flag {
    /// One of the five of RFC 9051.
    System(SystemFlags),
    /// Anything without a backslash.
    Keyword(Keyword),
}

/// All flags of a message: system bits and a set of keywords (sorted by their lower-case form, each once).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The five system flags.
    pub system: SystemFlags,
    keywords: BTreeMap<String, Keyword>,
}

impl Flags {
    /// System flags only.
    pub fn system(system: SystemFlags) -> Flags {
        Flags { system, ..Flags::default() }
    }

    /// Adds one flag; a keyword that is there in another case keeps its first spelling.
    pub fn insert(&mut self, flag: Flag) {
        match flag {
            Flag::System(bit) => self.system = self.system.union(bit),
            Flag::Keyword(k) => {
                self.keywords.entry(k.as_str().to_ascii_lowercase()).or_insert(k);
            }
        }
    }

    /// Takes one flag away, if it is there.
    pub fn remove(&mut self, flag: &Flag) {
        match flag {
            Flag::System(bit) => self.system = self.system.without(*bit),
            Flag::Keyword(k) => {
                self.keywords.remove(&k.as_str().to_ascii_lowercase());
            }
        }
    }

    /// Whether the flag is set.
    pub fn contains(&self, flag: &Flag) -> bool {
        match flag {
            Flag::System(bit) => self.system.contains(*bit),
            Flag::Keyword(k) => self.keywords.contains_key(&k.as_str().to_ascii_lowercase()),
        }
    }

    /// The keywords, sorted by their lower-case form.
    pub fn keywords(&self) -> impl Iterator<Item = &Keyword> {
        self.keywords.values()
    }

    /// No flag and no keyword.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.keywords.is_empty()
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(iter: I) -> Self {
        let mut flags = Flags::default();
        iter.into_iter().for_each(|f| flags.insert(f));
        flags
    }
}

impl fmt::Display for Flags {
    /// As on the wire, without the parentheses: `\Answered \Seen $Forwarded`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = SystemFlags::ALL.iter().filter(|(bit, _)| self.system.contains(*bit)).map(|(_, name)| *name);
        let mut separator = "";
        for name in system.chain(self.keywords().map(Keyword::as_str)) {
            write!(f, "{separator}{name}")?;
            separator = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_compare_without_case_and_keep_their_first_spelling() {
        let flags: Flags = ["$Forwarded", "$FORWARDED", "work"]
            .into_iter()
            .filter_map(Keyword::new)
            .map(Flag::Keyword)
            .chain([Flag::System(SystemFlags::SEEN)])
            .collect();
        assert_eq!(flags.to_string(), "\\Seen $Forwarded work");
    }

    #[test]
    fn a_keyword_is_an_atom() {
        for bad in ["", "a b", "\\Seen", "a(", "é", "x]", &"k".repeat(256)] {
            assert!(Keyword::new(bad).is_none(), "{bad}");
        }
    }
}
