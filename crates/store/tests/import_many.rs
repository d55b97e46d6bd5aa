//! A batch imported at once gives the account that its messages, imported one by one, give.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use proptest::prelude::*;
use sterna_core::{Flags, MailboxId, ModSeq, SystemFlags};
use sterna_store::{Account, Error, Import, Imported, Mailbox, NewEmail, NewMailbox, Tx, UidRange};
use support::{Fixture, email, flags, uid};

/// What a message is made from.
#[derive(Clone, Debug)]
struct Sample {
    uid: u32,
    body: u8,
    /// Does not fit into rows.
    large: bool,
    keys: Vec<u64>,
    flags: u8,
    modseq: Option<u64>,
}

fn sample() -> impl Strategy<Value = Sample> {
    let keys = proptest::collection::vec(1..12u64, 0..4);
    (1..4000u32, 0..6u8, proptest::bool::weighted(0.03), keys, any::<u8>(), proptest::option::of(1..900u64))
        .prop_map(|(uid, body, large, keys, flags, modseq)| Sample { uid, body, large, keys, flags, modseq })
}

/// UIDs of one batch differ; those of two batches may not.
fn batch() -> impl Strategy<Value = Vec<Sample>> {
    proptest::collection::vec(sample(), 0..30).prop_map(|mut samples| {
        let mut seen = std::collections::BTreeSet::new();
        samples.retain(|s| seen.insert(s.uid));
        samples
    })
}

/// Bytes that zstd cannot make smaller.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

struct Made {
    uid: u32,
    email: NewEmail,
    flags: Flags,
    import: Import,
}

fn make(account: &Account, sample: &Sample) -> Made {
    let body = if sample.large { noise(sample.body, 400_000) } else { vec![sample.body; 10] };
    let mut made = email(account, &body);
    made.thread_keys = sample.keys.iter().map(|key| key.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let words: Vec<&str> = ["work", "$Forwarded", "later"]
        .into_iter()
        .enumerate()
        .filter(|(n, _)| sample.flags >> (n + 3) & 1 == 1)
        .map(|(_, w)| w)
        .collect();
    let import = Import {
        modseq: sample.modseq.map(ModSeq),
        saved_at: sample.modseq.map(|m| m as i64),
        uidl: (sample.flags >> 6 & 1 == 1).then(|| format!("uidl-{}", sample.uid)),
    };
    Made { uid: sample.uid, email: made, flags: flags(SystemFlags(sample.flags & 7), &words), import }
}

fn many(tx: &Tx<'_>, mailbox: MailboxId, batch: &[Made]) -> sterna_store::Result<()> {
    let imported: Vec<Imported<'_>> = batch
        .iter()
        .map(|m| Imported { uid: uid(m.uid), email: &m.email, flags: &m.flags, import: &m.import })
        .collect();
    let added = tx.import_many(mailbox, &imported)?;
    assert_eq!(added.iter().map(|a| a.uid.get()).collect::<Vec<_>>(), batch.iter().map(|m| m.uid).collect::<Vec<_>>());
    Ok(())
}

fn singly(tx: &Tx<'_>, mailbox: MailboxId, batch: &[Made]) -> sterna_store::Result<()> {
    // The clock of a batch is lifted once.
    if let Some(highest) = batch.iter().filter_map(|m| m.import.modseq).max() {
        tx.modseq_at_least(highest)?;
    }
    batch.iter().try_for_each(|m| tx.import(mailbox, uid(m.uid), &m.email, &m.flags, &m.import).map(drop))
}

type Write = fn(&Tx<'_>, MailboxId, &[Made]) -> sterna_store::Result<()>;

/// Everything that a client or the checker could see, with ids replaced by the order of their first appearance: those
/// may differ.
#[derive(Debug, PartialEq)]
struct Seen {
    mailboxes: Vec<Mailbox>,
    used: u64,
    modseq: u64,
    /// By mailbox and UID.
    messages: BTreeMap<(u64, u32), SeenMessage>,
}

/// Flags, MODSEQ, date, size, body, and with which other messages it shares its body and its conversation.
type SeenMessage = (String, u64, i64, u64, Vec<u8>, usize, usize);

fn seen(tx: &Tx<'_>) -> sterna_store::Result<Seen> {
    let state = tx.account_state()?;
    let keysets = tx.keysets()?;
    let mut seen =
        Seen { mailboxes: tx.mailboxes()?, used: state.used_bytes, modseq: state.modseq.0, messages: BTreeMap::new() };
    let (mut blobs, mut threads) = (HashMap::new(), HashMap::new());
    let mut rows = Vec::new();
    for mailbox in &seen.mailboxes {
        let _ = tx.emails(mailbox.id, UidRange::ALL, |m, e| {
            let (b, t) = (blobs.len(), threads.len());
            let (b, t) = (*blobs.entry(e.blob).or_insert(b), *threads.entry(e.thread).or_insert(t));
            let row = (keysets.flags(m.flags).to_string(), m.modseq.0, e.internaldate.unix, e.size, e.blob, b, t);
            rows.push(((mailbox.id.0, m.uid.get()), row));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    for (at, (flags, modseq, date, size, blob, b, t)) in rows {
        seen.messages.insert(at, (flags, modseq, date, size, tx.blob(blob)?, b, t));
    }
    Ok(seen)
}

/// Imports the batches into two mailboxes in turn; which of them were refused, and what is there then.
async fn outcome(batches: &[Vec<Sample>], write: Write) -> (Vec<Option<Error>>, Seen) {
    let f = Fixture::new().await;
    let other = f.account.write(|tx| tx.create_mailbox(&NewMailbox::named("Other"))).await.unwrap().id;
    let mut errors = Vec::new();
    for (n, batch) in batches.iter().enumerate() {
        let mailbox = if n % 3 == 2 { other } else { f.inbox };
        let made: Vec<Made> = batch.iter().map(|s| make(&f.account, s)).collect();
        errors.push(f.account.write(move |tx| write(tx, mailbox, &made)).await.err());
    }
    f.sound().await;
    (errors, f.account.read(seen).await.unwrap())
}

/// Fewer on a shared store, where each case makes two databases.
fn cases() -> u32 {
    if sterna_tests::backend::shared() { 12 } else { 40 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn a_batch_gives_what_its_messages_give_one_by_one(batches in proptest::collection::vec(batch(), 1..5)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (together, singly) = runtime.block_on(async { (outcome(&batches, many).await, outcome(&batches, singly).await) });
        prop_assert_eq!(together, singly);
    }
}

#[tokio::test]
async fn a_batch_longer_than_one_question_is_imported_whole() {
    let sample = |n: u32| Sample {
        uid: n,
        body: (n % 200) as u8,
        large: false,
        keys: vec![u64::from(n), u64::from(n) + 1000],
        flags: n as u8,
        modseq: None,
    };
    let f = Fixture::new().await;
    let (inbox, account) = (f.inbox, f.account.clone());
    let made: Vec<Made> = (1..=600).map(|n| make(&account, &sample(n))).collect();
    account.write(move |tx| many(tx, inbox, &made)).await.unwrap();
    f.sound().await;
    let mailbox = f.account.read(move |tx| tx.mailbox(inbox)).await.unwrap();
    assert_eq!((mailbox.total, mailbox.uid_next), (600, 601));
}

#[tokio::test]
async fn a_batch_with_a_uid_that_is_taken_or_comes_twice_is_refused_whole() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    let sample = |uid| Sample { uid, body: 1, large: false, keys: vec![1], flags: 0, modseq: None };
    for (batch, refused) in [(vec![5, 6], None), (vec![7, 6], Some(6)), (vec![8, 9, 8], Some(8)), (vec![7, 8], None)] {
        let made: Vec<Made> = batch.iter().map(|uid| make(&f.account, &sample(*uid))).collect();
        let outcome = f.account.write(move |tx| many(tx, inbox, &made)).await;
        assert_eq!(outcome.err(), refused.map(|uid| Error::UidTaken { mailbox: inbox, uid }));
    }
    let nowhere = MailboxId(99);
    let made = vec![make(&f.account, &sample(1))];
    let outcome = f.account.write(move |tx| many(tx, nowhere, &made)).await;
    assert_eq!(outcome, Err(Error::NoSuchMailbox(nowhere)));
    f.sound().await;
    let mailbox = f.account.read(move |tx| tx.mailbox(inbox)).await.unwrap();
    assert_eq!((mailbox.total, mailbox.uid_next), (4, 9));
}
