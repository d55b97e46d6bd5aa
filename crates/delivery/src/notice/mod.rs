//! Messages from the postmaster to the user of an account: what happened, and what to do.

mod catalogue;

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as From;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use sterna_core::{Address, DateTime, format_bytes};

/// What a user is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The mailbox is nearly full.
    QuotaWarning {
        /// Bytes in use.
        used: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// The active script cannot be used; mail goes to INBOX.
    BrokenScript {
        /// The script's name.
        name: String,
        /// What is wrong with it.
        error: String,
    },
    /// Sending was locked because the account behaved like a spammer's.
    SendingLocked {
        /// Why, in the operator's words.
        reason: String,
    },
}

impl Notice {
    /// The notice's name in the catalogue.
    fn name(&self) -> &'static str {
        match self {
            Notice::QuotaWarning { .. } => "quota_warning",
            Notice::BrokenScript { .. } => "broken_script",
            Notice::SendingLocked { .. } => "sending_locked",
        }
    }

    /// What fills its blanks.
    fn words(&self, address: &str) -> Vec<(&'static str, String)> {
        let mut words = vec![("address", address.to_owned())];
        match self {
            Notice::QuotaWarning { used, limit } => {
                let percent = u128::from(*used) * 100 / u128::from(*limit).max(1);
                words.extend([
                    ("percent", percent.to_string()),
                    ("used", format_bytes(*used)),
                    ("limit", format_bytes(*limit)),
                ]);
            }
            Notice::BrokenScript { name, error } => words.extend([("name", name.clone()), ("error", error.clone())]),
            Notice::SendingLocked { reason } => words.push(("reason", reason.clone())),
        }
        words
    }

    /// The whole message, to `to` from postmaster of its domain.
    pub(crate) fn message(&self, to: &Address, languages: &[&str], hostname: &str, now: DateTime) -> Vec<u8> {
        let Some(language) = catalogue::language(languages) else { return Vec::new() };
        let words = self.words(to.as_str());
        let (subject, text) = match language.notice(self.name()) {
            Some(notice) => (catalogue::fill(&notice.subject, &words), catalogue::fill(&notice.text, &words)),
            None => (self.name().to_owned(), String::new()),
        };
        let from = From::new_address(Some(language.sender.as_str()), format!("postmaster@{}", to.domain()));
        MessageBuilder::new()
            .from(from)
            .to(From::new_address(None::<&str>, to.as_str()))
            .subject(one_line(&subject))
            .date(Date::new(now.unix))
            .message_id(format!("{}@{hostname}", crate::random_id()))
            // RFC 3834 §5: nobody's automatic reply comes back.
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(text.replace("\r\n", "\n").replace('\n', "\r\n"))
            .write_to_vec()
            .unwrap_or_default()
    }

    #[cfg(test)]
    fn examples() -> Vec<Notice> {
        vec![
            Notice::QuotaWarning { used: 95 << 20, limit: 100 << 20 },
            Notice::BrokenScript { name: "été \"x\"".into(), error: "line 1".into() },
            Notice::SendingLocked { reason: "too many".into() },
        ]
    }
}

/// A user chose part of it (a script's name): nothing in it ends the field.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_message::{decode_header, parse};

    fn shown(notice: &Notice, language: &str) -> String {
        let to = Address::parse("anne@example.org").unwrap();
        let now = DateTime::utc(1_800_000_000);
        String::from_utf8(notice.message(&to, &[language], "mail.example.org", now)).unwrap()
    }

    #[test]
    fn a_notice_is_mime_that_every_program_reads() {
        for notice in Notice::examples() {
            for language in ["en", "fr"] {
                let message = shown(&notice, language);
                assert!(message.is_ascii(), "{message}");
                assert!(message.lines().all(|line| line.len() <= 78), "{message}");
                let structure = parse(message.as_bytes());
                let view = structure.view();
                assert!(!view.has_bare_lf() && !view.has_eight_bit_header());
                assert_eq!(view.root().media_type(), b"text");
                assert_eq!(view.sent_at().map(|d| d.unix), Some(1_800_000_000));
                assert!(message.contains("\r\nAuto-Submitted: auto-generated\r\n"));
                assert!(view.envelope().message_id().unwrap().ends_with(b"@mail.example.org>"));
            }
        }
    }

    #[test]
    fn a_name_that_a_user_chose_cannot_add_a_field() {
        let notice = Notice::BrokenScript { name: "x\r\nBcc: eve@example.com\r\n\r\nhello".into(), error: "e".into() };
        let message = shown(&notice, "fr");
        let header = message.split("\r\n\r\n").next().unwrap();
        assert!(!header.contains("\nBcc"), "{header}");
        let structure = parse(message.as_bytes());
        let subject = decode_header(structure.view().envelope().subject().unwrap());
        assert!(subject.starts_with("Votre filtre « x  Bcc: eve@example.com    hello »"), "{subject}");
    }
}
