//! The reference: what the mailboxes must hold after everything that clients and deliveries were told. Simple on purpose.
//!
//! A change that was answered OK has happened. One that got no answer may have happened, each of its parts by itself, and is
//! settled by the next look at the mailboxes: a part is there or not, but at most once, and nothing else has changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::view::FlagSet;

/// A message in one mailbox. Its identity is its Message-ID, which is in a mailbox once at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub flags: FlagSet,
    /// As size, `None`: it was delivered, and nobody has looked yet.
    pub date: Option<String>,
    pub size: Option<u64>,
    /// UIDVALIDITY and UID; `None`: nobody was told yet.
    pub uid: Option<(u32, u32)>,
}

pub type Folder = BTreeMap<String, Copy>;

/// What a fresh client sees: with what was found more than once.
#[derive(Debug, Default)]
pub struct Seen {
    pub folders: BTreeMap<String, Folder>,
    /// Mailbox, identity, UID of the later one.
    pub doubled: Vec<(String, String, u32)>,
}

/// A part of a change.
#[derive(Clone, Debug)]
pub enum Part {
    Add { folder: String, id: String, copy: Copy },
    Remove { folder: String, id: String },
    Move { from: String, to: String, id: String },
    Flags { folder: String, id: String, flags: FlagSet },
    Create(String),
    Delete(String),
    Rename(String, String),
}

#[derive(Debug, Default)]
pub struct Model {
    pub folders: BTreeMap<String, Folder>,
    /// Taken over by LMTP and not yet seen in INBOX.
    arriving: BTreeSet<String>,
    /// Handed over by LMTP without an answer, or taken while a server was killed: there once, twice or, if nobody took
    /// it, not at all (RFC 1047).
    doubtful: BTreeSet<String>,
    /// Changes without an answer.
    unsure: Vec<Part>,
    /// What a UID of a mailbox means, for ever.
    meanings: BTreeMap<(String, u32, u32), String>,
}

impl Model {
    pub fn new() -> Model {
        Model { folders: BTreeMap::from([("INBOX".to_owned(), Folder::new())]), ..Model::default() }
    }

    /// Answered OK.
    pub fn done(&mut self, parts: Vec<Part>) {
        for part in parts {
            self.apply(part);
        }
    }

    /// Not answered.
    pub fn unsure(&mut self, parts: Vec<Part>) {
        self.unsure.extend(parts);
    }

    pub fn delivered(&mut self, id: &str) {
        self.arriving.insert(id.to_owned());
    }

    pub fn perhaps_delivered(&mut self, id: &str) {
        self.doubtful.insert(id.to_owned());
    }

    /// A server is killed: what is on its way may be handed over again.
    pub fn killed(&mut self) {
        self.doubtful.extend(self.arriving.iter().cloned());
    }

    fn apply(&mut self, part: Part) {
        let folders = &mut self.folders;
        match part {
            Part::Add { folder, id, copy } => {
                let before = folders.get_mut(&folder).expect("a known mailbox").insert(id, copy);
                assert!(before.is_none(), "an operation doubles a message");
            }
            Part::Remove { folder, id } => {
                folders.get_mut(&folder).expect("a known mailbox").remove(&id);
            }
            Part::Move { from, to, id } => {
                let copy = folders.get_mut(&from).and_then(|f| f.remove(&id)).expect("a known message");
                folders.get_mut(&to).expect("a known mailbox").insert(id, Copy { uid: None, ..copy });
            }
            Part::Flags { folder, id, flags } => {
                folders.get_mut(&folder).and_then(|f| f.get_mut(&id)).expect("a known message").flags = flags;
            }
            Part::Create(name) => {
                folders.insert(name, Folder::new());
            }
            Part::Delete(name) => {
                folders.remove(&name);
            }
            Part::Rename(old, new) => {
                let folder = folders.remove(&old).expect("a known mailbox");
                folders.insert(new, folder);
            }
        }
    }

    /// A UID was told.
    pub fn means(&mut self, folder: &str, validity: u32, uid: u32, id: &str) -> Result<(), String> {
        let meaning = self.meanings.entry((folder.to_owned(), validity, uid)).or_insert_with(|| id.to_owned());
        if meaning != id {
            return Err(format!("{folder}: UID {uid} of {validity} was {meaning} and is {id}"));
        }
        Ok(())
    }

    pub fn meaning(&self, folder: &str, validity: u32, uid: u32) -> Option<&String> {
        self.meanings.get(&(folder.to_owned(), validity, uid))
    }

    pub fn learn_uid(&mut self, folder: &str, id: &str, uid: (u32, u32)) {
        if let Some(copy) = self.folders.get_mut(folder).and_then(|f| f.get_mut(id)) {
            copy.uid = Some(uid);
        }
    }

    /// The receipt says that UIDs of a mailbox have changed.
    pub fn uids_changed(&mut self, folder: &str) {
        self.meanings.retain(|(name, ..), _| name != folder);
        for copy in self.folders.get_mut(folder).into_iter().flat_map(Folder::values_mut) {
            copy.uid = None;
        }
    }

    /// The flags that a message of a mailbox has, or will have if a change without an answer has brought it there.
    pub fn flags(&self, folder: &str, id: &str) -> Option<FlagSet> {
        let known = |folder: &str| self.folders.get(folder).and_then(|f| f.get(id)).map(|copy| copy.flags.clone());
        let brought = |part: &Part| match part {
            Part::Move { from, to, id: moved } if to == folder && moved == id => known(from),
            Part::Rename(old, new) if new == folder => known(old),
            Part::Add { folder: to, id: added, copy } if to == folder && added == id => Some(copy.flags.clone()),
            _ => None,
        };
        known(folder).or_else(|| self.unsure.iter().find_map(brought))
    }

    pub fn is_unsure(&self) -> bool {
        !self.unsure.is_empty()
    }

    /// Whether a message that is there twice may be.
    pub fn may_be_doubled(&self, folder: &str, id: &str) -> bool {
        folder == "INBOX" && self.doubtful.contains(id)
    }

    /// Compares with what a client sees, and learns what was open. An error may be a matter of time: deliveries take some.
    pub fn settle(&mut self, seen: &Seen) -> Result<(), String> {
        let here = |folder: &str, id: &str| seen.folders.get(folder).and_then(|f| f.get(id));
        let mut trial = Model { folders: self.folders.clone(), ..Model::default() };
        for part in self.unsure.clone() {
            // One that was broken off may have removed messages and not the mailbox.
            if let Part::Delete(name) = &part
                && let (Some(rest), Some(folder)) = (seen.folders.get(name), trial.folders.get_mut(name))
            {
                folder.retain(|id, _| rest.contains_key(id));
            }
            let happened = match &part {
                Part::Add { folder, id, .. } => here(folder, id).is_some(),
                Part::Remove { folder, id } => here(folder, id).is_none(),
                Part::Flags { folder, id, flags } => here(folder, id).is_some_and(|copy| copy.flags == *flags),
                Part::Create(name) => seen.folders.contains_key(name),
                Part::Delete(name) => !seen.folders.contains_key(name),
                Part::Rename(_, new) => seen.folders.contains_key(new),
                Part::Move { from, to, id } => match (here(from, id), here(to, id)) {
                    (None, Some(_)) => true,
                    // MOVE may be interrupted between its two halves (RFC 6851 §3.3).
                    (Some(_), Some(_)) => {
                        let copy = Copy { uid: None, ..trial.folders[from][id].clone() };
                        trial.apply(Part::Add { folder: to.clone(), id: id.clone(), copy });
                        false
                    }
                    (Some(_), None) => false,
                    (None, None) => return Err(format!("{id} was lost on its way from {from} to {to}")),
                },
            };
            if happened {
                trial.apply(part);
            }
        }
        let inbox = seen.folders.get("INBOX").ok_or("INBOX is gone")?;
        for id in self.arriving.iter().chain(&self.doubtful) {
            let known = trial.folders["INBOX"].contains_key(id);
            match inbox.get(id) {
                Some(_) if !known => {
                    let copy = Copy { flags: FlagSet::new(), date: None, size: None, uid: None };
                    trial.folders.get_mut("INBOX").expect("it is there").insert(id.clone(), copy);
                }
                None if !known && self.arriving.contains(id) => {
                    return Err(format!("{id} was delivered and is not there"));
                }
                _ => {}
            }
        }
        difference(&trial.folders, &seen.folders)?;
        self.folders = seen.folders.clone();
        self.unsure.clear();
        self.arriving.clear();
        Ok(())
    }

    /// All mailboxes that are there.
    pub fn names(&self) -> Vec<String> {
        self.folders.keys().cloned().collect()
    }
}

fn difference(model: &BTreeMap<String, Folder>, seen: &BTreeMap<String, Folder>) -> Result<(), String> {
    let names = |folders: &BTreeMap<String, Folder>| folders.keys().cloned().collect::<BTreeSet<_>>();
    if names(model) != names(seen) {
        return Err(format!("mailboxes {:?} must be {:?}", names(seen), names(model)));
    }
    for (name, must) in model {
        let is = &seen[name];
        if let Some(lost) = must.keys().find(|id| !is.contains_key(*id)) {
            return Err(format!("{name}: {lost} is lost"));
        }
        if let Some(strange) = is.keys().find(|id| !must.contains_key(*id)) {
            return Err(format!("{name}: {strange} should not be there"));
        }
        for (id, must) in must {
            let is = &is[id];
            let same_date = must.date.is_none() || must.date == is.date;
            let same_size = must.size.is_none() || must.size == is.size;
            let same_uid = match (must.uid, is.uid) {
                (Some((before, old)), Some((now, new))) => before != now || old == new,
                _ => true,
            };
            if must.flags != is.flags || !same_date || !same_size || !same_uid {
                return Err(format!("{name}: {id} is {is:?} and must be {must:?}"));
            }
        }
    }
    Ok(())
}
