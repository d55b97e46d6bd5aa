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

#[cfg(test)]
mod tests {
    use super::super::Connector;
    use super::*;
    use crate::config::PostgresConfig;

    const FIRST: &str = "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1)";
    const SECOND: &str = "ALTER TABLE t ADD COLUMN b BIGINT; UPDATE t SET b = a + 1";

    fn connect(url: &str) -> Conn {
        Conn::open(&Connector::new(&PostgresConfig::new(url)).unwrap()).unwrap()
    }

    #[test]
    fn a_database_of_any_release_is_brought_up_to_the_newest_with_its_rows() {
        let url = sterna_tests::backend::fresh_database();
        up(&connect(&url), &[FIRST]).unwrap();
        up(&connect(&url), &[FIRST, SECOND]).unwrap();
        up(&connect(&url), &[FIRST, SECOND]).unwrap();
        let rows = connect(&url).query("SELECT b FROM t", &[]).unwrap();
        assert_eq!(rows.iter().map(|row| crate::db::postgres::int(row, 0).unwrap()).collect::<Vec<_>>(), [Some(2)]);
        assert!(matches!(up(&connect(&url), &[FIRST]), Err(Error::NewerSchema { found: 2, known: 1, .. })));
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_and_can_be_run_again() {
        let url = sterna_tests::backend::fresh_database();
        let half = "CREATE TABLE u (a BIGINT); SELECT no_such_function()";
        assert!(matches!(up(&connect(&url), &[FIRST, half]), Err(Error::Database(_))));
        up(&connect(&url), &[FIRST, SECOND, "CREATE TABLE u (a BIGINT)"]).unwrap();
    }
}
