//! Status responses with their response codes (RFC 9051 §7.1, RFC 5530 and extensions), and continuation requests.

use sterna_core::{Flags, ModSeq, Uid, UidValidity};

use super::{astring, number, quoted_or_literal};
use crate::codec::command::BadCommand;
use crate::codec::flag::write_flags;
use crate::codec::sequence::NumberSet;

/// What a status response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// OK
    Ok,
    /// NO
    No,
    /// BAD
    Bad,
    /// PREAUTH; untagged only.
    PreAuth,
    /// BYE; untagged only.
    Bye,
}

impl Condition {
    fn name(self) -> &'static [u8] {
        match self {
            Condition::Ok => b"OK ",
            Condition::No => b"NO ",
            Condition::Bad => b"BAD ",
            Condition::PreAuth => b"PREAUTH ",
            Condition::Bye => b"BYE ",
        }
    }
}

/// A response code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Code<'a> {
    /// One without arguments, by its name: see [`names`].
    Name(&'static str),
    /// BADCHARSET, with the ones that are known: US-ASCII and UTF-8.
    BadCharset,
    /// BADEVENT: the events of NOTIFY that are known (RFC 5465 §5).
    BadEvent(&'a [&'a str]),
    /// CAPABILITY, given without the word CAPABILITY.
    Capability(&'a [&'a str]),
    /// PERMANENTFLAGS; `more`: new keywords can be made (`\*`).
    PermanentFlags {
        /// Those that can be changed.
        flags: &'a Flags,
        /// Append `\*`.
        more: bool,
    },
    /// UIDNEXT
    UidNext(Uid),
    /// UIDVALIDITY
    UidValidity(UidValidity),
    /// UNSEEN of RFC 3501: the first unseen message's sequence number.
    Unseen(u32),
    /// HIGHESTMODSEQ (RFC 7162)
    HighestModSeq(ModSeq),
    /// MODIFIED: sequence numbers or UIDs that UNCHANGEDSINCE left alone; not empty (RFC 7162 §3.1.3).
    Modified(&'a NumberSet),
    /// APPENDUID (RFC 4315); not empty, in the order of the messages.
    AppendUid(UidValidity, &'a NumberSet),
    /// COPYUID (RFC 4315): sources and their copies, pairwise; not empty.
    CopyUid(UidValidity, &'a NumberSet, &'a NumberSet),
    /// MAILBOXID (RFC 8474)
    MailboxId(&'a str),
    /// INPROGRESS (RFC 9585): a sign of life of a command that takes long.
    InProgress {
        /// Of the command that takes so long.
        tag: &'a str,
        /// How far it is, and how far it goes, as far as that is known (RFC 9585 §3).
        progress: Option<(u32, Option<u32>)>,
    },
}

/// The codes without arguments.
#[expect(missing_docs)] // Each is the code of its name.
pub mod names {
    use super::Code;

    macro_rules! codes {
        ($($constant:ident = $name:literal),* $(,)?) => { $(pub const $constant: Code<'static> = Code::Name($name);)* };
    }

    // RFC 9051 §7.1.
    codes! {
        ALERT = "ALERT", PARSE = "PARSE", READ_ONLY = "READ-ONLY", READ_WRITE = "READ-WRITE", TRYCREATE = "TRYCREATE",
        CLOSED = "CLOSED", HASCHILDREN = "HASCHILDREN", NOTSAVED = "NOTSAVED", UIDNOTSTICKY = "UIDNOTSTICKY",
        UNKNOWN_CTE = "UNKNOWN-CTE",
    }
    // RFC 5530.
    codes! {
        UNAVAILABLE = "UNAVAILABLE", AUTHENTICATIONFAILED = "AUTHENTICATIONFAILED", EXPIRED = "EXPIRED",
        AUTHORIZATIONFAILED = "AUTHORIZATIONFAILED", PRIVACYREQUIRED = "PRIVACYREQUIRED", CONTACTADMIN = "CONTACTADMIN",
        NOPERM = "NOPERM", INUSE = "INUSE", EXPUNGEISSUED = "EXPUNGEISSUED", CORRUPTION = "CORRUPTION",
        SERVERBUG = "SERVERBUG", CLIENTBUG = "CLIENTBUG", CANNOT = "CANNOT", LIMIT = "LIMIT", OVERQUOTA = "OVERQUOTA",
        ALREADYEXISTS = "ALREADYEXISTS", NONEXISTENT = "NONEXISTENT",
    }
    // RFC 4469 and 7889, RFC 7162, RFC 4978, RFC 6154, RFC 5465, RFC 9586.
    codes! {
        TOOBIG = "TOOBIG", NOMODSEQ = "NOMODSEQ", COMPRESSIONACTIVE = "COMPRESSIONACTIVE", USEATTR = "USEATTR",
        NOTIFICATIONOVERFLOW = "NOTIFICATIONOVERFLOW", UIDREQUIRED = "UIDREQUIRED",
    }
}

/// Appends `tag OK [CODE] text`.
pub fn tagged(out: &mut Vec<u8>, tag: &str, condition: Condition, code: Option<Code<'_>>, message: &str) {
    out.extend_from_slice(tag.as_bytes());
    status(out, condition, code, message);
}

/// Appends `* OK [CODE] text`.
pub fn untagged(out: &mut Vec<u8>, condition: Condition, code: Option<Code<'_>>, message: &str) {
    out.push(b'*');
    status(out, condition, code, message);
}

/// Appends the answer to a command that does not parse: BAD with its tag, or untagged if it has none.
pub fn bad_command(out: &mut Vec<u8>, bad: &BadCommand) {
    tagged(out, bad.tag.as_deref().unwrap_or("*"), Condition::Bad, None, &bad.to_string());
}

/// Appends a continuation request with a text.
pub fn continuation(out: &mut Vec<u8>, message: &str) {
    out.extend_from_slice(b"+ ");
    text(out, message);
    out.extend_from_slice(b"\r\n");
}

/// Appends a continuation request of AUTHENTICATE: the challenge, already in base64, maybe empty (RFC 9051 §6.2.2).
pub fn challenge(out: &mut Vec<u8>, base64: &str) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(base64.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn status(out: &mut Vec<u8>, condition: Condition, code: Option<Code<'_>>, message: &str) {
    out.push(b' ');
    out.extend_from_slice(condition.name());
    if let Some(code) = code {
        out.push(b'[');
        write_code(out, code);
        out.extend_from_slice(b"] ");
    }
    text(out, message);
    out.extend_from_slice(b"\r\n");
}

/// `resp-text`'s text: never empty, never a second line.
fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().map(|b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { b }));
    if text.is_empty() {
        out.push(b'.');
    }
}

fn write_code(out: &mut Vec<u8>, code: Code<'_>) {
    let put = |out: &mut Vec<u8>, name: &str, n: u64| {
        out.extend_from_slice(name.as_bytes());
        number(out, n);
    };
    match code {
        Code::Name(name) => out.extend_from_slice(name.as_bytes()),
        Code::BadCharset => out.extend_from_slice(b"BADCHARSET (US-ASCII UTF-8)"),
        Code::BadEvent(events) => {
            out.extend_from_slice(b"BADEVENT (");
            words(out, events);
            out.push(b')');
        }
        Code::Capability(names) => {
            out.extend_from_slice(b"CAPABILITY ");
            words(out, names);
        }
        Code::PermanentFlags { flags, more } => {
            out.extend_from_slice(b"PERMANENTFLAGS (");
            write_flags(out, flags);
            match (more, flags.is_empty()) {
                (true, true) => out.extend_from_slice(b"\\*"),
                (true, false) => out.extend_from_slice(b" \\*"),
                (false, _) => {}
            }
            out.push(b')');
        }
        Code::UidNext(uid) => put(out, "UIDNEXT ", u64::from(uid.get())),
        Code::UidValidity(validity) => put(out, "UIDVALIDITY ", u64::from(validity.get())),
        Code::Unseen(n) => put(out, "UNSEEN ", u64::from(n)),
        Code::HighestModSeq(m) => put(out, "HIGHESTMODSEQ ", m.0),
        Code::Modified(set) => {
            out.extend_from_slice(b"MODIFIED ");
            set.write(out);
        }
        Code::AppendUid(validity, uids) => {
            put(out, "APPENDUID ", u64::from(validity.get()));
            out.push(b' ');
            uids.write(out);
        }
        Code::CopyUid(validity, from, to) => {
            put(out, "COPYUID ", u64::from(validity.get()));
            out.push(b' ');
            from.write(out);
            out.push(b' ');
            to.write(out);
        }
        Code::MailboxId(id) => {
            out.extend_from_slice(b"MAILBOXID (");
            out.extend_from_slice(id.as_bytes());
            out.push(b')');
        }
        Code::InProgress { tag, progress } => {
            out.extend_from_slice(b"INPROGRESS (");
            quoted_or_literal(out, tag.as_bytes());
            match progress {
                None => out.extend_from_slice(b" NIL NIL"),
                Some((done, goal)) => {
                    put(out, " ", u64::from(done));
                    match goal {
                        Some(goal) => put(out, " ", u64::from(goal)),
                        None => out.extend_from_slice(b" NIL"),
                    }
                }
            }
            out.push(b')');
        }
    }
}

/// Appends words with a space between each two.
pub(super) fn words(out: &mut Vec<u8>, words: &[&str]) {
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
}

/// Appends a space and an astring.
pub(super) fn sp_astring(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b' ');
    astring(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_written_as_its_rfc_says() {
        let validity = UidValidity::new(38505).unwrap();
        let (from, to): (NumberSet, NumberSet) =
            ([304u32, 319, 320].into_iter().collect(), NumberSet::range(3956, 3958));
        let seen = Flags::system(sterna_core::SystemFlags::SEEN);
        for (code, wire) in [
            (names::TRYCREATE, "TRYCREATE"),
            (Code::BadCharset, "BADCHARSET (US-ASCII UTF-8)"),
            (Code::BadEvent(&["MessageNew", "FlagChange"]), "BADEVENT (MessageNew FlagChange)"),
            (Code::Capability(&["IMAP4rev2", "IDLE"]), "CAPABILITY IMAP4rev2 IDLE"),
            (Code::PermanentFlags { flags: &seen, more: true }, "PERMANENTFLAGS (\\Seen \\*)"),
            (Code::PermanentFlags { flags: &Flags::default(), more: false }, "PERMANENTFLAGS ()"),
            (Code::PermanentFlags { flags: &Flags::default(), more: true }, "PERMANENTFLAGS (\\*)"),
            (Code::UidNext(Uid::MAX), "UIDNEXT 4294967295"),
            (Code::UidValidity(validity), "UIDVALIDITY 38505"),
            (Code::Unseen(12), "UNSEEN 12"),
            (Code::HighestModSeq(ModSeq::MAX), "HIGHESTMODSEQ 9223372036854775807"),
            (Code::Modified(&from), "MODIFIED 304,319:320"),
            (Code::AppendUid(validity, &to), "APPENDUID 38505 3956:3958"),
            (Code::CopyUid(validity, &from, &to), "COPYUID 38505 304,319:320 3956:3958"),
            (Code::MailboxId("F2212ea87"), "MAILBOXID (F2212ea87)"),
            (Code::InProgress { tag: "A1", progress: Some((4, None)) }, "INPROGRESS (\"A1\" 4 NIL)"),
            (Code::InProgress { tag: "A1", progress: Some((4, Some(9))) }, "INPROGRESS (\"A1\" 4 9)"),
            (Code::InProgress { tag: "A1", progress: None }, "INPROGRESS (\"A1\" NIL NIL)"),
        ] {
            let mut out = Vec::new();
            tagged(&mut out, "a", Condition::No, Some(code), "text");
            assert_eq!(String::from_utf8_lossy(&out), format!("a NO [{wire}] text\r\n"));
        }
    }

    #[test]
    fn a_text_never_makes_a_second_line() {
        let mut out = Vec::new();
        untagged(&mut out, Condition::Bye, None, "a\r\nb");
        continuation(&mut out, "");
        assert_eq!(out, b"* BYE a  b\r\n+ .\r\n");
    }
}
