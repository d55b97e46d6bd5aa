//! Tells a sender what the answer to its message could not: of recipients that were refused beside others that were
//! not, and of deliveries it asked to hear of (RFC 3461 §4.1).

use sterna_delivery::{Mail, Outcome, Recipient, Refusal};

use super::{Kind, Service};
use crate::dsn::{self, Reported};

/// Puts the reports into the queue that these outcomes call for.
///
/// A failure to do so is logged only: the message itself is taken, and the client must not send it again.
pub(super) async fn tell(service: &Service, kind: Kind, mail: &Mail, recipients: &[Recipient], outcomes: &[Outcome]) {
    let told = match kind {
        // Each recipient had its answer.
        Kind::Lmtp => success(service, mail, recipients, outcomes).await,
        // The client sends the message again, or was told that nobody gets it.
        _ if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Deferred(_))) => return,
        _ if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))) => return,
        _ => match failure(service, mail, recipients, outcomes).await {
            Ok(()) => success(service, mail, recipients, outcomes).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = told {
        tracing::error!(%error, sender = %mail.envelope.sender, "cannot report to a sender");
    }
}

/// To a sender that is not known to be real nothing is reported: it would hit whoever was forged.
async fn failure(
    service: &Service,
    mail: &Mail,
    recipients: &[Recipient],
    outcomes: &[Outcome],
) -> Result<(), sterna_store::Error> {
    let refused = recipients.iter().zip(outcomes).filter_map(|(recipient, outcome)| match outcome {
        Outcome::Refused(refusal) => Some((recipient.clone(), refusal.clone())),
        _ => None,
    });
    let refused: Vec<(Recipient, Refusal)> = refused.collect();
    if refused.is_empty() {
        return Ok(());
    }
    if !mail.authenticated {
        tracing::info!(count = refused.len(), "recipients were refused beside others, and nobody can be told");
        return Ok(());
    }
    dsn::failure(&service.delivery, mail, &refused).await.map(drop)
}

async fn success(
    service: &Service,
    mail: &Mail,
    recipients: &[Recipient],
    outcomes: &[Outcome],
) -> Result<(), sterna_store::Error> {
    let delivered = recipients.iter().zip(outcomes).filter(|(recipient, outcome)| {
        recipient.notify.success && **outcome == Outcome::Delivered && mail.authenticated
    });
    let reported: Vec<Reported> = delivered.map(|(recipient, _)| Reported::delivered(recipient.clone())).collect();
    if let Some(report) = dsn::report(&service.delivery, dsn::Kind::Success, mail, &reported).await? {
        service.delivery.enqueue(&report.mail, &[report.recipient]).await?;
    }
    Ok(())
}
