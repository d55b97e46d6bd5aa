//! What was promised of messages, and whether it was kept. Every message is changed by one client only, so that what it must be
//! does not depend on the order in which clients work.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::view::FlagSet;

/// A message of a client.
#[derive(Clone, Debug)]
pub struct Promise {
    pub folder: &'static str,
    /// UIDVALIDITY and UID, if they were told.
    pub uid: Option<(u32, u32)>,
    /// What it may be: `None`, not there; else with these flags. A change that was answered leaves one, one without an answer
    /// adds one.
    pub may_be: Vec<Option<FlagSet>>,
}

impl Promise {
    /// Its flags, if there is no doubt that it is there.
    pub fn certain(&self) -> Option<(u32, &FlagSet)> {
        match (self.uid, self.may_be.as_slice()) {
            (Some((_, uid)), [Some(flags)]) => Some((uid, flags)),
            _ => None,
        }
    }
}

/// A message that came in.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: String,
    pub at: Instant,
    /// The server has taken it; else nobody knows.
    pub taken: bool,
}

/// A message as a fresh client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub uid: (u32, u32),
    pub flags: FlagSet,
}

/// By folder and identity.
pub type Seen = BTreeMap<(String, String), Vec<Found>>;

/// Everything that was promised.
#[derive(Default)]
pub struct Promises {
    pub mail: BTreeMap<String, Promise>,
    pub deliveries: Vec<Delivery>,
    /// When something went wrong, from and to: a delivery that was on its way then may have been handed over again (RFC 1047).
    pub trouble: Option<(Instant, Instant)>,
    /// UIDs that the receipt of a rollback says are others now.
    pub changed: Vec<String>,
}

/// Why the mailboxes are not what was promised.
pub enum Broken {
    /// It may come.
    Late(String),
    Never(String),
}

impl Promises {
    /// Holds the mailboxes against all promises.
    pub fn check(&self, seen: &Seen) -> Result<(), Broken> {
        for (id, promise) in &self.mail {
            self.kept(id, promise, seen)?;
        }
        for delivery in &self.deliveries {
            let count = seen.get(&("INBOX".to_owned(), delivery.id.clone())).map_or(0, Vec::len);
            let most = if self.may_be_doubled(delivery) { 2 } else { 1 };
            if count > most {
                return Err(Broken::Never(format!("{delivery:?} is there {count} times: {seen:#?}")));
            }
            if count == 0 && delivery.taken {
                return Err(Broken::Late(format!("{delivery:?} is not there")));
            }
        }
        let known = |id: &String| self.mail.contains_key(id) || self.deliveries.iter().any(|d| d.id == *id);
        match seen.keys().find(|(_, id)| !known(id)) {
            Some(strange) => Err(Broken::Late(format!("{strange:?} belongs to nobody"))),
            None => Ok(()),
        }
    }

    fn kept(&self, id: &str, promise: &Promise, seen: &Seen) -> Result<(), Broken> {
        let mut places = seen.iter().filter(|((_, at), _)| at == id);
        let found = match (places.next(), places.next()) {
            (None, _) => None,
            (Some(((folder, _), all)), None) if folder == promise.folder && all.len() == 1 => all.first(),
            (first, second) => {
                return Err(Broken::Never(format!("{id} of {promise:?} is at {first:?} and {second:?}")));
            }
        };
        let flags = found.map(|found| found.flags.clone());
        if !promise.may_be.contains(&flags) {
            return Err(Broken::Late(format!("{id} of {promise:?} is {found:?}")));
        }
        let Some(((validity, before), (now_validity, now))) = promise.uid.zip(found.map(|found| found.uid)) else {
            return Ok(());
        };
        if (validity, before) == (now_validity, now) {
            return Ok(());
        }
        let told = format!("{}: {before} is {now}", promise.folder);
        match validity == now_validity && self.changed.contains(&told) {
            true => Ok(()),
            false => Err(Broken::Never(format!(
                "{id} of {promise:?} is {found:?}, and the receipt does not say so: {:?}",
                self.changed
            ))),
        }
    }

    fn may_be_doubled(&self, delivery: &Delivery) -> bool {
        self.trouble
            .is_some_and(|(from, to)| delivery.at <= to && delivery.at + std::time::Duration::from_secs(6) >= from)
    }
}
