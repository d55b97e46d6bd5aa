//! The protocol from the outside: bytes in, bytes out, and what is in the mailboxes afterwards.

mod bodies;
mod chunks;
mod commands;
mod limits;
mod lmtp;
mod policies;
mod smuggling;
mod submission;
mod tls;
