//! A mail as the queue keeps it: bytes with the trace fields in front, the envelope's parameters as JSON; and the way back.
//!
//! Delivery writes these, the queue's runner reads them. Unknown members are ignored, so that an older node reads what a
//! newer one wrote.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sterna_core::DateTime;
use sterna_store::{Error, QueueClaim, QueuedRecipient, Result, Store};

use crate::{Body, Envelope, Mail, Notify, Recipient, Spool};

/// Bytes of a body that are read back at once.
const PIECE: u64 = 1 << 20;

/// `QueuedMessage::options`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct MessageOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    envid: Option<String>,
    smtputf8: bool,
    binary: bool,
    require_tls: bool,
    authenticated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    quarantine: bool,
    /// When it was accepted: seconds since 1970, and minutes east of UTC.
    received: i64,
    offset: i16,
}

/// `QueuedRecipient::options`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
struct RecipientOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<String>,
    /// [`Notify::bits`].
    notify: u8,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expanded: bool,
}

impl Default for RecipientOptions {
    fn default() -> RecipientOptions {
        RecipientOptions { original: None, notify: Notify::default().bits(), expanded: false }
    }
}

/// What the queue keeps of a mail beside its sender and its bytes.
pub fn message_options(mail: &Mail) -> String {
    let Envelope { sender: _, headers_only, envid, smtputf8, binary, require_tls } = mail.envelope.clone();
    json(&MessageOptions {
        headers_only,
        envid,
        smtputf8,
        binary,
        require_tls,
        authenticated: mail.authenticated,
        quarantine: mail.quarantine,
        received: mail.received.unix,
        offset: mail.received.offset,
    })
}

/// What the queue keeps of a recipient beside its address.
pub fn recipient_options(recipient: &Recipient) -> String {
    let Recipient { address: _, original, notify, expanded } = recipient.clone();
    json(&RecipientOptions { original, notify: notify.bits(), expanded })
}

fn json(options: &impl Serialize) -> String {
    // Plain members of plain types: it cannot fail, and no options read back as the defaults.
    serde_json::to_string(options).unwrap_or_else(|_| "{}".to_owned())
}

/// A recipient of a claim.
pub fn to_recipient(queued: &QueuedRecipient) -> Recipient {
    let RecipientOptions { original, notify, expanded } = serde_json::from_str(&queued.options).unwrap_or_default();
    Recipient { address: queued.address.clone(), original, notify: Notify::from_bits(notify), expanded }
}

/// The envelope of a claim: what the runner needs to know without the body.
pub fn to_envelope(claim: &QueueClaim) -> Envelope {
    let o: MessageOptions = serde_json::from_str(&claim.message.options).unwrap_or_default();
    Envelope {
        sender: claim.message.sender.clone(),
        headers_only: o.headers_only,
        envid: o.envid,
        smtputf8: o.smtputf8,
        binary: o.binary,
        require_tls: o.require_tls,
    }
}

/// The mail of a claim, its body read back. Its `trace` is empty: those fields are the beginning of the body.
pub async fn to_mail(store: &Store, claim: &QueueClaim) -> Result<Mail> {
    let options: MessageOptions = serde_json::from_str(&claim.message.options).unwrap_or_default();
    let received = match options.received {
        0 => DateTime::utc(claim.message.queued_ms / 1000),
        unix => DateTime { unix, offset: options.offset },
    };
    Ok(Mail {
        envelope: to_envelope(claim),
        trace: Bytes::new(),
        body: read_body(store, claim).await?,
        received,
        authenticated: options.authenticated,
        quarantine: options.quarantine,
        queued: Some(identity(claim)),
        submitter: claim.message.submitter,
    })
}

/// The number alone would not do: a store that was copied gives its own ones.
fn identity(claim: &QueueClaim) -> Bytes {
    let message = &claim.message;
    format!("{} {} {} {}", message.id, message.queued_ms, message.size, message.sender).into()
}

async fn read_body(store: &Store, claim: &QueueClaim) -> Result<Body> {
    let (blob, size) = (claim.message.blob, claim.message.size);
    let incoming = store.data().join("incoming");
    let mut spool = Spool::new(&incoming);
    while spool.len() < size {
        let piece = store.queue_body_range(blob, spool.len(), PIECE.min(size - spool.len())).await?;
        if piece.is_empty() {
            return Err(Error::Corrupt(format!("the body of queued message {} is cut short", claim.message.id)));
        }
        let path = incoming.clone();
        spool = blocking(move || {
            spool.write(&piece).map_err(|e| io_error("write", &path, &e))?;
            Ok(spool)
        })
        .await?;
    }
    blocking(move || spool.finish().map_err(|e| io_error("finish", &incoming, &e))).await
}

/// Runs what blocks on the pool for it.
pub(crate) async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.map_err(|e| Error::Internal(format!("a task was lost: {e}")))?
}

/// A body could not be read.
pub(crate) fn read_error(e: &std::io::Error) -> Error {
    io_error("read", Path::new("incoming"), e)
}

fn io_error(what: &str, path: &Path, e: &std::io::Error) -> Error {
    match e.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::DiskFull,
        _ => Error::Io(format!("cannot {what} a message in {}: {e}", path.display())),
    }
}
