//! An iterator of messages that look like a French small company's mail of six years: deterministic, one at a time.
//!
//! The same profile, number and seed give the same bytes for ever: figures of different days can be compared. Never more
//! than one message is held in memory.

mod attachment;
mod encode;
mod message;
mod rng;
mod words;

use std::collections::VecDeque;

use sterna_core::{DateTime, Flag, Flags, Keyword, SystemFlags};

use message::Draft;
pub use rng::Rng;

/// The folders of a corpus, `/` being the separator: seven, one of them nested, one with an accent.
pub const FOLDERS: [&str; 7] = ["INBOX", "Sent", "Archive", "Archive/2024", "Comptabilité", "Trash", "Drafts"];

/// How many of 100 messages go to each of [`FOLDERS`].
const SHARES: [u64; 7] = [45, 20, 12, 10, 6, 5, 2];

/// How many earlier messages of a corpus can still be answered.
const OPEN_THREADS: usize = 64;

/// The first moment of a corpus, 2020-11-01, and its length: six years.
const START: i64 = 1_604_188_800;
const SPAN: i64 = 6 * 365 * 86_400;

/// What a corpus is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// 10,000 messages in seven folders, about 580 MB, 18 of 100 with attachments.
    Big,
    /// 100,000 small messages in INBOX, about 185 MB.
    Many,
    /// 2,000 messages in seven folders, about 60 MB: a mailbox for the demo.
    Small,
}

impl Profile {
    /// How many messages the profile has by default.
    pub fn messages(self) -> usize {
        match self {
            Profile::Big => 10_000,
            Profile::Many => 100_000,
            Profile::Small => 2_000,
        }
    }

    /// The median size of an attachment before its encoding, in bytes; `None` without attachments.
    fn attachment_median(self) -> Option<f64> {
        match self {
            Profile::Big => Some(76_900.0),
            Profile::Many => None,
            Profile::Small => Some(34_500.0),
        }
    }

    /// The median length of a text, in bytes.
    fn text_median(self) -> f64 {
        match self {
            Profile::Many => 760.0,
            Profile::Big | Profile::Small => 1_400.0,
        }
    }
}

/// A message of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusMessage {
    /// One of [`FOLDERS`].
    pub folder: &'static str,
    /// The complete message with CRLF line ends.
    pub raw: Vec<u8>,
    /// When it arrived.
    pub internal_date: DateTime,
    /// System flags and keywords.
    pub flags: Flags,
}

/// The iterator.
#[derive(Debug)]
pub struct Corpus {
    profile: Profile,
    rng: Rng,
    total: usize,
    next: usize,
    open: VecDeque<Draft>,
}

impl Corpus {
    /// The corpus of a profile with its default number of messages.
    pub fn new(profile: Profile) -> Corpus {
        Corpus::sized(profile, profile.messages(), 1)
    }

    /// A corpus of so many messages; another seed gives other mail of the same kind.
    pub fn sized(profile: Profile, messages: usize, seed: u64) -> Corpus {
        Corpus { profile, rng: Rng::new(seed), total: messages, next: 0, open: VecDeque::new() }
    }

    fn folder(&mut self) -> &'static str {
        if self.profile == Profile::Many {
            return "INBOX";
        }
        let mut at = self.rng.below(100);
        for (folder, share) in FOLDERS.iter().zip(SHARES) {
            if at < share {
                return folder;
            }
            at -= share;
        }
        "INBOX"
    }

    /// Arrival times grow through the corpus, with a little disorder as in real folders.
    fn arrival(&mut self) -> DateTime {
        let step = SPAN / self.total.max(1) as i64;
        let unix = START + self.next as i64 * step + self.rng.below(step.max(1) as u64 * 3) as i64;
        // Central European Time for most, daylight saving roughly by the season; some servers elsewhere.
        let summer = (90..300).contains(&(unix / 86_400 % 365));
        let offset = match self.rng.below(20) {
            0 => 0,
            1 => -300 + 60 * i16::from(summer),
            2 => 330,
            _ => 60 + 60 * i16::from(summer),
        };
        DateTime { unix, offset }
    }

    fn flags(&mut self, folder: &str) -> Flags {
        let mut flags = Flags::default();
        let mut system = SystemFlags::default();
        let mut maybe = |rng: &mut Rng, percent: u64, flag: SystemFlags| {
            if rng.below(100) < percent {
                system = system.union(flag);
            }
        };
        // The newest tenth of INBOX is what nobody has read yet, in good part.
        let fresh = folder == "INBOX" && self.next * 10 > self.total * 9;
        maybe(&mut self.rng, if fresh { 55 } else { 94 }, SystemFlags::SEEN);
        maybe(&mut self.rng, 4, SystemFlags::FLAGGED);
        maybe(&mut self.rng, if folder == "INBOX" { 22 } else { 3 }, SystemFlags::ANSWERED);
        maybe(&mut self.rng, if folder == "Drafts" { 100 } else { 0 }, SystemFlags::DRAFT);
        flags.insert(Flag::System(system));
        for (keyword, percent) in [("$Forwarded", 5), ("$Label1", 3), ("$Label4", 2), ("NonJunk", 12), ("Facture", 1)] {
            if self.rng.below(100) < percent {
                Keyword::new(keyword).into_iter().for_each(|k| flags.insert(Flag::Keyword(k)));
            }
        }
        flags
    }
}

impl Iterator for Corpus {
    type Item = CorpusMessage;

    fn next(&mut self) -> Option<CorpusMessage> {
        if self.next >= self.total {
            return None;
        }
        let folder = self.folder();
        let internal_date = self.arrival();
        let flags = self.flags(folder);
        let answered = (self.rng.below(100) < 38).then(|| self.rng.pick_index(self.open.len())).flatten();
        let answered = answered.and_then(|at| self.open.get(at)).cloned();
        // Numbers of its own: how much a message draws does not change the ones after it.
        let mut own = Rng::new(self.rng.next_u64());
        let draft = Draft::new(&mut own, self.next, internal_date, answered.as_ref());
        let raw = draft.render(&mut own, self.profile);
        self.open.push_back(draft);
        if self.open.len() > OPEN_THREADS {
            self.open.pop_front();
        }
        self.next += 1;
        Some(CorpusMessage { folder, raw, internal_date, flags })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.total - self.next;
        (left, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_mail() {
        let corpus = |seed| Corpus::sized(Profile::Small, 50, seed).collect::<Vec<_>>();
        assert_eq!(corpus(7), corpus(7));
        assert_ne!(corpus(7), corpus(8));
    }

    #[test]
    fn a_corpus_is_as_varied_as_promised() {
        let all: Vec<_> = Corpus::new(Profile::Small).collect();
        let text = |m: &CorpusMessage| String::from_utf8_lossy(&m.raw).into_owned();
        let share = |test: &dyn Fn(&CorpusMessage) -> bool| all.iter().filter(|m| test(m)).count() * 100 / all.len();
        assert_eq!(all.iter().map(|m| m.folder).collect::<BTreeSet<_>>().len(), 7);
        assert!((14..=22).contains(&share(&|m| text(m).contains("Content-Disposition: attachment"))));
        assert!((25..=45).contains(&share(&|m| text(m).contains("\r\nReferences: <"))));
        assert!((20..=60).contains(&share(&|m| text(m).contains("multipart/alternative"))));
        assert!((80..=97).contains(&share(&|m| m.flags.system.contains(SystemFlags::SEEN))));
        assert!(share(&|m| m.flags.keywords().count() > 0) > 10);
        assert!(all.iter().map(|m| m.internal_date.offset).collect::<BTreeSet<_>>().len() >= 4);
        assert!(all.iter().filter(|m| text(m).contains("Subject: =?utf-8?")).count() > 100);
        let bytes: usize = all.iter().map(|m| m.raw.len()).sum();
        assert!((55_000_000..=65_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn every_message_is_well_formed() {
        for message in Corpus::sized(Profile::Big, 400, 3) {
            let raw = &message.raw;
            let lines: Vec<&[u8]> = raw.split(|b| *b == b'\n').collect();
            assert_eq!(lines.last(), Some(&&b""[..]));
            for line in &lines[..lines.len() - 1] {
                // RFC 5322 §2.1.1: at most 998 bytes, ended by CRLF; headers hold ASCII only.
                assert!(line.ends_with(b"\r") && line.len() <= 999, "{}", line.escape_ascii());
            }
            let end = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            assert!(raw[..end].is_ascii(), "{}", raw[..end].escape_ascii());
        }
    }

    #[test]
    fn the_many_are_small_and_all_in_inbox() {
        let all: Vec<_> = Corpus::sized(Profile::Many, 2_000, 1).collect();
        assert!(all.iter().all(|m| m.folder == "INBOX"));
        let mean = all.iter().map(|m| m.raw.len()).sum::<usize>() / all.len();
        assert!((1_600..=2_100).contains(&mean), "{mean}");
    }
}
