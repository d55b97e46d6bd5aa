//! Writes down what became of a claim: done, again later, or given up; with the notices that the sender gets, in one
//! transaction.

use std::sync::Arc;
use std::time::Duration;

use sterna_delivery::queued::to_recipient;
use sterna_delivery::{Mail, Recipient};
use sterna_store::{Error, NewQueued, QueueClaim, QueuedRecipient, Settled};

use super::fate::Fate;
use super::notices;
use super::runner::Shared;
use super::schedule::{HELD, next_try};
use crate::client::Failure;
use crate::dsn::{Kind, Reported};

/// Between two tries to write; it doubles up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What is to be written.
#[derive(Default)]
struct Decided {
    settled: Vec<(u64, Settled)>,
    failed: Vec<Reported>,
    late: Vec<Reported>,
    delivered: Vec<Reported>,
}

/// Settles. What a server has taken must not be sent again: while the store is away this goes on trying, until another node
/// has taken the claim over, or the caller gives up.
pub(super) async fn settle(shared: &Arc<Shared>, claim: &QueueClaim, mail: &Mail, fates: Vec<Fate>) {
    let now_ms = shared.now_ms();
    let decided = decide(shared, claim, &fates, now_ms);
    let mut pause = PAUSES.0;
    loop {
        let error = match write(shared, claim, mail, &decided).await {
            Ok(()) => return,
            Err(Error::LeaseLost) => {
                tracing::warn!(message = %claim.message.id, "a claim was lost before it could be settled");
                return;
            }
            Err(error @ (Error::Corrupt(_) | Error::Invalid(_) | Error::NotFound(_))) => {
                // No use in trying again. What was sent must not be sent again for the sake of a report.
                tracing::error!(%error, message = %claim.message.id, "cannot report to the sender of a message");
                let store = shared.delivery.store();
                match store.settle_queued(claim, decided.settled.clone(), Vec::new()).await {
                    Ok(()) | Err(Error::LeaseLost) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        tracing::warn!(%error, message = %claim.message.id, "cannot settle a message of the queue; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn write(shared: &Arc<Shared>, claim: &QueueClaim, mail: &Mail, decided: &Decided) -> sterna_store::Result<()> {
    let mut queued: Vec<NewQueued> = Vec::new();
    let all = [(Kind::Failure, &decided.failed), (Kind::Delay, &decided.late), (Kind::Success, &decided.delivered)];
    for (kind, reported) in all {
        queued.extend(notices::queued(shared, kind, mail, reported).await?);
    }
    shared.delivery.store().settle_queued(claim, decided.settled.clone(), queued).await
}

fn decide(shared: &Shared, claim: &QueueClaim, fates: &[Fate], now_ms: i64) -> Decided {
    let mut decided = Decided::default();
    for (queued, fate) in claim.recipients.iter().zip(fates) {
        let recipient = to_recipient(queued);
        let settled = match fate {
            Fate::Untouched => Settled::Untouched,
            // No failure, however long it waits already: the move ends soon, one way or the other.
            Fate::Held => Settled::Later { due_ms: now_ms.saturating_add(millis(HELD)) },
            Fate::Delivered => {
                let reported = Reported::delivered(recipient.clone());
                decided.delivered.extend(Some(reported).filter(|_| recipient.notify.success));
                Settled::Done
            }
            Fate::Relayed { by, said, dsn } => {
                tracing::info!(message = %claim.message.id, recipient = queued.address, server = by, said, "handed over");
                let reported = Reported::relayed(recipient.clone(), by, said);
                decided.delivered.extend(Some(reported).filter(|_| recipient.notify.success && !dsn));
                Settled::Done
            }
            Fate::Failed { failure, by } => {
                failed(shared, claim, &mut decided, (queued, recipient), (failure, by.as_deref()), now_ms)
            }
        };
        decided.settled.push((queued.id, settled));
    }
    decided
}

fn failed(
    shared: &Shared,
    claim: &QueueClaim,
    decided: &mut Decided,
    (queued, recipient): (&QueuedRecipient, Recipient),
    (failure, by): (&Failure, Option<&str>),
    now_ms: i64,
) -> Settled {
    let notify = recipient.notify;
    let message = &claim.message;
    tracing::info!(message = %message.id, recipient = queued.address, status = failure.status, reason = failure.text, "not delivered");
    let mut reported = Reported::failed(recipient, failure, by);
    let expired = now_ms >= message.expires_ms;
    if failure.permanent || expired {
        if !failure.permanent {
            reported.expired();
        }
        decided.failed.extend(Some(reported).filter(|_| notify.failure));
        return Settled::Gone;
    }
    let late = now_ms - message.queued_ms >= millis(shared.config.delay_after);
    if late && !queued.delay_told && notify.delay {
        reported.retried_until(message.expires_ms / 1000);
        decided.late.push(reported);
    }
    Settled::Retry {
        due_ms: next_try(&shared.config.retry, queued.attempts, now_ms, message.expires_ms),
        error: failure.text.clone(),
        delay_told: late || queued.delay_told,
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
