//! CAPABILITY (RFC 5804 §1.7, §2.4).

use super::session::Session;
use super::write::string;

/// Whether STARTTLS can be asked for.
pub(super) fn offers_starttls(session: &Session) -> bool {
    session.service.config.tls.is_some() && !session.is_tls() && session.account.is_none()
}

/// Whether a password may be sent.
pub(super) fn takes_passwords(session: &Session) -> bool {
    session.is_tls() || session.service.config.plaintext.allows(session.peer)
}

/// Appends the list.
pub(super) fn write(session: &Session, out: &mut Vec<u8>) {
    let mut line = |name: &str, value: Option<&str>| {
        string(out, name);
        if let Some(value) = value {
            out.push(b' ');
            string(out, value);
        }
        out.extend_from_slice(b"\r\n");
    };
    line("IMPLEMENTATION", Some(concat!("Sterna ", env!("CARGO_PKG_VERSION"))));
    line("SIEVE", Some(&crate::extensions().collect::<Vec<_>>().join(" ")));
    line("NOTIFY", Some(crate::NOTIFY_METHODS));
    line("SASL", Some(if takes_passwords(session) { "PLAIN LOGIN" } else { "" }));
    if offers_starttls(session) {
        line("STARTTLS", None);
    }
    line("MAXREDIRECTS", Some(&session.service.config.limits.redirects.to_string()));
    line("LANGUAGE", Some("en"));
    line("UNAUTHENTICATE", None);
    if let Some((_, owner)) = &session.account {
        line("OWNER", Some(owner));
    }
    line("VERSION", Some("1.0"));
}
