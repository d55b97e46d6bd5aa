//! Reads a Maildir tree that a client keeps, so that two moments can be compared: what did a synchronisation change?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The messages of a tree: the unique part of each file's name, and its flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaildirTree {
    /// Folder and name up to the colon → flag letters after `:2,`.
    pub messages: BTreeMap<(PathBuf, String), String>,
}

impl MaildirTree {
    /// Reads every `cur` and `new` below a directory; a directory that does not exist is an empty tree.
    pub fn read(root: &Path) -> MaildirTree {
        let mut tree = MaildirTree::default();
        let mut pending = vec![root.to_owned()];
        while let Some(directory) = pending.pop() {
            let messages = directory.ends_with("cur") || directory.ends_with("new");
            for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|t| t.is_dir()) {
                    pending.push(entry.path());
                } else if messages {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    let (unique, flags) = name.split_once(":2,").unwrap_or((&name, ""));
                    let folder = directory.parent().unwrap_or(root).to_owned();
                    tree.messages.insert((folder, unique.to_owned()), flags.to_owned());
                }
            }
        }
        tree
    }

    /// How many messages came, went, and got other flags on the way to `later`.
    pub fn changes(&self, later: &MaildirTree) -> (u64, u64, u64) {
        let added = later.messages.keys().filter(|k| !self.messages.contains_key(*k)).count();
        let removed = self.messages.keys().filter(|k| !later.messages.contains_key(*k)).count();
        let changed = self.messages.iter().filter(|(k, v)| later.messages.get(*k).is_some_and(|l| l != *v)).count();
        (added as u64, removed as u64, changed as u64)
    }
}
