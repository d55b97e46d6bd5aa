//! Reads everything of an account over IMAP, so that two servers can be compared: what a client could ever see.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::wire::{Answer, ImapWire, Value, fetch};

/// How many differences are spelled out before the rest is only counted.
const SHOWN: usize = 40;

/// An account: its folders by the raw bytes of their names on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailboxes(pub BTreeMap<Vec<u8>, Folder>);

/// A folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// LIST attributes in lower case, without those that come and go (`\Marked`) or follow from others.
    pub attributes: BTreeSet<String>,
    /// The hierarchy delimiter; empty for a flat name.
    pub delimiter: Vec<u8>,
    /// Whether LSUB lists it.
    pub subscribed: bool,
    /// Why it could not be opened, if so.
    pub refused: Option<String>,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// HIGHESTMODSEQ; 0 if the server tells none.
    pub highest_mod_seq: u64,
    /// The messages by UID.
    pub messages: BTreeMap<u32, Message>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Flags and keywords in lower case, without `\Recent`.
    pub flags: BTreeSet<String>,
    /// INTERNALDATE with its zone; a one-digit day is padded with a space, however the server pads it.
    pub internal_date: String,
    /// RFC822.SIZE as the server claims it.
    pub size: u64,
    /// How many bytes `BODY[]` had.
    pub octets: u64,
    /// BLAKE3 of `BODY[]`.
    pub hash: blake3::Hash,
}

/// What a comparison leaves out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignore {
    /// UIDNEXT.
    pub uid_next: bool,
    /// HIGHESTMODSEQ.
    pub mod_seq: bool,
    /// Hierarchy delimiters.
    pub delimiter: bool,
    /// UIDVALIDITY (for peers that cannot keep it).
    pub uid_validity: bool,
}

impl Message {
    /// What a server shows of a message that was stored with these values.
    pub fn new(flags: &str, internal_date: &str, raw: &[u8]) -> Message {
        Message {
            flags: flags.split_whitespace().map(str::to_ascii_lowercase).collect(),
            internal_date: normal_date(internal_date),
            size: raw.len() as u64,
            octets: raw.len() as u64,
            hash: blake3::hash(raw),
        }
    }
}

/// RFC 9051 (`date-day-fixed`) wants a space before a one-digit day; Dovecot writes a zero. No client minds either.
fn normal_date(text: &str) -> String {
    match text.strip_prefix('0') {
        Some(rest) => format!(" {rest}"),
        None => text.to_owned(),
    }
}

/// Reads the whole account of a session that is logged in. Folders are opened read-only, bodies are streamed. Where the
/// server has CONDSTORE the session uses it from here on, since some servers tell HIGHESTMODSEQ only then.
#[track_caller]
pub fn snapshot(wire: &mut ImapWire) -> Mailboxes {
    let mut mailboxes = Mailboxes::default();
    let condstore = wire.ok("CAPABILITY").untagged.iter().any(|r| r.text().split(' ').any(|c| c == "CONDSTORE"));
    for (attributes, delimiter, name) in listed(&wire.ok("LIST \"\" \"*\""), "* LIST ") {
        let folder = Folder { attributes, delimiter, ..Folder::default() };
        assert!(mailboxes.0.insert(name.clone(), folder).is_none(), "{} is listed twice", name.escape_ascii());
    }
    for (_, delimiter, name) in listed(&wire.ok("LSUB \"\" \"*\""), "* LSUB ") {
        let folder = mailboxes.0.entry(name).or_insert_with(|| Folder {
            // A subscription may outlive its folder (RFC 9051 §6.3.8).
            attributes: BTreeSet::from(["\\nonexistent".to_owned()]),
            delimiter,
            ..Folder::default()
        });
        folder.subscribed = true;
    }
    for (name, folder) in &mut mailboxes.0 {
        if !folder.attributes.contains("\\noselect") && !folder.attributes.contains("\\nonexistent") {
            read_folder(wire, condstore, name, folder);
        }
    }
    mailboxes
}

fn listed(answer: &Answer, prefix: &str) -> Vec<(BTreeSet<String>, Vec<u8>, Vec<u8>)> {
    let parse = |data: &[u8]| {
        let values = Value::parse_all(data)?;
        let [attributes, delimiter, name, ..] = values.as_slice() else { return None };
        let kept = |a: &String| {
            !["\\marked", "\\unmarked", "\\noinferiors", "\\haschildren", "\\hasnochildren"].contains(&a.as_str())
        };
        let attributes = attributes.list()?.iter().filter_map(Value::text).map(|a| a.to_ascii_lowercase()).filter(kept);
        let delimiter = if delimiter.is_nil() { Vec::new() } else { delimiter.bytes()?.to_vec() };
        Some((attributes.collect(), delimiter, name.bytes()?.to_vec()))
    };
    let lines = answer.untagged.iter().filter_map(|r| r.strip(prefix).map(|data| (r, data)));
    lines.map(|(r, data)| parse(data).unwrap_or_else(|| panic!("not a {prefix}: {r:?}"))).collect()
}

fn read_folder(wire: &mut ImapWire, condstore: bool, name: &[u8], folder: &mut Folder) {
    let opened = wire.on_mailbox_with("EXAMINE", name, if condstore { " (CONDSTORE)" } else { "" });
    if !opened.is_ok() {
        folder.refused = Some(opened.tagged);
        return;
    }
    let number = |code: &str| opened.code(code).and_then(|n| n.parse::<u64>().ok());
    folder.uid_validity = number("UIDVALIDITY").expect("UIDVALIDITY after EXAMINE") as u32;
    folder.uid_next = number("UIDNEXT").unwrap_or(0) as u32;
    folder.highest_mod_seq = number("HIGHESTMODSEQ").unwrap_or(0);
    let exists = opened.number("EXISTS").expect("EXISTS after EXAMINE");
    if exists > 0 {
        wire.each("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])", |response| {
            let Some((_, items)) = fetch(&response) else {
                let other = ["EXISTS", "RECENT"].iter().any(|n| response.0.ends_with(n.as_bytes()));
                assert!(other || response.strip("* OK").is_some(), "not a FETCH response: {response:?}");
                return;
            };
            let Some(body) = items.get("BODY[]").and_then(Value::bytes) else { return };
            let flags = items["FLAGS"].list().expect("a list of flags").iter().filter_map(Value::text);
            let message = Message {
                flags: flags.map(|f| f.to_ascii_lowercase()).filter(|f| f != "\\recent").collect(),
                internal_date: normal_date(&items["INTERNALDATE"].text().expect("INTERNALDATE")),
                size: items["RFC822.SIZE"].number().expect("RFC822.SIZE"),
                octets: body.len() as u64,
                hash: blake3::hash(body),
            };
            let uid = items["UID"].number().expect("UID") as u32;
            assert!(folder.messages.insert(uid, message).is_none(), "UID {uid} twice in {}", name.escape_ascii());
        });
    }
    assert_eq!(folder.messages.len(), exists as usize, "EXISTS of {} is not what FETCH gives", name.escape_ascii());
}

impl Mailboxes {
    /// The folder of that name.
    ///
    /// # Panics
    /// If there is none; the message lists those there are.
    #[track_caller]
    pub fn folder(&self, name: &str) -> &Folder {
        self.0.get(name.as_bytes()).unwrap_or_else(|| {
            let names: Vec<_> = self.0.keys().map(|n| n.escape_ascii().to_string()).collect();
            panic!("no folder {name} among {names:?}")
        })
    }

    /// How many messages there are in all folders.
    pub fn messages(&self) -> usize {
        self.0.values().map(|f| f.messages.len()).sum()
    }

    /// The same account with other folder names, as a server with another separator or prefix shows it.
    pub fn renamed(self, rename: impl Fn(&[u8]) -> Vec<u8>) -> Mailboxes {
        Mailboxes(self.0.into_iter().map(|(name, folder)| (rename(&name), folder)).collect())
    }

    /// The same account with other UIDs, as the receipt of a rollback names them: `Folder: 7 is 9`. A folder keeps the
    /// messages that no line is about.
    ///
    /// # Panics
    /// If a line is about a message that is not there.
    #[track_caller]
    pub fn with_other_uids(mut self, lines: &serde_json::Value) -> Mailboxes {
        let mut moved = Vec::new();
        for line in lines.as_array().into_iter().flatten() {
            let parsed = line.as_str().and_then(|line| {
                let (folder, uids) = line.rsplit_once(": ")?;
                let (here, there) = uids.split_once(" is ")?;
                Some((folder, here.parse::<u32>().ok()?, there.parse::<u32>().ok()?))
            });
            let (name, here, there) = parsed.unwrap_or_else(|| panic!("not about a UID: {line}"));
            let message = self.0.get_mut(name.as_bytes()).and_then(|folder| folder.messages.remove(&here));
            moved.push((name, there, message.unwrap_or_else(|| panic!("no such message: {line}"))));
        }
        for (name, uid, message) in moved {
            let folder = self.0.get_mut(name.as_bytes()).expect("found before");
            assert!(folder.messages.insert(uid, message).is_none(), "{name}: two messages have UID {uid}");
        }
        self
    }

    /// One sentence per difference; empty if a client would see none.
    pub fn differences(&self, other: &Mailboxes, ignore: Ignore) -> Vec<String> {
        let mut found = Vec::new();
        for name in self.0.keys().chain(other.0.keys()).collect::<BTreeSet<_>>() {
            let shown = name.escape_ascii().to_string();
            match (self.0.get(name), other.0.get(name)) {
                (Some(left), Some(right)) => left.differences(right, &shown, ignore, &mut found),
                (Some(left), None) => found.push(format!("{shown}: only left, {} messages", left.messages.len())),
                (None, Some(right)) => found.push(format!("{shown}: only right, {} messages", right.messages.len())),
                (None, None) => {}
            }
        }
        found
    }

    /// Fails the test if the accounts differ, with the differences.
    #[track_caller]
    pub fn assert_same(&self, other: &Mailboxes, ignore: Ignore) {
        let found = self.differences(other, ignore);
        let mut text = String::new();
        for line in found.iter().take(SHOWN) {
            let _ = writeln!(text, "  {line}");
        }
        assert!(found.is_empty(), "the accounts differ in {} points:\n{text}", found.len());
    }
}

impl Folder {
    fn differences(&self, other: &Folder, name: &str, ignore: Ignore, found: &mut Vec<String>) {
        let mut compare = |what: &str, ignored: bool, left: &dyn std::fmt::Debug, right: &dyn std::fmt::Debug| {
            let (left, right) = (format!("{left:?}"), format!("{right:?}"));
            if !ignored && left != right {
                found.push(format!("{name}: {what} {left} ≠ {right}"));
            }
        };
        compare("attributes", false, &self.attributes, &other.attributes);
        compare("delimiter", ignore.delimiter, &self.delimiter, &other.delimiter);
        compare("subscribed", false, &self.subscribed, &other.subscribed);
        compare("refused", false, &self.refused.is_some(), &other.refused.is_some());
        compare("UIDVALIDITY", ignore.uid_validity, &self.uid_validity, &other.uid_validity);
        compare("UIDNEXT", ignore.uid_next, &self.uid_next, &other.uid_next);
        compare("HIGHESTMODSEQ", ignore.mod_seq, &self.highest_mod_seq, &other.highest_mod_seq);
        for uid in self.messages.keys().chain(other.messages.keys()).collect::<BTreeSet<_>>() {
            match (self.messages.get(uid), other.messages.get(uid)) {
                (Some(left), Some(right)) => {
                    let at = format!("UID {uid}");
                    compare(&format!("{at} flags"), false, &left.flags, &right.flags);
                    compare(&format!("{at} INTERNALDATE"), false, &left.internal_date, &right.internal_date);
                    compare(&format!("{at} RFC822.SIZE"), false, &left.size, &right.size);
                    compare(&format!("{at} octets"), false, &left.octets, &right.octets);
                    compare(&format!("{at} content"), false, &left.hash.to_hex(), &right.hash.to_hex());
                }
                (left, _) => compare(&format!("UID {uid} is there"), false, &left.is_some(), &left.is_none()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(flags: &str, uid: u32) -> Mailboxes {
        let message = Message::new(flags, " 1-Feb-2026 09:30:00 +0100", b"x");
        let folder = Folder { uid_validity: 1, messages: BTreeMap::from([(uid, message)]), ..Folder::default() };
        Mailboxes(BTreeMap::from([(b"INBOX".to_vec(), folder)]))
    }

    #[test]
    fn other_uids_are_those_of_the_receipt() {
        assert_eq!(account("", 1).with_other_uids(&serde_json::json!(["INBOX: 1 is 7"])), account("", 7));
        assert_eq!(account("", 1).with_other_uids(&serde_json::Value::Null), account("", 1));
    }

    #[test]
    fn every_difference_is_one_sentence() {
        let left = account("\\Seen", 1);
        assert!(left.differences(&account("\\seen", 1), Ignore::default()).is_empty());
        let flags = left.differences(&account("\\Flagged", 1), Ignore::default());
        assert_eq!(flags, ["INBOX: UID 1 flags {\"\\\\seen\"} ≠ {\"\\\\flagged\"}"]);
        assert_eq!(left.differences(&account("\\Seen", 2), Ignore::default()).len(), 2);
        assert_eq!(left.differences(&Mailboxes::default(), Ignore::default()), ["INBOX: only left, 1 messages"]);
    }
}
