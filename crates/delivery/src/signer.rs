//! Signatures (RFC 6376) of mail of our own making: replies and notifications of scripts, reports to senders.
//!
//! Who makes such a mail has it signed before it is queued. What others wrote and is only sent on is never signed here:
//! the signature would speak for an author whom nobody knows.

use futures_util::future::BoxFuture;
use sterna_message::headers::fields;
use sterna_store::{Result, Store};

use crate::Mail;
use crate::address::fold_domain;
use crate::header::beginning;
use crate::queued::blocking;
use crate::service::Inner;

/// Signs in the name of domains of ours.
pub trait Signer: Send + Sync {
    /// The DKIM-Signature fields of a mail for `domain`, each with CRLF, to stand in front of its trace. `None`: the domain
    /// has no key, or the mail could not be signed; it goes out without.
    fn sign<'s>(&'s self, store: &'s Store, domain: &'s str, mail: &'s Mail) -> BoxFuture<'s, Option<String>>;
}

impl Inner {
    /// The mail, signed for the domain of its author if that is ours.
    pub async fn signed(&self, mut mail: Mail) -> Mail {
        let Some(signer) = &self.signer else { return mail };
        match self.signing_domain(&mail).await {
            Ok(Some(domain)) => {
                if let Some(fields) = signer.sign(&self.store, &domain, &mail).await {
                    mail.trace = [fields.as_bytes(), &mail.trace].concat().into();
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a message of ours goes out without a signature"),
        }
        mail
    }

    /// The domain of ours that From names, or the nearest one above it: the server's name is rarely a domain of its own.
    async fn signing_domain(&self, mail: &Mail) -> Result<Option<String>> {
        let mail = mail.clone();
        let author = blocking(move || {
            let header = beginning(&mail.body).map_err(|e| crate::queued::read_error(&e))?;
            Ok(fields(&header).find(|field| field.is(b"From")).and_then(|from| domain_of(&from.unfolded())))
        });
        let Some(author) = author.await? else { return Ok(None) };
        let mut domain = author.as_str();
        loop {
            if self.is_ours(domain).await? {
                return Ok(Some(domain.to_owned()));
            }
            domain = match domain.split_once('.') {
                Some((_, above)) if above.contains('.') => above,
                _ => return Ok(None),
            };
        }
    }
}

/// The domain of a From field that we wrote: one address, with or without a name before it.
fn domain_of(from: &[u8]) -> Option<String> {
    let (_, domain) = std::str::from_utf8(from).ok()?.rsplit_once('@')?;
    fold_domain(domain.trim().trim_end_matches('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_that_of_the_address_and_not_of_the_name() {
        let domain = |from: &str| domain_of(from.as_bytes());
        assert_eq!(domain(" anne@Example.ORG").as_deref(), Some("example.org"));
        assert_eq!(domain("\"a@b.c\" <anne@example.org> ").as_deref(), Some("example.org"));
        assert_eq!(domain("=?utf-8?Q?X?= <x@m\u{fc}ller.example>").as_deref(), Some("xn--mller-kva.example"));
        for none in ["", "anne", "anne@", "<anne@ex ample>", "a@b (c)"] {
            assert_eq!(domain(none), None, "{none}");
        }
    }
}
