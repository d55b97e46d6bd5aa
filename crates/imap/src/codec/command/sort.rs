//! SORT and THREAD (RFC 5256, RFC 5957 for DISPLAYFROM and DISPLAYTO, RFC 5267 for RETURN).

use super::search::{Charset, SearchReturn, charset, search_return};
use super::{Addressing, SearchKey, search_key};
use crate::codec::lexer::{Cursor, Parsed};

/// The most criteria of one SORT: more cannot change the order much, each appears usefully once.
const CRITERIA_MAX: usize = 32;

/// SORT or UID SORT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What the numbers of the answer are.
    pub by: Addressing,
    /// RETURN: the answer is ESEARCH, in sorted order (RFC 5267 §3). `None`: SORT.
    pub returns: Option<SearchReturn>,
    /// By what, the first first; ties go by sequence number.
    pub criteria: Vec<SortCriterion>,
    /// In what the strings of the key are written.
    pub charset: Charset,
    /// Which messages.
    pub key: SearchKey,
}

/// One criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortCriterion {
    /// By what.
    pub key: SortKey,
    /// Descending.
    pub reverse: bool,
}

/// What messages are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// ARRIVAL: INTERNALDATE
    Arrival,
    /// CC: mailbox of the first address
    Cc,
    /// DATE: the Date field, else INTERNALDATE
    Date,
    /// DISPLAYFROM (RFC 5957)
    DisplayFrom,
    /// DISPLAYTO (RFC 5957)
    DisplayTo,
    /// FROM: mailbox of the first address
    From,
    /// SIZE
    Size,
    /// SUBJECT: the base subject
    Subject,
    /// TO: mailbox of the first address
    To,
}

/// THREAD or UID THREAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// What the numbers of the answer are.
    pub by: Addressing,
    /// How.
    pub algorithm: ThreadAlgorithm,
    /// In what the strings of the key are written.
    pub charset: Charset,
    /// Which messages.
    pub key: SearchKey,
}

/// How threads are made (RFC 5256 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// ORDEREDSUBJECT
    OrderedSubject,
    /// REFERENCES
    References,
}

/// `sort = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria`
pub(super) fn sort(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Sort> {
    c.sp()?;
    let returns = search_return(c)?;
    let criteria = c.list(criterion)?;
    if criteria.len() > CRITERIA_MAX {
        return Err(c.error("at most 32 sort criteria"));
    }
    let (charset, key) = search_criteria(c)?;
    Ok(Sort { by, returns, criteria, charset, key })
}

/// `thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria`
pub(super) fn thread(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Thread> {
    c.sp()?;
    let at = c.clone();
    let algorithm = match c.atom()?.to_ascii_uppercase().as_str() {
        "ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        "REFERENCES" => ThreadAlgorithm::References,
        _ => return Err(at.error("ORDEREDSUBJECT or REFERENCES")),
    };
    let (charset, key) = search_criteria(c)?;
    Ok(Thread { by, algorithm, charset, key })
}

/// `SP search-criteria`, `search-criteria = charset 1*(SP search-key)`
fn search_criteria(c: &mut Cursor<'_>) -> Parsed<(Charset, SearchKey)> {
    c.sp()?;
    let charset = charset(c)?;
    c.sp()?;
    let key = search_key::program(c, &charset)?;
    Ok((charset, key))
}

/// `sort-criterion = ["REVERSE" SP] sort-key`
fn criterion(c: &mut Cursor<'_>) -> Parsed<SortCriterion> {
    let reverse = c.take(b"REVERSE ");
    let at = c.clone();
    let key = match c.atom()?.to_ascii_uppercase().as_str() {
        "ARRIVAL" => SortKey::Arrival,
        "CC" => SortKey::Cc,
        "DATE" => SortKey::Date,
        "DISPLAYFROM" => SortKey::DisplayFrom,
        "DISPLAYTO" => SortKey::DisplayTo,
        "FROM" => SortKey::From,
        "SIZE" => SortKey::Size,
        "SUBJECT" => SortKey::Subject,
        "TO" => SortKey::To,
        _ => return Err(at.error("a sort key")),
    };
    Ok(SortCriterion { key, reverse })
}
