//! The odd things that real mailboxes hold, as real bytes: the test list of every parser, of the store and of the move.
//!
//! Nothing here may be skipped by Sterna for being odd. Each entry has a name, so that a failing test says which it was.

mod keywords;
mod messages;
mod names;

pub use keywords::{keywords, refused_keywords};
pub use messages::{MessageSample, all, with_lines};
pub use names::{FolderSample, folder_names};
