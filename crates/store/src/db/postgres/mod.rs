//! PostgreSQL, and engines that speak its protocol: one database for all accounts and nodes.

mod conn;
mod connect;
mod many;
mod migrate;
mod pool;
mod sql;
mod values;
mod watch;

pub(crate) use conn::Conn;
pub(crate) use connect::Connector;
pub(crate) use migrate::up;
pub(crate) use pool::Pool;
pub(super) use values::int;
pub(crate) use watch::watch;

use tokio_postgres::error::SqlState;

use crate::error::Error;

/// The engine's error in the store's words: what passes by itself is told from what does not.
pub(super) fn failure(e: &tokio_postgres::Error) -> Error {
    let Some(db) = e.as_db_error() else {
        // The connection was lost or never made; everything else is a mistake of this program.
        let transport = e.is_closed() || std::error::Error::source(e).is_some_and(|s| s.is::<std::io::Error>());
        let text = chain(e);
        return if transport { Error::Unavailable(text) } else { Error::Database(text) };
    };
    let code = db.code();
    if *code == SqlState::DISK_FULL {
        return Error::DiskFull;
    }
    // Classes 08 connection, 53 resources, 57 operator intervention, 40 rollback, 58 system.
    let passes = ["08", "53", "57", "40", "58"].iter().any(|class| code.code().starts_with(class));
    let passes =
        passes || *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
    let text = format!("{} ({})", db.message(), code.code());
    if passes { Error::Unavailable(text) } else { Error::Database(text) }
}

/// An error with its causes, on one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
