//! What a report returns of the message that it is about (RFC 3461 §4.3, RFC 3462 §2).

use std::io;

use sterna_delivery::Mail;

use super::reported::Kind;
use crate::client::{HeaderEnd, Pieces};

/// Bytes that are returned at most.
const MAX: usize = 64 * 1024;

/// The third part of a report.
pub(super) enum Original {
    /// The whole message.
    Message(Vec<u8>),
    /// Its header, or as much of it as there is room for.
    Header(Vec<u8>),
}

/// The whole message goes back if it is small and text, RET does not forbid it, and its sender is its sender.
pub(super) async fn returned(kind: Kind, mail: &Mail, forged: bool) -> Original {
    let envelope = &mail.envelope;
    let whole = kind == Kind::Failure && !forged && envelope.headers_only != Some(true) && !envelope.binary;
    match read(mail).await {
        Ok((bytes, _)) if whole && mail.len() <= MAX as u64 => Original::Message(bytes),
        Ok((mut bytes, header)) => {
            bytes.truncate(header);
            Original::Header(bytes)
        }
        // The report counts for more than what it returns.
        Err(error) => {
            tracing::warn!(%error, "a message cannot be read for its report");
            Original::Header(Vec::new())
        }
    }
}

/// The beginning of a mail, and the bytes of its header within.
async fn read(mail: &Mail) -> io::Result<(Vec<u8>, usize)> {
    let (mut pieces, mut bytes) = (Pieces::new(mail)?, Vec::new());
    while let Some(piece) = pieces.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX {
            break;
        }
    }
    bytes.truncate(MAX);
    let header = HeaderEnd::default().within(&bytes);
    Ok((bytes, header))
}
