//! What a user may send (RFC 6409): as whom, how much, and when it looks like somebody else's doing.

use std::sync::Arc;

use sterna_core::Address;
use sterna_store::{AccountRecord, AccountStatus, SubmissionLimits, SubmissionVerdict};

use super::Service;
use super::conduct::{MAX_UNKNOWN, Suspicion};
use super::head::Summary;
use super::lock;
use super::mailboxes;
use super::path;
use super::reply::{Fail, Reply};
use crate::dns;

/// Refusals for the limit in an hour, as a multiple of it, that no user's program makes.
const MAX_REFUSED: u32 = 2;

/// Addresses that a refusal tells.
const MAX_TOLD: usize = 5;

/// Whether an account may send from this envelope address, now; gives the addresses it may use.
pub(super) async fn may_send(service: &Service, user: &AccountRecord, sender: &str) -> Result<Vec<Address>, Fail> {
    let store = service.delivery.store();
    // The account may have been locked or suspended since the login.
    let present = store.find_account(&user.address).await?.filter(|record| record.id == user.id);
    match present {
        Some(record) if record.status == AccountStatus::Active => {
            if let Some(lock) = record.lock {
                return Err(lock::refusal(&lock.reason).into());
            }
        }
        _ => return Err(Fail::Close(Reply::new(421, "4.7.0", "the account cannot be used any more, goodbye"))),
    }
    let identities = store.identities(user.id).await?;
    // The null sender is that of receipts (RFC 8098 §3).
    if sender.is_empty() || allows(&identities, sender) {
        return Ok(identities);
    }
    Err(not_yours(&identities, sender).into())
}

fn not_yours(identities: &[Address], address: &str) -> Reply {
    let mut told: Vec<&str> = identities.iter().take(MAX_TOLD).map(Address::as_str).collect();
    if identities.len() > MAX_TOLD {
        told.push("...");
    }
    Reply::new(550, "5.7.1", format!("{address} is not yours to send from: use {}", told.join(", ")))
}

/// Whether one of the addresses is meant: in any case, with or without `+detail`, the domain in A-labels or U-labels.
pub(super) fn allows(identities: &[Address], address: &str) -> bool {
    let Some((local, domain)) = path::split(address).and_then(folded) else { return false };
    let plain = local.split_once('+').map(|(plain, _)| plain);
    identities
        .iter()
        .filter_map(|identity| path::split(identity.as_str()).and_then(folded))
        .any(|(own, at)| at == domain && (own == local || plain.is_some_and(|plain| plain == own)))
}

/// Local part without quotes that it does not need, and domain, both in lower case.
fn folded((local, domain): (&str, &str)) -> Option<(String, String)> {
    let local = match local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
        None => local.to_lowercase(),
        Some(quoted) => {
            let mut plain = String::new();
            let mut chars = quoted.chars();
            while let Some(c) = chars.next() {
                plain.push(if c == '\\' { chars.next()? } else { c });
            }
            plain.to_lowercase()
        }
    };
    Some((local, dns::ascii(domain)?))
}

/// A recipient was tried.
pub(super) async fn count_recipient(service: &Arc<Service>, user: &AccountRecord, unknown: bool) -> Result<(), Fail> {
    let store = service.delivery.store();
    let mostly_unknown = service.conduct.recipient(user.id, unknown, store.clock().unix());
    if !unknown {
        return Ok(());
    }
    let count = store.count_failed_recipients(user.id, 1).await?;
    if mostly_unknown && count >= MAX_UNKNOWN {
        return Err(locked(service, user, &Suspicion::Unknown(count)).await?);
    }
    Ok(())
}

/// A message of so many recipients is about to come: whether the limits of account and domain allow it.
pub(super) async fn count_message(service: &Arc<Service>, user: &AccountRecord, recipients: usize) -> Result<(), Fail> {
    let store = service.delivery.store();
    let present = store.find_account(&user.address).await?;
    let account = present.and_then(|record| record.hourly_limit).unwrap_or(service.config.hourly);
    let domain = user.address.domain();
    let domain_limit = store.domain(domain).await?.and_then(|record| record.hourly_limit);
    let limits = SubmissionLimits { account, domain: domain_limit };
    let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
    let over = |limit: u32, whose: &str| {
        let text = format!(
            "the limit of {whose}, {limit} messages in an hour, is reached: try again in 5 minutes, \
             in 60 minutes at most (ten recipients count as one message)"
        );
        Fail::from(Reply::new(450, "4.7.1", text))
    };
    match store.count_submission(user.id, domain, recipients, limits).await? {
        SubmissionVerdict::Accepted => Ok(()),
        SubmissionVerdict::OverDomain { limit } => Err(over(limit, "your domain")),
        SubmissionVerdict::OverAccount { limit, refused_this_hour: refused } => {
            if refused > limit.saturating_mul(MAX_REFUSED) {
                return Err(locked(service, user, &Suspicion::Limit { refused, limit }).await?);
            }
            Err(over(limit, "your account"))
        }
    }
}

/// Locks the account; what to answer.
async fn locked(service: &Service, user: &AccountRecord, suspicion: &Suspicion) -> Result<Fail, Fail> {
    lock::lock(service, user, suspicion).await?;
    Ok(lock::refusal(&suspicion.to_string()).into())
}

/// Whether the header's authors are the user; gives the domain to sign for.
pub(super) fn check_authors(summary: &Summary, identities: &[Address]) -> Result<String, Reply> {
    let unreadable = |text: &'static str| Reply::new(550, "5.6.0", text);
    if summary.too_long {
        return Err(unreadable("a From or Sender field is too long"));
    }
    let [from] = &*summary.from else {
        return Err(unreadable(match summary.from.len() {
            0 => "the message has no From field (RFC 5322 section 3.6)",
            _ => "the message has more than one From field (RFC 5322 section 3.6)",
        }));
    };
    if summary.sender.len() > 1 {
        return Err(unreadable("the message has more than one Sender field (RFC 5322 section 3.6)"));
    }
    let mut authors = mailboxes::addresses(from).ok_or_else(|| unreadable("the From field is no list of addresses"))?;
    let signed = authors.first().and_then(|first| path::split(first)).map(|(_, domain)| domain.to_owned());
    for sender in &summary.sender {
        let senders = mailboxes::addresses(sender).ok_or_else(|| unreadable("the Sender field is no address"))?;
        authors.extend(senders);
    }
    match authors.iter().find(|author| !allows(identities, author)) {
        Some(other) => Err(not_yours(identities, other)),
        None => Ok(signed.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities() -> Vec<Address> {
        ["ada@example.org", "info@bücher.example"].map(|a| Address::parse(a).unwrap()).into()
    }

    #[test]
    fn an_identity_is_allowed_in_every_spelling() {
        for yes in [
            "ada@example.org",
            "ADA@Example.ORG",
            "ada+news@example.org",
            "\"ada\"@example.org",
            "\"a\\da\"@example.org",
            "info@xn--bcher-kva.example",
            "Info@BÜCHER.example",
        ] {
            assert!(allows(&identities(), yes), "{yes}");
        }
        for no in [
            "bob@example.org",
            "ada@example.com",
            "ada",
            "",
            "+ada@example.org",
            "ad@example.org",
            "ada@sub.example.org",
        ] {
            assert!(!allows(&identities(), no), "{no}");
        }
    }

    #[test]
    fn authors_must_be_the_user() {
        let summary = |from: &[&str], sender: &[&str]| Summary {
            from: from.iter().map(|f| f.as_bytes().to_vec()).collect(),
            sender: sender.iter().map(|f| f.as_bytes().to_vec()).collect(),
            ..Summary::default()
        };
        let check = |from: &[&str], sender: &[&str]| check_authors(&summary(from, sender), &identities());
        assert_eq!(check(&["Ada <ada@example.org>"], &[]).unwrap(), "example.org");
        assert_eq!(check(&["ada@example.org, info@bücher.example"], &["ada@example.org"]).unwrap(), "example.org");
        for (from, sender, status, word) in [
            (&[][..], &[][..], "5.6.0", "no From"),
            (&["ada@example.org", "ada@example.org"], &[], "5.6.0", "more than one"),
            (&["nobody"], &[], "5.6.0", "no list"),
            (&["ada@example.org, ceo@bank.example"], &[], "5.7.1", "ceo@bank.example"),
            (&["ceo@bank.example <ada@example.org>"], &[], "5.7.1", "ceo@bank.example"),
            (&["ada@example.org"], &["ceo@bank.example"], "5.7.1", "ceo@bank.example"),
        ] {
            let reply = check(from, sender).unwrap_err();
            assert_eq!((reply.code, reply.status.as_deref()), (550, Some(status)));
            assert!(reply.text.contains(word), "{reply:?}");
        }
    }
}
