//! IMAP (RFC 9051, RFC 3501 and their extensions): the codec in both directions, the server session, the pipelined client.
//!
//! [`codec`] is pure: bytes in, values out, and back. [`server`] answers one client from the store. [`client`] reads
//! another server for the mover and the front door.

pub mod client;
pub mod codec;
pub mod server;
