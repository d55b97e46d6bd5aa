//! From the shared SQL subset to PostgreSQL's own text. No literal of the store's statements has a question mark.

use std::fmt::Write;

use super::conn::Kind;

/// `?1` becomes `$1`.
pub(super) fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// `INSERT INTO t (…) VALUES (?1, …, ?n) rest` over one array for each column; `None` for any other statement.
pub(super) fn over_arrays(sql: &str, kinds: &[Kind]) -> Option<String> {
    let (head, tail) = sql.split_once(" VALUES (")?;
    let (values, rest) = tail.split_once(')')?;
    let in_order = values.split(',').map(str::trim).eq((1..=kinds.len()).map(|n| format!("?{n}")));
    if !head.starts_with("INSERT INTO ") || !in_order || rest.contains('?') {
        return None;
    }
    let (mut selected, mut arrays, mut names, mut n) = (String::new(), String::new(), String::new(), 0);
    for (column, kind) in kinds.iter().enumerate() {
        let comma = if column == 0 { "" } else { ", " };
        let array = match kind {
            Kind::Null => {
                let _ = write!(selected, "{comma}NULL");
                continue;
            }
            Kind::Int => "bigint[]",
            Kind::Text => "text[]",
            Kind::Blob => "bytea[]",
        };
        n += 1;
        let between = if n == 1 { "" } else { ", " };
        let _ = write!(selected, "{comma}c{n}");
        let _ = write!(arrays, "{between}${n}::{array}");
        let _ = write!(names, "{between}c{n}");
    }
    if n == 0 {
        return None;
    }
    Some(format!("{head} SELECT {selected} FROM unnest({arrays}) AS given ({names}){rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_is_run_over_arrays() {
        let sql = "INSERT INTO t (a, b, c) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        assert_eq!(
            over_arrays(sql, &[Kind::Int, Kind::Null, Kind::Blob]).as_deref(),
            Some(
                "INSERT INTO t (a, b, c) SELECT c1, NULL, c2 FROM unnest($1::bigint[], $2::bytea[]) AS given (c1, c2) \
                 ON CONFLICT DO NOTHING"
            )
        );
    }

    #[test]
    fn anything_else_is_run_for_each_row() {
        for sql in [
            "UPDATE t SET a = ?2 WHERE b = ?1",
            "INSERT INTO t (a, b) VALUES (?2, ?1)",
            "INSERT INTO t (a, b) VALUES (?1, ?2) ON CONFLICT (a) DO UPDATE SET b = ?2",
        ] {
            assert_eq!(over_arrays(sql, &[Kind::Int, Kind::Int]), None);
        }
        assert_eq!(over_arrays("INSERT INTO t (a) VALUES (?1)", &[Kind::Null]), None);
    }
}
