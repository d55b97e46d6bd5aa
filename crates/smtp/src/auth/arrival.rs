//! What the envelope alone says: SPF of both identities (RFC 7208 §2.3, §2.4) and the peer's name.

use std::net::IpAddr;

use mail_auth::spf::verify::SpfParameters;
use mail_auth::{SpfOutput, SpfResult};

use super::header::Field;
use super::verdict::Verdict;
use super::{AuthConfig, Authenticator};
use crate::dns::{Resolver, Reverse};

/// An envelope with what the DNS says of it.
#[derive(Debug)]
pub(super) struct Arrival {
    peer: IpAddr,
    helo: String,
    sender: String,
    from: Checked,
    hello: Checked,
    reverse: Reverse,
}

/// SPF of one identity.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) verdict: Verdict,
    /// What DMARC wants to know about it.
    pub(super) output: SpfOutput,
}

impl Arrival {
    /// Asks the DNS.
    pub(super) async fn check(auth: &Authenticator, peer: IpAddr, helo: &str, sender: &str) -> Arrival {
        let peer = peer.to_canonical();
        let hostname = &auth.config.hostname;
        // An address literal (RFC 5321 §4.1.3) is no domain to have a policy.
        let hello = (!helo.starts_with('[')).then(|| (helo, SpfParameters::helo(peer, helo, hostname)));
        let domain = sender.rsplit_once('@').map(|(_, domain)| domain);
        let from = domain.map(|domain| (domain, SpfParameters::mail_from(peer, helo, hostname, sender)));
        let reverse = async {
            let asked = auth.resolver.reverse(peer);
            tokio::time::timeout(auth.config.patience, asked).await.unwrap_or(Reverse::Temporary)
        };
        let (hello, from, reverse) = tokio::join!(spf(auth, hello), spf(auth, from), reverse);
        Arrival { peer, helo: helo.to_owned(), sender: sender.to_owned(), from, hello, reverse }
    }

    /// SPF of MAIL FROM, or of HELO for the null sender (RFC 7208 §2.4).
    pub(super) fn spf(&self) -> &Checked {
        if self.is_null() { &self.hello } else { &self.from }
    }

    pub(super) fn hello(&self) -> Verdict {
        self.hello.verdict
    }

    /// The domain of [`Arrival::spf`], for alignment (RFC 9989 §4.4.2).
    pub(super) fn domain(&self) -> &str {
        self.sender.rsplit_once('@').map_or(&self.helo, |(_, domain)| domain)
    }

    pub(super) fn is_null(&self) -> bool {
        !self.sender.contains('@')
    }

    pub(super) fn iprev(&self) -> Verdict {
        match self.reverse {
            Reverse::Confirmed(_) => Verdict::Pass,
            Reverse::Unconfirmed(_) => Verdict::Fail,
            Reverse::Nameless => Verdict::PermError,
            Reverse::Temporary => Verdict::TempError,
        }
    }

    /// Its part of Authentication-Results.
    pub(super) fn write(&self, field: &mut Field) {
        field.next(&format!("iprev={}", self.iprev()));
        field.pair("", "policy.iprev", &self.peer.to_string());
        if let Reverse::Confirmed(name) | Reverse::Unconfirmed(name) = &self.reverse {
            field.comment(name);
        }
        field.next(&format!("spf={}", self.hello()));
        field.pair("", "smtp.helo", &self.helo);
        if !self.is_null() {
            field.next(&format!("spf={}", self.from.verdict));
            field.pair("", "smtp.mailfrom", &self.sender);
        }
    }

    /// Received-SPF of the identity that counts.
    pub(super) fn received_spf(&self, config: &AuthConfig) -> String {
        let verdict = self.spf().verdict;
        let mut field = Field::new("Received-SPF", verdict.as_str());
        field.comment(&format!("{}: {}", config.hostname, meaning(verdict)));
        field.pair("", "client-ip", &self.peer.to_string());
        field.pair(";", "envelope-from", &self.sender);
        field.pair(";", "helo", &self.helo);
        field.pair(";", "receiver", &config.hostname);
        field.pair(";", "identity", if self.is_null() { "helo" } else { "mailfrom" });
        field.finish()
    }
}

async fn spf(auth: &Authenticator, identity: Option<(&str, SpfParameters<'_>)>) -> Checked {
    let Some((domain, parameters)) = identity else {
        return Checked::default();
    };
    let asked = async {
        if has_two_policies(&auth.resolver, domain).await {
            return SpfOutput::new(domain.to_owned()).with_result(SpfResult::PermError);
        }
        auth.resolver.asker().check_host(parameters).await
    };
    match tokio::time::timeout(auth.config.patience, asked).await {
        Ok(output) => Checked { verdict: output.result().into(), output },
        Err(_) => Checked { verdict: Verdict::TempError, output: SpfOutput::default() },
    }
}

/// RFC 7208 §4.5: then none of them counts. mail-auth takes the first; the question is kept for it.
async fn has_two_policies(resolver: &Resolver, domain: &str) -> bool {
    let texts = resolver.txt(domain).await.found().unwrap_or_default();
    let policy = |text: &&String| text.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("v=spf1"));
    texts.iter().filter(policy).count() > 1
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "the domain permits this client",
        Verdict::Fail => "the domain forbids this client",
        Verdict::SoftFail => "the domain discourages this client",
        Verdict::Neutral => "the domain says nothing about this client",
        Verdict::None => "the domain publishes no policy",
        Verdict::TempError => "the policy could not be had",
        Verdict::PermError => "the policy is malformed",
    }
}
