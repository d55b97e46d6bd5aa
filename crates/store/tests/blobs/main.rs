//! Large bodies in files and in a real S3 service: round trips, what a crash leaves behind, the collector, an older schema,
//! and a service that fails.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

#[path = "../support/mod.rs"]
mod support;

mod collecting;
mod faults;
mod mail;
mod older;
mod round_trips;
