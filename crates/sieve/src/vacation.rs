//! Automatic replies (RFC 5230): whether there is one, and its text. RFC 3834 has the last word.

use crate::engine::Arguments;
use crate::header::{self, addresses, values};
use crate::letter::Letter;
use crate::message::{bare_address, is_own};
use crate::{Action, Host, Message, Remember, RunError};

const DAY: u64 = 86_400;

/// Between two replies to the same sender, if the script does not say.
const DEFAULT: u64 = 7 * DAY;

/// The longest time between two replies.
const LONGEST: u64 = 366 * DAY;

/// Characters of a subject of ours.
const SUBJECT: usize = 200;

/// The reply that `vacation` asks for, if one may be sent.
pub(crate) fn reply(
    arguments: &Arguments,
    message: &Message<'_>,
    header: &[u8],
    host: &dyn Host,
) -> Result<Option<Action>, RunError> {
    let own: Vec<String> = message.identities.iter().map(|i| i.to_lowercase()).collect();
    let mut addressed = own.clone();
    addressed.push(message.recipient.to_lowercase());
    addressed.extend(arguments.all("addresses").filter_map(bare_address).map(str::to_lowercase));
    if !may_answer(message, header, &addressed) {
        return Ok(None);
    }
    let sender = message.sender.to_lowercase();
    let handle = arguments.one("handle").unwrap_or_default();
    let key = blake3::hash(format!("{handle}\0{sender}").as_bytes()).as_bytes().to_vec();
    let number = |name: &str| arguments.one(name).and_then(|n| n.parse::<u64>().ok());
    // RFC 5230 §4.1: at least a day; RFC 6131 §2: 0 seconds mean every time.
    let days = number("days").map(|days| days.max(1).saturating_mul(DAY));
    let seconds = number("seconds").or(days).unwrap_or(DEFAULT).min(LONGEST);
    let remember = Remember { kind: "vacation", key, seconds, renew: false };
    if seconds > 0 && host.remembered(remember.kind, &remember.key).map_err(RunError::Host)? {
        return Ok(None);
    }
    let to = message.sender.to_owned();
    Ok(Some(Action::Vacation { to, message: write(arguments, message, header, &own), remember }))
}

/// RFC 5230 §4.5, §4.6, RFC 3834 §2.
fn may_answer(message: &Message<'_>, head: &[u8], addressed: &[String]) -> bool {
    let sender = message.sender.to_lowercase();
    let Some((local, _)) = sender.rsplit_once('@') else { return false };
    let robot = ["mailer-daemon", "listserv", "majordomo"].contains(&local)
        || local.starts_with("owner-")
        || local.ends_with("-owner")
        || local.ends_with("-request");
    if !message.may_reply || robot || bare_address(&sender).is_none() || addressed.iter().any(|a| is_own(&sender, a)) {
        return false;
    }
    let first_word = |value: &[u8]| {
        let word = value.split(|b| b";( \t".contains(b)).next().unwrap_or_default();
        String::from_utf8_lossy(word).to_ascii_lowercase()
    };
    let automatic = values(head, "auto-submitted").any(|value| first_word(&value) != "no")
        || values(head, "precedence").any(|v| matches!(first_word(&v).as_str(), "bulk" | "list" | "junk"))
        || values(head, "x-auto-response-suppress").any(|value| {
            let value = String::from_utf8_lossy(&value).to_ascii_lowercase();
            value.split(',').any(|v| matches!(v.trim(), "all" | "oof" | "autoreply"))
        })
        || sterna_message::headers::fields(head)
            .any(|field| field.name.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"list-")));
    let recipients = ["to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"];
    !automatic && addresses(head, &recipients).iter().any(|r| addressed.iter().any(|own| is_own(r, own)))
}

/// RFC 5230 §5.
fn write(arguments: &Arguments, message: &Message<'_>, head: &[u8], own: &[String]) -> Vec<u8> {
    let default = message.identities.first().map_or(message.recipient, String::as_str);
    // Only an address of the user's own: a reply is no means to speak in another's name.
    let from = arguments
        .one("from")
        .filter(|from| bare_address(from).is_some_and(|a| own.iter().any(|own| is_own(&a.to_lowercase(), own))));
    let from = match (from, message.full_name) {
        (Some(from), _) => mailbox(from),
        (None, Some(name)) if !name.trim().is_empty() => format!("{} <{default}>", header::phrase(name)),
        (None, _) => format!("<{default}>"),
    };
    let to = format!("<{}>", message.sender);
    let mut letter = Letter::new(message.now, message.hostname, &from, &to, "auto-replied (vacation)");
    let subject = match arguments.one("subject").map(str::trim).filter(|s| !s.is_empty()) {
        Some(subject) => subject.to_owned(),
        None => format!("Auto: {}", header::text(head, "subject").unwrap_or_default()),
    };
    letter.text_field("Subject", &subject.chars().take(SUBJECT).collect::<String>());
    let ids = |name| {
        let values =
            values(head, name).map(|v| sterna_message::message_ids(&v).map(|id| id.into_owned()).collect::<Vec<_>>());
        let ids = values.flatten().filter_map(|id| String::from_utf8(id).ok());
        ids.filter(|id| id.len() <= 250 && id.bytes().all(|b| b.is_ascii_graphic())).collect::<Vec<_>>()
    };
    if let Some(id) = ids("message-id").first() {
        letter.field("In-Reply-To", &format!("<{id}>"));
        let mut references = ids("references");
        // The oldest and the latest are enough (RFC 5322 §3.6.4).
        let latest = references.split_off(references.len().min(1));
        references.extend(latest.into_iter().rev().take(20).rev());
        references.push(id.clone());
        let references: Vec<String> = references.iter().map(|id| format!("<{id}>")).collect();
        letter.field("References", &references.join(" "));
    }
    let reason = arguments.one("").unwrap_or_default();
    if arguments.one("mime").is_some() { letter.with_entity(reason) } else { letter.with_text(reason) }
}

/// `Name <address>` with the name encoded where it must be.
pub(crate) fn mailbox(text: &str) -> String {
    let address = bare_address(text).unwrap_or_default();
    match text.trim().rsplit_once('<') {
        Some((name, _)) if !name.trim().is_empty() => {
            let name = name.trim();
            let unquoted = name.strip_prefix('"').and_then(|n| n.strip_suffix('"'));
            let name = unquoted.map_or_else(|| name.to_owned(), |n| n.replace("\\\"", "\"").replace("\\\\", "\\"));
            format!("{} <{address}>", header::phrase(&name))
        }
        _ => format!("<{address}>"),
    }
}
