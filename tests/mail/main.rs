//! Mail in and out through the real binary: with Postfix as the correspondent, Dovecot as a remote platform, and the
//! clients that people and scripts use. Each test has servers, a DNS and domains of its own on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

mod autoconfig;
mod crash;
mod flow;
mod full;
mod hostile;
mod remote;
mod sieve;
mod site;
mod submission;
