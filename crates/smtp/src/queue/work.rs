//! One claim, from its body to its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use sterna_core::DateTime;
use sterna_delivery::queued::{to_envelope, to_mail, to_recipient};
use sterna_delivery::{Body, Delivered, Envelope, Mail, Recipient};
use sterna_store::QueueClaim;
use tokio::time::Instant;

use super::fate::Fate;
use super::hosts::Hop;
use super::lease::Lease;
use super::remote::Transfer;
use super::runner::Shared;
use super::schedule::{HELD_AT_HAND, HELD_LOOK};
use super::settle::settle;
use crate::client::Route;

/// Mailboxes that one message goes into at once.
const AT_ONCE: usize = 8;

/// Works a claim that was made at `since` off, and settles it.
pub(super) async fn work(shared: Arc<Shared>, claim: QueueClaim, since: Instant) {
    let store = shared.delivery.store();
    let lease = Lease::new(store, &claim, shared.config.term, since);
    let working = async {
        let done = Work { shared: &shared, claim: &claim, lease: &lease }.run().await;
        settle(&shared, &claim, &done.mail, done.fates).await;
    };
    tokio::select! {
        () = working => {}
        () = lease.keep() => {
            tracing::warn!(message = %claim.message.id, "another node has taken over a message of the queue");
        }
    }
}

struct Work<'w> {
    shared: &'w Arc<Shared>,
    claim: &'w QueueClaim,
    lease: &'w Lease<'w>,
}

/// What came out: as many fates as the claim has recipients.
struct Done {
    mail: Mail,
    fates: Vec<Fate>,
}

impl Work<'_> {
    async fn run(&self) -> Done {
        let count = self.claim.recipients.len();
        if self.shared.stopping() {
            return Done { mail: without_body(self.claim), fates: vec![Fate::Untouched; count] };
        }
        let mail = match to_mail(self.shared.delivery.store(), self.claim).await {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(%error, message = %self.claim.message.id, "cannot read a message of the queue");
                let fate = Fate::failed("4.3.0", "the message cannot be read from the queue for the moment");
                return Done { mail: without_body(self.claim), fates: vec![fate; count] };
            }
        };
        let recipients: Vec<Recipient> = self.claim.recipients.iter().map(to_recipient).collect();
        let fates = self.deliver(&mail, &recipients).await;
        Done { mail, fates }
    }

    async fn deliver(&self, mail: &Mail, recipients: &[Recipient]) -> Vec<Fate> {
        let mut fates = vec![Fate::Untouched; recipients.len()];
        let mut hops: BTreeMap<String, (Hop, Vec<usize>)> = BTreeMap::new();
        let Some((first, rest)) = recipients.split_first() else { return fates };
        let patience = Instant::now() + HELD_AT_HAND;
        let first = self.deliver_local(mail, first, patience).await;
        let outside = first == Delivered::NotOurs;
        // A claim has one domain: where the first is not ours, nobody is.
        let rest = rest.iter().map(|recipient| match outside {
            true => Box::pin(std::future::ready(Delivered::NotOurs)),
            false => self.deliver_local(mail, recipient, patience),
        });
        let rest = futures_util::stream::iter(rest.collect::<Vec<_>>()).buffered(AT_ONCE);
        let mut all = std::pin::pin!(futures_util::stream::iter([first]).chain(rest).enumerate());
        while let Some((n, delivered)) = all.next().await {
            let (fate, hop) = match delivered {
                Delivered::Done => (Fate::Delivered, None),
                Delivered::Refused(refusal) | Delivered::Deferred(refusal) => (Fate::refused(&refusal), None),
                Delivered::Held => (Fate::Held, None),
                Delivered::NotOurs => (Fate::Untouched, Some(self.outside(&mail.envelope))),
                Delivered::NotHere { route } => match route.parse::<Route>() {
                    Ok(route) => (Fate::Untouched, Some(Hop::Route { route, relay: false })),
                    Err(error) => {
                        tracing::error!(%error, "an account or domain has a route that cannot be used");
                        (Fate::failed("4.3.5", "the way to the mailbox is misconfigured"), None)
                    }
                },
            };
            if let Some(place) = fates.get_mut(n) {
                *place = fate;
            }
            if let Some(hop) = hop {
                hops.entry(hop.key()).or_insert_with(|| (hop, Vec::new())).1.push(n);
            }
        }
        for (hop, places) in hops.into_values() {
            let chosen: Vec<Recipient> = places.iter().filter_map(|n| recipients.get(*n)).cloned().collect();
            let may_finish = || self.lease.holds();
            let transfer = Transfer {
                shared: self.shared,
                mail,
                hop: &hop,
                destination: hop.is_of_destination().then_some(self.claim.destination.as_str()),
                may_finish: &may_finish,
            };
            for (n, fate) in places.into_iter().zip(transfer.run(&chosen).await) {
                if let Some(place) = fates.get_mut(n) {
                    *place = fate;
                }
            }
        }
        fates
    }

    /// While the mailbox moves, tries again until `patience` has run out.
    fn deliver_local<'m>(
        &'m self,
        mail: &'m Mail,
        recipient: &'m Recipient,
        patience: Instant,
    ) -> BoxFuture<'m, Delivered> {
        Box::pin(async move {
            loop {
                let delivered = self.shared.delivery.deliver_local(mail, recipient).await;
                if delivered != Delivered::Held || self.shared.stopping() || Instant::now() >= patience {
                    return delivered;
                }
                tokio::time::sleep(HELD_LOOK).await;
            }
        })
    }

    fn outside(&self, envelope: &Envelope) -> Hop {
        match &self.shared.config.relay {
            Some(route) => Hop::Route { route: route.clone(), relay: true },
            None => Hop::Domain { name: self.claim.destination.clone(), verified: envelope.require_tls },
        }
    }
}

/// What is known of a message whose body cannot be read: its sender still has to be told.
fn without_body(claim: &QueueClaim) -> Mail {
    Mail {
        envelope: to_envelope(claim),
        trace: Bytes::new(),
        body: Body::Memory(Bytes::new()),
        received: DateTime::utc(claim.message.queued_ms / 1000),
        // Who was logged in stands behind it; of others that would have to be read.
        authenticated: claim.message.submitter.is_some(),
        quarantine: false,
        queued: None,
        submitter: claim.message.submitter,
    }
}
