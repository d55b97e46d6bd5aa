//! Realistic mail that is the same on every machine, and measurements of Sterna beside its peers in one run.
//!
//! The corpus is a plain library for the demo and the tests; the runners (feature `runners`) are for `make bench`.

pub mod corpus;
pub mod maildir;
#[cfg(feature = "runners")]
pub mod runners;

pub use corpus::{Corpus, CorpusMessage, FOLDERS, Profile};
