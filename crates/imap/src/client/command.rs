//! A command as the client writes it: text and strings, in which anything that cannot be quoted becomes a literal.
//!
//! The connection decides how literals go out (RFC 7888); a command never holds a whole message.

use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::sequence::NumberSet;
use crate::codec::write;

/// The longest string that is quoted rather than sent as a literal.
const QUOTED_MAX: usize = 500;

/// A command without its tag and its final line end.
pub struct Command {
    pub(super) name: &'static str,
    /// Each literal with the text before it.
    pub(super) literals: Vec<(Vec<u8>, Vec<u8>)>,
    /// The text behind the last literal.
    pub(super) text: Vec<u8>,
    encoding: NameEncoding,
}

impl Command {
    /// `name` is sent, logged and named in errors; arguments are never logged.
    pub fn new(name: &'static str, encoding: NameEncoding) -> Command {
        Command { name, literals: Vec::new(), text: name.as_bytes().to_vec(), encoding }
    }

    /// Text as it is; it must not come from outside.
    pub fn text(mut self, text: &str) -> Command {
        self.text.extend_from_slice(text.as_bytes());
        self
    }

    /// A space and a string of any bytes.
    pub fn string(mut self, bytes: &[u8]) -> Command {
        self.text.push(b' ');
        let quotable = bytes.iter().all(|b| (b' '..=b'~').contains(b));
        let utf8 = self.encoding == NameEncoding::Utf8 && std::str::from_utf8(bytes).is_ok_and(printable);
        if bytes.len() <= QUOTED_MAX && (quotable || utf8) {
            write::astring(&mut self.text, bytes);
        } else {
            self.literals.push((std::mem::take(&mut self.text), bytes.to_vec()));
        }
        self
    }

    /// A space and a mailbox name.
    pub fn mailbox(self, name: &MailboxName) -> Command {
        let wire = name.to_wire(self.encoding);
        self.string(&wire)
    }

    /// A space and a set. At most [`RANGES_MAX`] ranges fit into one command; see [`pieces`].
    pub fn ranges(mut self, ranges: &[(u32, u32)]) -> Command {
        self.text.push(b' ');
        for (i, (first, last)) in ranges.iter().enumerate() {
            if i > 0 {
                self.text.push(b',');
            }
            write::number(&mut self.text, u64::from(*first));
            if first != last {
                self.text.push(b':');
                write::number(&mut self.text, u64::from(*last));
            }
        }
        self
    }
}

/// The most ranges in one command: with ten digits a number they stay below the 8,192 bytes that every server takes
/// (RFC 7162 §4).
pub const RANGES_MAX: usize = 350;

/// A set in pieces that fit into one command each; none for the empty set, which the wire cannot express.
pub fn pieces(set: &NumberSet) -> impl Iterator<Item = &[(u32, u32)]> {
    set.ranges().chunks(RANGES_MAX)
}

fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
