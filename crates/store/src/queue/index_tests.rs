//! However much waits, no question walks through it: the plans that SQLite makes have neither a scan of a table nor a sort. (The
//! indexes of the other engine are the same; `tests/queue_million.rs` measures both.)

use super::{QueueFilter, QueueId, REFRESH, claim, list, stats};
use crate::schema;

/// The steps of a plan.
fn plan(sql: &str) -> Vec<String> {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    schema::DIRECTORY.steps.iter().for_each(|step| conn.execute_batch(step).unwrap());
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for n in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(n, 1).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

/// Whether a step looks at no more rows than the question gives: it finds them by an index, or follows one in its order.
fn is_cheap(step: &str) -> bool {
    // What a subquery was asked for is bounded by its own LIMIT.
    let own = ["SCAN due", "SCAN queue_message", "SCAN queue_destination USING INDEX", "SCAN queue_batch USING"];
    (!step.contains("SCAN") || own.iter().any(|own| step.starts_with(own))) && !step.contains("TEMP B-TREE")
}

#[test]
fn the_runner_and_the_operator_ask_by_index() {
    let text = |s: &str| Some(s.to_owned());
    let mut questions: Vec<String> =
        [claim::DESTINATIONS, claim::BATCHES, claim::HELD, stats::DUE, stats::OLDEST, REFRESH]
            .into_iter()
            .map(str::to_owned)
            .collect();
    for (sender, recipient, destination, held) in [
        (None, None, None, None),
        (text("a"), None, None, None),
        (text("a"), text("b"), text("c"), Some(true)),
        (None, text("b"), None, None),
        (None, None, text("c"), Some(false)),
        (None, None, None, Some(true)),
    ] {
        let filter = QueueFilter { sender, recipient, destination, held };
        questions.push(list::page_of(QueueId(5), 9, &filter).0);
    }
    for question in questions {
        let steps = plan(&question);
        assert!(!steps.is_empty() && steps.iter().all(|step| is_cheap(step)), "{question}\n{steps:#?}");
    }
}

#[test]
fn a_walk_through_the_queue_is_noticed() {
    let steps = plan("SELECT address FROM queue_recipient WHERE attempts = 3 ORDER BY due_ms");
    assert!(!steps.iter().all(|step| is_cheap(step)), "{steps:#?}");
}
