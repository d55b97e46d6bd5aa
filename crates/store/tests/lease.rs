//! Jobs and leases: one holder at a time, by the database's clock, and no write without the newest token.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, Address, Flags, ManualClock};
use sterna_store::{Account, Error, JobKind, Lease, MoveRecord, Store};
use support::{config, email};

const TERM: Duration = Duration::from_secs(6);

struct Fixture {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    store: Store,
    accounts: Vec<AccountId>,
}

impl Fixture {
    /// Three accounts.
    async fn new() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let store = Store::open_with(config(directory.path()), clock.clone()).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let mut accounts = Vec::new();
        for name in ["anne", "bert", "cleo"] {
            let address = Address::parse(&format!("{name}@example.org")).unwrap();
            accounts.push(store.add_account(&address, None, None).await.unwrap());
        }
        Fixture { directory, clock, store, accounts }
    }

    /// Lets time pass by the clock that counts: the database's, where nodes share one.
    async fn pass(&self, seconds: i64) {
        if self.store.shared() {
            tokio::time::sleep(Duration::from_secs(seconds.unsigned_abs())).await;
        }
        self.clock.advance(seconds);
    }

    async fn claim(&self, limit: usize) -> Vec<Lease> {
        self.store.claim(JobKind::Move, limit, TERM).await.unwrap()
    }

    async fn account(&self, lease: &Lease) -> Account {
        self.store.account(lease.account).await.unwrap()
    }
}

async fn append(account: &Account) -> Result<(), Error> {
    let new = email(account, b"body");
    account
        .write(move |tx| {
            let inbox = tx.mailboxes()?[0].id;
            tx.append(inbox, &new, &Flags::default()).map(drop)
        })
        .await
}

fn record(account: AccountId, state: &str) -> MoveRecord {
    MoveRecord { account, state: state.into(), record: "{}".into(), secret: None, updated: 0 }
}

#[tokio::test]
async fn a_job_has_one_holder_until_its_term_runs_out() {
    let f = Fixture::new().await;
    for account in &f.accounts {
        assert!(f.store.add_job(*account, JobKind::Move).await.unwrap());
        assert!(!f.store.add_job(*account, JobKind::Move).await.unwrap());
    }
    let (two, one) = (f.claim(2).await, f.claim(9).await);
    let accounts = |leases: &[Lease]| leases.iter().map(|l| l.account).collect::<Vec<_>>();
    assert_eq!([accounts(&two), accounts(&one)].concat(), f.accounts);
    assert!(f.claim(9).await.is_empty());
    assert!(f.store.claim_one(f.accounts[0], JobKind::Move, TERM).await.unwrap().is_none());
    assert!(f.store.job(f.accounts[0], JobKind::Move).await.unwrap().unwrap().holder.is_some());

    f.pass(5).await;
    f.store.renew(&two[0], TERM).await.unwrap();
    f.pass(1).await;
    assert_eq!(f.store.job(f.accounts[1], JobKind::Move).await.unwrap().unwrap().holder, None);
    let taken = f.claim(9).await;
    assert_eq!(accounts(&taken), f.accounts[1..]);
    assert_eq!(f.store.renew(&two[1], TERM).await, Err(Error::LeaseLost));
    // What an earlier holder gives back or finishes is not his any more.
    f.store.release(&two[1]).await.unwrap();
    f.store.finish(&one[0]).await.unwrap();
    assert!(f.claim(9).await.is_empty());
    f.store.release(&taken[0]).await.unwrap();
    f.store.finish(&taken[1]).await.unwrap();
    assert_eq!(accounts(&f.claim(9).await), [f.accounts[1]]);
    assert_eq!(f.store.job(f.accounts[2], JobKind::Move).await.unwrap(), None);
}

#[tokio::test]
async fn who_has_lost_a_job_writes_nothing_more() {
    let f = Fixture::new().await;
    f.store.add_job(f.accounts[0], JobKind::Move).await.unwrap();
    let old = f.claim(1).await.remove(0);
    let held = f.account(&old).await.under(&old);
    append(&held).await.unwrap();
    f.store.put_move_under(&old, record(old.account, "old")).await.unwrap();
    // A term that ran out is no loss as long as nobody else has the job.
    f.pass(6).await;
    append(&held).await.unwrap();
    let new = f.claim(1).await.remove(0);
    assert_eq!(append(&held).await, Err(Error::LeaseLost));
    assert_eq!(f.store.put_move_under(&old, record(old.account, "late")).await, Err(Error::LeaseLost));
    append(&held.under(&new)).await.unwrap();
    append(&f.account(&old).await).await.unwrap();
    let total = held.read(|tx| Ok(tx.mailboxes()?[0].total)).await.unwrap();
    assert_eq!((total, f.store.moves().await.unwrap()), (4, vec![record(old.account, "old")]));
}

#[tokio::test]
async fn a_job_is_seized_whoever_holds_it_and_ends_with_its_move_and_its_account() {
    let f = Fixture::new().await;
    let first = f.store.seize(f.accounts[0], JobKind::Move, TERM).await.unwrap();
    let second = f.store.seize(f.accounts[0], JobKind::Move, TERM).await.unwrap();
    assert_eq!(f.store.renew(&first, TERM).await, Err(Error::LeaseLost));
    f.store.renew(&second, TERM).await.unwrap();
    f.store.remove_move(f.accounts[0]).await.unwrap();
    assert_eq!(f.store.renew(&second, TERM).await, Err(Error::LeaseLost));

    let lease = f.store.seize(f.accounts[1], JobKind::Move, TERM).await.unwrap();
    let held = f.account(&lease).await.under(&lease);
    f.store.remove_job(f.accounts[1], JobKind::Move).await.unwrap();
    assert_eq!(append(&held).await, Err(Error::LeaseLost));
    // Nor does it have the job that comes after it.
    f.store.seize(f.accounts[1], JobKind::Move, TERM).await.unwrap();
    assert_eq!(append(&held).await, Err(Error::LeaseLost));

    let lease = f.store.seize(f.accounts[2], JobKind::Move, TERM).await.unwrap();
    f.store.remove_account(f.accounts[2]).await.unwrap();
    assert_eq!(f.store.renew(&lease, TERM).await, Err(Error::LeaseLost));
    f.pass(6).await;
    let left: Vec<AccountId> = f.claim(9).await.iter().map(|lease| lease.account).collect();
    assert_eq!(left, [f.accounts[1]]);
}

#[tokio::test]
async fn a_node_that_starts_again_gives_back_what_it_held() {
    let Fixture { directory, clock, store, accounts } = Fixture::new().await;
    let lease = store.seize(accounts[0], JobKind::Move, TERM).await.unwrap();
    drop((store, lease));
    let store = Store::open_with(config(directory.path()), clock).await.unwrap();
    assert_eq!(store.job(accounts[0], JobKind::Move).await.unwrap().unwrap().holder, None);
    assert!(store.claim_one(accounts[0], JobKind::Move, TERM).await.unwrap().is_some());
}
