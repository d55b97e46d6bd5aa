//! Writers: functions that append to a `Vec<u8>` what goes to the peer.
//!
//! They allocate nothing of their own and never fail; what cannot be written as a quoted string becomes a literal.

mod string;

pub use string::{astring, literal, nstring, number, quoted_or_literal};
