//! The tables: what a distributed engine needs of them, and how they come to be.

use std::sync::Arc;

use sterna_core::SystemClock;
use sterna_store::{Error, Store};

use crate::{Place, anne};

/// Tables of the directory: few rows, looked up by name, the same on every shard.
const DIRECTORY: [&str; 4] = ["account", "domain", "schema_version", "setting"];

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
        // The index by which nodes look for work that nobody holds crosses accounts on purpose.
        assert!(DIRECTORY.contains(&table) || index == "job_until" || first == "account_id", "{row:?}");
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
    assert_eq!(sterna_tests::psql(&place.url, "SELECT version FROM schema_version").trim(), "1");
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
