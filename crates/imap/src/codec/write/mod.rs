//! Writers: functions that append to a `Vec<u8>` what goes to the client (RFC 9051 §7 and extensions).
//!
//! They never fail and allocate nothing for each field; what cannot be written as a quoted string becomes a literal. Each
//! function writes whole lines with their CRLF, except those of [`fetch`], which lets the session stream between.

mod envelope;
pub mod fetch;
pub mod mailbox;
pub mod search;
pub mod session;
pub mod status;
mod string;
mod structure;

pub use envelope::envelope;
pub use string::{astring, literal, literal_head, literal8, nstring, number, quoted_or_literal, utf8_string};
pub use structure::{body, body_structure};
