//! The language: from text to a checked tree, and to the text that the evaluator takes.
//!
//! [`read`] is strict where the evaluator is lenient: what it lets pass is Sieve (RFC 5228) with the extensions of
//! [`capability::ALL`] as they were required. It knows line and column of every error.

pub(crate) mod capability;
mod check;
mod cost;
mod emit;
mod grammar;
mod lexer;
mod parser;
mod values;
mod variables;

pub(crate) use check::{Node, read};
pub(crate) use cost::{Cost, MAX_VARIABLE, STEPS, cost};
pub(crate) use emit::emit;
pub(crate) use lexer::Position;
