//! The queue: what waits, who may try it, and what becomes of it.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::time::Duration;

use sterna_store::{BlobWriter, NewQueued, NewQueuedRecipient, PreparedBlob, Settled, Store};
use support::Fixture;

const TERM: Duration = Duration::from_secs(60);
const NOW: i64 = 1_800_000_000_000;

fn body(store: &Store, bytes: &[u8]) -> PreparedBlob {
    let mut writer = BlobWriter::new(&store.queue_blobs());
    writer.write(bytes).unwrap();
    writer.finish().unwrap()
}

fn message(store: &Store, bytes: &[u8], recipients: &[&str]) -> NewQueued {
    let recipients = recipients.iter().map(|address| NewQueuedRecipient {
        address: (*address).to_owned(),
        destination: address.rsplit_once('@').unwrap().1.to_owned(),
        options: "{}".into(),
        due_ms: 0,
    });
    NewQueued {
        sender: "anne@example.org".into(),
        blob: body(store, bytes),
        options: "{}".into(),
        submitter: None,
        expires_ms: NOW + 1000,
        recipients: recipients.collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_claimed_by_destination_and_gone_when_all_is_done() {
    let f = Fixture::new().await;
    let id = f.store.enqueue(message(&f.store, b"hello", &["a@x.org", "b@y.org", "c@x.org"])).await.unwrap();
    let claims = f.store.claim_queued(10, 5, vec![], TERM).await.unwrap();
    assert_eq!(claims.len(), 2);
    assert!(f.store.claim_queued(10, 5, vec![], TERM).await.unwrap().is_empty());
    for claim in &claims {
        assert_eq!(claim.message.id, id);
        let bytes = f.store.queue_body_range(claim.message.blob, 0, 100).await.unwrap();
        assert_eq!(bytes, b"hello");
        let done = claim.recipients.iter().map(|r| (r.id, Settled::Done)).collect();
        f.store.settle_queued(claim, done, vec![]).await.unwrap();
    }
    assert_eq!(f.store.queue_stats().await.unwrap(), Default::default());
    assert_eq!(f.store.queue_show(id).await.unwrap(), None);
}
