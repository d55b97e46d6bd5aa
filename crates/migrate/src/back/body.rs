//! A body on its way out: read from the store piece by piece while the network takes it.

use sterna_core::BlobId;
use sterna_store::{Account, CHUNK};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

/// Bytes read from the store at once.
const PIECE: u64 = 4 * CHUNK as u64;

/// A reader of the whole body. It ends too soon if the body cannot be read, which the one who reads so many bytes notices.
pub(super) fn stream(account: &Account, blob: BlobId, size: u64) -> DuplexStream {
    let (reader, mut writer) = duplex(2 * CHUNK);
    let account = account.clone();
    tokio::spawn(async move {
        let mut offset = 0;
        while offset < size {
            let piece = match account.blob_range(blob, offset, PIECE).await {
                Ok(piece) if !piece.is_empty() => piece,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "a body could not be read");
                    return;
                }
            };
            offset += piece.len() as u64;
            if writer.write_all(&piece).await.is_err() {
                // Nobody reads any more.
                return;
            }
        }
    });
    reader
}
