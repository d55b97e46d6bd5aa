//! The queue: what waits, who may try it, and what becomes of it.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, ManualClock, SystemClock};
use sterna_store::{Error, QueueFilter, QueueId, QueueStats, Settled, Store};
use support::queue::{TERM, addresses, all, body, claim, message, recipient, retry, sound};
use support::{Fixture, config};
use tempfile::TempDir;

/// Far in the future by any clock of these tests, milliseconds.
const LATER: i64 = 4_000_000_000_000;

/// A store whose clock runs, as the shared one's does in any case.
async fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    (dir, store)
}

async fn next(store: &Store) -> Option<i64> {
    store.next_due_ms(vec![]).await.unwrap()
}

async fn listed(store: &Store, filter: QueueFilter) -> Vec<QueueId> {
    store.queue_list(None, 100, filter).await.unwrap().into_iter().map(|(message, ..)| message.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_of_a_message_at_a_destination_are_claimed_together_and_by_one() {
    let (_dir, store) = open().await;
    let id = store.enqueue(message(&store, b"hello", &["a@x.org", "b@y.org", "c@x.org"])).await.unwrap();
    let claims = claim(&store, 10).await;
    assert_eq!(addresses(&claims), [vec!["a@x.org", "c@x.org"], vec!["b@y.org"]]);
    assert!(claim(&store, 10).await.is_empty());
    let (shown, recipients, n) = store.queue_show(id).await.unwrap().unwrap();
    assert_eq!((shown == claims[0].message, recipients.len(), n), (true, 3, 3));
    assert!(recipients.iter().all(|r| r.claimed));
    sound(&store).await;
    for claim in &claims {
        assert_eq!(store.queue_body_range(claim.message.blob, 1, 3).await.unwrap(), b"ell");
        store.settle_queued(claim, all(claim, &Settled::Done), vec![]).await.unwrap();
        sound(&store).await;
    }
    assert_eq!(store.queue_stats().await.unwrap(), QueueStats::default());
    assert_eq!((store.queue_show(id).await.unwrap(), next(&store).await), (None, None));
    let gone = store.queue_body_range(claims[0].message.blob, 0, 9).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_hundred_recipients_at_a_destination_are_several_claims() {
    let (_dir, store) = open().await;
    let mut new = message(&store, b"list", &[]);
    new.recipients = (0..250).map(|n| recipient(&format!("u{n}@x.org"))).collect();
    store.enqueue(new).await.unwrap();
    assert_eq!(claim(&store, 2).await.iter().map(|c| c.recipients.len()).collect::<Vec<_>>(), [100, 100]);
    assert_eq!(claim(&store, 2).await.iter().map(|c| c.recipients.len()).collect::<Vec<_>>(), [50]);
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_due_comes_first_within_the_limits_and_never_at_a_busy_destination() {
    let (_dir, store) = open().await;
    for (n, address) in ["a@x.org", "b@y.org", "c@x.org", "d@z.org", "e@x.org"].into_iter().enumerate() {
        store.enqueue(message(&store, &[n as u8], &[address])).await.unwrap();
        if !store.shared() {
            // The embedded clock counts seconds: what was queued in one second is ordered by its number.
            continue;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(next(&store).await, next_queued(&store).await);
    let busy = || vec!["y.org".to_owned()];
    let claims = store.claim_queued(3, 1, busy(), TERM).await.unwrap();
    assert_eq!(addresses(&claims), [["a@x.org"], ["d@z.org"]]);
    let claims = store.claim_queued(1, 5, busy(), TERM).await.unwrap();
    assert_eq!(addresses(&claims), [["c@x.org"]]);
    let claims = store.claim_queued(9, 9, vec![], TERM).await.unwrap();
    assert_eq!(addresses(&claims).concat().len(), 2);
    assert!(store.claim_queued(0, 9, vec![], TERM).await.unwrap().is_empty());
}

/// When the oldest message was queued.
async fn next_queued(store: &Store) -> Option<i64> {
    store.queue_stats().await.unwrap().oldest_ms
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_failed_for_the_moment_waits_with_its_error_and_the_others_do_not() {
    let (_dir, store) = open().await;
    let id = store.enqueue(message(&store, b"x", &["a@x.org", "b@x.org", "c@x.org"])).await.unwrap();
    let first = claim(&store, 1).await.remove(0);
    let long = Settled::Retry { due_ms: LATER, error: format!("4\0{}", "é".repeat(5000)), delay_told: true };
    store.settle_queued(&first, vec![(1, Settled::Gone), (2, long)], vec![]).await.unwrap();
    sound(&store).await;
    let (_, recipients, n) = store.queue_show(id).await.unwrap().unwrap();
    assert_eq!((n, recipients[0].attempts, recipients[0].due_ms, recipients[0].delay_told), (2, 1, LATER, true));
    let error = recipients[0].last_error.as_deref().unwrap();
    assert_eq!((error.chars().count(), error.starts_with("4\u{2400}é")), (2000, true));
    assert_eq!((recipients[1].attempts, recipients[1].claimed), (0, false));
    // The third was not mentioned: it can be tried at once, alone.
    let second = claim(&store, 1).await;
    assert_eq!(addresses(&second), [["c@x.org"]]);
    store.settle_queued(&second[0], all(&second[0], &Settled::Done), vec![]).await.unwrap();
    assert_eq!(next(&store).await, Some(LATER));
    assert_eq!((store.queue_retry(id).await.unwrap(), addresses(&claim(&store, 1).await)), (1, vec![vec!["b@x.org"]]));
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_queued_with_what_it_tells_or_not_at_all() {
    let (_dir, store) = open().await;
    store.enqueue(message(&store, b"x", &["a@x.org"])).await.unwrap();
    let first = claim(&store, 1).await.remove(0);
    let notice = || message(&store, b"it failed", &["anne@example.org"]);
    let empty = message(&store, b"nobody", &[]);
    let refused = store.settle_queued(&first, all(&first, &Settled::Gone), vec![notice(), empty]).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(store.queue_stats().await.unwrap().messages, 1);
    let stranger = store.settle_queued(&first, vec![(7, Settled::Gone)], vec![]).await;
    assert!(matches!(stranger, Err(Error::Invalid(_))), "{stranger:?}");
    store.settle_queued(&first, all(&first, &Settled::Gone), vec![notice()]).await.unwrap();
    assert_eq!(addresses(&claim(&store, 9).await), [["anne@example.org"]]);
    // Settled once is settled for good.
    assert_eq!(store.settle_queued(&first, vec![], vec![notice()]).await, Err(Error::LeaseLost));
    assert_eq!(store.queue_stats().await.unwrap().messages, 1);
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bodies_are_stored_once_and_go_with_the_last_message() {
    let f = Fixture::new().await;
    let large: Vec<u8> = (0..700_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut blobs = Vec::new();
    for address in ["a@x.org", "b@x.org"] {
        let id = f.store.enqueue(message(&f.store, &large, &[address])).await.unwrap();
        blobs.push(f.store.queue_show(id).await.unwrap().unwrap().0.blob);
    }
    assert_eq!(blobs[0], blobs[1]);
    let ids = listed(&f.store, QueueFilter::default()).await;
    assert_eq!(f.store.queue_remove(ids[0]).await.unwrap(), 1);
    let again = f.store.queue_body_range(blobs[0], 0, u64::MAX).await.unwrap();
    assert!(again == large);
    sound(&f.store).await;
    assert_eq!(f.store.queue_remove(vec![ids[0], ids[1]]).await.unwrap(), 1);
    assert!(f.store.collectable().await.unwrap().contains(&AccountId(0)));
    let collected = f.store.collect(AccountId(0), Duration::ZERO).await.unwrap();
    assert_eq!(collected.objects, 2, "one that was named, one that was not needed");
    sound(&f.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_is_not_tried_until_it_is_released() {
    let (_dir, store) = open().await;
    let id = store.enqueue(message(&store, b"x", &["a@x.org", "b@y.org"])).await.unwrap();
    assert_eq!((store.queue_hold(id, true).await.unwrap(), store.queue_hold(id, true).await.unwrap()), (1, 0));
    assert_eq!((claim(&store, 9).await, next(&store).await), (vec![], None));
    // Trying now is no release.
    assert_eq!(store.queue_retry(id).await.unwrap(), 1);
    assert_eq!((claim(&store, 9).await, store.queue_stats().await.unwrap().held), (vec![], 1));
    sound(&store).await;
    assert_eq!(store.queue_hold(id, false).await.unwrap(), 1);
    let claims = claim(&store, 9).await;
    assert_eq!(claims.len(), 2);
    // Held while it is tried: what is left of it is held afterwards.
    store.queue_hold(id, true).await.unwrap();
    store.settle_queued(&claims[0], all(&claims[0], &retry(0)), vec![]).await.unwrap();
    store.settle_queued(&claims[1], all(&claims[1], &Settled::Done), vec![]).await.unwrap();
    assert_eq!((claim(&store, 9).await, next(&store).await), (vec![], None));
    sound(&store).await;
    // Nor is it tried when who tried it fell silent.
    store.queue_hold(id, false).await.unwrap();
    let left = store.queue_show(id).await.unwrap().unwrap().1.remove(0).address;
    let silent = store.claim_queued(9, 9, vec![], Duration::ZERO).await.unwrap();
    assert_eq!(addresses(&silent), [[left]]);
    store.queue_hold(id, true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!((claim(&store, 9).await, next(&store).await), (vec![], None));
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_sender_recipient_destination_and_state_in_pages() {
    let (_dir, store) = open().await;
    let mut ids = Vec::new();
    for (sender, recipients) in
        [("", &["a@x.org", "b@y.org"][..]), ("s@t.org", &["a@x.org"]), ("s@t.org", &["b@y.org", "a@x.org"])]
    {
        let new = sterna_store::NewQueued { sender: sender.into(), ..message(&store, b"x", recipients) };
        ids.push(store.enqueue(new).await.unwrap());
    }
    store.queue_hold(ids[2], true).await.unwrap();
    let text = |s: &str| Some(s.to_owned());
    let none = QueueFilter::default;
    for (filter, found) in [
        (none(), vec![0, 1, 2]),
        (QueueFilter { sender: text(""), ..none() }, vec![0]),
        (QueueFilter { sender: text("s@t.org"), ..none() }, vec![1, 2]),
        (QueueFilter { recipient: text("b@y.org"), ..none() }, vec![0, 2]),
        (QueueFilter { destination: text("x.org"), ..none() }, vec![0, 1, 2]),
        (QueueFilter { destination: text("y.org"), held: Some(false), ..none() }, vec![0]),
        (QueueFilter { held: Some(true), ..none() }, vec![2]),
        (
            QueueFilter { recipient: text("a@x.org"), destination: text("y.org"), sender: text("s@t.org"), ..none() },
            vec![2],
        ),
        (QueueFilter { recipient: text("a@x.org"), sender: text("nobody"), ..none() }, vec![]),
    ] {
        let expected: Vec<QueueId> = found.iter().map(|n| ids[*n]).collect();
        assert_eq!(listed(&store, filter.clone()).await, expected, "{filter:?}");
        if let [first, rest @ ..] = &expected[..] {
            let page = store.queue_list(Some(*first), 1, filter.clone()).await.unwrap();
            let page: Vec<QueueId> = page.into_iter().map(|(message, ..)| message.id).collect();
            assert_eq!(page, rest[..rest.len().min(1)], "{filter:?}");
        }
    }
    let filter = QueueFilter { sender: text("s@t.org"), ..none() };
    assert_eq!(store.queue_remove(filter.clone()).await.unwrap(), 2);
    assert_eq!(store.queue_remove(filter).await.unwrap(), 0);
    assert_eq!(listed(&store, none()).await, [ids[0]]);
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_and_messages_to_many_are_changed_in_steps() {
    let (_dir, store) = open().await;
    let mut ids = Vec::new();
    for n in 0..3u8 {
        let mut new = message(&store, &[n], &[]);
        new.recipients = (0..2500).map(|r| recipient(&format!("u@d{}.org", r % 1500))).collect();
        ids.push(store.enqueue(new).await.unwrap());
    }
    for n in 3..253u8 {
        ids.push(store.enqueue(message(&store, &[n], &["a@x.org"])).await.unwrap());
    }
    assert_eq!(store.queue_hold(ids.clone(), true).await.unwrap(), 253);
    let held = QueueFilter { held: Some(true), ..QueueFilter::default() };
    assert_eq!((store.queue_hold(held.clone(), false).await.unwrap(), next(&store).await.is_some()), (253, true));
    assert_eq!(store.queue_hold(held, false).await.unwrap(), 0);
    sound(&store).await;
    assert_eq!(store.queue_remove(QueueFilter::default()).await.unwrap(), 253);
    assert_eq!(store.queue_stats().await.unwrap(), QueueStats::default());
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_or_taken_over_cannot_be_settled() {
    let (_dir, store) = open().await;
    let id = store.enqueue(message(&store, b"x", &["a@x.org"])).await.unwrap();
    let lost = store.claim_queued(1, 1, vec![], Duration::from_secs(1)).await.unwrap().remove(0);
    store.renew_queued(&lost, Duration::from_secs(2)).await.unwrap();
    assert!(claim(&store, 1).await.is_empty());
    tokio::time::sleep(Duration::from_millis(3100)).await;
    // Its term is over; as long as nobody else has it, it can be kept.
    store.renew_queued(&lost, Duration::ZERO).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let taken = claim(&store, 1).await.remove(0);
    assert_eq!(store.settle_queued(&lost, all(&lost, &Settled::Done), vec![]).await, Err(Error::LeaseLost));
    assert_eq!(store.renew_queued(&lost, TERM).await, Err(Error::LeaseLost));
    store.renew_queued(&taken, TERM).await.unwrap();
    assert_eq!(store.queue_remove(id).await.unwrap(), 1);
    assert_eq!(store.settle_queued(&taken, all(&taken, &Settled::Done), vec![]).await, Err(Error::LeaseLost));
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_gives_back_what_it_was_trying() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_800_000_000));
    let store = Store::open_with(config(dir.path()), clock.clone()).await.unwrap();
    store.enqueue(message(&store, b"x", &["a@x.org", "b@y.org"])).await.unwrap();
    let claims = claim(&store, 9).await;
    assert_eq!(claims.len(), 2);
    drop(store);
    let store = Store::open_with(config(dir.path()), clock).await.unwrap();
    sound(&store).await;
    assert_eq!(claim(&store, 9).await.len(), 2);
    assert_eq!(store.settle_queued(&claims[0], vec![], vec![]).await, Err(Error::LeaseLost));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_this_process_are_told() {
    let (_dir, store) = open().await;
    let mut changed = store.queue_changed();
    let id = store.enqueue(message(&store, b"x", &["a@x.org"])).await.unwrap();
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();
    store.queue_retry(id).await.unwrap();
    assert!(changed.has_changed().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_wants_tried_now_is_told_apart() {
    let (_dir, store) = open().await;
    let mut retried = store.queue_retried();
    let mut told = || std::mem::replace(&mut retried, store.queue_retried()).has_changed().unwrap();
    let id = store.enqueue(message(&store, b"x", &["a@x.org"])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.settle_queued(&claims[0], all(&claims[0], &retry(i64::MAX - 1)), vec![]).await.unwrap();
    assert!(!told());
    store.queue_retry(id).await.unwrap();
    assert!(told());
    store.queue_hold(id, true).await.unwrap();
    assert!(!told());
    store.queue_hold(id, false).await.unwrap();
    assert!(told());
    // Nothing came of these.
    store.queue_hold(id, false).await.unwrap();
    store.queue_retry(QueueId(id.0 + 1)).await.unwrap();
    store.queue_remove(id).await.unwrap();
    assert!(!told());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_nobody_is_refused_and_its_body_left_to_the_collector() {
    let (_dir, store) = open().await;
    let refused = store.enqueue(message(&store, b"x", &[])).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_finds_damage_of_the_directory() {
    let f = Fixture::new().await;
    let id = f.store.enqueue(message(&f.store, b"x", &["a@x.org", "b@y.org"])).await.unwrap();
    let held = f.store.enqueue(message(&f.store, b"y", &["a@x.org"])).await.unwrap();
    f.store.queue_hold(held, true).await.unwrap();
    let all = sterna_core::Address::parse("all@example.org").unwrap();
    f.store.add_alias(&all, vec![all.clone()]).await.unwrap();
    sound(&f.store).await;
    for (invariant, damage, repair) in [
        (
            17,
            "UPDATE account SET address = 'anne@lost.org'".to_owned(),
            "UPDATE account SET address = 'anne@example.org'",
        ),
        (17, "DELETE FROM alias".into(), "INSERT INTO alias VALUES ('all@example.org', 0)"),
        (17, "DELETE FROM alias_target".into(), "INSERT INTO alias_target VALUES ('all@example.org', 'x@y.org')"),
        (
            17,
            "UPDATE account SET address = 'all@example.org'".into(),
            "UPDATE account SET address = 'anne@example.org'",
        ),
        (18, "UPDATE queue_total SET recipients = 9".into(), "UPDATE queue_total SET recipients = 3"),
        (
            18,
            format!("UPDATE queue_message SET recipients = 1 WHERE id = {id}"),
            "UPDATE queue_message SET recipients = 2 WHERE held = 0",
        ),
        (
            19,
            format!("UPDATE queue_batch SET next_ms = 1 WHERE message_id = {held}"),
            "UPDATE queue_batch SET next_ms = 9223372036854775807 WHERE next_ms = 1",
        ),
        (
            19,
            "UPDATE queue_destination SET recipients = 7 WHERE name = 'x.org'".into(),
            "UPDATE queue_destination SET recipients = 2 WHERE name = 'x.org'",
        ),
        (20, format!("UPDATE queue_message SET size = 5 WHERE id = {id}"), "UPDATE queue_message SET size = 1"),
        (
            20,
            format!("UPDATE queue_message SET blob_id = blob_id + 7000 WHERE id = {id}"),
            "UPDATE queue_message SET blob_id = blob_id - 7000 WHERE blob_id > 7000",
        ),
        (
            21,
            "UPDATE account_state SET next_id = next_id - 5 WHERE account_id = 0".into(),
            "UPDATE account_state SET next_id = next_id + 5 WHERE account_id = 0",
        ),
        (
            11,
            "UPDATE blob_chunk SET id = id + 1048576000 WHERE account_id = 0".into(),
            "UPDATE blob_chunk SET id = id - 1048576000 WHERE account_id = 0",
        ),
    ] {
        f.damage_directory(&damage);
        let report = f.store.check_directory().await.unwrap();
        assert!(report.findings.iter().any(|found| found.invariant == invariant), "{damage}: {:?}", report.findings);
        f.damage_directory(repair);
        sound(&f.store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_waits_too_long_is_refused_and_can_be_made_again() {
    let f = Fixture::new().await;
    let large: Vec<u8> = (0..700_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let blob = body(&f.store, &large);
    f.store.collect(AccountId(0), Duration::ZERO).await.unwrap();
    let refused = f.store.enqueue(sterna_store::NewQueued { blob, ..message(&f.store, b"", &["a@x.org"]) }).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    f.store.enqueue(message(&f.store, &large, &["a@x.org"])).await.unwrap();
    sound(&f.store).await;
}
