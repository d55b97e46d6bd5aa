//! The Received field (RFC 5321 §4.4), dates and identifiers.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::rand;
use sterna_core::DateTime;

use super::Kind;
use super::command::Hello;

/// What a Received field tells.
pub(super) struct Hop<'h> {
    pub kind: Kind,
    pub hello: Hello,
    /// What the client said; already free of what could break a field.
    pub helo: &'h str,
    /// Name and address of the peer; `None` hides the client (a user's, RFC 6409 wants none).
    pub peer: Option<(Option<&'h str>, IpAddr)>,
    pub hostname: &'h str,
    pub tls: Option<&'h (&'static str, String)>,
    pub authenticated: bool,
    pub smtputf8: bool,
    pub id: &'h str,
    /// Told only where it is the only one.
    pub recipient: Option<&'h str>,
    pub now: DateTime,
}

/// The field, folded, with CRLF: from, by, with, id, for.
pub(super) fn received(hop: &Hop<'_>) -> String {
    let mut field = String::from("Received:");
    if let Some((name, ip)) = hop.peer {
        let literal = match ip.to_canonical() {
            IpAddr::V4(ip) => format!("[{ip}]"),
            IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
        };
        let name = name.map(|name| format!("{name} ")).unwrap_or_default();
        let _ = write!(field, " from {} ({name}{literal})\r\n", hop.helo);
    }
    let _ = write!(field, "\tby {} with {}", hop.hostname, protocol(hop));
    if let Some((version, cipher)) = hop.tls {
        let _ = write!(field, " ({version} {cipher})");
    }
    let _ = write!(field, "\r\n\tid {}", hop.id);
    if let Some(recipient) = hop.recipient.filter(|r| r.is_ascii() || hop.smtputf8) {
        let _ = write!(field, "\r\n\tfor <{recipient}>");
    }
    let _ = write!(field, "; {}\r\n", date(hop.now));
    // Without a "from" the first line would be blank.
    field.replacen("Received:\t", "Received: ", 1)
}

/// RFC 3848 and RFC 6531 §3.7.3.
fn protocol(hop: &Hop<'_>) -> String {
    let base = match (hop.kind, hop.hello, hop.smtputf8) {
        (Kind::Lmtp, _, false) => "LMTP",
        (Kind::Lmtp, _, true) => "UTF8LMTP",
        (_, Hello::Helo, _) => return "SMTP".to_owned(),
        (_, _, false) => "ESMTP",
        (_, _, true) => "UTF8SMTP",
    };
    let (tls, login) = (if hop.tls.is_some() { "S" } else { "" }, if hop.authenticated { "A" } else { "" });
    format!("{base}{tls}{login}")
}

/// RFC 5322 §3.3: `Sun, 1 Feb 2026 09:30:00 +0100`.
pub(super) fn date(at: DateTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (day, hour, minute, second) = at.civil();
    let name = DAYS.get(day.days().rem_euclid(7) as usize).copied().unwrap_or_default();
    let (sign, offset) = (if at.offset < 0 { '-' } else { '+' }, at.offset.unsigned_abs());
    format!(
        "{name}, {} {} {:04} {hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}",
        day.day,
        day.month_name(),
        day.year,
        offset / 60,
        offset % 60
    )
}

/// A name that no other message has: the time, a count and 64 random bits, in letters and digits.
pub(super) fn id(now: DateTime) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut random = [0u8; 8];
    // Without randomness, which never happens, time and count still tell the messages of this process apart.
    let _ = rand::fill(&mut random);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}x{count:x}x{:016x}", now.unix, u64::from_be_bytes(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime = DateTime { unix: 1_769_934_600, offset: 60 };

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(NOW), "Sun, 1 Feb 2026 09:30:00 +0100");
        assert_eq!(date(DateTime { unix: 0, offset: -570 }), "Wed, 31 Dec 1969 14:30:00 -0930");
        assert_eq!(sterna_message::parse_date(date(NOW).as_bytes()), Some(NOW));
    }

    #[test]
    fn identifiers_differ() {
        assert_ne!(id(NOW), id(NOW));
        assert!(id(NOW).bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_received_field_has_its_clauses_in_order() {
        let tls = ("TLS1.3", "TLS13_AES_256_GCM_SHA384".to_owned());
        let hop = Hop {
            kind: Kind::Reception,
            hello: Hello::Ehlo,
            helo: "there",
            peer: Some((Some("a.example"), "2001:db8::1".parse().unwrap())),
            hostname: "mail.example.org",
            tls: Some(&tls),
            authenticated: false,
            smtputf8: false,
            id: "x1",
            recipient: Some("ada@example.org"),
            now: NOW,
        };
        assert_eq!(
            received(&hop),
            "Received: from there (a.example [IPv6:2001:db8::1])\r\n\tby mail.example.org with ESMTPS (TLS1.3 TLS13_AES_256_GCM_SHA384)\r\n\
             \tid x1\r\n\tfor <ada@example.org>; Sun, 1 Feb 2026 09:30:00 +0100\r\n"
        );
        let user = Hop { kind: Kind::Submission, peer: None, authenticated: true, recipient: None, ..hop };
        assert_eq!(
            received(&user),
            "Received: by mail.example.org with ESMTPSA (TLS1.3 TLS13_AES_256_GCM_SHA384)\r\n\tid x1; Sun, 1 Feb 2026 09:30:00 +0100\r\n"
        );
    }

    #[test]
    fn protocols_have_their_registered_names() {
        for (kind, hello, smtputf8, authenticated, expected) in [
            (Kind::Reception, Hello::Helo, false, false, "SMTP"),
            (Kind::Reception, Hello::Ehlo, false, false, "ESMTP"),
            (Kind::Submission, Hello::Ehlo, true, true, "UTF8SMTPA"),
            (Kind::Lmtp, Hello::Lhlo, false, false, "LMTP"),
            (Kind::Lmtp, Hello::Lhlo, true, false, "UTF8LMTP"),
        ] {
            let hop = Hop {
                kind,
                hello,
                helo: "",
                peer: None,
                hostname: "",
                tls: None,
                authenticated,
                smtputf8,
                id: "",
                recipient: None,
                now: NOW,
            };
            assert_eq!(protocol(&hop), expected);
        }
    }
}
