//! One row of a result, of either engine.

use crate::error::{Error, Result};

/// Columns are numbered from 0. Text and bytes are borrowed from the engine.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    pub fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| Error::Corrupt(format!("column {column} is null")))
    }

    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self {
            Row::Sqlite(row) => Ok(row.get(column)?),
            Row::Postgres(row) => super::postgres::int(row, column),
        }
    }

    pub fn u64(&self, column: usize) -> Result<u64> {
        Ok(self.int(column)? as u64)
    }

    pub fn u32(&self, column: usize) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|_| Error::Corrupt(format!("column {column} is out of range")))
    }

    pub fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub fn blob(&self, column: usize) -> Result<&'r [u8]> {
        self.opt_blob(column)?.ok_or_else(|| Error::Corrupt(format!("column {column} is null")))
    }

    pub fn opt_blob(&self, column: usize) -> Result<Option<&'r [u8]>> {
        match self {
            Row::Sqlite(row) => row.get_ref(column)?.as_blob_or_null().map_err(|e| Error::Corrupt(e.to_string())),
            Row::Postgres(row) => row.try_get(column).map_err(|e| Error::Corrupt(e.to_string())),
        }
    }

    pub fn text(&self, column: usize) -> Result<&'r str> {
        self.opt_text(column)?.ok_or_else(|| Error::Corrupt(format!("column {column} is null")))
    }

    pub fn opt_text(&self, column: usize) -> Result<Option<&'r str>> {
        match self {
            Row::Sqlite(row) => row.get_ref(column)?.as_str_or_null().map_err(|e| Error::Corrupt(e.to_string())),
            Row::Postgres(row) => row.try_get(column).map_err(|e| Error::Corrupt(e.to_string())),
        }
    }
}
