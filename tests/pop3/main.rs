//! POP3 through the real binary and real clients: one that left its mail on Dovecot goes on after the move as if nothing had
//! happened. Each client has its own configuration, which no test touches again: a relay stands for the host's name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

use sterna_tests::pop3_clients as clients;

mod moving;
mod serving;
