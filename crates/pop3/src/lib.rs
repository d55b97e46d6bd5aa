//! POP3: the server that answers clients from the store, and a pipelined client with which the mover reads a source.
//!
//! Neither half knows the other; [`dot`] is what both do to the lines of a message on the wire.

pub mod client;
mod dot;
pub mod server;
