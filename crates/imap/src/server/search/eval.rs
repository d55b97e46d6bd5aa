//! Whether a message matches: first by what the index in memory says, then by as much of the message as it takes.
//!
//! Nothing is parsed as MIME here: the stored structure says where texts lie.

use std::borrow::Cow;

use sterna_core::DateTime;
use sterna_message::headers::fields;
use sterna_message::{SearchScope, StructureRef, search_text};
use sterna_store::{Email, Error, IndexEntry, Result, Tx};

use crate::server::fetch::Step;

use super::test::{Day, Kept, List, Test, When};
use super::text::{address_text, fold_owned};

/// Text of one message that is looked at, in bytes.
const TEXT_MAX: usize = 4 << 20;

/// Bytes of a header in which fields are looked for: a message without an empty line is all header.
const HEADER_MAX: u64 = 1 << 20;

/// A body of at most this size is read at once; of a larger one only the parts that have text.
const WHOLE_MAX: u64 = 1 << 20;

/// What the index says: `None` where more of the message must be read.
pub(super) fn by_index(test: &Test, sequence: u32, entry: &IndexEntry) -> Option<bool> {
    Some(match test {
        Test::Always(is) => *is,
        Test::And(tests) => return all(tests, |t| by_index(t, sequence, entry)),
        Test::Or(tests) => return all(tests, |t| by_index(t, sequence, entry).map(|is| !is)).map(|none| !none),
        Test::Not(test) => return by_index(test, sequence, entry).map(|is| !is),
        Test::Sequence(set) => set.contains(sequence),
        Test::Uid(set) => set.contains(entry.uid.get()),
        Test::System(bits) => entry.flags.system().contains(*bits),
        Test::Keysets(sets) => sets.contains(&entry.flags.keyset()),
        Test::ModSeq(least) => entry.modseq >= *least,
        Test::Email(id) => entry.email == *id,
        _ => return None,
    })
}

/// Three-valued "all": one false settles it, even where others are not known.
fn all(tests: &[Test], mut eval: impl FnMut(&Test) -> Option<bool>) -> Option<bool> {
    let mut known = true;
    for test in tests {
        match eval(test) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = false,
        }
    }
    known.then_some(true)
}

/// A message that can be looked into. What is read stays at hand for the other conditions on it.
pub(super) struct Message<'m> {
    tx: &'m Tx<'m>,
    step: Step<'m>,
    /// With the flags that the client was told last.
    entry: IndexEntry,
    structure: StructureRef<'m>,
    whole: Option<Vec<u8>>,
    header: Option<Vec<u8>>,
    body: Option<String>,
    text: Option<String>,
}

impl<'m> Message<'m> {
    pub fn new(tx: &'m Tx<'m>, step: Step<'m>, entry: IndexEntry) -> Result<Message<'m>> {
        let structure = structure(&step.email)?;
        Ok(Message { tx, step, entry, structure, whole: None, header: None, body: None, text: None })
    }

    /// Whether the test holds. Conditions come cheapest first, so that the costly ones are rarely asked.
    pub fn matches(&mut self, test: &Test) -> Result<bool> {
        let email = &self.step.email;
        Ok(match test {
            Test::And(tests) => {
                for test in tests {
                    if !self.matches(test)? {
                        return Ok(false);
                    }
                }
                true
            }
            Test::Or(tests) => {
                for test in tests {
                    if self.matches(test)? {
                        return Ok(true);
                    }
                }
                false
            }
            Test::Not(test) => !self.matches(test)?,
            Test::Thread(id) => email.thread == *id,
            Test::Day(day, when, wanted) => {
                let is = match day {
                    Day::Arrived => email.internaldate.local_day(),
                    // A message without a usable Date was sent when it arrived.
                    Day::Sent => email.sent.unwrap_or(email.internaldate).local_day(),
                    Day::Saved => DateTime::utc(self.step.row.saved_at).local_day(),
                };
                match when {
                    When::Before => is < *wanted,
                    When::On => is == *wanted,
                    When::Since => is >= *wanted,
                }
            }
            Test::Until(moment) => email.internaldate.unix <= *moment,
            Test::From(moment) => email.internaldate.unix >= *moment,
            Test::Larger(n) => email.size > *n,
            Test::Smaller(n) => email.size < *n,
            Test::Address(list, needle) => {
                let envelope = self.structure.envelope();
                let list = match list {
                    List::Bcc => envelope.bcc(),
                    List::Cc => envelope.cc(),
                    List::From => envelope.from(),
                    List::To => envelope.to(),
                };
                !list.is_empty() && (needle.is_empty() || needle.in_text(&address_text(list)))
            }
            Test::Kept(field, needle) => {
                let envelope = self.structure.envelope();
                let value = match field {
                    Kept::Subject => envelope.subject(),
                    Kept::MessageId => envelope.message_id(),
                    Kept::InReplyTo => envelope.in_reply_to(),
                };
                value.is_some_and(|value| needle.in_header(value))
            }
            Test::Header(name, needle) => {
                let block = self.header()?;
                fields(block).any(|f| f.is(name.as_bytes()) && (needle.is_empty() || needle.in_header(f.value)))
            }
            Test::Body(needle) => needle.in_folded(self.folded(SearchScope::Body)?),
            Test::Text(needle) => needle.in_folded(self.folded(SearchScope::Text)?),
            _ => by_index(test, self.step.sequence, &self.entry).unwrap_or_default(),
        })
    }

    fn header(&mut self) -> Result<&[u8]> {
        let block = match self.header.take() {
            Some(block) => block,
            None => self.tx.blob_range(self.step.email.blob, 0, self.structure.header_len().min(HEADER_MAX))?,
        };
        Ok(self.header.insert(block))
    }

    /// The text of the message, folded.
    fn folded(&mut self, scope: SearchScope) -> Result<&str> {
        let known = match scope {
            SearchScope::Body => self.body.take(),
            SearchScope::Text => self.text.take(),
        };
        let text = match known {
            Some(text) => text,
            None => self.read_text(scope)?,
        };
        Ok(match scope {
            SearchScope::Body => self.body.insert(text),
            SearchScope::Text => self.text.insert(text),
        })
    }

    fn read_text(&mut self, scope: SearchScope) -> Result<String> {
        if self.whole.is_none() && self.step.email.size <= WHOLE_MAX {
            self.whole = Some(self.tx.blob(self.step.email.blob)?);
        }
        let (tx, blob, whole) = (self.tx, self.step.email.blob, self.whole.as_deref());
        let mut failed = None;
        let text = search_text(&self.structure, scope, TEXT_MAX, &mut |range| match whole {
            Some(bytes) => {
                let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                Cow::Borrowed(bytes.get(at(range.start)..at(range.end)).unwrap_or_default())
            }
            None => match tx.blob_range(blob, range.start, range.end.saturating_sub(range.start)) {
                Ok(bytes) => Cow::Owned(bytes),
                Err(e) => {
                    failed = Some(e);
                    Cow::Borrowed(&[])
                }
            },
        });
        match failed {
            Some(e) => Err(e),
            None => Ok(fold_owned(text)),
        }
    }
}

/// The stored structure of a message.
pub(crate) fn structure<'e>(email: &Email<'e>) -> Result<StructureRef<'e>> {
    StructureRef::from_bytes(email.structure).map_err(|e| Error::Corrupt(format!("e-mail {}: {e}", email.id)))
}
