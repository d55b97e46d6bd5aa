//! Several nodes on one database, each a store of its own in this process.

use std::time::{Duration, Instant};

use sterna_core::{Flags, SystemFlags};
use sterna_store::{FlagChange, UidRange};
use tokio::time::timeout;

use crate::support::{email, flags};
use crate::{Place, anne};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_the_other_node_within_a_second() {
    for hints in [true, false] {
        let mut place = Place::fresh();
        let here = place.open().await;
        let id = anne(&here).await;
        let there = place.open().await;
        let (here, there) = (here.account(id).await.unwrap(), there.account(id).await.unwrap());
        let inbox = here.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
        if !hints {
            // Whoever is told by notifications hears nothing from now on; asking still works.
            sterna_tests::psql(
                &place.url,
                "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''; \
                 ALTER DATABASE current_database_name SET search_path = public, pg_catalog"
                    .replace("current_database_name", place.url.rsplit('/').next().unwrap())
                    .as_str(),
            );
            sterna_tests::psql(
                &place.url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
            tokio::time::sleep(2 * SECOND).await;
        }
        let mut changes = there.changes();
        for n in 0..10u8 {
            let message = email(&here, &[n; 20]);
            let written = here.write(move |tx| tx.append(inbox, &message, &Flags::default())).await.unwrap();
            let committed = Instant::now();
            timeout(SECOND, changes.wait_for(|clock| *clock >= written.modseq)).await.unwrap().unwrap();
            let index = there.index(inbox).await.unwrap();
            assert_eq!(index.len(), usize::from(n) + 1);
            assert!(committed.elapsed() < SECOND);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_never_used_that_the_database_was_not_asked_about() {
    let mut place = Place::fresh();
    let here = place.open().await;
    let id = anne(&here).await;
    let there = place.open().await;
    let (here, there) = (here.account(id).await.unwrap(), there.account(id).await.unwrap());
    let inbox = here.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
    for n in 0..20u8 {
        assert_eq!(there.index(inbox).await.unwrap().len(), usize::from(n));
        let message = email(&here, &[n; 20]);
        here.write(move |tx| tx.append(inbox, &message, &Flags::default())).await.unwrap();
        let deadline = Instant::now() + SECOND;
        while there.index(inbox).await.unwrap().len() == usize::from(n) {
            assert!(Instant::now() < deadline, "an index is older than a second");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_two_nodes_are_one_after_the_other() {
    let mut place = Place::fresh();
    let first = place.open().await;
    let id = anne(&first).await;
    let second = place.open().await;
    let inbox = first.account(id).await.unwrap().read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8u8 {
        let account = if writer % 2 == 0 { &first } else { &second }.account(id).await.unwrap();
        writers.spawn(async move {
            let mut given = Vec::new();
            for n in 0..25u8 {
                let message = email(&account, &[writer, n, 1, 2, 3]);
                let appended = account.write(move |tx| tx.append(inbox, &message, &Flags::default())).await.unwrap();
                given.push((appended.uid, appended.modseq));
                if n % 5 == 4 {
                    let seen = FlagChange::Add(flags(SystemFlags::SEEN, &["both"]));
                    let range = UidRange::one(appended.uid);
                    account.write(move |tx| tx.change_flags(inbox, &[range], &seen, None)).await.unwrap();
                }
            }
            given
        });
    }
    let given: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let mut by_uid: Vec<u32> = given.iter().map(|(uid, _)| uid.get()).collect();
    by_uid.sort_unstable();
    assert_eq!(by_uid, (1..=200).collect::<Vec<u32>>());
    // A later number always means a later write: what a client that asks by MODSEQ relies on.
    let mut in_order = given;
    in_order.sort();
    assert!(in_order.is_sorted_by_key(|(_, modseq)| *modseq));
    let report = first.account(id).await.unwrap().check(|_, _| Ok(())).await.unwrap();
    assert_eq!(report.findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_wrong_by_a_minute_does_no_harm() {
    let mut place = Place::fresh();
    let behind = place.open_at(1_800_000_000 - 60).await;
    let id = anne(&behind).await;
    let ahead = place.open_at(1_800_000_000 + 60).await;
    let mut validities = Vec::new();
    for n in 0..6 {
        let account = if n % 2 == 0 { &ahead } else { &behind }.account(id).await.unwrap();
        let new = sterna_store::NewMailbox::named(&format!("box {n}"));
        validities.push(account.write(move |tx| tx.create_mailbox(&new)).await.unwrap().uid_validity);
    }
    assert!(validities.is_sorted() && validities.windows(2).all(|pair| pair[0] != pair[1]), "{validities:?}");
}
