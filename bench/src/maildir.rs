//! Writes a corpus as a Maildir++ tree as Dovecot keeps it: arrival times, flags, keywords and UIDs included.
//!
//! One message at a time; the tree is for measurements only and is not fsynced.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use sterna_core::SystemFlags;

use crate::corpus::CorpusMessage;

/// UIDVALIDITY of every folder that is written here.
const UID_VALIDITY: u32 = 1_700_000_000;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Writes all messages below `root`, which becomes the Maildir of an account.
pub fn write(root: &Path, messages: impl Iterator<Item = CorpusMessage>) -> io::Result<Written> {
    let mut folders: BTreeMap<&'static str, FolderWriter> = BTreeMap::new();
    let mut written = Written::default();
    for message in messages {
        let folder = match folders.entry(message.folder) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(FolderWriter::create(root, message.folder)?)
            }
        };
        folder.add(&message)?;
        written.messages += 1;
        written.bytes += message.raw.len() as u64;
    }
    let mut subscriptions = String::new();
    for (name, folder) in folders {
        subscriptions.push_str(&format!("{}\n", stored_name(name)));
        folder.finish()?;
    }
    fs::write(root.join("subscriptions"), subscriptions)?;
    Ok(written)
}

struct FolderWriter {
    path: PathBuf,
    uids: BufWriter<File>,
    next: u32,
    keywords: Vec<String>,
}

impl FolderWriter {
    fn create(root: &Path, name: &str) -> io::Result<FolderWriter> {
        let path = if name == "INBOX" { root.to_owned() } else { root.join(format!(".{}", stored_name(name))) };
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(path.join(part))?;
        }
        if name != "INBOX" {
            File::create(path.join("maildirfolder"))?;
        }
        let uids = BufWriter::new(File::create(path.join("uids.tmp"))?);
        Ok(FolderWriter { path, uids, next: 1, keywords: Vec::new() })
    }

    fn add(&mut self, message: &CorpusMessage) -> io::Result<()> {
        let (unix, size) = (message.internal_date.unix, message.raw.len());
        // S is the size of the file, W the size with CRLF line ends: the same here.
        let unique = format!("{unix}.M{:06}P1.bench,S={size},W={size}", self.next);
        let letters = self.letters(message);
        let mut file = File::create(self.path.join("cur").join(format!("{unique}:2,{letters}")))?;
        file.write_all(&message.raw)?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(u64::try_from(unix).unwrap_or(0)))?;
        writeln!(self.uids, "{} :{unique}", self.next)?;
        self.next += 1;
        Ok(())
    }

    /// Flag letters in ASCII order, keywords as `a` to `z` in the order of `dovecot-keywords`.
    fn letters(&mut self, message: &CorpusMessage) -> String {
        let system = [
            (SystemFlags::DRAFT, 'D'),
            (SystemFlags::FLAGGED, 'F'),
            (SystemFlags::ANSWERED, 'R'),
            (SystemFlags::SEEN, 'S'),
            (SystemFlags::DELETED, 'T'),
        ];
        let mut letters: Vec<char> =
            system.iter().filter(|(flag, _)| message.flags.system.contains(*flag)).map(|(_, letter)| *letter).collect();
        for keyword in message.flags.keywords() {
            let known = self.keywords.iter().position(|k| k == keyword.as_str());
            let index = known.unwrap_or_else(|| {
                self.keywords.push(keyword.as_str().to_owned());
                self.keywords.len() - 1
            });
            // A corpus has a handful of keywords; the format holds 26.
            letters.extend(u8::try_from(index).ok().filter(|i| *i < 26).map(|i| char::from(b'a' + i)));
        }
        letters.sort_unstable();
        letters.into_iter().collect()
    }

    fn finish(mut self) -> io::Result<()> {
        self.uids.flush()?;
        let lines = self.path.join("uids.tmp");
        let mut list = BufWriter::new(File::create(self.path.join("dovecot-uidlist"))?);
        // Version 3: UIDVALIDITY, UIDNEXT, a GUID of the folder.
        let guid = format!("{:032x}", u128::from(UID_VALIDITY) << 64 | u128::from(self.next));
        writeln!(list, "3 V{UID_VALIDITY} N{} G{guid}", self.next)?;
        io::copy(&mut File::open(&lines)?, &mut list)?;
        list.flush()?;
        fs::remove_file(lines)?;
        let keywords: String = self.keywords.iter().enumerate().map(|(i, k)| format!("{i} {k}\n")).collect();
        fs::write(self.path.join("dovecot-keywords"), keywords)
    }
}

/// A folder's name on disk: `.` as separator, modified UTF-7 (RFC 3501 §5.1.3). The same with `/` is its name on the wire.
fn stored_name(name: &str) -> String {
    modified_utf7(name).replace('/', ".")
}

/// A name in modified UTF-7.
pub fn modified_utf7(name: &str) -> String {
    let engine = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let mut out = String::new();
    let mut wide: Vec<u8> = Vec::new();
    let flush = |out: &mut String, wide: &mut Vec<u8>| {
        if !wide.is_empty() {
            out.push('&');
            engine.encode_string(&*wide, out);
            out.push('-');
            wide.clear();
        }
    };
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut out, &mut wide);
            out.push(character);
            if character == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            wide.extend(character.encode_utf16(&mut units).iter().flat_map(|u| u.to_be_bytes()));
        }
    }
    flush(&mut out, &mut wide);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Corpus, Profile};

    #[test]
    fn names_are_written_in_modified_utf7() {
        assert_eq!(modified_utf7("Comptabilité"), "Comptabilit&AOk-");
        assert_eq!(modified_utf7("R&D 🐦"), "R&-D &2D3cJg-");
        assert_eq!(stored_name("Archive/2024"), "Archive.2024");
    }

    #[test]
    fn every_message_becomes_a_file_of_its_size() {
        let directory = tempfile::tempdir().unwrap();
        let written = write(directory.path(), Corpus::sized(Profile::Small, 60, 1)).unwrap();
        let list = fs::read_to_string(directory.path().join("dovecot-uidlist")).unwrap();
        let files = fs::read_dir(directory.path().join("cur")).unwrap().count();
        assert_eq!(list.lines().count(), files + 1);
        assert_eq!(written.messages, 60);
        for entry in fs::read_dir(directory.path().join("cur")).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            assert!(name.contains(&format!(",S={},", entry.metadata().unwrap().len())), "{name}");
        }
    }
}
