//! Verifies a message that arrived: the envelope and the content, and what follows.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use mail_auth::dmarc::Policy;
use sterna_delivery::Body;

use super::arrival::Arrival;
use super::content::Content;
use super::header::Field;
use super::message::{self, Loaded};
use super::verdict::{Authentication, Disposition, Verdict};
use super::{AuthConfig, Authenticator};

/// Bytes that are hashed where the connection is served, in a fraction of a millisecond; more goes to a thread that may
/// block.
const INLINE: usize = 256 << 10;

impl Authenticator {
    /// Verifies what `peer` sent after `HELO helo` and `MAIL FROM:<sender>` (empty: the null sender). Never fails: what
    /// cannot be found out is a `temperror`. Takes at most about three times [`AuthConfig::patience`].
    pub async fn verify(&self, peer: IpAddr, helo: &str, sender: &str, body: &Body) -> Authentication {
        let load = message::load(body, &self.memory, self.config.memory, self.config.patience);
        let (arrival, loaded) = tokio::join!(Arrival::check(self, peer, helo, sender), load);
        let arrival = Arc::new(arrival);
        let content = match loaded {
            Ok(Loaded::Whole(bytes, _room)) => Some(self.content(&arrival, bytes, true).await),
            Ok(Loaded::Header(bytes)) => Some(self.content(&arrival, bytes, false).await),
            Ok(Loaded::Excessive) => None,
            Err(error) => {
                tracing::error!(%error, "an arriving message cannot be read back for authentication");
                Some(self.content(&arrival, Bytes::new(), false).await)
            }
        };
        conclude(&self.config, &arrival, content)
    }

    async fn content(&self, arrival: &Arc<Arrival>, bytes: Bytes, whole: bool) -> Content {
        let asker = self.resolver.asker();
        if bytes.len() <= INLINE {
            return Content::check(asker, &self.config, arrival, &bytes, whole).await;
        }
        // The parsed message borrows its bytes, so it stays on its thread while the DNS is asked. Senders with slow name
        // servers must not take all the threads, on which the store depends too.
        let turn = tokio::time::timeout(self.config.patience, self.threads.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let header = bytes.get(..message::header_len(&bytes)).unwrap_or_default();
            return Content::check(asker, &self.config, arrival, header, false).await;
        };
        let (auth, arrival2, runtime) = (self.clone(), arrival.clone(), tokio::runtime::Handle::current());
        let apart = tokio::task::spawn_blocking(move || {
            let (_turn, asker) = (turn, auth.resolver.asker());
            runtime.block_on(Content::check(asker, &auth.config, &arrival2, &bytes, whole))
        });
        match apart.await {
            Ok(content) => content,
            // The runtime is going down.
            Err(_) => Content::check(asker, &self.config, arrival, b"", false).await,
        }
    }
}

fn conclude(config: &AuthConfig, arrival: &Arrival, content: Option<Content>) -> Authentication {
    let spf = arrival.spf().verdict;
    let mut field = Field::new("Authentication-Results", &config.hostname);
    arrival.write(&mut field);
    let mut found = Authentication {
        spf,
        spf_helo: arrival.hello(),
        iprev: arrival.iprev(),
        passed: spf == Verdict::Pass && !arrival.is_null(),
        ..Authentication::default()
    };
    match content {
        Some(content) => {
            content.write(&mut field);
            found.passed |= content.sender;
            found.dmarc = content.dmarc.verdict;
            found.arc = content.chain.as_ref().map(|chain| chain.verdict).unwrap_or_default();
            found.disposition = disposition(config, &content);
            found.dkim = content.signatures.into_iter().map(|checked| checked.signature).collect();
            found.authors = content.authors.domains;
        }
        None => {
            field.next("dkim=permerror");
            field.comment("the header is too long");
            field.next("dmarc=permerror");
            found.dmarc = Verdict::PermError;
            if config.enforce {
                let text = "the header of this message is too long to be authenticated".to_owned();
                found.disposition = Disposition::Reject { text };
            }
        }
    }
    found.header = field.finish() + &arrival.received_spf(config);
    found
}

fn disposition(config: &AuthConfig, content: &Content) -> Disposition {
    if !config.enforce {
        return Disposition::Accept;
    }
    let vouched = content.chain.as_ref().is_some_and(|chain| chain.vouched);
    match (content.dmarc.verdict, content.dmarc.policy) {
        (Verdict::Fail, Policy::Reject | Policy::Quarantine) if vouched => Disposition::Accept,
        (Verdict::Fail, Policy::Reject) => Disposition::Reject {
            text: format!(
                "{} asks to refuse mail in its name that it did not authenticate (DMARC)",
                content.dmarc.domain
            ),
        },
        (Verdict::Fail, Policy::Quarantine) => Disposition::Quarantine,
        // More authors than anybody has.
        (Verdict::PermError, _) if content.authors.crowded => Disposition::Quarantine,
        _ => Disposition::Accept,
    }
}
