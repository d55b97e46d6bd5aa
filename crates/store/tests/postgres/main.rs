//! What only the shared store has: several nodes, one schema for all accounts, a database that goes away.
//! Always runs on PostgreSQL and S3, whatever the other suites run on.

#![allow(missing_docs)] // A test.
#![allow(clippy::unwrap_used, clippy::panic)] // A fixture that cannot be made fails the test.

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod leases;
mod nodes;
mod queue;
mod schema;

use std::sync::Arc;

use sterna_core::{AccountId, Address, ManualClock, SystemClock};
use sterna_store::{Engine, PostgresConfig, Store, StoreConfig};
use tempfile::TempDir;

/// A store in a fresh database; large bodies in files, which these tests are not about.
pub struct Place {
    pub url: String,
    dirs: Vec<TempDir>,
}

impl Place {
    pub fn fresh() -> Place {
        Place::at(sterna_tests::backend::fresh_database())
    }

    pub fn at(url: String) -> Place {
        Place { url, dirs: Vec::new() }
    }

    /// The configuration of a new node.
    pub fn node(&mut self) -> StoreConfig {
        let dir = tempfile::tempdir().unwrap();
        if let Some(first) = self.dirs.first()
            && let Ok(key) = std::fs::read(first.path().join("secret.key"))
        {
            std::fs::write(dir.path().join("secret.key"), key).unwrap();
        }
        let config = self.config(dir.path());
        self.dirs.push(dir);
        config
    }

    fn config(&self, data: &std::path::Path) -> StoreConfig {
        StoreConfig { engine: Engine::Postgres(PostgresConfig::new(&self.url)), ..StoreConfig::embedded(data) }
    }

    pub async fn open(&mut self) -> Store {
        Store::open_with(self.node(), Arc::new(SystemClock)).await.unwrap()
    }

    pub async fn open_at(&mut self, unix: i64) -> Store {
        Store::open_with(self.node(), Arc::new(ManualClock::at(unix))).await.unwrap()
    }
}

/// The account that the tests use.
pub async fn anne(store: &Store) -> AccountId {
    store.add_domain("example.org").await.unwrap();
    store.add_account(&Address::parse("anne@example.org").unwrap(), Some("secret"), None).await.unwrap()
}
