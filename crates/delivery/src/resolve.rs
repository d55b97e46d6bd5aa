//! Where an address leads: aliases, forwards, catch-alls and postmaster followed to mailboxes and to what lies elsewhere.
//!
//! Nothing is delivered here. It is asked at RCPT and again at each attempt, for a mailbox may have moved meanwhile.

use std::collections::HashSet;

use sterna_core::Address;
use sterna_store::{AccountRecord, AccountStatus, DomainRecord, Found, Result, Route, Store};

use crate::address::Mailbox;
use crate::header::Traces;
use crate::srs::{Srs, is_rewritten};
use crate::{DeliveryConfig, Recipient, Refusal};

/// Addresses that one address may lead to, those in between counted.
const MAX_TARGETS: usize = 1_000;

/// Aliases and forwards one behind the other.
const MAX_DEPTH: usize = 16;

/// A mailbox of this store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub account: AccountRecord,
    /// The address by which it was reached, with its detail: Sieve's envelope.
    pub reached: String,
}

/// An address that the mail goes on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Away {
    pub address: String,
    /// Who sends it on to a foreign address, and takes bounces (SRS). `None`: it stays with us, under its sender.
    pub forwarder: Option<Address>,
    /// Aliases and forwards of it were followed: [`Recipient::expanded`].
    pub expanded: bool,
}

/// Where a recipient's mail goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub here: Vec<Place>,
    pub away: Vec<Away>,
}

/// What a recipient turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    Places(Places),
    /// The mailbox is on a platform.
    NotHere {
        route: Route,
    },
    /// The mailbox is being moved at this moment.
    Held,
    NotOurs,
    Refused(Refusal),
}

/// What is needed to resolve.
pub(crate) struct Resolver<'r> {
    pub store: &'r Store,
    pub config: &'r DeliveryConfig,
    pub srs: &'r Srs,
    /// Of the mail at hand; empty at RCPT.
    pub traces: &'r Traces,
    /// Two places are enough: whether there are any, and if only one, which, is all that is asked.
    pub any: bool,
}

pub(crate) fn no_mailbox() -> Refusal {
    Refusal::new(550, "5.1.1", "no such mailbox here")
}

pub(crate) fn malformed() -> Refusal {
    Refusal::new(501, "5.1.3", "that is not an address")
}

fn suspended() -> Refusal {
    Refusal::new(550, "5.2.1", "the mailbox is suspended")
}

fn looping() -> Refusal {
    Refusal::new(554, "5.4.6", "the address leads back to itself")
}

/// One address and what the directory says of it.
#[allow(clippy::large_enum_variant, reason = "one at a time, taken apart at once")]
enum Step {
    Found(Found),
    /// Its local part is none that an account can have; its domain is ours.
    Impossible(DomainRecord),
}

impl Resolver<'_> {
    /// Follows an address to its ends.
    pub async fn resolve(&self, recipient: &Recipient) -> Result<Resolved> {
        let text = recipient.address.trim();
        // RFC 5321 §4.5.1: the one name without a domain.
        if text.eq_ignore_ascii_case("postmaster") {
            let own = Address::parse(&format!("postmaster@{}", self.config.hostname)).ok();
            return self.postmaster(own).await;
        }
        let Some(mailbox) = Mailbox::parse(text) else { return Ok(Resolved::Refused(malformed())) };
        let found = match self.find(&mailbox).await? {
            Step::Found(found) => found,
            Step::Impossible(domain) => Found::Unknown(domain),
        };
        if is_rewritten(&mailbox.local)
            && !matches!(found, Found::NotOurs | Found::Account { .. } | Found::Alias { .. })
            && let Some(back) = self.srs.reverse(&mailbox.local, self.store.clock().unix())
        {
            let forwarder = mailbox.spellings().into_iter().next();
            return Ok(places(Places { here: vec![], away: vec![Away { address: back, forwarder, expanded: false }] }));
        }
        match found {
            Found::NotOurs => Ok(Resolved::NotOurs),
            Found::Account { held: true, .. } => Ok(Resolved::Held),
            Found::Account { record, domain, .. } => {
                if let Some(route) = elsewhere(record.place(&domain)) {
                    return Ok(Resolved::NotHere { route });
                }
                if record.status == AccountStatus::Suspended {
                    return Ok(Resolved::Refused(suspended()));
                }
                if self.traces.has_been_at(record.address.as_str()) {
                    return Ok(Resolved::Refused(looping()));
                }
                let keep = recipient.expanded || keeps(&record);
                let (address, forwards) = (record.address.clone(), record.forwards.clone());
                let here = keep.then(|| Place { account: record, reached: mailbox.to_string() });
                if recipient.expanded || forwards.is_empty() {
                    return Ok(places(Places { here: here.into_iter().collect(), away: vec![] }));
                }
                self.expand(Some((address, here)), forwards).await
            }
            Found::Alias { record, .. } => {
                if self.traces.has_been_at(record.address.as_str()) {
                    return Ok(Resolved::Refused(looping()));
                }
                self.expand(Some((record.address, None)), record.targets).await
            }
            Found::Unknown(domain) | Found::CatchAll { domain, .. } if domain.place() != Route::Local => {
                Ok(Resolved::NotHere { route: domain.place() })
            }
            Found::CatchAll { target, .. } => {
                self.expand(mailbox.spellings().into_iter().next().map(|a| (a, None)), vec![target]).await
            }
            Found::Unknown(_) if mailbox.local.eq_ignore_ascii_case("postmaster") => {
                self.postmaster(mailbox.spellings().into_iter().next()).await
            }
            Found::Unknown(_) => Ok(Resolved::Refused(no_mailbox())),
        }
    }

    /// A postmaster that is neither account nor alias: the configuration says who reads his mail.
    async fn postmaster(&self, own: Option<Address>) -> Result<Resolved> {
        match &self.config.postmaster {
            Some(reader) if own.as_ref() != Some(reader) => {
                self.expand(own.map(|own| (own, None)), vec![reader.clone()]).await
            }
            _ => Ok(Resolved::Refused(no_mailbox())),
        }
    }

    /// Follows `targets` of `root` (an address of ours, with its own mailbox if that gets a copy).
    async fn expand(&self, root: Option<(Address, Option<Place>)>, targets: Vec<Address>) -> Result<Resolved> {
        let (root, here) = root.map_or((None, None), |(address, here)| (Some(address), here));
        let mut found = Places { here: here.into_iter().collect(), away: vec![] };
        let mut seen: HashSet<Address> = root.iter().cloned().collect();
        // Of targets that nothing can be delivered to: why, and under which address the runner tells the sender.
        let mut failed: Vec<(Refusal, Away)> = Vec::new();
        // Each with the one that named it and its depth.
        let mut open: Vec<(Address, Option<Address>, usize)> =
            targets.into_iter().rev().map(|target| (target, root.clone(), 1)).collect();
        while let Some((address, by, depth)) = open.pop() {
            if self.any && found.here.len() + found.away.len() > 1 {
                break;
            }
            if !seen.insert(address.clone()) {
                continue;
            }
            if seen.len() > MAX_TARGETS + 1 {
                return Ok(Resolved::Refused(Refusal::new(554, "5.4.6", "the address leads to too many others")));
            }
            let Some(mailbox) = Mailbox::parse(address.as_str()) else { continue };
            let away = |forwarder, expanded| Away { address: mailbox.to_string(), forwarder, expanded };
            let further = match self.find(&mailbox).await? {
                Step::Found(Found::NotOurs) => {
                    found.away.push(away(by, false));
                    continue;
                }
                Step::Found(Found::Account { record, domain, held, .. }) => {
                    if held || record.place(&domain) != Route::Local {
                        found.away.push(away(None, true));
                        continue;
                    }
                    if record.status == AccountStatus::Suspended {
                        failed.push((suspended(), away(None, true)));
                        continue;
                    }
                    if self.traces.has_been_at(record.address.as_str()) {
                        failed.push((looping(), away(None, true)));
                        continue;
                    }
                    // Reached without its detail, or under another spelling, before.
                    if record.address != address && !seen.insert(record.address.clone()) {
                        continue;
                    }
                    let (by, forwards) = (record.address.clone(), record.forwards.clone());
                    if keeps(&record) {
                        found.here.push(Place { account: record, reached: mailbox.to_string() });
                    }
                    (by, forwards)
                }
                Step::Found(Found::Alias { record, .. }) => {
                    if record.address != address && !seen.insert(record.address.clone()) {
                        continue;
                    }
                    (record.address, record.targets)
                }
                Step::Found(Found::CatchAll { target, domain }) if domain.place() == Route::Local => {
                    (address, vec![target])
                }
                // A platform knows.
                Step::Found(Found::Unknown(domain) | Found::CatchAll { domain, .. }) | Step::Impossible(domain)
                    if domain.place() != Route::Local =>
                {
                    found.away.push(away(None, true));
                    continue;
                }
                Step::Found(Found::Unknown(_) | Found::CatchAll { .. }) | Step::Impossible(_) => {
                    failed.push((no_mailbox(), away(None, true)));
                    continue;
                }
            };
            let (by, targets) = further;
            if depth >= MAX_DEPTH {
                continue;
            }
            open.extend(targets.into_iter().rev().map(|target| (target, Some(by.clone()), depth + 1)));
        }
        if found.here.is_empty() && found.away.is_empty() {
            let why = failed.into_iter().next().map(|(why, _)| why);
            return Ok(Resolved::Refused(why.unwrap_or_else(looping)));
        }
        // Delivered in part: the sender learns of the rest by the queue.
        found.away.extend(failed.into_iter().map(|(_, away)| away));
        Ok(places(found))
    }

    /// Asks the directory under every spelling of the domain.
    async fn find(&self, mailbox: &Mailbox) -> Result<Step> {
        let spellings = mailbox.spellings();
        for address in &spellings {
            match self.store.lookup(address).await? {
                Found::NotOurs => {}
                found => return Ok(Step::Found(found)),
            }
        }
        if spellings.is_empty() {
            for name in mailbox.domain_spellings() {
                if let Some(domain) = self.store.domain(&name).await? {
                    return Ok(Step::Impossible(domain));
                }
            }
        }
        Ok(Step::Found(Found::NotOurs))
    }
}

fn places(found: Places) -> Resolved {
    Resolved::Places(found)
}

/// Whether an account keeps mail that it forwards. One that names itself among its forwards means that.
fn keeps(account: &AccountRecord) -> bool {
    account.keep_copy || account.forwards.is_empty() || account.forwards.contains(&account.address)
}

/// A route, if it leads away from here.
fn elsewhere(route: Route) -> Option<Route> {
    (route != Route::Local).then_some(route)
}
