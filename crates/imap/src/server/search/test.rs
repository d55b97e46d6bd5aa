//! A search key made ready: constants worked out, strings folded, conditions ordered so that the cheap ones come first.

use std::collections::HashSet;

use sterna_core::{EmailId, Flag, ModSeq, SystemFlags, ThreadId};
use sterna_store::Keysets;

use super::text::Needle;
use crate::codec::command::SearchKey;
use crate::codec::sequence::{MessageSet, NumberSet};

/// What must be read of a message to tell whether a condition holds, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    /// The index in memory.
    Index,
    /// Its rows.
    Row,
    /// Its stored structure.
    Structure,
    /// The bytes of its header.
    Header,
    /// The text of its body.
    Body,
}

/// Which day a date key compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Arrived,
    Sent,
    Saved,
}

/// How it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    On,
    Since,
}

/// Which address list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Bcc,
    Cc,
    From,
    To,
}

/// Fields whose value the structure keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Subject,
    MessageId,
    InReplyTo,
}

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Always(bool),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Sequence(NumberSet),
    Uid(NumberSet),
    System(SystemFlags),
    /// The keyword sets that have the keyword.
    Keysets(HashSet<u32>),
    ModSeq(ModSeq),
    Email(EmailId),
    Thread(ThreadId),
    Day(Day, When, i64),
    /// INTERNALDATE is at or before this moment (OLDER).
    Until(i64),
    /// INTERNALDATE is at or after this moment (YOUNGER).
    From(i64),
    Larger(u64),
    Smaller(u64),
    Address(List, Needle),
    Kept(Kept, Needle),
    Header(String, Needle),
    Body(Needle),
    Text(Needle),
}

/// What the meaning of a key depends on beside the message.
pub(super) struct Context<'c> {
    /// Messages in the view: what `*` means to sequence numbers.
    pub exists: u32,
    /// The largest UID in the view: what `*` means to UIDs.
    pub last_uid: u32,
    /// `$` as sequence numbers and as UIDs.
    pub saved: (&'c NumberSet, &'c NumberSet),
    /// Every keyword set of the account.
    pub keysets: &'c Keysets,
    /// Seconds since 1970.
    pub now: i64,
}

impl Test {
    /// Recursion is bounded by the parser's depth.
    pub fn new(key: &SearchKey, c: &Context<'_>) -> Test {
        let needle = |text: &str| Needle::new(text);
        let kept = |kept, text: &str| Test::Kept(kept, needle(text));
        let day = |day, when, date: &sterna_core::CivilDate| Test::Day(day, when, date.days());
        match key {
            SearchKey::All | SearchKey::SaveDateSupported => Test::Always(true),
            SearchKey::Recent => Test::Always(false),
            SearchKey::And(keys) => Test::And(cheapest_first(keys.iter().map(|k| Test::new(k, c)).collect())),
            SearchKey::Or(a, b) => Test::Or(cheapest_first(vec![Test::new(a, c), Test::new(b, c)])),
            SearchKey::Not(key) => Test::Not(Box::new(Test::new(key, c))),
            SearchKey::Sequence(MessageSet::Saved) => Test::Sequence(c.saved.0.clone()),
            SearchKey::Sequence(MessageSet::Numbers(set)) => Test::Sequence(set.resolve(c.exists)),
            SearchKey::Uid(MessageSet::Saved) => Test::Uid(c.saved.1.clone()),
            SearchKey::Uid(MessageSet::Numbers(set)) => Test::Uid(set.resolve(c.last_uid)),
            SearchKey::Flag(None) => Test::Always(false),
            SearchKey::Flag(Some(Flag::System(bits))) => Test::System(*bits),
            SearchKey::Flag(Some(Flag::Keyword(keyword))) => {
                let has = |(id, words): (u32, &[sterna_core::Keyword])| words.contains(keyword).then_some(id);
                Test::Keysets(c.keysets.iter().filter_map(has).collect())
            }
            SearchKey::Bcc(text) => Test::Address(List::Bcc, needle(text)),
            SearchKey::Cc(text) => Test::Address(List::Cc, needle(text)),
            SearchKey::From(text) => Test::Address(List::From, needle(text)),
            SearchKey::To(text) => Test::Address(List::To, needle(text)),
            SearchKey::Subject(text) => kept(Kept::Subject, text),
            SearchKey::Header(name, text) => match name.to_ascii_lowercase().as_str() {
                "subject" => kept(Kept::Subject, text),
                "message-id" => kept(Kept::MessageId, text),
                "in-reply-to" => kept(Kept::InReplyTo, text),
                _ => Test::Header(name.clone(), needle(text)),
            },
            SearchKey::Body(text) if text.is_empty() => Test::Always(true),
            SearchKey::Text(text) if text.is_empty() => Test::Always(true),
            SearchKey::Body(text) => Test::Body(needle(text)),
            SearchKey::Text(text) => Test::Text(needle(text)),
            SearchKey::Before(date) => day(Day::Arrived, When::Before, date),
            SearchKey::On(date) => day(Day::Arrived, When::On, date),
            SearchKey::Since(date) => day(Day::Arrived, When::Since, date),
            SearchKey::SentBefore(date) => day(Day::Sent, When::Before, date),
            SearchKey::SentOn(date) => day(Day::Sent, When::On, date),
            SearchKey::SentSince(date) => day(Day::Sent, When::Since, date),
            SearchKey::SavedBefore(date) => day(Day::Saved, When::Before, date),
            SearchKey::SavedOn(date) => day(Day::Saved, When::On, date),
            SearchKey::SavedSince(date) => day(Day::Saved, When::Since, date),
            SearchKey::Older(seconds) => Test::Until(c.now.saturating_sub(i64::from(*seconds))),
            SearchKey::Younger(seconds) => Test::From(c.now.saturating_sub(i64::from(*seconds))),
            SearchKey::Larger(n) => Test::Larger(*n),
            SearchKey::Smaller(n) => Test::Smaller(*n),
            SearchKey::ModSeq(modseq) => Test::ModSeq(*modseq),
            SearchKey::EmailId(id) => object_id(id, 'E').map_or(Test::Always(false), |n| Test::Email(EmailId(n))),
            SearchKey::ThreadId(id) => object_id(id, 'T').map_or(Test::Always(false), |n| Test::Thread(ThreadId(n))),
        }
    }

    /// The most that may have to be read.
    pub fn cost(&self) -> Cost {
        match self {
            Test::And(tests) | Test::Or(tests) => tests.iter().map(Test::cost).max().unwrap_or(Cost::Index),
            Test::Not(test) => test.cost(),
            Test::Always(_) | Test::Sequence(_) | Test::Uid(_) | Test::System(_) | Test::Keysets(_) => Cost::Index,
            Test::ModSeq(_) | Test::Email(_) => Cost::Index,
            Test::Thread(_) | Test::Day(..) | Test::Until(_) | Test::From(_) => Cost::Row,
            Test::Larger(_) | Test::Smaller(_) => Cost::Row,
            Test::Address(..) | Test::Kept(..) => Cost::Structure,
            Test::Header(..) => Cost::Header,
            Test::Body(_) | Test::Text(_) => Cost::Body,
        }
    }
}

fn cheapest_first(mut tests: Vec<Test>) -> Vec<Test> {
    tests.sort_by_key(Test::cost);
    tests
}

/// The number of an object identifier as FETCH writes it: `E17`.
fn object_id(id: &str, prefix: char) -> Option<u64> {
    let digits = id.strip_prefix(prefix)?;
    // One spelling only: `E017` is another identifier, and there is no such object.
    digits.parse().ok().filter(|n: &u64| n.to_string() == digits)
}
