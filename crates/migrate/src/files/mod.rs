//! Mailboxes as files: Maildir and mbox, in and out, by the same road as a move (scan, compress, import).
//!
//! Called by `sterna import` and `sterna export`. Both stream: memory is bounded by a batch. Both can be run again: an
//! import remembers what it brought in the account, an export overwrites nothing that is there.

mod dovecot;
mod export;
mod import;
mod maildir;
mod mbox;
mod mbox_reader;

pub use export::{export_maildir, export_mbox};
pub use maildir::import_maildir;
pub use mbox::import_mbox;

/// What an import or export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesReport {
    /// Folders looked at.
    pub folders: u64,
    /// Messages carried over.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that an earlier run had carried over.
    pub known: u64,
    /// What could not be carried over as it was, a sentence each.
    pub exceptions: Vec<String>,
}
