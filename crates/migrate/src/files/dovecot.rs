//! What Dovecot keeps beside a Maildir: UIDs, keywords, subscriptions. Read leniently: a line that makes no sense says
//! nothing, and a folder without these files has neither.

use std::collections::HashMap;
use std::path::Path;

use sterna_core::{Keyword, Uid, UidValidity};

use super::import::Identity;

/// `dovecot-uidlist`, version 3.
#[derive(Default)]
pub(super) struct UidList {
    pub identity: Option<Identity>,
    /// By file name without its flags.
    pub uids: HashMap<Vec<u8>, Uid>,
}

/// Reads `3 V<uidvalidity> N<uidnext> …`, then `<uid> [<extension>…] :<file name>`.
pub(super) fn uid_list(folder: &Path) -> UidList {
    let Ok(bytes) = std::fs::read(folder.join("dovecot-uidlist")) else { return UidList::default() };
    let mut lines = bytes.split(|b| *b == b'\n');
    let header = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let number =
        |letter: char| header.split(' ').skip(1).find_map(|word| word.strip_prefix(letter)?.parse::<u32>().ok());
    if !header.starts_with("3 ") {
        return UidList::default();
    }
    let mut list = UidList::default();
    for line in lines {
        let Some(colon) = line.windows(2).position(|w| w == b" :") else { continue };
        let (left, name) = (line.get(..colon).unwrap_or_default(), line.get(colon + 2..).unwrap_or_default());
        let uid = left.split(|b| *b == b' ').next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        if let Some(uid) = uid.and_then(Uid::new) {
            list.uids.insert(base_name(name).to_vec(), uid);
        }
    }
    let highest = list.uids.values().map(|uid| u64::from(uid.get())).max().unwrap_or(0);
    list.identity = number('V')
        .and_then(UidValidity::new)
        .map(|validity| Identity { validity, uid_next: number('N').map_or(0, u64::from).max(highest + 1) });
    list
}

/// `dovecot-keywords`: `<number> <keyword>`; number 0 is the letter `a` in a file name.
pub(super) fn keywords(folder: &Path) -> HashMap<u8, Keyword> {
    let text = std::fs::read_to_string(folder.join("dovecot-keywords")).unwrap_or_default();
    let entry = |line: &str| {
        let (number, name) = line.split_once(' ')?;
        let letter = b'a'.checked_add(number.parse().ok().filter(|n: &u8| *n < 26)?)?;
        Some((letter, Keyword::new(name)?))
    };
    text.lines().filter_map(entry).collect()
}

/// `subscriptions`: version 2 has a header and components between tabs, version 1 a whole name on each line. Names come
/// with `.` between their components.
pub(super) fn subscriptions(root: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(root.join("subscriptions")).unwrap_or_default();
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let named = |line: &[u8]| line.iter().map(|b| if *b == b'\t' { b'.' } else { *b }).collect();
    match bytes.strip_prefix(b"V\t2") {
        Some(_) => lines.skip(1).map(named).collect(),
        None => lines.map(<[u8]>::to_vec).collect(),
    }
}

/// A Maildir file name without `:2,<flags>`.
pub(super) fn base_name(name: &[u8]) -> &[u8] {
    let end = name.windows(3).position(|w| w == b":2,").unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_and_keywords_are_read_and_nonsense_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("dovecot-uidlist", "3 V1700000000 N9 Gabc\n4 W10 :17.a.host,S=9:2,S\nx :17.b\n8 :17.c\n");
        let list = uid_list(folder.path());
        assert_eq!(list.uids.get(&b"17.a.host,S=9"[..]), Uid::new(4).as_ref());
        assert_eq!((list.uids.len(), list.identity.unwrap().uid_next), (2, 9));
        write("dovecot-keywords", "0 $Forwarded\n1 Work\n99 x\nnonsense\n");
        assert_eq!(keywords(folder.path()).len(), 2);
        write("subscriptions", "V\t2\n\nProjets\t2024\nSent\n");
        assert_eq!(subscriptions(folder.path()), [b"Projets.2024".to_vec(), b"Sent".to_vec()]);
    }
}
