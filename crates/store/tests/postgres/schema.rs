//! The tables: what a distributed engine needs of them, and how they come to be.

use std::sync::Arc;

use sterna_core::{Address, Flags, SystemClock, SystemFlags};
use sterna_store::{Error, MoveFolder, NewMailbox, Store, UidRange};

use crate::support::queue::{message, sound};
use crate::support::{email, flags, uid};
use crate::{Place, anne};

/// Tables of the directory: looked up by name or number, the same on every shard.
const DIRECTORY: [&str; 15] = [
    "account",
    "alias",
    "alias_target",
    "dkim_key",
    "domain",
    "node",
    "platform",
    "queue_batch",
    "queue_destination",
    "queue_message",
    "queue_recipient",
    "queue_total",
    "schema_version",
    "setting",
    "submission_domain",
];

#[tokio::test]
async fn account_id_leads_every_key_and_no_reference_leaves_the_account() {
    let mut place = Place::fresh();
    place.open().await;
    let keys = sterna_tests::psql(
        &place.url,
        "SELECT c.relname, i.relname, a.attname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid \
         JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0] WHERE n.nspname = 'public'",
    );
    let rows: Vec<Vec<&str>> = keys.lines().map(|line| line.split('|').collect()).collect();
    assert!(rows.len() > 20, "{keys}");
    for row in &rows {
        let [table, index, first] = row[..] else { panic!("{row:?}") };
        // Nodes look for work that nobody holds, and for their own sessions, across accounts on purpose.
        let across = ["job_until", "presence_node"].contains(&index);
        assert!(DIRECTORY.contains(&table) || across || first == "account_id", "{row:?}");
    }
    let references = sterna_tests::psql(
        &place.url,
        "SELECT conrelid::regclass, (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]), \
         (SELECT attname FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1]) \
         FROM pg_constraint WHERE contype = 'f'",
    );
    assert_eq!(references.lines().count(), 3, "{references}");
    assert!(references.lines().all(|line| line.ends_with("|account_id|account_id")), "{references}");
}

#[tokio::test]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let mut place = Place::fresh();
    let configs: Vec<_> = (0..4).map(|_| place.node()).collect();
    // The first has made the key that the others need.
    let first = Store::open_with(configs[0].clone(), Arc::new(SystemClock)).await;
    drop(first.unwrap());
    let key = std::fs::read(configs[0].data.join("secret.key")).unwrap();
    sterna_tests::psql(&place.url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let mut opening = tokio::task::JoinSet::new();
    for config in configs {
        std::fs::write(config.data.join("secret.key"), &key).unwrap();
        opening.spawn(Store::open_with(config, Arc::new(SystemClock)));
    }
    for opened in opening.join_all().await {
        opened.unwrap();
    }
    assert_eq!(sterna_tests::psql(&place.url, "SELECT version FROM schema_version").trim(), "6");
}

#[tokio::test]
async fn a_database_of_the_first_release_is_brought_up_with_everything_in_it() {
    let mut place = Place::fresh();
    let config = place.node();
    sterna_tests::psql(&place.url, include_str!("../../src/schema/postgres_1.sql"));
    sterna_tests::psql(
        &place.url,
        "CREATE TABLE schema_version (name TEXT PRIMARY KEY, version BIGINT NOT NULL);
         INSERT INTO schema_version VALUES ('sterna', 1);
         INSERT INTO domain VALUES ('example.org', 5);
         INSERT INTO account VALUES (1, 'anne@example.org', 'active', NULL, NULL, 6);
         UPDATE account_state SET next_id = 2 WHERE account_id = 0;
         INSERT INTO account_state (account_id, modseq, next_id, used_bytes) VALUES (1, 3, 5, 3);
         INSERT INTO mailbox VALUES (1, 1, 0, 'INBOX', NULL, 'inbox', 9, 2, 3, 0, 0, 1, 1, 1, 1, 1, 1, 0, 3);
         INSERT INTO blob VALUES (1, 2, '\\x00', 3, 3, NULL);
         INSERT INTO email VALUES (1, 3, 2, 4, 3, 7, 0, NULL, NULL, 3, '\\x00');
         INSERT INTO message VALUES (1, 1, 1, 3, 0, 3, 3, 8, 'a uidl');",
    );
    let store = Store::open_with(config, Arc::new(SystemClock)).await.unwrap();
    let anne = store.find_account(&Address::parse("anne@example.org").unwrap()).await.unwrap().unwrap();
    assert!(anne.keep_copy && anne.forwards.is_empty());
    let account = store.account(anne.id).await.unwrap();
    let uidl = account
        .write(|tx| {
            tx.put_sieve("a", "keep;")?;
            tx.remember("kind", b"key", i64::MAX)?;
            let (inbox, mut uidl) = (tx.mailboxes()?[0].id, None);
            let _ = tx.messages(inbox, UidRange::ALL, |m| {
                uidl = m.uidl.map(|uidl| (uidl.to_owned(), m.pop_order));
                Ok(std::ops::ControlFlow::Continue(()))
            })?;
            Ok(uidl)
        })
        .await
        .unwrap();
    assert_eq!(uidl, Some(("a uidl".to_owned(), None)));
    store.enqueue(message(&store, b"x", &["a@x.org"])).await.unwrap();
    sound(&store).await;
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let mut place = Place::fresh();
    drop(place.open().await);
    sterna_tests::psql(&place.url, "UPDATE schema_version SET version = 99");
    let opened = Store::open_with(place.node(), Arc::new(SystemClock)).await;
    assert!(matches!(opened.err(), Some(Error::NewerSchema { found: 99, .. })));
}

#[tokio::test]
async fn a_node_with_another_key_is_refused() {
    let mut place = Place::fresh();
    let store = place.open().await;
    anne(&store).await;
    let config = place.node();
    std::fs::write(config.data.join("secret.key"), [7; 32]).unwrap();
    let Err(Error::Invalid(why)) = Store::open_with(config, Arc::new(SystemClock)).await else {
        panic!("a node that cannot read the store's secrets was let in")
    };
    assert!(why.contains("copy secret.key"), "{why}");
}

#[tokio::test]
async fn a_removed_account_leaves_no_row() {
    let mut place = Place::fresh();
    let store = place.open().await;
    let (id, other) = (anne(&store).await, Address::parse("bob@example.org").unwrap());
    let other = store.add_account(&other, None, None).await.unwrap();
    let account = store.account(id).await.unwrap();
    let (small, large) = (email(&account, b"small"), email(&account, &noise(3 << 20)));
    account
        .write(move |tx| {
            let new = NewMailbox { parent: None, subscribed: true, ..NewMailbox::named("x") };
            let folder = tx.create_mailbox(&new)?.id;
            tx.append(folder, &small, &flags(SystemFlags::SEEN, &["work"]))?;
            tx.append(folder, &large, &Flags::default())?;
            tx.move_messages(folder, &[UidRange::one(uid(1))], tx.mailboxes()?[0].id)?;
            tx.set_dangling_subscription("gone", true)?;
            tx.add_move_exception(b"x", None, "why")?;
            tx.put_sieve("a", "keep;")?;
            tx.remember("kind", b"key", i64::MAX)?;
            let (source, cursor) = (b"x".to_vec(), "{}".to_owned());
            tx.put_move_folder(&MoveFolder { source, mailbox: Some(folder), cursor })
        })
        .await
        .unwrap();
    drop(account);
    let limits = sterna_store::SubmissionLimits { account: 9, domain: None };
    store.count_submission(id, "example.org", 1, limits).await.unwrap();
    let tables = sterna_tests::psql(
        &place.url,
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'account_id' AND table_schema = 'public'",
    );
    let rows = |table: &str| sterna_tests::psql(&place.url, &format!("SELECT DISTINCT account_id FROM {table}"));
    let named = tables.lines().filter(|table| rows(table).lines().any(|line| line == id.to_string())).count();
    assert!(named >= 15, "{named} tables of {tables} speak of the account");
    store.remove_account(id).await.unwrap();
    for table in tables.lines() {
        assert!(!rows(table).lines().any(|line| line == id.to_string()), "{table} still has rows");
    }
    assert!(store.account(id).await.is_err());
    let left = store.account(other).await.unwrap();
    assert_eq!(left.check(|_, _| Ok(())).await.unwrap().findings, []);
}

fn noise(n: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(n).collect()
}
