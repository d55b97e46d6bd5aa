//! DMARC (RFC 9989): whether the author's domain stands behind a message, and what it asks for if not.

use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{AuthenticatedMessage, DkimOutput, MessageAuthenticator};

use super::arrival::Arrival;
use super::header::Field;
use super::verdict::Verdict;
use crate::dns;

/// Author domains that are asked. RFC 9989 §5.3.1 leaves a message with several to the receiver; none is let through for
/// naming a second one.
pub(super) const MAX_AUTHORS: usize = 5;

/// The domains that From names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Authors {
    /// A-labels, each once.
    pub(super) domains: Vec<String>,
    /// There are more than [`MAX_AUTHORS`].
    pub(super) crowded: bool,
}

impl Authors {
    pub(super) fn of(message: &AuthenticatedMessage<'_>) -> Authors {
        let mut authors = Authors::default();
        for address in message.from_addresses() {
            let domain = address.rsplit_once('@').and_then(|(_, domain)| dns::ascii(domain));
            let Some(domain) = domain.filter(|domain| is_host(domain)) else {
                continue;
            };
            if authors.domains.contains(&domain) {
                continue;
            }
            if authors.domains.len() == MAX_AUTHORS {
                authors.crowded = true;
                break;
            }
            authors.domains.push(domain);
        }
        authors
    }
}

/// Whether a signature of one domain speaks for another: the same, or one below it.
fn speaks_for(signer: &str, domain: &str) -> bool {
    let below = |left: &str| left.is_empty() || left.ends_with('.');
    signer.contains('.') && domain.strip_suffix(signer).is_some_and(below)
}

/// Whether the domain of the envelope's sender stands behind a message: its SPF passed, or a signature of its organisation.
/// Only then will it want to hear what becomes of the message, whatever From says.
pub(super) async fn stands_behind(
    asker: &MessageAuthenticator,
    signatures: &[DkimOutput<'_>],
    arrival: &Arrival,
) -> bool {
    let Some(domain) = dns::ascii(arrival.domain()).filter(|domain| !arrival.is_null() && is_host(domain)) else {
        return false;
    };
    if arrival.spf().verdict == Verdict::Pass {
        return true;
    }
    let passed = |output: &&DkimOutput<'_>| Verdict::from(output.result()) == Verdict::Pass;
    let signers = signatures.iter().filter(passed).filter_map(|output| dns::ascii(&output.signature()?.d));
    let signers: Vec<String> = signers.collect();
    if signers.is_empty() || signers.iter().any(|signer| speaks_for(signer, &domain)) {
        return !signers.is_empty();
    }
    // Whether they are of one organisation is told by its DMARC records only (RFC 9989 §4.10.2).
    judge_one(asker, &domain, signatures, arrival).await.verdict == Verdict::Pass
}

/// What DMARC says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// Of which author.
    pub(super) domain: String,
    /// What that domain asks for a message that fails.
    pub(super) policy: Policy,
}

impl Judgement {
    /// The DNS did not answer in time.
    pub(super) fn late(authors: &Authors) -> Judgement {
        let domain = authors.domains.first().cloned().unwrap_or_default();
        Judgement { verdict: Verdict::TempError, domain, policy: Policy::None }
    }

    /// Its part of Authentication-Results.
    pub(super) fn write(&self, field: &mut Field) {
        field.next(&format!("dmarc={}", self.verdict));
        if self.verdict == Verdict::None && self.domain.is_empty() {
            return;
        }
        if !matches!(self.verdict, Verdict::None) {
            field.comment(&format!("p={}", self.policy));
        }
        field.pair("", "header.from", &self.domain);
    }

    /// How bad it is for the message.
    fn rank(&self) -> u8 {
        match (self.verdict, self.policy) {
            (Verdict::Fail, Policy::Reject) => 7,
            (Verdict::Fail, Policy::Quarantine) => 6,
            (Verdict::PermError, _) => 5,
            (Verdict::TempError, _) => 4,
            (Verdict::Fail, _) => 3,
            (Verdict::None, _) => 2,
            _ => 1,
        }
    }
}

/// Asks the policy of each author's domain; the worst answer counts.
pub(super) async fn judge(
    asker: &MessageAuthenticator,
    authors: &Authors,
    signatures: &[DkimOutput<'_>],
    arrival: &Arrival,
) -> Judgement {
    let nothing = |verdict| Judgement { verdict, domain: String::new(), policy: Policy::None };
    if authors.crowded {
        return nothing(Verdict::PermError);
    }
    let mut worst = None::<Judgement>;
    for domain in &authors.domains {
        let judgement = judge_one(asker, domain, signatures, arrival).await;
        if worst.as_ref().is_none_or(|worst| worst.rank() < judgement.rank()) {
            worst = Some(judgement);
        }
    }
    worst.unwrap_or_else(|| nothing(Verdict::None))
}

async fn judge_one(
    asker: &MessageAuthenticator,
    domain: &str,
    signatures: &[DkimOutput<'_>],
    arrival: &Arrival,
) -> Judgement {
    // Of the message, mail-auth only wants to know the author.
    let header = format!("From: <author@{domain}>\r\n\r\n");
    let Some(message) = AuthenticatedMessage::parse(header.as_bytes()) else {
        return Judgement { verdict: Verdict::None, domain: domain.to_owned(), policy: Policy::None };
    };
    let spf = &arrival.spf().output;
    let output = asker.verify_dmarc(DmarcParameters::new(&message, signatures, arrival.domain(), spf)).await;
    Judgement { verdict: (&output.result()).into(), domain: domain.to_owned(), policy: output.policy() }
}

/// Letters, digits, hyphens, underscores and dots: what can stand in an address without quoting.
fn is_host(domain: &str) -> bool {
    domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authors(from: &str) -> Authors {
        Authors::of(&AuthenticatedMessage::parse(format!("{from}\r\n\r\n").as_bytes()).unwrap())
    }

    #[test]
    fn every_author_of_every_from_counts_once() {
        let one = |domain: &str| Authors { domains: vec![domain.to_owned()], crowded: false };
        assert_eq!(authors("From: A <a@Example.ORG>, b@example.org"), one("example.org"));
        assert_eq!(authors("From: x@bücher.example"), one("xn--bcher-kva.example"));
        assert_eq!(authors("From: a@b.example\r\nFrom: c@d.example").domains, ["b.example", "d.example"]);
        assert_eq!(authors("To: a@b.example"), Authors::default());
        let many = (0..9).map(|n| format!("a@{n}.example")).collect::<Vec<String>>().join(", ");
        assert!(authors(&format!("From: {many}")).crowded);
    }

    #[test]
    fn a_domain_speaks_for_those_below_it() {
        for (signer, spoken) in [
            ("news.example.org", true),
            ("example.org", true),
            ("s.example.org", false),
            ("org", false),
            ("a.news.example.org", false),
            ("", false),
        ] {
            assert_eq!(speaks_for(signer, "news.example.org"), spoken, "{signer}");
        }
    }
}
