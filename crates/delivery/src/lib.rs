//! From an accepted message to a mailbox: aliases, quota, Sieve, redirections, notices.
//!
//! Reception and the queue's runner call it. It writes mailboxes and puts what goes on into the queue; it never speaks
//! to another server.

mod mail;

pub use mail::{Body, Envelope, IN_MEMORY, Mail, Notify, Recipient, Spool};
