//! The live move: clients connected through the front door to a real old platform, while their mailbox moves.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that cannot go on fails.

mod back;
mod clients;
mod identity;
mod pop3;
#[path = "../continuity/sample.rs"]
#[allow(dead_code)] // Its other half is for the suite it lies in.
mod sample;
mod session;
mod world;
