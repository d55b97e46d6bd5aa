//! What a node of a shared store does for the holds of others: says which accounts it has sessions of, passes their rounds on,
//! and tells when its sessions have answered.
//!
//! The node's own line in the directory has a time. As long as it is renewed, who holds an account waits for this node's
//! answers; a node that cannot renew it in time ends all its sessions itself, so that nobody need wait for a dead one.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::{Duration, Instant};

use sterna_core::AccountId;
use sterna_store::{Hold, Store};
use tokio::sync::mpsc;

use crate::door::{Door, Inner};
use crate::floor::{Ask, Floor, Kind};

/// How long a node may be silent.
const TERM: Duration = Duration::from_secs(10);

/// A node is renewed so often.
const RENEW: Duration = Duration::from_secs(3);

/// Between two looks at the directory where nothing tells of a change.
const POLL: Duration = Duration::from_millis(500);

/// Accounts share so many gates.
pub(crate) const GATES: usize = 64;

/// Before a login that found a hold of another node tries again.
pub(crate) const AGAIN: Duration = Duration::from_millis(30);

/// Writes, where nodes share the store, that this one has sessions of the account; `false`: a hold is on.
pub(crate) async fn write_line(door: &Door, account: AccountId, kind: Kind) -> Result<bool, sterna_store::Error> {
    let Inner { store, floor, gates, .. } = &*door.0;
    if !store.shared() {
        return Ok(true);
    }
    if !floor.has_term() {
        // Nobody would wait for the sessions of a node that is not known to live.
        return Ok(false);
    }
    if floor.is_written(account) {
        return Ok(true);
    }
    let _gate = gate(gates, account).lock().await;
    if floor.is_written(account) {
        return Ok(true);
    }
    let hold = store.enter(account, &store.node(), kind.may_enter_round_0()).await?;
    if hold.is_none() {
        floor.set_written(account, true);
    }
    Ok(hold.is_none())
}

/// Of the gates, the one under which an account's line is written and taken away.
fn gate(gates: &[tokio::sync::Mutex<()>], account: AccountId) -> &tokio::sync::Mutex<()> {
    // As many as `GATES`, which is not 0.
    &gates[usize::try_from(account.0).unwrap_or(0) % gates.len()]
}

/// Starts the keeper of a node; it ends with the door.
pub(crate) fn start(door: &Door, leaving: mpsc::UnboundedReceiver<AccountId>) {
    let (inner, store) = (std::sync::Arc::downgrade(&door.0), door.0.store.clone());
    tokio::spawn(keep(inner.clone(), store.clone()));
    tokio::spawn(watch(inner.clone(), store.clone()));
    tokio::spawn(leave(inner, store, leaving));
}

/// Keeps the node's own line.
async fn keep(inner: Weak<Inner>, store: Store) {
    let node = store.node();
    // Sessions of an earlier life have ended with it.
    let mut fresh = true;
    let mut renewed = Instant::now();
    loop {
        let Some(floor) = inner.upgrade().map(|inner| inner.floor.clone()) else { return };
        // Also a process that slept: by its own clock, which goes on meanwhile.
        if renewed.elapsed() >= TERM && !fresh {
            tracing::error!("this node was silent for too long: its sessions are ended");
            floor.fence();
            fresh = true;
        }
        let asked = Instant::now();
        let said = async {
            if fresh {
                store.forget_node(&node).await?;
            }
            store.renew_node(&node, TERM).await
        };
        match said.await {
            Ok(()) => {
                (fresh, renewed) = (false, asked);
                floor.valid_for(TERM, asked);
            }
            Err(error) => tracing::warn!(%error, "this node cannot say that it lives"),
        }
        drop(floor);
        tokio::time::sleep(RENEW).await;
    }
}

/// Passes on what holds of other nodes ask.
async fn watch(inner: Weak<Inner>, store: Store) {
    let (node, mut changes) = (store.node(), store.directory_changes());
    // Holds of others that sessions here were told of.
    let mut told: HashMap<AccountId, Hold> = HashMap::new();
    loop {
        let Some(floor) = inner.upgrade().map(|inner| inner.floor.clone()) else { return };
        match store.holds_of_node(&node).await {
            Ok(holds) => {
                for hold in &holds {
                    if told.insert(hold.account, *hold).is_some_and(|t| (t.token, t.round) == (hold.token, hold.round))
                    {
                        continue;
                    }
                    let ask = Ask { token: hold.token, round: hold.round };
                    floor.ask(hold.account, ask);
                    tokio::spawn(answer(floor.clone(), store.clone(), *hold, node.clone()));
                }
                told.retain(|account, hold| {
                    let on = holds.iter().any(|h| h.account == *account);
                    if !on {
                        floor.free(*account, hold.token);
                    }
                    on
                });
            }
            Err(error) => tracing::warn!(%error, "holds of other nodes are not known for the moment"),
        }
        drop(floor);
        let changed = tokio::time::timeout(POLL, changes.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            return;
        }
    }
}

/// Tells the directory when all sessions have done what a round asks.
async fn answer(floor: Floor, store: Store, hold: Hold, node: String) {
    let ask = Ask { token: hold.token, round: hold.round };
    let moved = floor.moved(hold.account);
    let deadline = tokio::time::Instant::now() + hold.left;
    loop {
        let news = moved.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        if floor.count(hold.account, ask).open == 0 {
            break;
        }
        if tokio::time::timeout_at(deadline, news).await.is_err() {
            return;
        }
    }
    let parked = floor.sessions(hold.account, Kind::Parks);
    if let Err(error) = store.answer_hold(&hold, &node, parked).await {
        tracing::warn!(%error, account = %hold.account, "a hold cannot be answered");
    }
}

/// Takes lines away whose last session has ended.
async fn leave(inner: Weak<Inner>, store: Store, mut leaving: mpsc::UnboundedReceiver<AccountId>) {
    let node = store.node();
    while let Some(account) = leaving.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        let _gate = gate(&inner.gates, account).lock().await;
        if !inner.floor.is_empty(account) || !inner.floor.is_written(account) {
            continue;
        }
        match store.leave(account, &node).await {
            Ok(()) => inner.floor.set_written(account, false),
            // Harmless: this node answers for it as for an account without sessions.
            Err(error) => tracing::warn!(%error, %account, "a node's line is left"),
        }
    }
}
