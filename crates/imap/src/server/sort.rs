//! SORT and UID SORT (RFC 5256 §2.2, RFC 5957 for display names, RFC 5267 §3 for RETURN).
//!
//! The keys of the messages found are collected page by page into one arena, then compared; no message is held.

use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

use sterna_message::StructureRef;
use sterna_store::{Error, Tx};

use super::fetch::{Step, Walk};
use super::problem::{Problem, Reply};
use super::search::{Found, Progress, asks_mod_seq, find, fold, structure, tell};
use super::session::Session;
use crate::codec::command::sort::{Sort, SortCriterion, SortKey};

/// Bytes of one text that are compared: what a message can make the server hold is bounded.
const KEY_MAX: usize = 256;

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, command: Sort) -> Result<Reply, Problem> {
    let found = find(session, &command.key, &command.charset).await?;
    let account = session.account()?.clone();
    let walk = Walk::new(session.selected()?.view.known().clone(), found);
    let mut keys = Keys::new(command.criteria, walk);
    let mut progress = Progress::start("Sorting");
    while !keys.walk.is_done() {
        progress.tell(session, keys.walk.progress()).await?;
        keys = account.read(move |tx| keys.page(tx)).await?;
    }
    let sorted = tokio::task::spawn_blocking(move || keys.sort()).await;
    let sorted = sorted.map_err(|e| Error::Internal(e.to_string()))?;
    let told = Found { by: command.by, returns: command.returns, numbers: &sorted, sorted: true };
    tell(session, told, asks_mod_seq(&command.key))?;
    Ok(Reply::ok("SORT completed"))
}

/// One key of one message.
enum Value {
    Number(i64),
    /// A place in the arena.
    Text(Range<usize>),
}

/// The keys of the messages met so far.
struct Keys {
    criteria: Vec<SortCriterion>,
    walk: Walk,
    numbers: Vec<u32>,
    /// As many for each message as there are criteria.
    values: Vec<Value>,
    arena: Vec<u8>,
}

impl Keys {
    fn new(criteria: Vec<SortCriterion>, walk: Walk) -> Keys {
        Keys { criteria, walk, numbers: Vec::new(), values: Vec::new(), arena: Vec::new() }
    }

    fn page(mut self, tx: &Tx<'_>) -> sterna_store::Result<Keys> {
        let Keys { criteria, walk, numbers, values, arena } = &mut self;
        walk.page(tx, |step| {
            let structure = structure(&step.email)?;
            numbers.push(step.sequence);
            values.extend(criteria.iter().map(|criterion| value(criterion.key, &step, &structure, arena)));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(self)
    }

    /// The sequence numbers in order; RFC 5256 §3: ties go by sequence number, in REVERSE too.
    fn sort(self) -> Vec<u32> {
        let width = self.criteria.len();
        let row = |i: usize| self.values.get(i * width..(i + 1) * width).unwrap_or_default();
        let mut order: Vec<usize> = (0..self.numbers.len()).collect();
        order.sort_by(|a, b| {
            let pairs = self.criteria.iter().zip(row(*a).iter().zip(row(*b)));
            let mut orders = pairs.map(|(criterion, (a, b))| {
                let order = self.compare(a, b);
                if criterion.reverse { order.reverse() } else { order }
            });
            orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        order.into_iter().filter_map(|i| self.numbers.get(i).copied()).collect()
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a.cmp(b),
            // i;unicode-casemap (RFC 5051 §2) compares octets once the case is folded.
            (Value::Text(a), Value::Text(b)) => self.arena.get(a.clone()).cmp(&self.arena.get(b.clone())),
            _ => Ordering::Equal,
        }
    }
}

fn value(key: SortKey, step: &Step<'_>, structure: &StructureRef<'_>, arena: &mut Vec<u8>) -> Value {
    let email = &step.email;
    let text = match key {
        SortKey::Arrival => return Value::Number(email.internaldate.unix),
        // RFC 5256 §2.2: without a usable Date, INTERNALDATE counts.
        SortKey::Date => return Value::Number(email.sent.unwrap_or(email.internaldate).unix),
        SortKey::Size => return Value::Number(i64::try_from(email.size).unwrap_or(i64::MAX)),
        SortKey::Cc => String::from_utf8_lossy(structure.sort_cc()),
        SortKey::From => String::from_utf8_lossy(structure.sort_from()),
        SortKey::To => String::from_utf8_lossy(structure.sort_to()),
        SortKey::DisplayFrom => structure.display_from(),
        SortKey::DisplayTo => structure.display_to(),
        SortKey::Subject => structure.base_subject().0.into(),
    };
    let start = arena.len();
    arena.extend(fold(&text).bytes().take(KEY_MAX));
    Value::Text(start..arena.len())
}

#[cfg(test)]
#[path = "sort_tests.rs"]
mod tests;
