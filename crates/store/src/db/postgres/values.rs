//! Values on PostgreSQL's wire: integers are BIGINT, bytes BYTEA; a comparison's answer counts as 0 or 1.

use std::error::Error as StdError;

use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::db::val::Val;
use crate::error::{Error, Result};

/// An integer column, whatever width the expression gave it.
pub(crate) fn int(row: &Row, column: usize) -> Result<Option<i64>> {
    let damaged = |e: tokio_postgres::Error| Error::Corrupt(e.to_string());
    match row.columns().get(column).map(|c| c.type_().clone()) {
        Some(Type::INT8) => row.try_get(column).map_err(damaged),
        Some(Type::INT4) => Ok(row.try_get::<_, Option<i32>>(column).map_err(damaged)?.map(i64::from)),
        Some(Type::BOOL) => Ok(row.try_get::<_, Option<bool>>(column).map_err(damaged)?.map(i64::from)),
        other => Err(Error::Internal(format!("column {column} is no integer: {other:?}"))),
    }
}

impl ToSql for Val<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Val::Null => Ok(IsNull::Yes),
            Val::Int(i) => i.to_sql(ty, out),
            Val::Text(t) => t.to_sql(ty, out),
            Val::Blob(b) => b.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}
