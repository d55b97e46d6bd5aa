//! CAPABILITY (RFC 9051 §6.1.1): what this session can ask for, now. Never more than is true.

use super::problem::Reply;
use super::session::Session;
use crate::client::Capabilities;
use crate::codec::write;

/// In every state.
const ALWAYS: [&str; 6] = ["IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ENABLE", "ID"];

/// After login.
const AUTHENTICATED: [&str; 36] = [
    "IDLE",
    "NAMESPACE",
    "CHILDREN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "UIDPLUS",
    "UNSELECT",
    "MOVE",
    "REPLACE",
    "MULTIAPPEND",
    "BINARY",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "PARTIAL",
    "UIDONLY",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
    "STATUS=SIZE",
    "NOTIFY",
    "UTF8=ACCEPT",
    "APPENDLIMIT",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "INPROGRESS",
    "COMPRESS=DEFLATE",
];

/// The capabilities of this session in its present state.
pub(super) fn list(session: &Session) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    if session.account.is_some() {
        let active = session.out.stream.is_deflate();
        let offered = |name: &&&str| match **name {
            // RFC 4978 §3: not offered once it is in use.
            "COMPRESS=DEFLATE" => !active,
            "UTF8=ACCEPT" => session.utf8_accept,
            _ => true,
        };
        names.extend(AUTHENTICATED.iter().filter(offered));
        return names;
    }
    if offers_starttls(session) {
        names.push("STARTTLS");
    }
    names.extend(if takes_passwords(session) { &["AUTH=PLAIN", "AUTH=LOGIN"][..] } else { &["LOGINDISABLED"] });
    names
}

/// What a relayed session can ask for: what the platform can do and Sterna can go on with when the mailbox moves here. Nothing
/// of it is withdrawn then.
pub(super) fn shared(platform: &Capabilities) -> Vec<&'static str> {
    // The relay writes literals as the platform takes them, and asks it for nothing else that it might not know.
    const ALWAYS_SHARED: [&str; 2] = ["IMAP4rev1", "LITERAL+"];
    // Identifiers of objects are each server's own; deflate is not relayed.
    const NEVER_SHARED: [&str; 2] = ["OBJECTID", "COMPRESS=DEFLATE"];
    let candidates = ALWAYS.iter().chain(&AUTHENTICATED).copied();
    candidates
        .filter(|name| {
            let both = platform.has(&name.to_ascii_uppercase()) && !NEVER_SHARED.contains(name);
            ALWAYS_SHARED.contains(name) || both
        })
        .collect()
}

/// Answers CAPABILITY.
pub(super) fn handle(session: &mut Session) -> Reply {
    let names = list(session);
    write::session::capability(session.out.buffer(), &names);
    Reply::ok("CAPABILITY completed")
}

/// Whether STARTTLS can be used now.
pub(super) fn offers_starttls(session: &Session) -> bool {
    session.account.is_none() && session.service.config.tls.is_some() && !session.out.stream.is_tls()
}

/// Whether a password may come over this connection (RFC 9051 §6.2.3: LOGINDISABLED).
pub(super) fn takes_passwords(session: &Session) -> bool {
    session.out.stream.is_tls() || session.service.config.plaintext.allows(session.peer)
}
