//! Messages for the queue.

use std::time::Duration;

use sterna_store::{BlobWriter, NewQueued, NewQueuedRecipient, PreparedBlob, QueueClaim, Settled, Store};

pub const TERM: Duration = Duration::from_secs(60);

pub fn body(store: &Store, bytes: &[u8]) -> PreparedBlob {
    let mut writer = BlobWriter::new(&store.queue_blobs());
    writer.write(bytes).unwrap();
    writer.finish().unwrap()
}

/// A recipient that is due at once; its destination is its domain.
pub fn recipient(address: &str) -> NewQueuedRecipient {
    NewQueuedRecipient {
        address: address.to_owned(),
        destination: address.rsplit_once('@').unwrap().1.to_owned(),
        options: "{}".into(),
        due_ms: 0,
    }
}

pub fn message(store: &Store, bytes: &[u8], recipients: &[&str]) -> NewQueued {
    NewQueued {
        sender: "anne@example.org".into(),
        blob: body(store, bytes),
        options: "{\"o\":1}".into(),
        submitter: None,
        expires_ms: i64::MAX,
        recipients: recipients.iter().map(|address| recipient(address)).collect(),
    }
}

pub async fn claim(store: &Store, limit: usize) -> Vec<QueueClaim> {
    store.claim_queued(limit, limit, vec![], TERM).await.unwrap()
}

/// The addresses of claims, claim by claim.
pub fn addresses(claims: &[QueueClaim]) -> Vec<Vec<&str>> {
    claims.iter().map(|claim| claim.recipients.iter().map(|r| r.address.as_str()).collect()).collect()
}

/// The same for all recipients of a claim.
pub fn all(claim: &QueueClaim, settled: &Settled) -> Vec<(u64, Settled)> {
    claim.recipients.iter().map(|r| (r.id, settled.clone())).collect()
}

pub fn retry(due_ms: i64) -> Settled {
    Settled::Retry { due_ms, error: "451 4.7.1 later".into(), delay_told: false }
}

/// Asserts that every invariant of the directory holds.
pub async fn sound(store: &Store) {
    assert_eq!(store.check_directory().await.unwrap().findings, []);
}
