//! Brings a database up to the newest schema, one numbered step at a time.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Result};

/// The steps that make one kind of database. Step 1 is the first release; a released step is never edited.
pub(crate) struct Schema {
    /// The file inside the database's home.
    pub file_name: &'static str,
    /// SQL of step 1, 2, …
    pub steps: &'static [&'static str],
}

/// Runs the missing steps, each in a transaction with its number.
pub(super) fn up(conn: &mut Connection, file: &Path, schema: &Schema) -> Result<()> {
    let known = schema.steps.len() as i64;
    if version(conn)? == known {
        return Ok(());
    }
    // Another connection may be migrating: look again under the write lock.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    if found > known {
        return Err(Error::NewerSchema { path: file.display().to_string(), found, known });
    }
    for step in schema.steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    Ok(tx.commit()?)
}

fn version(conn: &Connection) -> Result<i64> {
    Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
