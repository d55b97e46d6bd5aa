//! The front door before a real Dovecot that has the mailbox: POP3, ManageSieve, submission, and the way to the webmail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

mod house;
mod pop3;
mod sieve;
mod submission;
mod web;
