//! The connections of this node: a bounded number, each used by one transaction at a time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::watch::Hints;
use super::{Conn, Connector};
use crate::config::PostgresConfig;
use crate::db::conn::Conn as Either;
use crate::error::{Error, Result};

pub(crate) struct Pool {
    pub connector: Connector,
    pub hints: Hints,
    /// The one used last is taken first.
    idle: Mutex<Vec<Either>>,
    places: Arc<Semaphore>,
    size: usize,
}

impl Pool {
    /// Nothing is contacted yet.
    pub fn new(config: &PostgresConfig) -> Result<Pool> {
        let size = config.pool.max(1);
        Ok(Pool {
            connector: Connector::new(config)?,
            hints: Hints::default(),
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(size)),
            size,
        })
    }

    /// The right to use one connection. Waits where waiting holds no thread.
    pub async fn place(&self) -> Result<OwnedSemaphorePermit> {
        match tokio::time::timeout(self.connector.wait, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Error::Internal("the store is shutting down".into())),
            Err(_) => Err(Error::Unavailable(format!("all {} connections to the database are in use", self.size))),
        }
    }

    /// The same, if one is free.
    pub fn try_place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// A connection in which `begin` succeeded. Those that died while they were idle are passed over. The caller has
    /// a place.
    pub fn begun(&self, begin: impl Fn(&Either) -> Result<()>) -> Result<Either> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(conn) = idle else { break };
            match begin(&conn) {
                Ok(()) => return Ok(conn),
                Err(_) if !conn.is_usable() => {}
                Err(e) => return Err(e),
            }
        }
        let conn = Either::Postgres(Box::new(Conn::open(&self.connector)?));
        begin(&conn)?;
        Ok(conn)
    }

    /// Gives a connection back whose transaction has ended.
    pub fn put_back(&self, conn: Either) {
        if conn.is_usable() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}
