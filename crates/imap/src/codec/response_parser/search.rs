//! SEARCH, ESEARCH and VANISHED: answers that are sets of numbers (RFC 9051 §7.3.4, RFC 3501 §7.2.5, RFC 7162 §3.2.10).

use sterna_core::ModSeq;

use super::cursor::{Cursor, lossy};
use crate::codec::sequence::NumberSet;

/// The most ranges in a set that a server may send: every second UID of a mailbox of twenty million messages.
const MAX_RANGES: usize = 10_000_000;

/// ESEARCH (RFC 9051 §7.3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esearch {
    /// The command it answers.
    pub tag: Option<String>,
    /// The numbers are UIDs.
    pub uid: bool,
    /// MIN.
    pub min: Option<u32>,
    /// MAX.
    pub max: Option<u32>,
    /// COUNT.
    pub count: Option<u64>,
    /// ALL; `None` if nothing was found or it was not asked for.
    pub all: Option<NumberSet>,
    /// MODSEQ (RFC 7162 §3.1.5).
    pub modseq: Option<ModSeq>,
}

/// A set without `*`; spaces around the commas do not matter. `None` for anything else.
pub(super) fn number_set(text: &[u8]) -> Option<NumberSet> {
    NumberSet::parse(text, MAX_RANGES).ok()
}

/// Numbers in any order, and MODSEQ in parentheses behind them. What is not a number is skipped.
pub(super) fn search(cursor: &mut Cursor<'_>) -> (NumberSet, Option<ModSeq>) {
    let mut modseq = None;
    let mut numbers = Vec::new();
    loop {
        cursor.spaces();
        match cursor.peek() {
            None => return (numbers.into_iter().collect(), modseq),
            Some(b'0'..=b'9') => numbers.extend(cursor.number32()),
            Some(b'(') => {
                cursor.skip(1);
                cursor.spaces();
                if cursor.eat_word("MODSEQ") {
                    modseq = cursor.number().map(ModSeq);
                }
            }
            Some(_) => {
                if cursor.atom().is_empty() {
                    cursor.skip(1);
                }
            }
        }
    }
}

pub(super) fn esearch(cursor: &mut Cursor<'_>) -> Option<Esearch> {
    let mut result = Esearch::default();
    cursor.spaces();
    if cursor.eat(b'(') {
        cursor.spaces();
        cursor.eat_word("TAG");
        result.tag = cursor.string()?.bytes().map(|tag| lossy(&tag));
        cursor.spaces();
        cursor.eat(b')');
        cursor.spaces();
    }
    result.uid = cursor.eat_word("UID");
    while !cursor.at_end() {
        let name = cursor.word();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("MIN") {
            result.min = cursor.number32();
        } else if is("MAX") {
            result.max = cursor.number32();
        } else if is("COUNT") {
            result.count = cursor.number();
        } else if is("MODSEQ") {
            result.modseq = cursor.number().map(ModSeq);
        } else if is("ALL") {
            result.all = Some(number_set(cursor.atom())?);
        } else {
            cursor.skip_value()?;
        }
        cursor.spaces();
    }
    Some(result)
}

/// `(EARLIER) 1:5,9`. `None` if it is not a set.
pub(super) fn vanished(cursor: &mut Cursor<'_>) -> Option<(bool, NumberSet)> {
    cursor.spaces();
    let mut earlier = false;
    if cursor.eat(b'(') {
        cursor.spaces();
        earlier = cursor.eat_word("EARLIER");
        cursor.eat(b')');
        cursor.spaces();
    }
    Some((earlier, number_set(cursor.atom())?))
}
