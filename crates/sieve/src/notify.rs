//! Notifications by mail (RFC 5435, RFC 5436): `mailto:` is the only method.

use crate::engine::Arguments;
use crate::header::{self, values};
use crate::letter::Letter;
use crate::message::{bare_address, is_own};
use crate::vacation::mailbox;
use crate::{Action, Message, RunError};

/// Recipients of one notification.
const RECIPIENTS: usize = 5;

/// What a `mailto` URI says (RFC 6068).
#[derive(Debug, Default, PartialEq, Eq)]
struct Mailto {
    to: Vec<String>,
    subject: Option<String>,
    body: Option<String>,
}

/// Whether `valid_notify_method` holds for it.
pub(crate) fn is_valid(uri: &str) -> bool {
    mailto(uri).is_some()
}

/// The notification; none for a message that a robot sent (RFC 5436 §2.7.1: else two of them could talk forever).
pub(crate) fn notification(
    arguments: &Arguments,
    message: &Message<'_>,
    head: &[u8],
) -> Result<Option<Action>, RunError> {
    let uri = arguments.one("").unwrap_or_default();
    let mailto = mailto(uri).ok_or_else(|| RunError::Script("the method of a notification is not valid".to_owned()))?;
    let robot = values(head, "auto-submitted").any(|v| !v.trim_ascii().to_ascii_lowercase().starts_with(b"no"));
    if robot || message.sender.is_empty() {
        return Ok(None);
    }
    let own = message.identities.first().map_or(message.recipient, String::as_str);
    let is_mine = |from: &&str| {
        let address = bare_address(from).map(str::to_lowercase);
        address.is_some_and(|a| message.identities.iter().any(|own| is_own(&a, &own.to_lowercase())))
    };
    let from = arguments.one("from").filter(is_mine).map_or_else(|| format!("<{own}>"), mailbox);
    let to: Vec<String> = mailto.to.iter().map(|a| format!("<{a}>")).collect();
    // RFC 5436 §2.7.1: it names the one whom replies of robots would reach.
    let submitted = format!("auto-notified; owner-email=\"{own}\"");
    let mut letter = Letter::new(message.now, message.hostname, &from, &to.join(", "), &submitted);
    let original = header::text(head, "subject").unwrap_or_default();
    let text = arguments.one("message").map(str::to_owned).filter(|m| !m.trim().is_empty());
    let subject = text.or(mailto.subject).unwrap_or_else(|| original.clone());
    letter.text_field("Subject", &subject.chars().take(200).collect::<String>());
    match arguments.one("importance") {
        Some("1") => letter.field("Importance", "high"),
        Some("3") => letter.field("Importance", "low"),
        _ => {}
    }
    let sender = header::text(head, "from").unwrap_or_else(|| message.sender.to_owned());
    let body = mailto.body.unwrap_or_else(|| format!("{sender}\r\n{original}\r\n"));
    Ok(Some(Action::Notify { to: mailto.to, message: letter.with_text(&body) }))
}

fn mailto(uri: &str) -> Option<Mailto> {
    let rest = uri.get(7..).filter(|_| uri.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("mailto:")))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut found, mut to) = (Mailto::default(), Vec::new());
    let mut add = |list: String| {
        for address in list.split(',').filter(|a| !a.trim().is_empty()) {
            to.push(bare_address(address)?.to_owned());
        }
        Some(())
    };
    for address in path.split(',').filter(|a| !a.is_empty()) {
        add(decode(address)?)?;
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = decode(value)?;
        match name.to_ascii_lowercase().as_str() {
            "to" | "cc" | "bcc" => add(value)?,
            "subject" => found.subject = Some(value),
            "body" => found.body = Some(value),
            // Other fields would be a way around what a notification may say (RFC 5436 §2.3).
            _ => {}
        }
    }
    found.to = to;
    (1..=RECIPIENTS).contains(&found.to.len()).then_some(found)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailto_uri_names_recipients_and_texts() {
        let found =
            mailto("mailto:a@x.org,b%40x.org?Subject=%C3%A9t%C3%A9&body=a%0D%0Ab&cc=c@x.org&from=d@x.org").unwrap();
        assert_eq!(
            found,
            Mailto {
                to: vec!["a@x.org".into(), "b@x.org".into(), "c@x.org".into()],
                subject: Some("été".into()),
                body: Some("a\r\nb".into())
            }
        );
        let many = format!("mailto:{}", "a@x.org,b@x.org,".repeat(3));
        for bad in ["", "mailto:", "xmpp:a@x.org", "mailto:a", "mailto:a@x.org%0D%0ABcc: b@x.org", "mailto:%zz", &many]
        {
            assert_eq!(mailto(bad), None, "{bad}");
        }
    }
}
