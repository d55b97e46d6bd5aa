//! Learns what other nodes commit.
//!
//! The clocks of the accounts in use are asked for twice a second: they are the truth, on any engine. A notification
//! after a commit is only a hint that makes it sooner; it is sent beside the commit, which must not wait for the lock
//! that PostgreSQL takes for notifications, and it may be lost.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sterna_core::{AccountId, ModSeq};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::{Connector, failure};
use crate::db::Registry;
use crate::db::backend::Backend;
use crate::error::{Error, Result};

/// Between two questions for the clocks.
const POLL: Duration = Duration::from_millis(500);

/// Accounts in one question.
const PAGE: usize = 1000;

/// Hints that wait to be sent; what does not fit is not sent.
const MAX_WAITING: usize = 4096;

/// Hints in one notification, whose text may have 8000 bytes.
const HINTS: usize = 150;

/// Hints that come within this time go together.
const GATHER: Duration = Duration::from_millis(5);

/// Between two attempts to reach the database.
const AGAIN: Duration = Duration::from_secs(1);

type Hint = (AccountId, ModSeq);

/// Commits of this node that the others may be told of.
pub(crate) struct Hints {
    sender: mpsc::Sender<Hint>,
    receiver: Mutex<Option<mpsc::Receiver<Hint>>>,
}

impl Default for Hints {
    fn default() -> Hints {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        Hints { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Hints {
    /// Never waits.
    pub fn tell(&self, hint: Hint) {
        // A full queue means that the database is away; the others will ask.
        let _ = self.sender.try_send(hint);
    }
}

/// Watches until the store is closed. Started once for each store.
pub(crate) async fn watch(backend: Weak<Backend>, registry: Weak<Registry>) {
    let receiver = backend.upgrade().and_then(|b| match &*b {
        Backend::Postgres(pool) => pool.hints.receiver.lock().unwrap_or_else(PoisonError::into_inner).take(),
        Backend::Sqlite(_) => None,
    });
    let Some(mut hints) = receiver else { return };
    while let Some(backend) = backend.upgrade() {
        let Backend::Postgres(pool) = &*backend else { return };
        let (connected, wait) = (connect(&pool.connector).await, pool.connector.wait);
        drop(backend);
        let ended = match connected {
            Ok(mut session) => session.run(&registry, &mut hints, wait).await,
            Err(e) => Err(e),
        };
        match ended {
            Ok(()) => return,
            Err(e) => tracing::warn!(error = %e, "what other nodes change is not known for the moment"),
        }
        // What waits is old news by the time that somebody can be told.
        while hints.try_recv().is_ok() {}
        tokio::time::sleep(AGAIN).await;
    }
}

struct Session {
    client: Client,
    heard: mpsc::Receiver<String>,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn connect(connector: &Connector) -> Result<Session> {
    let (config, tls) = connector.config();
    let (sender, heard) = mpsc::channel(MAX_WAITING);
    let (client, driver) = match tls {
        Some(tls) => {
            let (client, connection) = config.connect(tls.clone()).await.map_err(|e| failure(&e))?;
            (client, tokio::spawn(listen(connection, sender)))
        }
        None => {
            let (client, connection) = config.connect(NoTls).await.map_err(|e| failure(&e))?;
            (client, tokio::spawn(listen(connection, sender)))
        }
    };
    let session = Session { client, heard, driver };
    // An engine without notifications says so; asking is enough.
    if let Err(e) = session.client.batch_execute("LISTEN sterna").await {
        tracing::info!(error = %failure(&e), "the database has no notifications");
    }
    Ok(session)
}

async fn listen<S, T>(mut connection: Connection<S, T>, heard: mpsc::Sender<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(notification) = message {
            let _ = heard.try_send(notification.payload().to_owned());
        }
    }
}

impl Session {
    /// `Ok` when the store is closed.
    async fn run(
        &mut self,
        registry: &Weak<Registry>,
        hints: &mut mpsc::Receiver<Hint>,
        limit: Duration,
    ) -> Result<()> {
        let mut tick = tokio::time::interval(POLL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let Some(registry) = registry.upgrade() else { return Ok(()) };
                    bounded(limit, self.ask(&registry)).await?;
                }
                heard = self.heard.recv() => {
                    let heard = heard.ok_or_else(|| Error::Unavailable("the connection is lost".into()))?;
                    let Some(registry) = registry.upgrade() else { return Ok(()) };
                    for (account, clock) in heard.split(',').filter_map(read_hint) {
                        if let Some(db) = registry.get(account) {
                            db.advance(clock);
                        }
                    }
                }
                hint = hints.recv() => {
                    let Some(hint) = hint else { return Ok(()) };
                    bounded(limit, self.send(hint, hints)).await?;
                }
            }
        }
    }

    async fn ask(&self, registry: &Arc<Registry>) -> Result<()> {
        let accounts: Vec<i64> = registry.accounts().into_iter().map(|id| id.0 as i64).collect();
        for page in accounts.chunks(PAGE) {
            let asked = Instant::now();
            let sql = "SELECT account_id, modseq FROM account_state WHERE account_id = ANY($1)";
            for row in self.client.query(sql, &[&page]).await.map_err(|e| failure(&e))? {
                let (account, clock): (i64, i64) = (row.get(0), row.get(1));
                if let Some(db) = registry.get(AccountId(account as u64)) {
                    db.verified(ModSeq(clock as u64), asked);
                }
            }
        }
        Ok(())
    }

    async fn send(&self, first: Hint, hints: &mut mpsc::Receiver<Hint>) -> Result<()> {
        tokio::time::sleep(GATHER).await;
        let mut text = written(first);
        for _ in 1..HINTS {
            let Ok(hint) = hints.try_recv() else { break };
            text.push(',');
            text.push_str(&written(hint));
        }
        self.client
            .execute("SELECT pg_notify('sterna', $1)", &[&text])
            .await
            .map(drop)
            .or_else(|e| if e.as_db_error().is_some() { Ok(()) } else { Err(failure(&e)) })
    }
}

async fn bounded(limit: Duration, work: impl Future<Output = Result<()>>) -> Result<()> {
    let late = |_| Error::Unavailable("the database did not answer in time".into());
    tokio::time::timeout(limit, work).await.map_err(late)?
}

fn written((account, clock): Hint) -> String {
    format!("{}:{}", account.0, clock.0)
}

fn read_hint(text: &str) -> Option<Hint> {
    let (account, clock) = text.split_once(':')?;
    Some((AccountId(account.parse().ok()?), ModSeq(clock.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_reads_back_and_nonsense_is_none() {
        let hint = (AccountId(42), ModSeq(u64::MAX));
        assert_eq!(read_hint(&written(hint)), Some(hint));
        for nonsense in ["", ":", "1", "1:x", "-1:2", "99999999999999999999:1"] {
            assert_eq!(read_hint(nonsense), None);
        }
    }
}
