//! Several nodes on one PostgreSQL and one S3 server, whatever store the other suites run on: what one node writes the
//! others show, and what fails of the shared store is a temporary refusal that clients and nodes survive.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

mod changes;
mod clients;
mod clock;
mod full;
mod handover;
mod objects;
mod platform;
mod pool;
mod restart;
mod takeover;
mod uids;
