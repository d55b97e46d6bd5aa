//! One attempt at the recipients of a mail: resolved, delivered to the mailboxes that are here, sent on where addresses lead
//! away. Reception's [`Delivery::accept`](crate::Delivery::accept) and the queue's runner share it.
//!
//! Order is what keeps a retry harmless: first what goes on is put into the queue, in one durable write for each forwarder,
//! then mailboxes are written, then what failed in part is queued under its own address. A recipient whose only mailbox
//! fails changes nothing and is reported as it is.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use sterna_core::Address;
use sterna_store::{Result, Route};

use crate::deposit::{Deposit, failure};
use crate::header::Traces;
use crate::letter::Letter;
use crate::resolve::{Away, Place, Places, Resolved, Resolver};
use crate::send::delivered_to;
use crate::service::Inner;
use crate::{Mail, Recipient, Refusal};

/// Mailboxes that are written at a time for one mail, and recipients looked up.
const AT_ONCE: usize = 16;

/// Mailboxes that are written while the peer waits, and that one queued recipient is spread over directly.
pub(crate) const DIRECT: usize = 50;

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// In every mailbox that it leads to.
    Done,
    /// The same, but some of it waits in the queue.
    Queued,
    Refused(Refusal),
    /// Nothing was done.
    Deferred(Refusal),
    /// The same, as long as the mailbox moves.
    Held,
    NotHere {
        route: String,
    },
    NotOurs,
}

impl From<Deposit> for Attempt {
    fn from(deposit: Deposit) -> Attempt {
        match deposit {
            Deposit::Done => Attempt::Done,
            Deposit::Refused(refusal) => Attempt::Refused(refusal),
            Deposit::Deferred(refusal) => Attempt::Deferred(refusal),
        }
    }
}

/// A recipient that leads to places, and what was found there so far.
struct Group {
    /// Among the recipients of the attempt.
    number: usize,
    /// Numbers of its mailboxes among all of the attempt.
    here: Vec<usize>,
    /// Something of it is in the queue.
    sent: bool,
}

impl Inner {
    /// Attempts to deliver to each recipient; as many answers, in their order.
    pub async fn attempt(&self, mail: &Mail, recipients: &[Recipient]) -> Vec<Attempt> {
        let traces = match self.traces(mail).await {
            Ok(traces) => traces,
            Err(error) => {
                tracing::warn!(%error, "a message cannot be read back");
                return vec![failure(&error).into(); recipients.len()];
            }
        };
        if traces.received > self.config.max_received {
            let refusal = Refusal::new(554, "5.4.6", "the message goes in circles: too many Received fields");
            return vec![Attempt::Refused(refusal); recipients.len()];
        }
        let resolved = all(recipients.iter().map(|r| self.resolve(r, &traces, false)).collect()).await;

        let mut attempts = Vec::with_capacity(recipients.len());
        let (mut groups, mut places) = (Vec::new(), Mailboxes::default());
        for (number, resolved) in resolved.into_iter().enumerate() {
            attempts.push(match resolved {
                Ok(Resolved::Places(found)) => match self.send_away(mail, recipients, number, found).await {
                    Ok((here, sent)) => {
                        let here = here.into_iter().map(|place| places.number(place)).collect();
                        groups.push(Group { number, here, sent });
                        Attempt::Done
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a forward cannot be queued");
                        failure(&error).into()
                    }
                },
                Ok(Resolved::NotHere { route }) => self.relay(route).await,
                Ok(Resolved::Held) => Attempt::Held,
                Ok(Resolved::NotOurs) => Attempt::NotOurs,
                Ok(Resolved::Refused(refusal)) => Attempt::Refused(refusal),
                Err(error) => {
                    tracing::warn!(%error, "an address cannot be looked up");
                    failure(&error).into()
                }
            });
        }
        let deposits = all(places.all.iter().map(|place| self.deposit(mail, place)).collect()).await;
        for group in groups {
            let recipient = recipients.get(group.number);
            if let (Some(attempt), Some(recipient)) = (attempts.get_mut(group.number), recipient) {
                *attempt = self.sum_up(mail, recipient, &group, &places.all, &deposits).await;
            }
        }
        attempts
    }

    async fn traces(&self, mail: &Mail) -> Result<Traces> {
        if matches!(mail.body, crate::Body::Memory(_)) {
            // Nothing that blocks, and too little to be worth another thread.
            return Traces::read(mail).map_err(|e| crate::queued::read_error(&e));
        }
        let mail = mail.clone();
        crate::queued::blocking(move || Traces::read(&mail).map_err(|e| crate::queued::read_error(&e))).await
    }

    /// Where a recipient leads; `any`: only whether it leads anywhere.
    pub async fn resolve(&self, recipient: &Recipient, traces: &Traces, any: bool) -> Result<Resolved> {
        Resolver { store: &self.store, config: &self.config, srs: &self.srs, traces, any }.resolve(recipient).await
    }

    /// Where mail for a mailbox that is not here goes now.
    async fn relay(&self, route: Route) -> Attempt {
        match route {
            Route::Platform(name) => match self.platforms.route(&self.store, &name).await {
                Ok(Ok(route)) => Attempt::NotHere { route },
                Ok(Err(refusal)) => Attempt::Deferred(refusal),
                Err(error) => {
                    tracing::warn!(%error, platform = name, "a platform cannot be looked up");
                    failure(&error).into()
                }
            },
            // `local` is never asked for; what is not understood is the runner's to refuse.
            Route::Local | Route::Relay(_) => Attempt::NotHere { route: route.to_string() },
        }
    }

    /// Queues what leads away. Gives back the mailboxes that are here, and whether something was queued.
    async fn send_away(
        &self,
        mail: &Mail,
        recipients: &[Recipient],
        number: usize,
        found: Places,
    ) -> Result<(Vec<Place>, bool)> {
        let Places { mut here, mut away } = found;
        let Some(recipient) = recipients.get(number) else { return Ok((here, false)) };
        if here.len() > DIRECT {
            // Too many to make a peer wait, or to hold a lease for: each is a recipient of its own.
            away.extend(here.drain(..).map(|place| stays(place.reached)));
        }
        let mut by_forwarder: HashMap<Option<Address>, Vec<Recipient>> = HashMap::new();
        let sent = !away.is_empty();
        for Away { address, forwarder, expanded } in away {
            by_forwarder.entry(forwarder).or_default().push(Recipient { address, expanded, ..recipient.clone() });
        }
        for (forwarder, recipients) in by_forwarder {
            match forwarder {
                Some(by) => {
                    let letter = Letter::new(delivered_to(by.as_str()), mail);
                    self.send_on(letter, mail, &by, &recipients).await?;
                }
                None => {
                    self.enqueue(mail, &recipients).await?;
                }
            }
        }
        Ok((here, sent))
    }

    /// The answer for a recipient that led to several places. What failed while something else was done is put into the queue,
    /// whose runner tries again or tells the sender.
    async fn sum_up(
        &self,
        mail: &Mail,
        recipient: &Recipient,
        group: &Group,
        places: &[Place],
        deposits: &[Deposit],
    ) -> Attempt {
        let results = || group.here.iter().filter_map(|n| Some((places.get(*n)?, deposits.get(*n)?)));
        let failed: Vec<(&Place, &Deposit)> = results().filter(|(_, deposit)| **deposit != Deposit::Done).collect();
        let Some((_, first)) = failed.first() else {
            return if group.sent { Attempt::Queued } else { Attempt::Done };
        };
        let nothing_done = !group.sent && failed.len() == group.here.len();
        let alike =
            failed.iter().all(|(_, deposit)| std::mem::discriminant(*deposit) == std::mem::discriminant(*first));
        if nothing_done && alike {
            return Deposit::clone(first).into();
        }
        let again = failed.iter().map(|(place, _)| {
            let Away { address, expanded, .. } = stays(place.reached.clone());
            Recipient { address, expanded, ..recipient.clone() }
        });
        match self.enqueue(mail, &again.collect::<Vec<_>>()).await {
            Ok(_) => Attempt::Queued,
            Err(error) => {
                tracing::error!(%error, recipient = recipient.address, "what failed in part cannot be queued");
                failure(&error).into()
            }
        }
    }
}

/// The results of all, in their order, a few at a time.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    futures_util::stream::iter(futures).buffered(AT_ONCE).collect().await
}

/// A mailbox of ours, as a recipient of its own.
fn stays(address: String) -> Away {
    Away { address, forwarder: None, expanded: true }
}

/// The mailboxes of an attempt, each once: who is reached as himself and by a list gets one copy.
#[derive(Default)]
struct Mailboxes {
    all: Vec<Place>,
    known: HashMap<(sterna_core::AccountId, Arc<str>), usize>,
}

impl Mailboxes {
    fn number(&mut self, place: Place) -> usize {
        // With another detail it is another message to a script.
        let detail = place.reached.rsplit_once('@').and_then(|(local, _)| local.split_once('+')).map_or("", |(_, d)| d);
        let key = (place.account.id, Arc::from(detail.to_lowercase()));
        *self.known.entry(key).or_insert_with(|| {
            self.all.push(place);
            self.all.len() - 1
        })
    }
}
