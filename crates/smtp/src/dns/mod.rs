//! What mail asks of the DNS: where a domain takes its mail, what an address is called, what a list says of it.
//!
//! The queue, reception and [`crate::auth`] ask through one [`Resolver`], so that they share its cache. Every answer
//! tells "there is none" from "nobody could say", for the one bounces a message and the other keeps it. Nothing here
//! decides about a message.

mod answer;
mod blocklist;
mod resolver;
mod reverse;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Exchange, Exchanges};
pub use blocklist::Listing;
pub use resolver::{DnsConfig, Resolver, ascii};
pub use reverse::Reverse;
