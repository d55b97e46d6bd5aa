//! Delivery status notifications (RFC 3461, RFC 3464, RFC 6533): what senders are told about their mail.
//!
//! The queue's runner reports what it has given up, what is late and, to those who asked, what arrived; reception reports
//! recipients that were refused after their message had been taken ([`failure`]). A report goes to the envelope's sender
//! from `<>`; nobody is told about a report, and nothing that another server said can end a field or a line of it.

mod compose;
mod encode;
mod original;
mod reported;
mod text;

#[cfg(test)]
mod tests;

use sterna_core::Address;
use sterna_delivery::{Delivery, Envelope, Mail, Notify, Recipient, Refusal};
use sterna_store::{Found, QueueId, Result};

pub use reported::{Action, Kind, Reported};

/// A report that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Report {
    /// From `<>`.
    pub mail: Mail,
    /// To the sender of what it is about.
    pub recipient: Recipient,
}

/// Tells the sender of a mail which recipients were refused for good after the mail was taken, as far as its NOTIFY
/// parameters allow it. `None`: nobody had to be told. The report is in the queue, durably, when this returns.
pub async fn failure(delivery: &Delivery, mail: &Mail, refused: &[(Recipient, Refusal)]) -> Result<Option<QueueId>> {
    let wanted = refused.iter().filter(|(recipient, _)| recipient.notify.failure);
    let reported: Vec<Reported> =
        wanted.map(|(recipient, refusal)| Reported::refused(recipient.clone(), refusal)).collect();
    match report(delivery, Kind::Failure, mail, &reported).await? {
        Some(report) => delivery.enqueue(&report.mail, &[report.recipient]).await.map(Some),
        None => Ok(None),
    }
}

/// The report about these recipients of a mail. `None`: there are none, or the mail has no sender (RFC 3464 §2), or its
/// sender is not known to be real and what is to be told is not worth disturbing a stranger.
pub async fn report(delivery: &Delivery, kind: Kind, mail: &Mail, reported: &[Reported]) -> Result<Option<Report>> {
    let sender = mail.envelope.sender.as_str();
    let forged = !mail.authenticated && mail.submitter.is_none();
    if sender.is_empty() || reported.is_empty() || kind == Kind::Delay && forged {
        return Ok(None);
    }
    let language = language_of(delivery, sender).await?;
    let original = original::returned(kind, mail, forged).await;
    let now = delivery.store().clock().now();
    let config = delivery.config();
    let composition =
        compose::Composition { hostname: &config.hostname, text: text::of(&language), kind, mail, reported, now };
    let body = composition.bytes(&original);
    let wide = !sender.is_ascii() || reported.iter().any(|r| !r.recipient.address.is_ascii());
    let mail = Mail {
        envelope: Envelope { smtputf8: wide, require_tls: mail.envelope.require_tls, ..Envelope::default() },
        trace: Default::default(),
        body: sterna_delivery::Body::Memory(body.into()),
        received: now,
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    };
    let mail = delivery.signed(mail).await;
    // RFC 3464 §2: nobody is told about a report.
    let recipient = Recipient { notify: Notify::NEVER, ..Recipient::new(sender) };
    Ok(Some(Report { mail, recipient }))
}

/// The language of a sender of ours; for strangers the server's.
async fn language_of(delivery: &Delivery, sender: &str) -> Result<String> {
    let usual = delivery.config().language.clone();
    let Ok(address) = Address::parse(sender) else { return Ok(usual) };
    Ok(match delivery.store().lookup(&address).await? {
        Found::Account { record, .. } => record.language.unwrap_or(usual),
        _ => usual,
    })
}
