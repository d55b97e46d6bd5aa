//! Signs mail of ours (RFC 6376, RFC 8463): every active key of the author's domain, relaxed/relaxed, the body read as a
//! stream so that its size does not matter.

use std::io::{self, Read};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use mail_auth::dkim::DkimSigner;
use mail_auth::headers::HeaderWriter as _;
use mail_auth::signer::Ready;
use sterna_delivery::{Body, Mail, Signer};
use sterna_store::Store;

use super::Authenticator;
use super::keys::{Key, Secret};
use super::message::{MAX_HEADER, header_len};
use crate::dns;

/// Fields that make the message what a reader sees. Listed once more than they are there, so that nobody adds another
/// one (RFC 6376 §8.15).
const SEALED: [&str; 9] =
    ["From", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"];
/// Fields that are signed where they are there, and that a mailing list may add.
const SIGNED: [&str; 9] = [
    "Sender",
    "Reply-To",
    "In-Reply-To",
    "References",
    "Resent-From",
    "Resent-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Why a message could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The keys could not be read.
    #[error("the DKIM keys cannot be read: {0}")]
    Store(#[from] sterna_store::Error),
    /// The message could not be read.
    #[error("the message cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The signature could not be made.
    #[error("the message cannot be signed: {0}")]
    Sign(#[from] mail_auth::Error),
}

impl Authenticator {
    /// Signs `trace` (header fields in front, each with CRLF) and `body` for `domain`, the one of From. The
    /// DKIM-Signature fields, one for each key, to stand in front of `trace`. `None`: the domain has no active key, or
    /// the message has no From or no proper header.
    pub async fn sign(
        &self,
        store: &Store,
        domain: &str,
        trace: &[u8],
        body: &Body,
    ) -> Result<Option<String>, SignError> {
        let Some(domain) = dns::ascii(domain) else {
            return Ok(None);
        };
        let keys = self.keys.of(store, &domain).await?;
        if keys.is_empty() {
            return Ok(None);
        }
        let (trace, body) = (trace.to_vec(), body.clone());
        let signed = tokio::task::spawn_blocking(move || sign(&keys, &domain, trace, &body)).await;
        signed.map_err(io::Error::other)?
    }
}

impl Signer for Authenticator {
    fn sign<'s>(&'s self, store: &'s Store, domain: &'s str, mail: &'s Mail) -> BoxFuture<'s, Option<String>> {
        Box::pin(async move {
            let signed = Authenticator::sign(self, store, domain, &mail.trace, &mail.body).await;
            signed.unwrap_or_else(|error| {
                tracing::error!(%error, domain, "a message of ours goes out without a signature");
                None
            })
        })
    }
}

fn sign(keys: &Arc<[Key]>, domain: &str, trace: Vec<u8>, body: &Body) -> Result<Option<String>, SignError> {
    let mut reader = body.reader()?;
    let mut start = Vec::new();
    reader.by_ref().take(MAX_HEADER as u64).read_to_end(&mut start)?;
    let (own, text) = start.split_at(header_len(&start));
    let mut header = trace;
    header.extend_from_slice(own.strip_suffix(b"\r\n").filter(|own| own.ends_with(b"\r\n")).unwrap_or(own));
    // Else the signer would not see where the header ends. A message of which the first MiB is all header is no mail.
    if !header.ends_with(b"\r\n") || header.len() > MAX_HEADER || header_len(&header) < header.len() {
        return Ok(None);
    }
    let names = field_names(&header);
    let there = |name: &&str| names.iter().any(|there| there.eq_ignore_ascii_case(name.as_bytes()));
    if !there(&"From") {
        return Ok(None);
    }
    // Named twice: mail-auth lists each field that is there under the first, and the second as one that is not.
    let twice = SEALED.iter().copied().filter(|name| there(name));
    let names: Vec<&str> = SEALED.iter().copied().chain(SIGNED.iter().copied().filter(there)).chain(twice).collect();

    let signers: Vec<DkimSigner<Secret, Ready>> = keys.iter().map(|key| signer(key, domain, &names)).collect();
    let mut streams: Vec<_> = signers.iter().map(DkimSigner::sign_streaming).collect();
    header.extend_from_slice(b"\r\n");
    let mut piece = vec![0; 64 << 10];
    for stream in &mut streams {
        stream.write(&header);
        stream.write(text);
    }
    loop {
        let read = match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        streams.iter_mut().for_each(|stream| stream.write(piece.get(..read).unwrap_or_default()));
    }
    let mut fields = String::new();
    for stream in streams {
        fields.push_str(&stream.finish()?.to_header());
    }
    Ok(Some(fields))
}

fn signer(key: &Key, domain: &str, names: &[&str]) -> DkimSigner<Secret, Ready> {
    DkimSigner::from_key(key.secret.clone()).domain(domain).selector(&key.selector).headers(names.iter().copied())
}

fn field_names(header: &[u8]) -> Vec<&[u8]> {
    let lines = header.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b" ") && !line.starts_with(b"\t"));
    lines.filter_map(|line| Some(line.get(..memchr::memchr(b':', line)?)?.trim_ascii_end())).collect()
}
