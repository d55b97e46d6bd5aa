//! The runner of the queue: takes what is due from the store and brings it where it belongs.
//!
//! ```text
//! Runner ─ claim ─▶ Work ─▶ Delivery::deliver_local ─▶ Done, Refused …
//!   ▲  busy            │           └ NotOurs, NotHere{route} ─▶ hosts (MX, relay, route) ─▶ client
//!   └── Traffic ◀──────┘ fates ─▶ settle: done, retry, bounce; notices (dsn) in the same transaction
//! ```
//!
//! Any number of nodes run one each. What a node holds in memory is bounded by its connections, whatever the queue's
//! length. A claim is a lease: a node that dies loses nothing, and what a server has taken is settled before it is
//! forgotten. A message is sent twice only if a server took it and the node died before it could write that down.

mod config;
mod fate;
mod hosts;
mod lease;
mod notices;
mod pool;
mod remote;
mod runner;
mod schedule;
mod settle;
mod traffic;
mod work;

#[cfg(test)]
mod tests;

pub use config::QueueConfig;
pub use runner::Runner;
