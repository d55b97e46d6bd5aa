//! The message is in: authenticated or signed, traced, handed to delivery, answered.
//!
//! A positive answer is given only for what is durable (RFC 5321 §6.1).

use bytes::Bytes;
use sterna_delivery::{Mail, Outcome};

use super::intake::{Intake, Taken};
use super::reply::Reply;
use super::session::{Session, Transaction};
use super::trace::{self, Hop};
use super::{Kind, submission};
use crate::auth::Disposition;

/// Ends the transaction; gives one reply, or with LMTP one for each recipient (RFC 2033 §4.2).
pub(super) async fn complete(session: &mut Session, intake: Intake) -> Vec<Reply> {
    let Some(transaction) = session.transaction.take() else { return vec![Reply::local_error()] };
    session.message_done();
    let mut replies = match deliver(session, &transaction, intake).await {
        Ok(replies) => replies,
        Err(reply) => vec![reply; transaction.recipients.len()],
    };
    if session.kind == Kind::Lmtp {
        let named = transaction.named.iter().map(|at| replies.get(*at).cloned().unwrap_or_else(Reply::local_error));
        return named.collect();
    }
    replies.truncate(1);
    replies
}

/// For LMTP a reply for each recipient, else one for all.
async fn deliver(session: &mut Session, transaction: &Transaction, intake: Intake) -> Result<Vec<Reply>, Reply> {
    let service = session.service.clone();
    let taken = intake.finish().await?;
    let now = service.delivery.store().clock().now();
    let id = trace::id(now);
    let Judged { front, authenticated, quarantine } = judge(session, transaction, &taken).await?;
    let received = received(session, transaction, &id).await;
    let front = match front {
        Front::Verified(header) => header,
        Front::Sign(domain) => {
            let signed = service.auth.sign(service.delivery.store(), &domain, received.as_bytes(), &taken.body).await;
            let fields = signed.map_err(|error| {
                tracing::error!(%error, "cannot sign a message");
                Reply::local_error()
            })?;
            fields.unwrap_or_default()
        }
    };
    let mut envelope = transaction.envelope.clone();
    envelope.binary |= taken.binary;
    let mail = Mail {
        envelope,
        trace: Bytes::from(front + &received),
        body: taken.body,
        received: now,
        authenticated,
        quarantine,
        queued: None,
        submitter: session.user.as_ref().map(|user| user.id),
    };
    let outcomes = service.delivery.accept(&mail, &transaction.recipients).await;
    drop(taken.room);
    tracing::info!(
        id,
        sender = %mail.envelope.sender,
        size = mail.len(),
        recipients = outcomes.len(),
        delivered = outcomes.iter().filter(|o| **o == Outcome::Delivered).count(),
        queued = outcomes.iter().filter(|o| **o == Outcome::Queued).count(),
        "message taken"
    );
    let replies = if session.kind == Kind::Lmtp {
        outcomes.iter().map(|outcome| single(outcome, &id)).collect()
    } else {
        vec![combined(&outcomes, &id)]
    };
    super::report::tell(&service, session.kind, &mail, &transaction.recipients, &outcomes).await;
    Ok(replies)
}

/// What goes in front of a message.
enum Front {
    /// What authentication found.
    Verified(String),
    /// Signatures for this domain.
    Sign(String),
}

/// A message that is taken.
struct Judged {
    front: Front,
    /// See [`Mail::authenticated`] and [`Mail::quarantine`].
    authenticated: bool,
    quarantine: bool,
}

/// Whether a message that is in is taken, and as what.
async fn judge(session: &Session, transaction: &Transaction, taken: &Taken) -> Result<Judged, Reply> {
    let known = |front| Judged { front, authenticated: true, quarantine: false };
    match session.kind {
        Kind::Submission => {
            let domain = submission::check_authors(&taken.summary, &transaction.identities)?;
            Ok(known(Front::Sign(domain)))
        }
        // Who hands mail over by LMTP has judged it, and tells its sender what becomes of it.
        Kind::Lmtp => Ok(known(Front::Verified(String::new()))),
        Kind::Reception => {
            let helo = session.hello.as_ref().map_or("", |(_, name)| name);
            let sender = &transaction.envelope.sender;
            let found = session.service.auth.verify(session.peer.ip, helo, sender, &taken.body).await;
            let quarantine = match found.disposition {
                Disposition::Reject { text } => return Err(Reply::new(550, "5.7.1", text)),
                Disposition::Quarantine => true,
                Disposition::Accept => false,
            };
            Ok(Judged { front: Front::Verified(found.header), authenticated: found.passed, quarantine })
        }
    }
}

async fn received(session: &mut Session, transaction: &Transaction, id: &str) -> String {
    let service = session.service.clone();
    let name = session.peer.name().await;
    let Some((hello, helo)) = &session.hello else { return String::new() };
    let hidden = session.kind == Kind::Submission && !service.config.show_client;
    let recipient = match &*transaction.recipients {
        [only] => Some(only.address.as_str()),
        _ => None,
    };
    trace::received(&Hop {
        kind: session.kind,
        hello: *hello,
        helo,
        peer: (!hidden).then_some((name.as_deref(), session.peer.ip)),
        hostname: &service.config.hostname,
        tls: session.wire.tls().as_ref(),
        authenticated: session.user.is_some(),
        smtputf8: transaction.envelope.smtputf8,
        id,
        recipient,
        now: service.delivery.store().clock().now(),
    })
}

fn taken(id: &str) -> Reply {
    Reply::new(250, "2.0.0", format!("taken as {id}"))
}

fn single(outcome: &Outcome, id: &str) -> Reply {
    match outcome {
        Outcome::Delivered | Outcome::Queued => taken(id),
        Outcome::Refused(refusal) | Outcome::Deferred(refusal) => refusal.clone().into(),
    }
}

/// One reply for all: a recipient that is deferred defers the message, for losing it would be worse than a second copy
/// elsewhere; one that is refused is not heard beside one that is not, and reported.
fn combined(outcomes: &[Outcome], id: &str) -> Reply {
    let mut refused = None;
    for outcome in outcomes {
        match outcome {
            Outcome::Deferred(refusal) => return refusal.clone().into(),
            Outcome::Refused(refusal) => refused = refused.or(Some(refusal)),
            Outcome::Delivered | Outcome::Queued => {}
        }
    }
    let all_refused = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_)));
    match refused {
        Some(refusal) if all_refused => refusal.clone().into(),
        _ => taken(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_delivery::Refusal;

    #[test]
    fn one_reply_speaks_for_all() {
        let (full, later) = (Refusal::new(552, "5.2.2", "full"), Refusal::new(451, "4.3.0", "later"));
        let (refused, deferred) = (Outcome::Refused(full), Outcome::Deferred(later));
        for (outcomes, code) in [
            (vec![Outcome::Delivered, Outcome::Queued], 250),
            (vec![Outcome::Delivered, refused.clone()], 250),
            (vec![refused.clone(), refused.clone()], 552),
            (vec![refused.clone(), deferred.clone()], 451),
            (vec![Outcome::Delivered, deferred], 451),
        ] {
            assert_eq!(combined(&outcomes, "x").code, code, "{outcomes:?}");
        }
    }
}
