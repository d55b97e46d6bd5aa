//! The tree of a search (RFC 9051 §6.4.4, RFC 3501, RFC 5032, RFC 7162, RFC 8474, RFC 8514).
//!
//! Keys that are only another spelling are not in the tree: UNSEEN is `Not(Flag(\Seen))`, NEW is RECENT and UNSEEN.

use sterna_core::{CivilDate, Flag, Keyword, ModSeq, SystemFlags};

use super::search::Charset;
use super::{message_set, sp_message_set};
use crate::codec::date::date;
use crate::codec::lexer::{Cursor, MAX_DEPTH, Parsed};
use crate::codec::sequence::MessageSet;

/// The most keys of one search, those in parentheses counted.
const KEYS_MAX: usize = 5_000;

/// A condition on messages. Strings match as substrings, without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// Every message.
    All,
    /// All of them; never empty.
    And(Vec<SearchKey>),
    /// One or both.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// Not this.
    Not(Box<SearchKey>),
    /// These sequence numbers, or `$`.
    Sequence(MessageSet),
    /// These UIDs, or `$`.
    Uid(MessageSet),
    /// A flag or keyword is set. A keyword that cannot be set matches nothing: `None`.
    Flag(Option<Flag>),
    /// RECENT of RFC 3501: matches nothing, as RFC 9051 has no `\Recent`.
    Recent,
    /// BCC
    Bcc(String),
    /// CC
    Cc(String),
    /// FROM
    From(String),
    /// SUBJECT
    Subject(String),
    /// TO
    To(String),
    /// BODY: the text of the parts.
    Body(String),
    /// TEXT: header and body.
    Text(String),
    /// HEADER: a field of that name with the text; an empty text means that there is such a field.
    Header(String, String),
    /// BEFORE: INTERNALDATE, its time and zone disregarded.
    Before(CivilDate),
    /// ON
    On(CivilDate),
    /// SINCE
    Since(CivilDate),
    /// SENTBEFORE: the Date field, its time and zone disregarded.
    SentBefore(CivilDate),
    /// SENTON
    SentOn(CivilDate),
    /// SENTSINCE
    SentSince(CivilDate),
    /// SAVEDBEFORE (RFC 8514)
    SavedBefore(CivilDate),
    /// SAVEDON
    SavedOn(CivilDate),
    /// SAVEDSINCE
    SavedSince(CivilDate),
    /// SAVEDATESUPPORTED: whether the mailbox keeps save dates.
    SaveDateSupported,
    /// OLDER: INTERNALDATE is at least so many seconds ago (RFC 5032).
    Older(u32),
    /// YOUNGER: INTERNALDATE is at most so many seconds ago (RFC 5032).
    Younger(u32),
    /// LARGER: RFC822.SIZE is above.
    Larger(u64),
    /// SMALLER: RFC822.SIZE is below.
    Smaller(u64),
    /// MODSEQ: at least this value (RFC 7162 §3.1.5); a CONDSTORE-enabling command. Entry names are read and
    /// disregarded, as every MODSEQ counts for the whole message.
    ModSeq(ModSeq),
    /// EMAILID (RFC 8474)
    EmailId(String),
    /// THREADID (RFC 8474)
    ThreadId(String),
}

impl SearchKey {
    /// Whether `test` holds for this key or one inside; recursion is bounded by the depth of parsing.
    pub fn any(&self, test: &impl Fn(&SearchKey) -> bool) -> bool {
        test(self)
            || match self {
                SearchKey::And(keys) => keys.iter().any(|k| k.any(test)),
                SearchKey::Or(a, b) => a.any(test) || b.any(test),
                SearchKey::Not(key) => key.any(test),
                _ => false,
            }
    }
}

/// `search-key *(SP search-key)`, to the end of the command
pub(super) fn program(c: &mut Cursor<'_>, charset: &Charset) -> Parsed<SearchKey> {
    let mut reader = KeyReader { charset, keys: 0 };
    let mut keys = vec![reader.key(c, MAX_DEPTH)?];
    while c.take(b" ") {
        keys.push(reader.key(c, MAX_DEPTH)?);
    }
    Ok(all_of(keys))
}

fn all_of(mut keys: Vec<SearchKey>) -> SearchKey {
    match (keys.len(), keys.pop()) {
        (1, Some(key)) => key,
        (_, last) => {
            keys.extend(last);
            SearchKey::And(keys)
        }
    }
}

struct KeyReader<'s> {
    charset: &'s Charset,
    keys: usize,
}

impl KeyReader<'_> {
    /// `search-key`; `depth` bounds NOT, OR and parentheses.
    fn key(&mut self, c: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
        self.keys += 1;
        if self.keys > KEYS_MAX {
            return Err(c.error("at most 5000 search keys"));
        }
        let Some(deeper) = depth.checked_sub(1) else { return Err(c.error("at most 50 levels of search keys")) };
        match c.peek() {
            Some(b'(') => return Ok(all_of(c.list(|c| self.key(c, deeper))?)),
            Some(b'0'..=b'9' | b'*' | b'$') => return message_set(c).map(SearchKey::Sequence),
            _ => {}
        }
        let at = c.clone();
        let name = c.atom()?.to_ascii_uppercase();
        if let Some(key) = plain_key(&name) {
            return Ok(key);
        }
        Ok(match name.as_str() {
            "NOT" => SearchKey::Not(Box::new(self.sp_key(c, deeper)?)),
            "OR" => SearchKey::Or(Box::new(self.sp_key(c, deeper)?), Box::new(self.sp_key(c, deeper)?)),
            "UID" => SearchKey::Uid(sp_message_set(c)?),
            "KEYWORD" => keyword(c)?,
            "UNKEYWORD" => SearchKey::Not(Box::new(keyword(c)?)),
            "BCC" => SearchKey::Bcc(self.sp_string(c)?),
            "CC" => SearchKey::Cc(self.sp_string(c)?),
            "FROM" => SearchKey::From(self.sp_string(c)?),
            "SUBJECT" => SearchKey::Subject(self.sp_string(c)?),
            "TO" => SearchKey::To(self.sp_string(c)?),
            "BODY" => SearchKey::Body(self.sp_string(c)?),
            "TEXT" => SearchKey::Text(self.sp_string(c)?),
            "HEADER" => SearchKey::Header(self.sp_string(c)?, self.sp_string(c)?),
            "BEFORE" => SearchKey::Before(sp_date(c)?),
            "ON" => SearchKey::On(sp_date(c)?),
            "SINCE" => SearchKey::Since(sp_date(c)?),
            "SENTBEFORE" => SearchKey::SentBefore(sp_date(c)?),
            "SENTON" => SearchKey::SentOn(sp_date(c)?),
            "SENTSINCE" => SearchKey::SentSince(sp_date(c)?),
            "SAVEDBEFORE" => SearchKey::SavedBefore(sp_date(c)?),
            "SAVEDON" => SearchKey::SavedOn(sp_date(c)?),
            "SAVEDSINCE" => SearchKey::SavedSince(sp_date(c)?),
            "OLDER" => SearchKey::Older(interval(c)?),
            "YOUNGER" => SearchKey::Younger(interval(c)?),
            "LARGER" => SearchKey::Larger(sp_number(c)?),
            "SMALLER" => SearchKey::Smaller(sp_number(c)?),
            "MODSEQ" => mod_seq(c)?,
            "EMAILID" => SearchKey::EmailId(object_id(c)?),
            "THREADID" => SearchKey::ThreadId(object_id(c)?),
            _ => return Err(at.error("a search key")),
        })
    }

    fn sp_key(&mut self, c: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
        c.sp()?;
        self.key(c, depth)
    }

    /// `SP astring`. Bytes that are not UTF-8 are an error, unless the command is refused for its charset anyway.
    /// 8-bit bytes in an unquoted string are let through, as clients do write them.
    fn sp_string(&self, c: &mut Cursor<'_>) -> Parsed<String> {
        c.sp()?;
        let error = c.error("a string in UTF-8");
        let bytes = c.mailbox()?;
        match self.charset {
            Charset::Utf8 => String::from_utf8(bytes.into_owned()).map_err(|_| error),
            Charset::Unsupported(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

/// Keys without arguments.
fn plain_key(name: &str) -> Option<SearchKey> {
    let flag = |f| SearchKey::Flag(Some(Flag::System(f)));
    let not = |key| SearchKey::Not(Box::new(key));
    Some(match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => flag(SystemFlags::ANSWERED),
        "DELETED" => flag(SystemFlags::DELETED),
        "DRAFT" => flag(SystemFlags::DRAFT),
        "FLAGGED" => flag(SystemFlags::FLAGGED),
        "SEEN" => flag(SystemFlags::SEEN),
        "UNANSWERED" => not(flag(SystemFlags::ANSWERED)),
        "UNDELETED" => not(flag(SystemFlags::DELETED)),
        "UNDRAFT" => not(flag(SystemFlags::DRAFT)),
        "UNFLAGGED" => not(flag(SystemFlags::FLAGGED)),
        "UNSEEN" => not(flag(SystemFlags::SEEN)),
        "RECENT" => SearchKey::Recent,
        "OLD" => not(SearchKey::Recent),
        "NEW" => SearchKey::And(vec![SearchKey::Recent, not(flag(SystemFlags::SEEN))]),
        "SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
        _ => return None,
    })
}

/// `SP flag-keyword`
fn keyword(c: &mut Cursor<'_>) -> Parsed<SearchKey> {
    c.sp()?;
    Ok(SearchKey::Flag(Keyword::new(c.atom()?).map(Flag::Keyword)))
}

fn sp_date(c: &mut Cursor<'_>) -> Parsed<CivilDate> {
    c.sp()?;
    date(c)
}

fn sp_number(c: &mut Cursor<'_>) -> Parsed<u64> {
    c.sp()?;
    c.number64()
}

/// `SP nz-number` of seconds (RFC 5032 §3)
fn interval(c: &mut Cursor<'_>) -> Parsed<u32> {
    c.sp()?;
    Ok(c.nz_number()?.get())
}

/// `SP objectid`, `objectid = 1*255(ALPHA / DIGIT / "_" / "-")` (RFC 8474 §7)
fn object_id(c: &mut Cursor<'_>) -> Parsed<String> {
    c.sp()?;
    let error = c.error("an object identifier");
    let id = c.take_while(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let id = std::str::from_utf8(id).ok().filter(|id| (1..=255).contains(&id.len()));
    id.map(str::to_owned).ok_or(error)
}

/// `search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer`
/// `search-modseq-ext = SP entry-name SP entry-type-req` (RFC 7162 §7)
fn mod_seq(c: &mut Cursor<'_>) -> Parsed<SearchKey> {
    c.sp()?;
    if c.looking_at(b"\"") {
        c.quoted()?;
        c.sp()?;
        let at = c.clone();
        if !["PRIV", "SHARED", "ALL"].iter().any(|t| c.take(t.as_bytes())) {
            return Err(at.error("priv, shared or all"));
        }
        c.sp()?;
    }
    Ok(SearchKey::ModSeq(ModSeq(c.number64()?)))
}
