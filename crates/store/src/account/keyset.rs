//! Keywords are stored once per combination: a message carries the number of its set.
//!
//! A mailbox has few combinations however many messages it holds, and there is no limit on how many keywords exist.

use std::collections::HashMap;

use sterna_core::{Flag, Flags, Keyword, SystemFlags};

use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};

/// Flags as a message row holds them: the number of the keyword set × 256 + the system bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredFlags(pub u32);

impl StoredFlags {
    /// The system flags.
    pub fn system(self) -> SystemFlags {
        SystemFlags((self.0 & 0xff) as u8)
    }

    /// The number of the keyword set; 0 is the empty one.
    pub fn keyset(self) -> u32 {
        self.0 >> 8
    }

    /// Packs both. The number of a set stays below 2²⁴.
    pub fn new(system: SystemFlags, keyset: u32) -> StoredFlags {
        StoredFlags(keyset << 8 | u32::from(system.0))
    }
}

/// The keyword sets that some messages refer to.
#[derive(Clone, Debug, Default)]
pub struct Keysets(HashMap<u32, Vec<Keyword>>);

impl Keysets {
    /// The keywords of a set; none for 0 or an unknown number.
    pub fn keywords(&self, keyset: u32) -> &[Keyword] {
        self.0.get(&keyset).map_or(&[], Vec::as_slice)
    }

    /// Whether the set is known, so that [`Keysets::keywords`] tells the truth.
    pub fn knows(&self, keyset: u32) -> bool {
        keyset == 0 || self.0.contains_key(&keyset)
    }

    /// Every set.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Keyword])> {
        self.0.iter().map(|(id, keywords)| (*id, keywords.as_slice()))
    }

    /// The flags in full.
    pub fn flags(&self, stored: StoredFlags) -> Flags {
        let keywords = self.keywords(stored.keyset()).iter().cloned().map(Flag::Keyword);
        let mut flags = Flags::system(stored.system());
        keywords.for_each(|k| flags.insert(k));
        flags
    }
}

impl Tx<'_> {
    /// All keyword sets of the account. A set never changes and is never removed.
    pub fn keysets(&self) -> Result<Keysets> {
        let mut sets = HashMap::new();
        self.each("SELECT id, names FROM keyset WHERE account_id = ?1", vals![self.account], |r| {
            sets.insert(r.u32(0)?, r.text(1)?.split(' ').filter_map(Keyword::new).collect());
            Ok(())
        })?;
        Ok(Keysets(sets))
    }

    /// The stored form of `flags`; a new combination of keywords gets a number.
    pub(crate) fn stored_flags(&self, flags: &Flags) -> Result<StoredFlags> {
        let stored = self.stored_flags_many(&[flags])?;
        Ok(stored.into_iter().next().unwrap_or(StoredFlags::new(flags.system, 0)))
    }

    /// The same for many, in their order. Each combination is looked up once.
    pub(crate) fn stored_flags_many(&self, flags: &[&Flags]) -> Result<Vec<StoredFlags>> {
        let names: Vec<String> = flags.iter().map(|f| names(f)).collect();
        let mut asked: Vec<&str> = names.iter().map(String::as_str).filter(|names| !names.is_empty()).collect();
        asked.sort_unstable();
        asked.dedup();
        let mut known = HashMap::from([(String::new(), 0)]);
        let values: Vec<Val<'_>> = asked.iter().map(|names| (*names).into()).collect();
        let question = "SELECT id, names FROM keyset WHERE account_id = ?1 AND names";
        self.each_in(question, vals![self.account], &values, |r| {
            known.insert(r.text(1)?.to_owned(), r.u32(0)?);
            Ok(())
        })?;
        asked.retain(|names| !known.contains_key(*names));
        if !asked.is_empty() {
            let next = "SELECT COALESCE(MAX(id), 0) + 1 FROM keyset WHERE account_id = ?1";
            let next = self.one(next, vals![self.account], |r| r.u32(0))?.unwrap_or(1);
            known.extend(asked.iter().map(ToString::to_string).zip(next..));
            let rows: Vec<[Val<'_>; 3]> =
                asked.iter().zip(next..).map(|(names, id)| [id.into(), self.account.into(), (*names).into()]).collect();
            self.execute_many("INSERT INTO keyset (id, account_id, names) VALUES (?1, ?2, ?3)", &rows)?;
        }
        if known.values().any(|id| *id >= 1 << 24) {
            return Err(Error::NotPermitted("too many different combinations of keywords".into()));
        }
        let stored = |(flags, names): (&&Flags, &String)| {
            StoredFlags::new(flags.system, known.get(names.as_str()).copied().unwrap_or_default())
        };
        Ok(flags.iter().zip(&names).map(stored).collect())
    }
}

/// A combination as it is stored.
fn names(flags: &Flags) -> String {
    flags.keywords().map(Keyword::as_str).collect::<Vec<_>>().join(" ")
}
