//! From the shared SQL subset to PostgreSQL's own text. No literal of the store's statements has a question mark.

use std::fmt::Write;

use super::conn::Kind;

/// `?1` becomes `$1`.
pub(super) fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// The type of an array of such values.
pub(super) fn array_type(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Null => None,
        Kind::Int => Some("bigint[]"),
        Kind::Text => Some("text[]"),
        Kind::Blob => Some("bytea[]"),
    }
}

/// A question that ends in the name of a column, put for each value of the array that is parameter `n`. The planner
/// must not turn this around: it would read the whole account where it knows little about the table, hence `OFFSET 0`.
pub(super) fn for_each(question: &str, n: usize, array: &str) -> String {
    let question = numbered(question);
    format!(
        "SELECT found.* FROM unnest(${n}::{array}) AS given (value) \
         CROSS JOIN LATERAL ({question} = given.value OFFSET 0) AS found"
    )
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
        let Some(array) = array_type(*kind) else {
            let _ = write!(selected, "{comma}NULL");
            continue;
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
    fn a_question_is_put_for_each_value() {
        assert_eq!(
            for_each("SELECT b FROM t WHERE a = ?1 AND b", 2, "text[]"),
            "SELECT found.* FROM unnest($2::text[]) AS given (value) \
             CROSS JOIN LATERAL (SELECT b FROM t WHERE a = $1 AND b = given.value OFFSET 0) AS found"
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
