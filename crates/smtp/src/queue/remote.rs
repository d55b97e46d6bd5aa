//! One message to the recipients of one hop: over a warm connection if there is one, else to one server after the other.

use std::sync::Arc;

use sterna_delivery::{Mail, Recipient};
use tokio::time::Instant;

use super::fate::Fate;
use super::hosts::Hop;
use super::pool::Warm;
use super::runner::Shared;
use super::traffic::Call;
use crate::client::{Error, Failure, Verdict, connect};

/// A message on its way to one hop.
pub(super) struct Transfer<'t> {
    pub shared: &'t Arc<Shared>,
    pub mail: &'t Mail,
    pub hop: &'t Hop,
    /// Whose claim it is, if all of its mail goes this way: it rests with the hop.
    pub destination: Option<&'t str>,
    /// Whether the message may still be handed over.
    pub may_finish: &'t (dyn Fn() -> bool + Sync),
}

/// Recipients with what became of them so far.
struct Pending<'r> {
    recipients: &'r [Recipient],
    fates: Vec<Option<Fate>>,
}

impl Transfer<'_> {
    /// As many fates as recipients.
    pub async fn run(&self, recipients: &[Recipient]) -> Vec<Fate> {
        let key = self.hop.key();
        let mut pending = Pending { recipients, fates: vec![None; recipients.len()] };
        if let Some(warm) = self.shared.pool.take(&key) {
            self.send(&mut pending, &key, warm).await;
        }
        if pending.open().is_empty() {
            return pending.end(Fate::Untouched);
        }
        match self.shared.traffic.call(&key, self.destination) {
            Call::Now => {}
            Call::Wait => return pending.end(Fate::Untouched),
            Call::Later => {
                return pending.end(Fate::failed("4.4.1", "the servers could not be reached a short time ago"));
            }
        }
        let called = Instant::now();
        let last = self.call(&mut pending, &key).await;
        match &last {
            None => self.shared.traffic.reached(&key),
            Some(_) => self.shared.traffic.unreachable(&key, self.destination, called),
        }
        match last {
            Some(failure) => pending.end(Fate::Failed { failure, by: None }),
            None => pending.end(Fate::Untouched),
        }
    }

    /// Calls server after server. `Some`: none of them could be reached, or greeted us.
    async fn call(&self, pending: &mut Pending<'_>, key: &str) -> Option<Failure> {
        let shared = self.shared;
        let hostname = shared.delivery.config().hostname.as_str();
        let servers = match self.hop.servers(&shared.resolver, hostname, &shared.config).await {
            Ok(servers) => servers,
            Err(failure) if failure.permanent => {
                // An answer, if not a good one: nothing is to be gained by resting.
                pending.fill(&Fate::Failed { failure, by: None });
                return None;
            }
            Err(failure) => return Some(failure),
        };
        let (mut unreached, mut last) = (None, None);
        for server in servers {
            if self.shared.stopping() || !(self.may_finish)() {
                return None;
            }
            match connect(&server, hostname, &shared.config.timeouts).await {
                Ok(connection) => {
                    let warm = Warm { connection, by: server.name.clone(), carried: 0 };
                    last = self.send(pending, key, warm).await.or(last);
                    if pending.open().is_empty() {
                        return None;
                    }
                }
                Err(error) => {
                    tracing::debug!(%server, %error, "cannot hand over mail");
                    let mut failure = Failure::lost(&error);
                    failure.text = format!("{server}: {error}");
                    unreached = Some(failure);
                }
            }
        }
        match last {
            // Servers that hang up on everybody rest as those that cannot be reached.
            Some(error) if pending.open().len() == pending.fates.len() => Some(Failure::lost(&error)),
            Some(error) => {
                pending.fill(&Fate::Failed { failure: Failure::lost(&error), by: None });
                None
            }
            None => unreached,
        }
    }

    /// Hands the message to a connected server for all recipients that are open. Why the connection ended, if it did.
    async fn send(&self, pending: &mut Pending<'_>, key: &str, mut warm: Warm) -> Option<Error> {
        loop {
            let open = pending.open();
            let recipients: Vec<Recipient> = open.iter().filter_map(|n| pending.recipients.get(*n)).cloned().collect();
            let sent = warm.connection.send(self.mail, &recipients, self.may_finish).await;
            warm.carried += 1;
            let dsn = warm.connection.extensions().dsn;
            let progress = sent.verdicts.iter().any(|v| matches!(v, Verdict::Accepted(_)));
            let again = sent.lost.is_none() && progress;
            for (&n, verdict) in open.iter().zip(sent.verdicts) {
                // RFC 5321 §4.5.3.1.10: those beyond the server's limit come in another transaction.
                if again && is_too_many(&verdict) {
                    continue;
                }
                pending.set(n, Fate::said(verdict, &warm.by, dsn));
            }
            if sent.lost.is_some() {
                return sent.lost;
            }
            if pending.open().is_empty() {
                if let Some(old) = self.shared.pool.put(key, warm) {
                    old.connection.quit().await;
                }
                return None;
            }
        }
    }
}

/// "Too many recipients", of one of those that came behind the last taken one.
fn is_too_many(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Failed(Failure { reply: Some(reply), status, .. }) => {
            status == "4.5.3" || reply.code == 452 && reply.status().is_none()
        }
        _ => false,
    }
}

impl Pending<'_> {
    fn open(&self) -> Vec<usize> {
        self.fates.iter().enumerate().filter(|(_, fate)| fate.is_none()).map(|(n, _)| n).collect()
    }

    fn set(&mut self, n: usize, fate: Option<Fate>) {
        if let Some(place) = self.fates.get_mut(n) {
            *place = fate;
        }
    }

    fn fill(&mut self, fate: &Fate) {
        self.fates.iter_mut().for_each(|place| _ = place.get_or_insert_with(|| fate.clone()));
    }

    fn end(mut self, rest: Fate) -> Vec<Fate> {
        self.fill(&rest);
        self.fates.into_iter().flatten().collect()
    }
}
