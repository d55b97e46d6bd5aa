//! CAPA (RFC 2449): what this session can ask for, now. Never more than is true.

use super::session::Session;

/// In every state. RFC 6856 §2: `UTF8 USER` also takes names and passwords in UTF-8.
pub(super) const ALWAYS: [&str; 8] =
    ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER", "UTF8 USER", "LANG"];

/// The SASL mechanisms, in the order in which a client should prefer them.
pub(super) const MECHANISMS: [&str; 2] = ["PLAIN", "LOGIN"];

/// Answers CAPA.
pub(super) fn capa(session: &mut Session) {
    let (passwords, stls) = (takes_passwords(session), offers_stls(session));
    let out = &mut session.out;
    out.line("+OK capabilities follow");
    ALWAYS.iter().for_each(|name| out.line(name));
    if passwords {
        out.line("USER");
        out.line(&format!("SASL {}", MECHANISMS.join(" ")));
    }
    if stls {
        out.line("STLS");
    }
    out.line(concat!("IMPLEMENTATION Sterna ", env!("CARGO_PKG_VERSION")));
    out.line(".");
}

/// Whether a password may be sent on this connection.
pub(super) fn takes_passwords(session: &Session) -> bool {
    session.out.is_tls() || session.service.config.plaintext.allows(session.peer)
}

/// Whether STLS makes sense now (RFC 2595 §4).
pub(super) fn offers_stls(session: &Session) -> bool {
    session.service.config.tls.is_some() && !session.out.is_tls() && session.open.is_none()
}

/// Answers LANG (RFC 6856 §3): everything is said in English.
pub(super) fn lang(session: &mut Session, tag: Option<&str>) {
    let out = &mut session.out;
    match tag.map(str::to_ascii_lowercase).as_deref() {
        None => {
            ["+OK languages follow", "en English", "i-default Default language", "."].iter().for_each(|l| out.line(l));
        }
        Some("en" | "*") => out.line("+OK en English it is"),
        Some("i-default") => out.line("+OK i-default English it is"),
        Some(_) => out.line("-ERR this language is not spoken here"),
    }
}
