//! Flags on the wire (RFC 9051 §2.3.2, §9 `flag`): from a name to [`sterna_core::Flag`] and back to an output buffer.
//!
//! Used by APPEND, STORE and SEARCH, by the response writers, and by the client for what servers list. Names of mailbox
//! attributes in LIST are not flags and are never read here.

use sterna_core::{Flag, Flags, Keyword, SystemFlags};

/// A flag as its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireFlag {
    /// One that a message can hold.
    Known(Flag),
    /// `\Recent` of RFC 3501: a matter of a session. Told by old servers, ignored when a client sends it.
    Recent,
    /// `\*` of PERMANENTFLAGS: new keywords can be made.
    Any,
    /// Another flag with a backslash (`flag-extension`): servers may list it, no client may set it.
    Extension(String),
    /// Not an atom, or longer than [`sterna_core::KEYWORD_MAX`]: cannot be kept.
    Unusable(Vec<u8>),
}

impl WireFlag {
    /// Reads one flag name, without regard to case.
    pub fn from_name(name: &[u8]) -> WireFlag {
        let Ok(text) = std::str::from_utf8(name) else { return WireFlag::Unusable(name.to_vec()) };
        if let Some(system) = SystemFlags::from_name(text) {
            return WireFlag::Known(Flag::System(system));
        }
        match text.strip_prefix('\\') {
            Some("*") => WireFlag::Any,
            Some(rest) if rest.eq_ignore_ascii_case("Recent") => WireFlag::Recent,
            Some(rest) if Keyword::new(rest).is_some() => WireFlag::Extension(text.to_owned()),
            None => match Keyword::new(text) {
                Some(keyword) => WireFlag::Known(Flag::Keyword(keyword)),
                None => WireFlag::Unusable(name.to_vec()),
            },
            Some(_) => WireFlag::Unusable(name.to_vec()),
        }
    }
}

/// Appends the flags with a space between each two, without parentheses.
pub fn write_flags(out: &mut Vec<u8>, flags: &Flags) {
    let start = out.len();
    write_system(out, flags.system);
    for keyword in flags.keywords() {
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(keyword.as_str().as_bytes());
    }
}

/// Appends the system flags with a space between each two.
pub fn write_system(out: &mut Vec<u8>, system: SystemFlags) {
    let start = out.len();
    for (bit, name) in SystemFlags::ALL {
        if system.contains(bit) {
            if out.len() > start {
                out.push(b' ');
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_regard_to_case() {
        assert_eq!(WireFlag::from_name(b"\\sEEN"), WireFlag::Known(Flag::System(SystemFlags::SEEN)));
        assert_eq!(WireFlag::from_name(b"\\recent"), WireFlag::Recent);
        assert_eq!(WireFlag::from_name(b"\\*"), WireFlag::Any);
        assert_eq!(WireFlag::from_name(b"\\Forwarded"), WireFlag::Extension("\\Forwarded".into()));
        assert!(matches!(WireFlag::from_name(b"$Forwarded"), WireFlag::Known(Flag::Keyword(_))));
        for bad in [&b""[..], b"\\", b"\\\\a", b"a b", b"\xe9", &[b'k'; 256]] {
            assert!(matches!(WireFlag::from_name(bad), WireFlag::Unusable(_)), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn flags_are_written_as_core_displays_them() {
        let flags: Flags = [&b"work"[..], b"$Junk", b"\\Seen", b"\\Draft"]
            .into_iter()
            .filter_map(|n| match WireFlag::from_name(n) {
                WireFlag::Known(flag) => Some(flag),
                _ => None,
            })
            .collect();
        let mut out = Vec::new();
        write_flags(&mut out, &flags);
        assert_eq!(out, flags.to_string().as_bytes());
        assert_eq!(out, b"\\Seen \\Draft $Junk work");
    }
}
