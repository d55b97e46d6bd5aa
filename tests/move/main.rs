//! The mover against a real Dovecot: seeding, following, what goes wrong on the way, import and export.
//!
//! Uses the crates directly: a store in a temporary directory and a `Mover`. What a user sees of it through the binary
//! and through real clients is proved by the `continuity` suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

mod cutover;
mod failing;
mod files;
mod following;
mod scripted;
mod seeding;
mod target;
