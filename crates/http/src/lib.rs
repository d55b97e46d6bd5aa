//! One HTTP listener: what mail clients ask to configure themselves, and the way to the webmail that has a mailbox.
//!
//! The binary makes one [`Service`] and calls [`serve_connection`] for each connection it accepts. Thunderbird's
//! autoconfiguration, Outlook's autodiscover and Apple's profiles are three spellings of one value, [`ClientSettings`].
//! What is told depends on the domain of an address only: nobody learns here whether an account exists.

mod answer;
mod autoconfig;
mod autodiscover;
mod clients;
mod connection;
mod health;
mod language;
mod limits;
mod mobileconfig;
mod page;
mod query;
mod router;
mod service;
#[cfg(test)]
mod testing;
mod webmail;
mod xml;

pub use clients::{ClientSettings, MailServer, Protocol, Security};
pub use connection::serve_connection;
pub use service::{HttpConfig, Service};
