//! The live move: clients connected through the front door to a real old platform, while their mailbox moves.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)] // A test that cannot go on fails.

mod clients;
#[path = "../continuity/sample.rs"]
mod sample;
mod session;
mod world;
