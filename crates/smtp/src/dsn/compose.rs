//! The bytes of a report: multipart/report (RFC 6522) of text for people, fields for programs, and what is returned.

use std::fmt::Write as _;

use mail_builder::headers::date::Date;
use sterna_core::DateTime;
use sterna_delivery::Mail;

use super::encode::{ascii_line, exact_field, field, one_line, quoted_printable, words};
use super::original::Original;
use super::reported::{Action, Kind, Reported};
use super::text::Text;
use crate::client::xtext;

/// All that a report is made of.
pub(super) struct Composition<'c> {
    pub hostname: &'c str,
    pub text: &'static Text,
    pub kind: Kind,
    pub mail: &'c Mail,
    pub reported: &'c [Reported],
    pub now: DateTime,
}

impl Composition<'_> {
    pub fn bytes(&self, original: &Original) -> Vec<u8> {
        let boundary = random_token();
        let wide =
            self.reported.iter().any(|r| !r.recipient.address.is_ascii()) || !self.mail.envelope.sender.is_ascii();
        let mut out = self.header(&boundary);
        part(&mut out, &boundary, "text/plain; charset=utf-8", "quoted-printable");
        quoted_printable(&self.human(), &mut out);
        let (kind, encoding) = match wide {
            true => ("message/global-delivery-status", "8bit"),
            false => ("message/delivery-status", "7bit"),
        };
        part(&mut out, &boundary, kind, encoding);
        self.status(wide, &mut out);
        let (bytes, kind) = match (original, wide) {
            (Original::Message(bytes), false) => (bytes, "message/rfc822"),
            (Original::Message(bytes), true) => (bytes, "message/global"),
            (Original::Header(bytes), false) => (bytes, "text/rfc822-headers"),
            (Original::Header(bytes), true) => (bytes, "message/global-headers"),
        };
        part(&mut out, &boundary, kind, if bytes.is_ascii() { "7bit" } else { "8bit" });
        out.extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        out
    }

    fn header(&self, boundary: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let from = format!("{} <MAILER-DAEMON@{}>", words(self.text.sender), self.hostname);
        field(&mut out, "From", &from);
        exact_field(&mut out, "To", &format!("<{}>", one_line(&self.mail.envelope.sender)));
        field(&mut out, "Subject", &words(self.text.words(self.kind).subject));
        field(&mut out, "Date", &date(self.now));
        field(&mut out, "Message-ID", &format!("<{}@{}>", random_token(), self.hostname));
        // RFC 3834 §5: nobody's automatic reply comes back.
        field(&mut out, "Auto-Submitted", "auto-replied");
        field(&mut out, "MIME-Version", "1.0");
        let kind = format!("multipart/report; report-type=delivery-status; boundary=\"{boundary}\"");
        field(&mut out, "Content-Type", &kind);
        out.extend_from_slice(b"\r\n");
        out
    }

    /// For people.
    fn human(&self) -> String {
        let words = self.text.words(self.kind);
        let mut out = format!("{}\n", words.before);
        for reported in self.reported {
            let _ = write!(out, "\n    {}\n", one_line(&reported.recipient.address));
            for line in self.about(reported) {
                let _ = writeln!(out, "        {}", one_line(&line));
            }
        }
        let _ = write!(out, "\n{}\n\n-- \n{}\n", words.behind, self.hostname);
        out
    }

    fn about(&self, reported: &Reported) -> Vec<String> {
        let server = reported.remote.as_deref().unwrap_or_default();
        let mut lines = Vec::new();
        match reported.action {
            Action::Delivered => lines.push(self.text.delivered.to_owned()),
            Action::Relayed => lines.push(self.text.relayed.replace("{server}", server)),
            Action::Failed | Action::Delayed => {
                match &reported.remote {
                    Some(server) => lines.push(self.text.said.replace("{server}", server)),
                    None if reported.diagnostic.is_some() => lines.push(self.text.said.replace(" {server}", "")),
                    None => {}
                }
                lines.push(reported.reason.clone());
            }
        }
        if reported.status == "5.4.7" {
            lines.push(self.text.expired.to_owned());
        }
        if let Some(until) = reported.until {
            lines.push(self.text.until.replace("{date}", &date(DateTime::utc(until))));
        }
        lines
    }

    /// For programs (RFC 3464 §2).
    fn status(&self, wide: bool, out: &mut Vec<u8>) {
        field(out, "Reporting-MTA", &format!("dns; {}", self.hostname));
        if let Some(envid) = &self.mail.envelope.envid {
            exact_field(out, "Original-Envelope-Id", &xtext(envid));
        }
        field(out, "Arrival-Date", &date(self.mail.received));
        for reported in self.reported {
            out.extend_from_slice(b"\r\n");
            if let Some((kind, address)) = reported.recipient.original.as_deref().and_then(|o| o.split_once(';')) {
                let address = if wide { one_line(address) } else { ascii_line(address) };
                exact_field(out, "Original-Recipient", &format!("{};{address}", ascii_line(kind)));
            }
            let address = one_line(&reported.recipient.address);
            let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
            exact_field(out, "Final-Recipient", &format!("{kind};{address}"));
            field(out, "Action", reported.action.as_str());
            field(out, "Status", &ascii_line(&reported.status));
            if let Some(remote) = &reported.remote {
                field(out, "Remote-MTA", &format!("dns; {}", ascii_line(remote)));
            }
            if let Some(diagnostic) = &reported.diagnostic {
                field(out, "Diagnostic-Code", &format!("smtp; {}", ascii_line(diagnostic)));
            }
            field(out, "Last-Attempt-Date", &date(self.now));
            if let Some(until) = reported.until {
                field(out, "Will-Retry-Until", &date(DateTime::utc(until)));
            }
        }
    }
}

/// Begins a part.
fn part(out: &mut Vec<u8>, boundary: &str, kind: &str, encoding: &str) {
    let head = format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n");
    out.extend_from_slice(head.as_bytes());
}

/// RFC 5322 §3.3, in UTC.
fn date(at: DateTime) -> String {
    Date::new(at.unix).to_rfc822()
}

/// Not to be guessed: a boundary that no message contains by intent.
fn random_token() -> String {
    let mut bytes = [0u8; 16];
    // Without random numbers the store cannot be opened either.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
