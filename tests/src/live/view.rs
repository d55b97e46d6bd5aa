//! What a client knows of the selected mailbox, and the rules by which a server may change it. Nothing here reads or
//! writes: each response is applied, or the rule that it breaks is named.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::{Response, Value, fetch};

/// The command in progress, as far as the rules ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// None: the client has had the answer to all it sent.
    Nothing,
    /// SELECT or EXAMINE.
    Selecting,
    /// FETCH, STORE or SEARCH with sequence numbers: none may change meanwhile (RFC 9051 §7.5.1).
    NumbersFixed,
    /// UID FETCH, with or without VANISHED.
    UidFetch,
    /// Any other, IDLE included.
    Other,
}

/// A message as the client knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `None` until the server has told it.
    pub uid: Option<u32>,
    /// In small letters, without `\recent`; `None` until told.
    pub flags: Option<BTreeSet<String>>,
    /// 0 until told.
    pub mod_seq: u64,
    /// Its UID is greater than this one (RFC 9051 §2.3.1.1): it came when the client knew of that already.
    above: u32,
}

/// What a response meant for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many messages now.
    Exists(u32),
    /// A message left: its number at that time, and its UID if the client knew it.
    Expunge(u32, Option<u32>),
    /// Messages left (RFC 7162 §3.2.10); `true` if they had before the client came (EARLIER).
    Vanished(Vec<u32>, bool),
    /// Something about the message with this number and, if known, this UID.
    Fetch(u32, Option<u32>),
    /// The server is closing the connection.
    Bye(String),
    /// Anything else.
    Other(String),
}

/// The selected mailbox as the server has told it.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// By sequence number, from 1.
    pub messages: Vec<Known>,
    /// UIDVALIDITY.
    pub uid_validity: Option<u32>,
    /// UIDNEXT, as last told.
    pub uid_next: Option<u32>,
    /// The highest MODSEQ of the mailbox that was told.
    pub highest_mod_seq: u64,
    /// The greatest UID ever told.
    greatest_uid: u32,
    /// CONDSTORE and QRESYNC, as enabled on the connection.
    pub(super) condstore: bool,
    pub(super) qresync: bool,
    /// Whether a mailbox is selected.
    pub(super) selected: bool,
}

impl View {
    /// Forgets the mailbox, not what is enabled.
    pub(super) fn reset(&mut self, selected: bool) {
        *self = View { condstore: self.condstore, qresync: self.qresync, selected, ..View::default() };
    }

    /// UIDs in the order of the sequence numbers; `None` where not told yet.
    pub fn uids(&self) -> Vec<Option<u32>> {
        self.messages.iter().map(|m| m.uid).collect()
    }

    /// The message with a UID.
    pub fn message(&self, uid: u32) -> Option<&Known> {
        self.messages.iter().find(|m| m.uid == Some(uid))
    }

    /// Applies an untagged response.
    pub fn apply(&mut self, response: &Response, progress: Progress) -> Result<Event, String> {
        let text = response.text();
        if let Some(rest) = response.strip("* BYE") {
            return Ok(Event::Bye(String::from_utf8_lossy(rest).trim().to_owned()));
        }
        if let Some(rest) = response.strip("* VANISHED ") {
            return self.vanished(&String::from_utf8_lossy(rest), progress);
        }
        if let Some(rest) = response.strip("* OK [") {
            self.code(&String::from_utf8_lossy(rest), progress)?;
            return Ok(Event::Other(text));
        }
        let rest = response.strip("* ").ok_or("a line that is no untagged response")?;
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(Event::Other(text));
        }
        let number: u32 = text[2..2 + digits].parse().map_err(|_| "a number out of range")?;
        let word = text[2 + digits..].trim_start().split(' ').next().unwrap_or_default().to_ascii_uppercase();
        if !self.selected && word != "RECENT" {
            return Err(format!("{word} without a selected mailbox"));
        }
        match word.as_str() {
            "EXISTS" => self.exists(number, progress),
            "EXPUNGE" => self.expunge(number, progress),
            "FETCH" => self.fetch(response, progress),
            "RECENT" => Ok(Event::Other(text)),
            _ => Err(format!("an unknown response {word}")),
        }
    }

    /// RFC 9051 §7.4.1: the size falls by EXPUNGE and VANISHED only.
    fn exists(&mut self, number: u32, progress: Progress) -> Result<Event, String> {
        let known = self.messages.len();
        let number_of = usize::try_from(number).map_err(|e| e.to_string())?;
        if number_of < known {
            return Err(format!("EXISTS shrinks from {known} to {number}"));
        }
        let above = match progress {
            Progress::Selecting => 0,
            _ => self.greatest_uid.max(self.uid_next.unwrap_or_default().saturating_sub(1)),
        };
        self.messages.resize(number_of, Known { above, ..Known::default() });
        Ok(Event::Exists(number))
    }

    /// RFC 9051 §7.5.1.
    fn may_leave(progress: Progress) -> Result<(), String> {
        match progress {
            Progress::Nothing => Err("messages leave while no command is in progress".to_owned()),
            Progress::NumbersFixed => Err("messages leave during FETCH, STORE or SEARCH".to_owned()),
            Progress::Selecting => Err("messages leave before the mailbox is selected".to_owned()),
            Progress::UidFetch | Progress::Other => Ok(()),
        }
    }

    fn expunge(&mut self, number: u32, progress: Progress) -> Result<Event, String> {
        View::may_leave(progress)?;
        // RFC 7162 §3.2.10: a client that has enabled QRESYNC is told by VANISHED.
        if self.qresync {
            return Err("EXPUNGE although QRESYNC is enabled".to_owned());
        }
        let at = self.at(number)?;
        Ok(Event::Expunge(number, self.messages.remove(at).uid))
    }

    fn vanished(&mut self, text: &str, progress: Progress) -> Result<Event, String> {
        if !self.qresync {
            return Err("VANISHED although QRESYNC is not enabled".to_owned());
        }
        let (earlier, set) = match text.strip_prefix("(EARLIER) ") {
            Some(set) => (true, set),
            None => (false, text),
        };
        if earlier {
            if !matches!(progress, Progress::Selecting | Progress::UidFetch) {
                return Err("VANISHED (EARLIER) that nobody asked for".to_owned());
            }
            // The set may be wide (all that was ever missing): compared, never spelt out.
            let ranges = ranges(set)?;
            let mut alive = self.messages.iter().filter_map(|m| m.uid);
            let named = alive.find(|uid| ranges.iter().any(|(first, last)| (first..=last).contains(&uid)));
            return match named {
                Some(uid) => Err(format!("VANISHED (EARLIER) names UID {uid}, which is there")),
                None => Ok(Event::Vanished(Vec::new(), true)),
            };
        }
        View::may_leave(progress)?;
        let mut gone = Vec::new();
        for (first, last) in ranges(set)? {
            if usize::try_from(last - first).map_err(|e| e.to_string())? >= self.messages.len() {
                return Err(format!("VANISHED {first}:{last} names more messages than there are"));
            }
            for uid in first..=last {
                // New messages, whose UIDs have not been told, stand last: any of them is as good as the other.
                let known = self.messages.iter().position(|m| m.uid == Some(uid));
                let unknown = || self.messages.iter().rposition(|m| m.uid.is_none());
                let at = known.or_else(unknown).ok_or(format!("VANISHED names UID {uid}, which is not there"))?;
                self.messages.remove(at);
                gone.push(uid);
            }
        }
        Ok(Event::Vanished(gone, false))
    }

    fn fetch(&mut self, response: &Response, progress: Progress) -> Result<Event, String> {
        let (number, items) = fetch(response).ok_or("a FETCH response that is not well-formed")?;
        let at = self.at(number)?;
        let told = |name: &str| items.get(name).and_then(Value::number);
        if let Some(uid) = told("UID") {
            self.uid(at, u32::try_from(uid).map_err(|e| e.to_string())?)?;
        }
        let mod_seq = items.get("MODSEQ").map(|v| v.list().and_then(|l| l.first()).and_then(Value::number));
        match mod_seq {
            Some(None) => return Err("a MODSEQ that is no number in parentheses".to_owned()),
            Some(Some(mod_seq)) if mod_seq < self.messages[at].mod_seq => {
                return Err(format!(
                    "MODSEQ of message {number} falls from {} to {mod_seq}",
                    self.messages[at].mod_seq
                ));
            }
            Some(Some(mod_seq)) => self.messages[at].mod_seq = mod_seq,
            None => {}
        }
        if let Some(flags) = items.get("FLAGS") {
            // RFC 7162 §3.1: with CONDSTORE, a change that nobody asked about comes with its MODSEQ.
            if self.condstore && mod_seq.is_none() && matches!(progress, Progress::Nothing | Progress::Other) {
                return Err("flags without MODSEQ although CONDSTORE is enabled".to_owned());
            }
            // And with QRESYNC with its UID, by which the client knows its messages (RFC 7162 §3.2).
            if self.qresync && told("UID").is_none() && matches!(progress, Progress::Nothing | Progress::Other) {
                return Err("flags without UID although QRESYNC is enabled".to_owned());
            }
            let flags = flags.list().ok_or("FLAGS that is no list")?;
            let flags = flags.iter().filter_map(Value::text).map(|f| f.to_ascii_lowercase());
            self.messages[at].flags = Some(flags.filter(|f| f != "\\recent").collect());
        }
        Ok(Event::Fetch(number, self.messages[at].uid))
    }

    /// A UID never changes, and UIDs ascend with the sequence numbers (RFC 9051 §2.3.1).
    fn uid(&mut self, at: usize, uid: u32) -> Result<(), String> {
        match self.messages[at].uid {
            Some(known) if known == uid => return Ok(()),
            Some(known) => return Err(format!("message {} had UID {known} and now has {uid}", at + 1)),
            None => {}
        }
        let before = self.messages[..at].iter().rev().find_map(|m| m.uid);
        let after = self.messages[at + 1..].iter().find_map(|m| m.uid);
        if before.is_some_and(|b| b >= uid) || after.is_some_and(|a| a <= uid) {
            return Err(format!("UID {uid} of message {} stands between {before:?} and {after:?}", at + 1));
        }
        if uid <= self.messages[at].above {
            return Err(format!("the new message {} has UID {uid}, not above {}", at + 1, self.messages[at].above));
        }
        self.messages[at].uid = Some(uid);
        self.greatest_uid = self.greatest_uid.max(uid);
        Ok(())
    }

    /// A response code of an untagged OK.
    fn code(&mut self, text: &str, progress: Progress) -> Result<(), String> {
        let code = text.split(']').next().unwrap_or_default();
        let (name, argument) = code.split_once(' ').unwrap_or((code, ""));
        let number = || argument.parse::<u64>().map_err(|_| format!("{name} without a number"));
        match name.to_ascii_uppercase().as_str() {
            // RFC 9051 §7.1: what follows speaks of the mailbox that is being selected.
            "CLOSED" if progress == Progress::Selecting => self.reset(true),
            "UIDVALIDITY" => {
                let told = u32::try_from(number()?).map_err(|e| e.to_string())?;
                if self.uid_validity.is_some_and(|known| known != told) {
                    return Err(format!("UIDVALIDITY changes from {:?} to {told} in one session", self.uid_validity));
                }
                self.uid_validity = Some(told);
            }
            "UIDNEXT" => {
                let told = u32::try_from(number()?).map_err(|e| e.to_string())?;
                if self.uid_next.is_some_and(|known| known > told) || self.greatest_uid >= told {
                    return Err(format!("UIDNEXT falls to {told}"));
                }
                self.uid_next = Some(told);
            }
            "HIGHESTMODSEQ" => self.mod_seq(number()?)?,
            _ => {}
        }
        Ok(())
    }

    /// HIGHESTMODSEQ, from an untagged OK or a tagged one; it never falls.
    pub(super) fn mod_seq(&mut self, told: u64) -> Result<(), String> {
        if told < self.highest_mod_seq {
            return Err(format!("HIGHESTMODSEQ falls from {} to {told}", self.highest_mod_seq));
        }
        self.highest_mod_seq = told;
        Ok(())
    }

    fn at(&self, number: u32) -> Result<usize, String> {
        let at = usize::try_from(number).map_err(|e| e.to_string())?;
        match at.checked_sub(1) {
            Some(index) if index < self.messages.len() => Ok(index),
            _ => Err(format!("message {number} of {}", self.messages.len())),
        }
    }

    /// UID and flags of every message whose UID is known.
    pub fn flags(&self) -> BTreeMap<u32, Option<BTreeSet<String>>> {
        self.messages.iter().filter_map(|m| Some((m.uid?, m.flags.clone()))).collect()
    }
}

/// The ranges of a set of UIDs, without `*`.
fn ranges(set: &str) -> Result<Vec<(u32, u32)>, String> {
    let parse = |text: &str| text.parse::<u32>().map_err(|_| format!("a UID set with {text:?}"));
    set.split(',')
        .map(|range| {
            let (first, last) = range.split_once(':').unwrap_or((range, range));
            let (first, last) = (parse(first)?, parse(last)?);
            Ok((first.min(last), first.max(last)))
        })
        .collect()
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
