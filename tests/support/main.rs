//! Proves the support library against real peers: what a suite believes about Dovecot and the clients is true.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod clients;
mod cyrus;
mod dovecot;
mod faults;
mod live;
mod odd_mail;
mod platform;
mod postgres;
mod s3;
mod sample;
mod with_peers;
