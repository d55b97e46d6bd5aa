//! SEARCH (RFC 9051 §6.4.4) and what SORT and THREAD share with it: RETURN options, CHARSET, the key.

use std::num::NonZeroU32;

use super::{Addressing, SearchKey, search_key};
use crate::codec::lexer::{Cursor, Parsed};

/// SEARCH or UID SEARCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What the numbers of the answer are.
    pub by: Addressing,
    /// RETURN: the answer is ESEARCH. `None`: SEARCH (RFC 3501), or ESEARCH with ALL (RFC 9051).
    pub returns: Option<SearchReturn>,
    /// In what the strings of the key are written.
    pub charset: Charset,
    /// What is looked for.
    pub key: SearchKey,
}

/// The character set of a key's strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charset {
    /// US-ASCII or UTF-8, which are one to us.
    Utf8,
    /// Another one: `NO [BADCHARSET (US-ASCII UTF-8)]`. The strings of the key are not usable.
    Unsupported(String),
}

/// RETURN options (RFC 4731, RFC 5182, RFC 9394). RETURN with nothing inside means ALL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchReturn {
    /// MIN: the lowest number.
    pub min: bool,
    /// MAX: the highest number.
    pub max: bool,
    /// ALL: every number.
    pub all: bool,
    /// COUNT: how many.
    pub count: bool,
    /// SAVE: keep the result for `$` (RFC 5182); what is kept depends on MIN and MAX (§2.1).
    pub save: bool,
    /// PARTIAL: this part of the result (RFC 9394 §3.1); never together with ALL.
    pub partial: Option<PartialRange>,
}

/// `partial-range` (RFC 9394 §4): from the first to the last position of a result, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialRange {
    /// The lower end.
    pub first: NonZeroU32,
    /// The upper end, at least `first`.
    pub last: NonZeroU32,
    /// Counted from the end of the result (`-1:-100`).
    pub from_end: bool,
}

/// `search = "SEARCH" [search-return-opts] SP search-program`
/// `search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)`
pub(super) fn search(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Search> {
    c.sp()?;
    let returns = search_return(c)?;
    let mut charset = Charset::Utf8;
    if c.take(b"CHARSET ") {
        charset = self::charset(c)?;
        c.sp()?;
    }
    let key = search_key::program(c, &charset)?;
    Ok(Search { by, returns, charset, key })
}

/// `charset = atom / quoted`
pub(super) fn charset(c: &mut Cursor<'_>) -> Parsed<Charset> {
    let name = String::from_utf8_lossy(&c.astring()?).into_owned();
    let known = ["UTF-8", "US-ASCII", "UTF8", "ASCII"].iter().any(|n| name.eq_ignore_ascii_case(n));
    Ok(if known { Charset::Utf8 } else { Charset::Unsupported(name) })
}

/// `search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"`, and the space behind it.
pub(super) fn search_return(c: &mut Cursor<'_>) -> Parsed<Option<SearchReturn>> {
    if !c.take(b"RETURN ") {
        return Ok(None);
    }
    let start = c.clone();
    let mut returns = SearchReturn::default();
    c.list0(|c| {
        let at = c.clone();
        match c.atom()?.to_ascii_uppercase().as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            "SAVE" => returns.save = true,
            "PARTIAL" => {
                c.sp()?;
                returns.partial = Some(partial_range(c)?);
            }
            _ => return Err(at.error("a return option")),
        }
        Ok(())
    })?;
    c.sp()?;
    // RFC 9394 §3.1: PARTIAL and ALL exclude each other.
    if returns.all && returns.partial.is_some() {
        return Err(start.error("either ALL or PARTIAL"));
    }
    if returns == SearchReturn::default() {
        returns.all = true;
    }
    Ok(Some(returns))
}

/// `partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number`, the ends in any order
pub(super) fn partial_range(c: &mut Cursor<'_>) -> Parsed<PartialRange> {
    let from_end = c.take(b"-");
    let a = c.nz_number()?;
    c.expect(":")?;
    if from_end {
        c.expect("-")?;
    }
    let b = c.nz_number()?;
    Ok(PartialRange { first: a.min(b), last: a.max(b), from_end })
}
