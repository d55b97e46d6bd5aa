//! The mailbox commands over a real connection, rule by rule.

mod change;
mod listing;
