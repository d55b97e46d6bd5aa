//! Commands of a client as values (RFC 9051 §6, RFC 3501 and extensions): one file for each family.
//!
//! The session gives a complete command, as [`super::framing`] cut it out, to [`Command::parse`] and matches on the
//! [`CommandBody`]. Parsing checks the grammar only: whether a command is allowed now is the session's business.

pub mod append;
pub mod fetch;
pub mod list;
pub mod mailbox;
pub mod notify;
pub mod quota;
pub mod search;
mod search_key;
pub mod section;
pub mod session;
pub mod sort;
pub mod store;

pub use search_key::SearchKey;

use super::framing::read_tag;
use super::lexer::{Cursor, Parsed, SyntaxError};
use super::mailbox::{MailboxName, NameEncoding};
use super::sequence::{MAX_RANGES, MessageSet, NumberSet, SequenceSet};

/// How the numbers of a command and of its answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// Message sequence numbers.
    Sequence,
    /// UIDs: the command came with the prefix UID.
    Uid,
}

/// A tagged command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Goes back in the tagged response.
    pub tag: String,
    /// What is asked for.
    pub body: CommandBody,
}

/// A command that does not parse: answered with a tagged BAD, or an untagged one if there is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct BadCommand {
    /// The tag, if one could be read.
    pub tag: Option<String>,
    /// Where and what.
    pub error: SyntaxError,
}

/// Every command but APPEND and REPLACE, which [`append::AppendHead`] describes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs)] // A variant is the command of its name; the arguments are documented at their types.
pub enum CommandBody {
    Capability,
    Noop,
    Logout,
    StartTls,
    Authenticate(session::Authenticate),
    Login(session::Login),
    Enable(Vec<String>),
    /// RFC 2971; `None` for `ID NIL`.
    Id(Option<Vec<session::IdField>>),
    Idle,
    /// RFC 4978: the mechanism, in upper case.
    Compress(String),
    Namespace,
    Notify(notify::Notify),
    /// SELECT and EXAMINE.
    Select(mailbox::Select),
    Create(mailbox::Create),
    Delete(MailboxName),
    Rename {
        from: MailboxName,
        to: MailboxName,
    },
    Subscribe(MailboxName),
    Unsubscribe(MailboxName),
    List(list::List),
    Lsub {
        reference: MailboxName,
        pattern: MailboxName,
    },
    Status {
        mailbox: MailboxName,
        items: Vec<mailbox::StatusItem>,
    },
    GetQuota {
        root: Vec<u8>,
    },
    GetQuotaRoot(MailboxName),
    SetQuota(quota::SetQuota),
    Check,
    Close,
    Unselect,
    /// EXPUNGE (`None`) and UID EXPUNGE (RFC 4315).
    Expunge(Option<MessageSet>),
    Search(search::Search),
    Sort(sort::Sort),
    Thread(sort::Thread),
    Fetch(fetch::Fetch),
    Store(store::Store),
    Copy(store::Transfer),
    Move(store::Transfer),
}

impl Command {
    /// Parses the bytes of one command, its CRLF included.
    pub fn parse(input: &[u8], names: NameEncoding) -> Result<Command, BadCommand> {
        let mut cursor = Cursor::new(input);
        let parsed = (|| {
            let tag = cursor.tag()?.to_owned();
            cursor.sp()?;
            let body = body(&mut cursor, names)?;
            cursor.end()?;
            Ok(Command { tag, body })
        })();
        parsed.map_err(|error| BadCommand { tag: read_tag(input), error })
    }
}

fn body(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<CommandBody> {
    let at = c.clone();
    let name = c.atom().map_err(|_| at.error("a command"))?.to_ascii_uppercase();
    Ok(match name.as_str() {
        "CAPABILITY" => CommandBody::Capability,
        "NOOP" => CommandBody::Noop,
        "LOGOUT" => CommandBody::Logout,
        "STARTTLS" => CommandBody::StartTls,
        "AUTHENTICATE" => CommandBody::Authenticate(session::authenticate(c)?),
        "LOGIN" => CommandBody::Login(session::login(c)?),
        "ENABLE" => CommandBody::Enable(session::enable(c)?),
        "ID" => CommandBody::Id(session::id(c)?),
        "IDLE" => CommandBody::Idle,
        "COMPRESS" => CommandBody::Compress(session::compress(c)?),
        "NAMESPACE" => CommandBody::Namespace,
        "NOTIFY" => CommandBody::Notify(notify::notify(c, names)?),
        "SELECT" => CommandBody::Select(mailbox::select(c, names, false)?),
        "EXAMINE" => CommandBody::Select(mailbox::select(c, names, true)?),
        "CREATE" => CommandBody::Create(mailbox::create(c, names)?),
        "DELETE" => CommandBody::Delete(sp_mailbox(c, names)?),
        "RENAME" => CommandBody::Rename { from: sp_mailbox(c, names)?, to: sp_mailbox(c, names)? },
        "SUBSCRIBE" => CommandBody::Subscribe(sp_mailbox(c, names)?),
        "UNSUBSCRIBE" => CommandBody::Unsubscribe(sp_mailbox(c, names)?),
        "LIST" => CommandBody::List(list::list(c, names)?),
        "LSUB" => list::lsub(c, names)?,
        "STATUS" => mailbox::status(c, names)?,
        "GETQUOTA" => quota::get_quota(c)?,
        "GETQUOTAROOT" => CommandBody::GetQuotaRoot(sp_mailbox(c, names)?),
        "SETQUOTA" => CommandBody::SetQuota(quota::set_quota(c)?),
        "CHECK" => CommandBody::Check,
        "CLOSE" => CommandBody::Close,
        "UNSELECT" => CommandBody::Unselect,
        "EXPUNGE" => CommandBody::Expunge(None),
        "UID" => {
            c.sp()?;
            let at = c.clone();
            let name = c.atom()?.to_ascii_uppercase();
            match name.as_str() {
                "EXPUNGE" => CommandBody::Expunge(Some(sp_message_set(c)?)),
                _ => numbered(&name, c, Addressing::Uid, names)?.ok_or(at.error("a command that has a UID form"))?,
            }
        }
        _ => numbered(&name, c, Addressing::Sequence, names)?.ok_or(at.error("a known command"))?,
    })
}

/// The commands that exist with and without the prefix UID.
fn numbered(name: &str, c: &mut Cursor<'_>, by: Addressing, names: NameEncoding) -> Parsed<Option<CommandBody>> {
    Ok(Some(match name {
        "SEARCH" => CommandBody::Search(search::search(c, by)?),
        "SORT" => CommandBody::Sort(sort::sort(c, by)?),
        "THREAD" => CommandBody::Thread(sort::thread(c, by)?),
        "FETCH" => CommandBody::Fetch(fetch::fetch(c, by)?),
        "STORE" => CommandBody::Store(store::store(c, by)?),
        "COPY" => CommandBody::Copy(store::transfer(c, by, names)?),
        "MOVE" => CommandBody::Move(store::transfer(c, by, names)?),
        // The framer hands these over at the message; here they lack one.
        "APPEND" | "REPLACE" => return Err(c.error("the literal of a message")),
        _ => return Ok(None),
    }))
}

/// `SP mailbox`
fn sp_mailbox(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<MailboxName> {
    c.sp()?;
    Ok(MailboxName::from_wire(&c.mailbox()?, names))
}

/// `SP sequence-set`, where `$` is the saved result (RFC 5182)
fn sp_message_set(c: &mut Cursor<'_>) -> Parsed<MessageSet> {
    c.sp()?;
    message_set(c)
}

/// `sequence-set =/ seq-last-command`, `seq-last-command = "$"`
fn message_set(c: &mut Cursor<'_>) -> Parsed<MessageSet> {
    let error = c.error("a sequence set");
    if c.take(b"$") {
        return Ok(MessageSet::Saved);
    }
    let text = c.take_while(|b| b.is_ascii_digit() || matches!(b, b',' | b':' | b'*'));
    SequenceSet::parse(text).map(MessageSet::Numbers).map_err(|_| error)
}

/// A set without `*` and `$`: `known-uids`, `known-sequence-set` (RFC 7162 §7)
fn number_set(c: &mut Cursor<'_>) -> Parsed<NumberSet> {
    let error = c.error("a set of numbers without *");
    let text = c.take_while(|b| b.is_ascii_digit() || matches!(b, b',' | b':'));
    NumberSet::parse(text, MAX_RANGES).map_err(|_| error)
}

/// A string of the client that must be UTF-8.
fn utf8(c: &Cursor<'_>, bytes: std::borrow::Cow<'_, [u8]>) -> Parsed<String> {
    String::from_utf8(bytes.into_owned()).map_err(|_| c.error("text in UTF-8"))
}

#[cfg(test)]
mod tests;
