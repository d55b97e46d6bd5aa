//! Many rows as arrays: one array for each column, one statement for all rows.

use tokio_postgres::types::{ToSql, Type};

use super::conn::Kind;
use crate::db::val::Val;

/// Rows in one statement at most.
pub(super) const ROWS: usize = 1000;

/// The columns of some rows. One without any value has no array: it is a NULL in the statement's text.
pub(super) struct Columns<'a> {
    /// Of every column.
    pub kinds: Vec<Kind>,
    arrays: Vec<Array<'a>>,
}

enum Array<'a> {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<&'a str>>),
    Blob(Vec<Option<&'a [u8]>>),
}

impl<'a> Columns<'a> {
    pub fn of<const N: usize>(rows: &[[Val<'a>; N]]) -> Columns<'a> {
        let kind = |column: usize| {
            let kinds = rows.iter().filter_map(|row| row.get(column)).map(Kind::of);
            kinds.into_iter().find(|k| *k != Kind::Null).unwrap_or(Kind::Null)
        };
        let kinds: Vec<Kind> = (0..N).map(kind).collect();
        let column = |n: usize| rows.iter().filter_map(move |row| row.get(n));
        let arrays = kinds.iter().enumerate().filter_map(|(n, kind)| match kind {
            Kind::Null => None,
            Kind::Int => {
                Some(Array::Int(column(n).map(|v| if let Val::Int(i) = v { Some(*i) } else { None }).collect()))
            }
            Kind::Text => {
                Some(Array::Text(column(n).map(|v| if let Val::Text(t) = v { Some(*t) } else { None }).collect()))
            }
            Kind::Blob => {
                Some(Array::Blob(column(n).map(|v| if let Val::Blob(b) = v { Some(*b) } else { None }).collect()))
            }
        });
        Columns { arrays: arrays.collect(), kinds }
    }

    pub fn types(&self) -> Vec<Type> {
        let of = |array: &Array<'_>| match array {
            Array::Int(_) => Type::INT8_ARRAY,
            Array::Text(_) => Type::TEXT_ARRAY,
            Array::Blob(_) => Type::BYTEA_ARRAY,
        };
        self.arrays.iter().map(of).collect()
    }

    pub fn parameters(&self) -> impl ExactSizeIterator<Item = &(dyn ToSql + Sync)> {
        self.arrays.iter().map(|array| match array {
            Array::Int(values) => values as &(dyn ToSql + Sync),
            Array::Text(values) => values,
            Array::Blob(values) => values,
        })
    }
}
