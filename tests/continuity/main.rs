//! The promise to the user: after the move nothing is fetched again, nothing is lost, whatever is killed meanwhile.
//!
//! Real clients with a state that they built against Dovecot go on against Sterna with nothing changed but the port.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

mod bad_input;
mod clients;
mod crash;
mod large;
mod python;
mod sample;
