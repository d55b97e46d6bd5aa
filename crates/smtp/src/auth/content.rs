//! What the message itself says: its DKIM signatures, its ARC chain, and DMARC over them and the envelope.

use mail_auth::crypto::Algorithm;
use mail_auth::dkim::DkimError;
use mail_auth::{AuthenticatedMessage, DkimOutput, DkimResult, DnsError, Error, MessageAuthenticator};

use super::AuthConfig;
use super::arrival::Arrival;
use super::chain::Chain;
use super::dmarc::{self, Authors, Judgement};
use super::header::Field;
use super::verdict::{Signature, Verdict};
use crate::dns;

/// Signatures that are verified; each costs a question and a public-key operation (RFC 6376 §8.4).
pub(super) const MAX_SIGNATURES: usize = 10;
/// Field names of one signature's `h=`: each is searched in the header.
pub(super) const MAX_SIGNED: usize = 256;

/// What was found in a message.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) signatures: Vec<Checked>,
    pub(super) dmarc: Judgement,
    pub(super) authors: Authors,
    /// [`dmarc::stands_behind`].
    pub(super) sender: bool,
    /// `None`: not looked at.
    pub(super) chain: Option<Chain>,
}

/// One signature.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) signature: Signature,
    algorithm: &'static str,
    /// Tells signatures apart (RFC 6008): the first characters of `b=`.
    start: String,
    reason: Option<&'static str>,
}

impl Content {
    /// Looks at a message, or at its header only: then nothing can be said of signatures.
    pub(super) async fn check(
        asker: &MessageAuthenticator,
        config: &AuthConfig,
        arrival: &Arrival,
        bytes: &[u8],
        whole: bool,
    ) -> Content {
        let mut message = AuthenticatedMessage::parse(bytes).unwrap_or_default();
        let mut seen = 0;
        message.retain_dkim_signatures(|signature| {
            seen += 1;
            acceptable(signature, seen)
        });
        let authors = Authors::of(&message);
        let verified = async {
            if !whole {
                return unverified(&message, "no room to verify the message");
            }
            let verified = asker.verify_dkim(&message);
            let in_time = tokio::time::timeout(config.patience, verified).await;
            in_time.unwrap_or_else(|_| unverified(&message, "no answer in time"))
        };
        let (outputs, chain) = tokio::join!(verified, Chain::check(asker, config, &message, whole));
        let judged = tokio::time::timeout(config.patience, dmarc::judge(asker, &authors, &outputs, arrival));
        let sender = tokio::time::timeout(config.patience, dmarc::stands_behind(asker, &outputs, arrival));
        let (judged, sender) = tokio::join!(judged, sender);
        let dmarc = judged.unwrap_or_else(|_| Judgement::late(&authors));
        let sender = sender.unwrap_or(false);
        // A field that could not be read is worth less than one that could.
        let (read, unread): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.signature().is_some());
        let signatures = read.into_iter().chain(unread).take(MAX_SIGNATURES).map(Checked::of).collect();
        Content { signatures, dmarc, authors, sender, chain }
    }

    /// Its part of Authentication-Results.
    pub(super) fn write(&self, field: &mut Field) {
        if self.signatures.is_empty() {
            field.next("dkim=none");
        }
        for checked in &self.signatures {
            checked.write(field);
        }
        self.dmarc.write(field);
        if let Some(chain) = &self.chain {
            field.next(&format!("arc={}", chain.verdict));
            if chain.verdict != Verdict::None {
                field.pair("", "header.d", &chain.sealer);
            }
        }
    }
}

impl Checked {
    fn of(output: &DkimOutput<'_>) -> Checked {
        let reason = match output.result() {
            DkimResult::Pass | DkimResult::None => None,
            DkimResult::Neutral(error)
            | DkimResult::Fail(error)
            | DkimResult::PermError(error)
            | DkimResult::TempError(error) => Some(reason(error)),
        };
        let verdict = output.result().into();
        let Some(signature) = output.signature() else {
            let signature = Signature { verdict, domain: String::new(), selector: String::new() };
            return Checked { signature, algorithm: "", start: String::new(), reason };
        };
        let domain = dns::ascii(&signature.d).unwrap_or_else(|| signature.d.to_ascii_lowercase());
        let start = signature.b.get(..6).map(base64_start).unwrap_or_default();
        let algorithm = signature.a.name();
        let signature = Signature { verdict, domain, selector: signature.s.clone() };
        Checked { signature, algorithm, start, reason }
    }

    fn write(&self, field: &mut Field) {
        field.next(&format!("dkim={}", self.signature.verdict));
        if let Some(reason) = self.reason {
            field.comment(reason);
        }
        if self.signature.domain.is_empty() {
            return;
        }
        field.pair("", "header.d", &self.signature.domain);
        field.pair("", "header.s", &self.signature.selector);
        field.pair("", "header.a", self.algorithm);
        field.pair("", "header.b", &self.start);
    }
}

fn base64_start(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Whether the `n`th signature is worth verifying.
fn acceptable(signature: &mail_auth::dkim::Signature, n: usize) -> Result<(), DkimError> {
    // RFC 8301 §3.1: rsa-sha1 must not verify. RFC 6376 §5.4: From must be signed.
    let weak = signature.a == Algorithm::RsaSha1;
    let from = signature.h.iter().any(|name| name.eq_ignore_ascii_case("from"));
    if n > MAX_SIGNATURES || signature.h.len() > MAX_SIGNED || weak || !from {
        return Err(DkimError::UnsupportedAlgorithm);
    }
    Ok(())
}

/// Signatures about which nothing can be said for the moment, so that DMARC does not fail for want of them.
fn unverified<'m>(message: &'m AuthenticatedMessage<'m>, why: &str) -> Vec<DkimOutput<'m>> {
    let result = || DkimResult::TempError(Error::Dns(DnsError::Resolver(why.to_owned())));
    let signatures = message.dkim_signatures().iter();
    signatures.map(|signature| DkimOutput::from(result()).with_signature(&signature.header)).collect()
}

/// In words of ours: the text of an error may be the sender's.
fn reason(error: &Error) -> &'static str {
    match error {
        Error::Dkim(DkimError::BodyHashMismatch) => "the body was changed",
        Error::Dkim(DkimError::SignatureExpired) => "expired",
        Error::Dkim(DkimError::BodyLengthTag) => "a part of the body is not signed",
        Error::Dkim(DkimError::PublicKeyRevoked) => "the key was revoked",
        Error::Dkim(DkimError::AuidMismatch) => "the identity is outside the domain",
        Error::Dkim(DkimError::UnsupportedKeyType) => "unknown kind of key",
        Error::Dkim(_) => "not acceptable",
        Error::Crypto(_) => "the signature does not match",
        Error::Dns(DnsError::Resolver(_)) => "could not be checked for the moment",
        Error::Dns(_) => "no key",
        _ => "malformed",
    }
}
