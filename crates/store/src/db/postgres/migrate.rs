//! Brings the database up to the newest schema. Several nodes may start at once: the row of the version is the lock.

use super::Conn;
use crate::db::vals;
use crate::error::{Error, Result};

/// Attempts to create the table of the version: two that do so at once may hinder each other.
const ATTEMPTS: usize = 5;

const VERSION: &str = "SELECT version FROM schema_version WHERE name = ?1";

/// Runs the missing steps, each in a transaction with its number.
pub(crate) fn up(conn: &Conn, steps: &[&str]) -> Result<()> {
    let known = steps.len() as i64;
    let mut created = Ok(());
    for _ in 0..ATTEMPTS {
        created = conn.batch(
            "CREATE TABLE IF NOT EXISTS schema_version (name TEXT PRIMARY KEY, version BIGINT NOT NULL); \
             INSERT INTO schema_version (name, version) VALUES ('sterna', 0) ON CONFLICT DO NOTHING",
        );
        if created.is_ok() || conn.is_broken() {
            break;
        }
    }
    created?;
    loop {
        conn.begin("BEGIN")?;
        let rows = conn.query(&format!("{VERSION} FOR UPDATE"), vals!["sterna"])?;
        let found = rows.first().map_or(Ok(0), |row| super::int(row, 0).map(Option::unwrap_or_default))?;
        if found > known {
            return Err(Error::NewerSchema { path: "the PostgreSQL database".into(), found, known });
        }
        let Some(step) = usize::try_from(found).ok().and_then(|n| steps.get(n)) else {
            return conn.batch("ROLLBACK");
        };
        conn.batch(step)?;
        conn.execute("UPDATE schema_version SET version = ?2 WHERE name = ?1", vals!["sterna", found + 1])?;
        conn.batch("COMMIT")?;
    }
}
