//! Mailboxes for many accounts of one old platform: filled once for each size, and for every further account its messages
//! are linked, not copied. Dovecot's sdbox never writes into the file of a message again, so that links are safe; its
//! indexes are copied.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sterna_core::{DateTime, Flags};
use sterna_tests::{Dovecot, DovecotOptions, Storage, User};

use crate::corpus::CorpusMessage;
use crate::runners::letters::{Letters, Text};
use crate::{Corpus, Profile, maildir};

/// The password of everybody.
const PASSWORD: &str = "bench";

/// Dovecot with mail as sdbox.
pub fn platform(options: DovecotOptions) -> Dovecot {
    Dovecot::with(DovecotOptions { storage: Storage::Sdbox, ..options })
}

/// Users `name1@example.org`, `name2@…` of a server that runs: it learns of all at once.
pub fn users(dovecot: &mut Dovecot, name: &str, number: usize) -> Vec<User> {
    let logins: Vec<String> = (1..=number).map(|n| format!("{name}{n}@example.org")).collect();
    let Some((last, others)) = logins.split_last() else { return Vec::new() };
    let mut file =
        std::fs::File::options().append(true).open(dovecot.path().join("users")).expect("open Dovecot's users");
    let lines: String = others.iter().map(|login| format!("{login}:{{PLAIN}}{PASSWORD}\n")).collect();
    file.write_all(lines.as_bytes()).expect("write Dovecot's users");
    dovecot.user(last, PASSWORD);
    logins.into_iter().map(|login| User { login, password: PASSWORD.to_owned() }).collect()
}

/// What is in a mailbox.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// So many small messages in INBOX, and gaps between their UIDs, as in any mailbox that is used: a tenth has gone.
    Many(usize),
    /// So many messages in seven folders, some with attachments.
    Folders(usize),
    /// So many messages of so many bytes in INBOX.
    Equal(usize, usize),
}

/// A mailbox that others are made from.
pub struct Master {
    home: PathBuf,
}

impl Master {
    /// Fills the mailbox of a user, and lets Dovecot build its indexes.
    pub fn fill(dovecot: &Dovecot, user: &User, content: Content) -> Master {
        let home = dovecot.home(&user.login);
        let source = home.join("source");
        match content {
            Content::Many(number) => maildir::write(&source, Corpus::sized(Profile::Many, number + number / 9, 1)),
            Content::Folders(number) => maildir::write(&source, Corpus::sized(Profile::Small, number, 1)),
            Content::Equal(number, size) => {
                let text = Text::new();
                let letters = Letters::sized(&text, "live", 1, size).take(number);
                maildir::write(
                    &source,
                    letters.enumerate().map(|(n, raw)| CorpusMessage {
                        folder: "INBOX",
                        raw,
                        internal_date: DateTime::utc(1_700_000_000 + n as i64),
                        flags: Flags::default(),
                    }),
                )
            }
        }
        .expect("write a corpus");
        dovecot.take_over_files(&user.login);
        let from = format!("maildir:{}", source.display());
        dovecot.doveadm(&["backup", "-R", "-u", &user.login, &from]).success();
        std::fs::remove_dir_all(&source).expect("remove the corpus");
        if let Content::Many(number) = content {
            expunge_every_tenth(dovecot, user, number + number / 9);
        }
        warm(dovecot, user);
        Master { home }
    }

    /// Gives the same mailbox to another user.
    pub fn copy(&self, dovecot: &Dovecot, user: &User) {
        link(&self.home, &dovecot.home(&user.login)).expect("link a mailbox");
        dovecot.take_over_files(&user.login);
    }
}

fn expunge_every_tenth(dovecot: &Dovecot, user: &User, written: usize) {
    let mut wire = dovecot.login(user);
    wire.ok("SELECT INBOX");
    let gone: Vec<String> = (10..=written).step_by(10).map(|uid| uid.to_string()).collect();
    // No line longer than servers take.
    for uids in gone.chunks(500) {
        wire.ok(&format!("UID STORE {} +FLAGS.SILENT (\\Deleted)", uids.join(",")));
    }
    wire.ok("EXPUNGE");
}

/// The first look builds caches; what is measured comes after.
fn warm(dovecot: &Dovecot, user: &User) {
    let mut wire = dovecot.login(user);
    for folder in crate::runners::contender::folders(&mut wire) {
        wire.ok(&format!("SELECT {folder}"));
        wire.discard("FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)");
    }
    wire.ok("LOGOUT");
}

/// Files of messages (`u.1`, `u.2`, …) are linked, everything else is copied.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &target)?;
        } else if entry.file_name().as_encoded_bytes().starts_with(b"u.") {
            std::fs::hard_link(entry.path(), target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
