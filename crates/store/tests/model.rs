//! Random operations on a mailbox beside a plain model of it: the index kept up to date by the change log equals one
//! that is read whole, both equal the model, the change log tells every change, and the checker is content.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use sterna_core::{Flags, ModSeq, SystemFlags};
use sterna_store::{FlagChange, Import, MailboxIndex, NewMailbox, UidRange};
use support::{Fixture, flags, range, uid};

#[derive(Clone, Debug)]
enum Op {
    Append(u8),
    Import(u32, u64),
    Flag(u32, u32, u8),
    Unflag(u32, u32, u8),
    ImportFlags(u32, u8, u64),
    Expunge(u32, u32),
    Move(u32, u32),
}

fn op() -> impl Strategy<Value = Op> {
    let n = 1..40u32;
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Append),
        2 => (n.clone(), 1..2000u64).prop_map(|(u, m)| Op::Import(u, m)),
        3 => (n.clone(), n.clone(), 0..8u8).prop_map(|(a, b, f)| Op::Flag(a, b, f)),
        2 => (n.clone(), n.clone(), 0..8u8).prop_map(|(a, b, f)| Op::Unflag(a, b, f)),
        1 => (n.clone(), 0..8u8, 1..2000u64).prop_map(|(u, f, m)| Op::ImportFlags(u, f, m)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Op::Expunge(a, b)),
        1 => (n.clone(), n).prop_map(|(a, b)| Op::Move(a, b)),
    ]
}

/// Three flags, one of them a keyword.
fn some_flags(bits: u8) -> Flags {
    let keywords: &[&str] = if bits & 4 != 0 { &["work"] } else { &[] };
    flags(SystemFlags(bits & 1).union(if bits & 2 != 0 { SystemFlags::DELETED } else { SystemFlags(0) }), keywords)
}

fn entries(index: &MailboxIndex) -> Vec<(usize, u32, u32, u64)> {
    index.iter().map(|(n, e)| (n, e.uid.get(), e.flags.0, e.modseq.0)).collect()
}

async fn run(ops: Vec<Op>) {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    let other = f.account.write(|tx| tx.create_mailbox(&NewMailbox::named("Other"))).await.unwrap().id;
    let mut model: BTreeMap<u32, String> = BTreeMap::new();
    let mut next = 1;
    for op in ops {
        let before = f.account.index(inbox).await.unwrap();
        let between = |a: u32, b: u32| range(a.min(b), a.max(b));
        match op {
            Op::Append(byte) => {
                let got = f.append(inbox, &[byte], some_flags(byte)).await.get();
                assert_eq!(got, next);
                model.insert(got, some_flags(byte).to_string());
                next += 1;
            }
            Op::Import(at, modseq) => {
                let email = f.email(&[1, at as u8]);
                let import = Import { modseq: Some(ModSeq(modseq)), ..Import::default() };
                let fresh = at >= next;
                if fresh {
                    f.account
                        .write(move |tx| tx.import(inbox, uid(at), &email, &some_flags(1), &import))
                        .await
                        .unwrap();
                    model.insert(at, some_flags(1).to_string());
                    next = at + 1;
                }
            }
            Op::Flag(a, b, bits) | Op::Unflag(a, b, bits) => {
                let adding = matches!(op, Op::Flag(..));
                let change = if adding { FlagChange::Add } else { FlagChange::Remove }(some_flags(bits));
                f.account.write(move |tx| tx.change_flags(inbox, &[between(a, b)], &change, None)).await.unwrap();
                let words = some_flags(bits).to_string();
                for (_, had) in model.range_mut(a.min(b)..=a.max(b)) {
                    let mut set: std::collections::BTreeSet<&str> = had.split(' ').filter(|w| !w.is_empty()).collect();
                    for word in words.split(' ').filter(|w| !w.is_empty()) {
                        if adding {
                            set.insert(word)
                        } else {
                            set.remove(word)
                        };
                    }
                    *had = set.into_iter().collect::<Vec<_>>().join(" ");
                }
            }
            Op::ImportFlags(at, bits, modseq) => {
                if let Some(had) = model.get_mut(&at) {
                    *had = some_flags(bits).to_string();
                    f.account
                        .write(move |tx| tx.import_flags(inbox, uid(at), &some_flags(bits), Some(ModSeq(modseq))))
                        .await
                        .unwrap();
                }
            }
            Op::Expunge(a, b) => {
                f.account.write(move |tx| tx.expunge(inbox, &[between(a, b)])).await.unwrap();
                model.retain(|u, _| !(a.min(b)..=a.max(b)).contains(u));
            }
            Op::Move(a, b) => {
                f.account.write(move |tx| tx.move_messages(inbox, &[between(a, b)], other)).await.unwrap();
                model.retain(|u, _| !(a.min(b)..=a.max(b)).contains(u));
            }
        }
        let after = f.account.index(inbox).await.unwrap();
        let gone = f.account.read({
            let since = before.as_of;
            move |tx| tx.vanished_since(inbox, since)
        });
        let expected: Vec<_> = before.iter().map(|(_, e)| e.uid).filter(|u| after.find(*u).is_none()).collect();
        assert_eq!(gone.await.unwrap(), expected);
        for (_, e) in after.iter() {
            assert_eq!(after.position(e.uid).map(|n| after.get(n).copied()), Ok(Some(*e)));
        }
    }
    let index = f.account.index(inbox).await.unwrap();
    let (rows, told) = f
        .account
        .read(move |tx| {
            let keysets = tx.keysets()?;
            let (mut rows, mut told) = (Vec::new(), BTreeMap::new());
            let _ = tx.messages(inbox, UidRange::ALL, |m| {
                rows.push((rows.len() + 1, m.uid.get(), m.flags.0, m.modseq.0));
                let mut words: Vec<String> = keysets.flags(m.flags).to_string().split(' ').map(str::to_owned).collect();
                words.sort();
                told.insert(m.uid.get(), words.join(" "));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok((rows, told))
        })
        .await
        .unwrap();
    assert_eq!(entries(&index), rows);
    assert_eq!(index.first_unseen(), rows.iter().find(|(_, _, flags, _)| flags & 1 == 0).map(|(n, ..)| *n));
    let keysets: std::collections::BTreeSet<u32> = rows.iter().map(|r| r.2 >> 8).filter(|k| *k != 0).collect();
    assert_eq!(index.keysets(), keysets.into_iter().collect::<Vec<_>>());
    let sorted = model.into_iter().map(|(u, had)| {
        let mut words: Vec<&str> = had.split(' ').collect();
        words.sort();
        (u, words.join(" "))
    });
    assert_eq!(told, sorted.collect());
    f.sound().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn random_operations_agree_with_the_model(ops in proptest::collection::vec(op(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(run(ops));
    }
}
