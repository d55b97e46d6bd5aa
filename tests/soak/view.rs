//! What a session has been told of its mailbox, and the rules that a server must keep in telling it (RFC 9051 §7.4 and §7.5).

use std::collections::BTreeSet;

use sterna_tests::wire::{Response, Value, fetch};

pub type FlagSet = BTreeSet<String>;

/// One message, by sequence number.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub uid: Option<u32>,
    /// As last told, without `\Recent`.
    pub flags: Option<FlagSet>,
}

/// The command in progress, as far as the rules ask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Select,
    /// Sequence numbers must stand.
    Fixed,
    Other,
}

#[derive(Clone, Debug, Default)]
pub struct View {
    pub messages: Vec<Told>,
    pub validity: u32,
    pub mod_seq: Option<u64>,
    /// UIDs of VANISHED (EARLIER), and what a QRESYNC told beside them.
    pub earlier: Vec<(u32, u32)>,
}

impl View {
    pub fn uids(&self) -> BTreeSet<u32> {
        self.messages.iter().filter_map(|m| m.uid).collect()
    }

    pub fn has(&self, uid: u32) -> bool {
        self.messages.iter().any(|m| m.uid == Some(uid))
    }

    pub fn number(&self, uid: u32) -> Option<usize> {
        self.messages.iter().position(|m| m.uid == Some(uid)).map(|at| at + 1)
    }

    /// A message that may have this UID and is not known by it: one between those that have lesser and greater ones.
    fn unknown(&self, uid: u32) -> Option<usize> {
        let behind = self.messages.iter().position(|m| m.uid.is_some_and(|known| known > uid));
        let before = &self.messages[..behind.unwrap_or(self.messages.len())];
        before.iter().rposition(|_| true).filter(|at| before[*at].uid.is_none())
    }

    /// The first message of which the UID is not known.
    pub fn first_unknown(&self) -> Option<usize> {
        self.messages.iter().position(|m| m.uid.is_none()).map(|at| at + 1)
    }

    /// Takes an untagged response.
    pub fn apply(&mut self, response: &Response, progress: Progress, qresync: bool) -> Result<(), String> {
        if let Some(rest) = response.strip("* VANISHED ") {
            let text = String::from_utf8_lossy(rest).into_owned();
            if let Some(set) = text.strip_prefix("(EARLIER) ") {
                self.earlier.extend(ranges(set));
                return Ok(());
            }
            if !qresync || progress != Progress::Other {
                return Err("VANISHED out of place".into());
            }
            for (first, last) in ranges(&text) {
                for uid in first..=last {
                    let at = self.number(uid).map(|n| n - 1).or_else(|| self.unknown(uid));
                    self.messages.remove(at.ok_or(format!("VANISHED {uid}, which is not there"))?);
                }
            }
            return Ok(());
        }
        if let Some(rest) = response.strip("* OK [") {
            let text = String::from_utf8_lossy(rest).into_owned();
            let code = text.split(']').next().unwrap_or_default();
            match code.split_once(' ') {
                Some(("UIDVALIDITY", n)) => self.validity = n.parse().map_err(|_| "UIDVALIDITY")?,
                Some(("HIGHESTMODSEQ", n)) => self.mod_seq = n.parse().ok(),
                _ => {}
            }
            return Ok(());
        }
        let text = response.text();
        let mut words = text.split(' ').skip(1);
        let (Some(Ok(number)), Some(word)) = (words.next().map(str::parse::<usize>), words.next()) else {
            return Ok(());
        };
        match word {
            "EXISTS" if number < self.messages.len() => return Err("EXISTS shrinks".into()),
            "EXISTS" => self.messages.resize(number, Told::default()),
            "EXPUNGE" => {
                if qresync || progress != Progress::Other {
                    return Err("EXPUNGE out of place".into());
                }
                if number == 0 || number > self.messages.len() {
                    return Err(format!("EXPUNGE {number} of {}", self.messages.len()));
                }
                self.messages.remove(number - 1);
            }
            "FETCH" => self.fetched(response)?,
            _ => {}
        }
        Ok(())
    }

    fn fetched(&mut self, response: &Response) -> Result<(), String> {
        let (number, items) = fetch(response).ok_or("a FETCH that is not well-formed")?;
        let size = self.messages.len();
        let told = self.messages.get_mut((number as usize).wrapping_sub(1));
        let told = told.ok_or(format!("FETCH {number} of {size}"))?;
        if let Some(uid) = items.get("UID").and_then(Value::number).and_then(|uid| u32::try_from(uid).ok()) {
            if told.uid.is_some_and(|known| known != uid) {
                return Err(format!("message {number} had UID {:?} and now has {uid}", told.uid));
            }
            told.uid = Some(uid);
        }
        if let Some(flags) = items.get("FLAGS").and_then(flag_set) {
            told.flags = Some(flags);
        }
        let uids: Vec<u32> = self.messages.iter().filter_map(|m| m.uid).collect();
        if !uids.is_sorted() {
            return Err("UIDs do not ascend with the numbers".into());
        }
        Ok(())
    }
}

/// In small letters, without `\Recent`.
pub fn flag_set(value: &Value) -> Option<FlagSet> {
    let flags = value.list()?.iter().filter_map(Value::text).map(|flag| flag.to_ascii_lowercase());
    Some(flags.filter(|flag| flag != "\\recent").collect())
}

pub fn ranges(set: &str) -> Vec<(u32, u32)> {
    let range = |text: &str| {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some((first.min(last), first.max(last)))
    };
    set.trim().split(',').filter_map(range).collect()
}
