//! Values of rows as they lie in the tables, whatever they mean.

use crate::db::{Row, Val};
use crate::error::Result;

/// What a column holds; any of them may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Blob,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    /// The value of a row's column.
    pub fn read(row: &Row<'_>, column: usize, kind: Kind) -> Result<Cell> {
        let cell = match kind {
            Kind::Int => row.opt_int(column)?.map(Cell::Int),
            Kind::Text => row.opt_text(column)?.map(|text| Cell::Text(text.to_owned())),
            Kind::Blob => row.opt_blob(column)?.map(|bytes| Cell::Blob(bytes.to_vec())),
        };
        Ok(cell.unwrap_or(Cell::Null))
    }

    /// As a parameter of a statement.
    pub fn val(&self) -> Val<'_> {
        match self {
            Cell::Null => Val::Null,
            Cell::Int(i) => Val::Int(*i),
            Cell::Text(text) => Val::Text(text),
            Cell::Blob(bytes) => Val::Blob(bytes),
        }
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> u64 {
        match self {
            Cell::Null => 0,
            Cell::Int(_) => 8,
            Cell::Text(text) => text.len() as u64,
            Cell::Blob(bytes) => bytes.len() as u64,
        }
    }

    /// Feeds a digest so that no two different rows feed it alike: kind, length, bytes.
    pub fn hash(&self, digest: &mut blake3::Hasher) {
        let (tag, bytes): (u8, &[u8]) = match self {
            Cell::Null => (0, &[]),
            Cell::Int(i) => (1, &i.to_le_bytes()),
            Cell::Text(text) => (2, text.as_bytes()),
            Cell::Blob(bytes) => (3, bytes),
        };
        digest.update(&[tag]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(row: &[Cell]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        row.iter().for_each(|cell| cell.hash(&mut hasher));
        hasher.finalize()
    }

    #[test]
    fn different_rows_never_feed_a_digest_alike() {
        let text = |t: &str| Cell::Text(t.into());
        assert_ne!(digest(&[text("ab"), text("c")]), digest(&[text("a"), text("bc")]));
        assert_ne!(digest(&[text("")]), digest(&[Cell::Null]));
        assert_ne!(digest(&[text("a")]), digest(&[Cell::Blob(b"a".to_vec())]));
        assert_ne!(digest(&[Cell::Int(0)]), digest(&[Cell::Null]));
    }
}
