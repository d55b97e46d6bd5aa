//! The store's rules, one test each, through its public face; the checker runs after every scenario.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use sterna_core::{DateTime, Flags, ModSeq, Role, SystemFlags, UidValidity};
use sterna_store::{CHUNK, Error, FlagChange, Import, NewMailbox, UidRange};
use support::{Fixture, email, flags, open, range, uid};

const SEEN: SystemFlags = SystemFlags::SEEN;
const DELETED: SystemFlags = SystemFlags::DELETED;

/// Bytes that do not compress.
fn noise(n: usize) -> Vec<u8> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(n)
    .collect()
}

#[tokio::test]
async fn bodies_come_back_exactly_whatever_their_size() {
    let f = Fixture::new().await;
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
        for body in [noise(size), vec![b'a'; size]] {
            let at = f.append(f.inbox, &body, Flags::default()).await;
            let (whole, middle, beyond) = f
                .account
                .read(move |tx| {
                    let mut blob = None;
                    let _ = tx.emails(f.inbox, UidRange::one(at), |_, e| {
                        assert_eq!(e.size, size as u64);
                        blob = Some(e.blob);
                        Ok(std::ops::ControlFlow::Continue(()))
                    })?;
                    let blob = blob.unwrap();
                    Ok((tx.blob(blob)?, tx.blob_range(blob, 100, CHUNK as u64)?, tx.blob_range(blob, 1 << 40, 5)?))
                })
                .await
                .unwrap();
            assert_eq!(whole, body);
            assert_eq!(middle, body[100.min(size)..(100 + CHUNK).min(size)]);
            assert!(beyond.is_empty());
        }
    }
    f.sound().await;
    // The incompressible ones above the inline limit are objects; removing the messages removes them.
    assert!(!f.objects().is_empty());
    let inbox = f.inbox;
    f.account.write(move |tx| tx.expunge(inbox, &[UidRange::ALL])).await.unwrap();
    f.account.collect(Duration::ZERO).await.unwrap();
    assert!(f.objects().is_empty());
    f.sound().await;
}

#[tokio::test]
async fn an_import_sets_every_part_of_a_message_identity() {
    let f = Fixture::new().await;
    let validity = UidValidity::new(77).unwrap();
    let new = NewMailbox { uid_validity: Some(validity), role: Some(Role::Sent), ..NewMailbox::named("Envoyés") };
    let sent = f.account.write(move |tx| tx.create_mailbox(&new)).await.unwrap().id;
    let message = f.email(b"x");
    let import = Import { modseq: Some(ModSeq(500)), saved_at: Some(1_600_000_000), uidl: Some("0001".into()) };
    f.account
        .write(move |tx| {
            tx.import(sent, uid(4_000_000_000), &message, &flags(SEEN, &["$Forwarded"]), &import)?;
            tx.import_identity(sent, validity, 4_000_000_010, ModSeq(900))
        })
        .await
        .unwrap();
    f.account
        .read(move |tx| {
            let m = tx.mailbox(sent)?;
            assert_eq!((m.uid_validity, m.uid_next, m.highest_modseq), (validity, 4_000_000_010, ModSeq(900)));
            assert!(tx.account_state()?.modseq > ModSeq(899), "the clock is lifted over the source's");
            let _ = tx.emails(sent, UidRange::ALL, |m, e| {
                assert_eq!(
                    (m.uid.get(), m.modseq, m.saved_at, m.uidl),
                    (4_000_000_000, ModSeq(500), 1_600_000_000, Some("0001"))
                );
                assert_eq!(e.internaldate, DateTime { unix: 1_700_000_000, offset: 120 });
                assert_eq!(tx.keysets()?.flags(m.flags).to_string(), "\\Seen $Forwarded");
                Ok(std::ops::ControlFlow::Continue(()))
            })?;
            Ok(())
        })
        .await
        .unwrap();
    let message = f.email(b"y");
    let taken = f
        .account
        .write(move |tx| tx.import(sent, uid(4_000_000_000), &message, &Flags::default(), &Import::default()))
        .await;
    assert_eq!(taken.unwrap_err(), Error::UidTaken { mailbox: sent, uid: 4_000_000_000 });
    f.sound().await;
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_and_harms_no_other_of_its_group() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..60u8 {
        let (account, message) = (f.account.clone(), f.email(&[n; 10]));
        writes.spawn(async move {
            account
                .write(move |tx| {
                    tx.append(inbox, &message, &Flags::default())?;
                    match n % 3 {
                        0 => Err(Error::Invalid("on purpose".into())),
                        1 => panic!("on purpose"),
                        _ => Ok(()),
                    }
                })
                .await
        });
    }
    let results = writes.join_all().await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 20);
    assert_eq!(f.account.index(inbox).await.unwrap().len(), 20);
    f.sound().await;
}

#[tokio::test]
async fn unchanged_since_leaves_newer_messages_alone() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    for body in [b"a", b"b", b"c"] {
        f.append(inbox, body, Flags::default()).await;
    }
    let seen = FlagChange::Add(flags(SEEN, &[]));
    let first = {
        let seen = seen.clone();
        f.account.write(move |tx| tx.change_flags(inbox, &[range(2, 2)], &seen, None)).await.unwrap()
    };
    let before = ModSeq(first.modseq.unwrap().0 - 1);
    let result = f.account.write(move |tx| tx.change_flags(inbox, &[range(1, 9)], &seen, Some(before))).await.unwrap();
    assert_eq!((result.changed, result.modified), (vec![uid(1), uid(3)], vec![uid(2)]));
    f.sound().await;
}

#[tokio::test]
async fn a_copy_shares_the_email_and_a_move_leaves_a_tombstone() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    let other = f.account.write(|tx| tx.create_mailbox(&NewMailbox::named("Archive"))).await.unwrap().id;
    f.append(inbox, b"a", flags(SEEN, &["work"])).await;
    f.append(inbox, b"b", Flags::default()).await;
    let since = f.account.index(inbox).await.unwrap().as_of;
    f.account.write(move |tx| tx.copy(inbox, &[range(1, 1)], other)).await.unwrap();
    let moved = f.account.write(move |tx| tx.move_messages(inbox, &[UidRange::ALL], other)).await.unwrap();
    assert_eq!(moved.iter().map(|c| (c.from.get(), c.to.get())).collect::<Vec<_>>(), [(1, 2), (2, 3)]);
    let index = f.account.index(other).await.unwrap();
    let emails: Vec<_> = index.iter().map(|(_, e)| e.email).collect();
    assert_eq!(emails[0], emails[1]);
    assert_eq!(index.get(1).unwrap().flags, index.get(2).unwrap().flags);
    assert!(f.account.index(inbox).await.unwrap().is_empty());
    let gone = f.account.read(move |tx| tx.vanished_since(inbox, since)).await.unwrap();
    assert_eq!(gone, [uid(1), uid(2)]);
    // Which e-mail it was is known still: a way back finds by it what was moved.
    let gone = f.account.read(move |tx| tx.expunged_since(inbox, since)).await.unwrap();
    assert_eq!(gone, [(uid(1), Some(emails[1])), (uid(2), Some(emails[2]))]);
    let places = f.account.read(move |tx| tx.places(gone[0].1.unwrap())).await.unwrap();
    assert_eq!(places, [(other, uid(1)), (other, uid(2))]);
    f.sound().await;
}

#[tokio::test]
async fn a_copy_of_more_messages_than_one_statement_takes_leaves_no_uid_out() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    f.append(inbox, b"a", flags(SEEN, &[])).await;
    for _ in 0..12 {
        f.account.write(move |tx| tx.copy(inbox, &[UidRange::ALL], inbox)).await.unwrap();
    }
    let index = f.account.index(inbox).await.unwrap();
    assert!(index.iter().map(|(_, e)| e.uid.get()).eq(1..=4_096));
    let gone = f.account.write(move |tx| tx.expunge(inbox, &[range(2, 4_000)])).await.unwrap();
    assert_eq!(gone.len(), 3_999);
    let left = f.account.read(move |tx| tx.mailbox(inbox)).await.unwrap();
    assert_eq!((left.total, left.uid_next), (97, 4_097));
    f.sound().await;
}

#[tokio::test]
async fn quota_refuses_and_an_import_may_exceed_it() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    f.store.set_quota(f.account.id(), Some(15)).await.unwrap();
    f.append(inbox, &[b'a'; 10], Flags::default()).await;
    let message = f.email(&[b'b'; 10]);
    let refused = f.account.write(move |tx| tx.append(inbox, &message, &Flags::default())).await.unwrap_err();
    assert_eq!(refused, Error::OverQuota { used: 10, limit: 15, wanted: 10 });
    let message = f.email(&[b'c'; 10]);
    f.account.write(move |tx| tx.import(inbox, uid(9), &message, &Flags::default(), &Import::default())).await.unwrap();
    f.sound().await;
}

#[tokio::test]
async fn mailboxes_keep_their_rules() {
    let f = Fixture::new().await;
    let create = |parent, name: &str| {
        let new = NewMailbox { parent, subscribed: true, ..NewMailbox::named(name) };
        let account = f.account.clone();
        async move { account.write(move |tx| tx.create_mailbox(&new)).await }
    };
    let a = create(None, "a").await.unwrap().id;
    let b = create(Some(a), "b/with.both").await.unwrap().id;
    assert_eq!(create(None, "a").await.unwrap_err(), Error::MailboxExists("a".into()));
    assert_eq!(create(None, "Inbox").await.unwrap_err(), Error::MailboxExists("Inbox".into()));
    assert!(matches!(create(None, "").await, Err(Error::Invalid(_))));
    let inbox = f.inbox;
    let below_itself = f.account.write(move |tx| tx.rename_mailbox(a, Some(b), "c")).await;
    assert!(matches!(below_itself, Err(Error::NotPermitted(_))));
    assert!(matches!(f.account.write(move |tx| tx.delete_mailbox(inbox)).await, Err(Error::NotPermitted(_))));

    // A parent that is deleted stays as a name, and goes with the second try only when nothing is below it.
    f.append(a, b"x", Flags::default()).await;
    f.account.write(move |tx| tx.delete_mailbox(a)).await.unwrap();
    assert!(!f.account.read(move |tx| tx.mailbox(a)).await.unwrap().selectable);
    assert!(f.account.write(move |tx| tx.delete_mailbox(a)).await.is_err());
    f.account.write(move |tx| tx.delete_mailbox(b)).await.unwrap();

    // RFC 9051 §6.3.7: the subscription outlives the mailbox and finds it again.
    let dangling = f.account.read(|tx| tx.dangling_subscriptions()).await.unwrap();
    assert_eq!(dangling, ["a/b/with.both"]);
    let new = NewMailbox { parent: Some(a), ..NewMailbox::named("b/with.both") };
    let again = f.account.write(move |tx| tx.create_mailbox(&new)).await.unwrap().id;
    assert!(f.account.read(move |tx| tx.mailbox(again)).await.unwrap().subscribed);
    f.sound().await;
}

#[tokio::test]
async fn a_uidvalidity_is_never_given_twice() {
    let f = Fixture::new().await;
    let mut seen = BTreeMap::new();
    for round in 0..5 {
        let made = f.account.write(|tx| tx.create_mailbox(&NewMailbox::named("x"))).await.unwrap();
        assert!(seen.insert(made.uid_validity, round).is_none());
        f.account.write(move |tx| tx.delete_mailbox(made.id)).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_uidvalidity_forgets_the_old_uids() {
    let f = Fixture::new().await;
    let folder = f.account.write(|tx| tx.create_mailbox(&NewMailbox::named("x"))).await.unwrap().id;
    for body in [b"a", b"b"] {
        f.append(folder, body, Flags::default()).await;
    }
    let validity = UidValidity::new(99).unwrap();
    let full = f.account.write(move |tx| tx.import_identity(folder, validity, 1, ModSeq(5))).await;
    assert!(matches!(full, Err(Error::NotPermitted(_))));
    let message = f.email(b"c");
    f.account
        .write(move |tx| {
            tx.expunge(folder, &[UidRange::ALL])?;
            tx.import_identity(folder, validity, 1, ModSeq(5))?;
            tx.import(folder, uid(2), &message, &Flags::default(), &Import::default())?;
            tx.put_move_folder(&sterna_store::MoveFolder {
                source: b"x".to_vec(),
                mailbox: Some(folder),
                cursor: "{}".into(),
            })
        })
        .await
        .unwrap();
    f.sound().await;
    f.account.write(move |tx| tx.delete_mailbox(folder)).await.unwrap();
    f.sound().await;
}

#[tokio::test]
async fn a_second_process_is_refused_and_a_reopened_store_knows_everything() {
    let f = Fixture::new().await;
    f.append(f.inbox, b"kept", flags(DELETED, &[])).await;
    let locked = sterna_store::Store::open(f.dir.path(), f.store.clock()).await;
    assert!(matches!(locked, Err(Error::Locked(_))));
    let Fixture { dir, store, account, inbox } = f;
    drop((store, account));
    let store = open(dir.path()).await;
    store.recover().await.unwrap();
    let record = store.verify("Anne@example.org", "secret").await.unwrap().unwrap();
    assert!(store.verify("anne@example.org", "wrong").await.unwrap().is_none());
    assert!(store.verify("nobody@example.org", "secret").await.unwrap().is_none());
    let account = store.account(record.id).await.unwrap();
    assert_eq!(account.index(inbox).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_checker_finds_damage() {
    let f = Fixture::new().await;
    f.append(f.inbox, b"a message", Flags::default()).await;
    f.append(f.inbox, &noise(4 * CHUNK), Flags::default()).await;
    let file = &f.objects()[0];
    let mut bytes = std::fs::read(file).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(file, bytes).unwrap();
    f.damage(
        "UPDATE mailbox SET total = total + 1, uid_next = 2, highest_modseq = 0;
         UPDATE account_state SET used_bytes = 3;
         UPDATE message SET flags = 256 * 9 WHERE uid = 1;",
    );
    let report = f.account.check(|_, _| Err("on purpose".into())).await.unwrap();
    let broken: std::collections::BTreeSet<u8> = report.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(broken.into_iter().collect::<Vec<_>>(), [4, 5, 6, 7, 11, 12, 14]);
}

#[tokio::test]
async fn a_secret_opens_only_with_the_stores_key() {
    let f = Fixture::new().await;
    let mut sealed = f.store.seal(b"password").unwrap();
    assert_eq!(f.store.unseal(&sealed).unwrap(), b"password");
    assert!(!sealed.windows(8).any(|w| w == b"password"));
    sealed[15] ^= 1;
    assert!(f.store.unseal(&sealed).is_err());
    assert!(f.store.unseal(b"short").is_err());
    drop(email(&f.account, b""));
}

#[tokio::test]
async fn bodies_of_a_page_are_read_in_any_way() {
    let f = Fixture::new().await;
    // Small ones, one of several chunks, one outside of the database, an empty one, one that is there twice.
    let bodies: Vec<Vec<u8>> = (0..150usize)
        .map(|n| match n % 10 {
            3 => vec![b'a' + (n / 10) as u8; 2 * CHUNK + n],
            5 if n < 60 => noise(3 * CHUNK + n),
            7 => Vec::new(),
            8 => b"the same".to_vec(),
            _ => format!("{n} ").repeat(n).into_bytes(),
        })
        .collect();
    let inbox = f.inbox;
    for batch in bodies.chunks(50) {
        let emails: Vec<_> = batch.iter().map(|body| f.email(body)).collect();
        f.account
            .write(move |tx| emails.iter().try_for_each(|e| tx.append(inbox, e, &Flags::default()).map(drop)))
            .await
            .unwrap();
    }
    let expected = bodies.clone();
    f.account
        .read(move |tx| {
            let mut last = None;
            let _ = tx.emails(inbox, UidRange::ALL, |m, e| {
                let body = &expected[m.uid.get() as usize - 1];
                if m.uid.get() % 3 != 0 {
                    assert_eq!(&tx.blob(e.blob)?, body);
                }
                assert_eq!(tx.blob_range(e.blob, 3, 40)?, body[3.min(body.len())..43.min(body.len())]);
                let from = CHUNK.saturating_sub(5).min(body.len());
                assert_eq!(tx.blob_range(e.blob, CHUNK as u64 - 5, 10)?, body[from..(from + 10).min(body.len())]);
                if let Some((blob, uid)) = last.replace((e.blob, m.uid.get())) {
                    assert_eq!(tx.blob(blob)?, expected[uid as usize - 1]);
                }
                Ok(std::ops::ControlFlow::Continue(()))
            })?;
            Ok(())
        })
        .await
        .unwrap();
    f.sound().await;
}
