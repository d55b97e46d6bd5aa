//! Which message of a POP3 listing is which message of INBOX. Pure: what it needs to know is given to it step by step.
//!
//! The steps, each for what the ones before left open: the id was carried over before; the id names the UID, and the
//! size agrees; the header is that of one message alone; of several with one header, the size is; the body is. Messages
//! that are alike in all of it are paired in their order. What remains open is on one side only. A size alone decides
//! nothing: a client that is told a wrong id never fetches the message that has it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use sterna_core::{BlobId, Uid, UidValidity};

use super::fingerprint::{Fingerprint, Hash as HeaderHash};
use super::forms::Form;

/// A message of the listing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Remote {
    pub number: u32,
    /// `None`: the server gives none that could be served again.
    pub uidl: Option<String>,
    /// As the server claims.
    pub size: Option<u64>,
}

/// A message of INBOX, here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    pub uid: Uid,
    pub size: u64,
    pub blob: BlobId,
    pub header_len: u64,
    pub uidl: Option<String>,
    pub order: Option<u32>,
}

/// Pairs found so far, by places in both lists.
pub(crate) struct Matching<'m> {
    remotes: &'m [Remote],
    here: &'m [Here],
    to: Vec<Option<usize>>,
    taken: Vec<bool>,
}

impl<'m> Matching<'m> {
    /// `here` is in ascending order of UIDs, `remotes` of numbers. Nothing is paired yet.
    pub fn new(remotes: &'m [Remote], here: &'m [Here]) -> Matching<'m> {
        Matching { remotes, here, to: vec![None; remotes.len()], taken: vec![false; here.len()] }
    }

    /// Ids that were carried over before, where the size says the same: there are servers that give an id to another
    /// message later.
    pub fn by_known(&mut self) {
        let known = |remote: &'m Remote, _| Some((remote.uidl.as_deref()?, remote.size?));
        self.pair_equal(known, |here, _| Some((here.uidl.as_deref()?, here.size)));
    }

    /// Ids that were carried over before, whatever sizes the server claims.
    pub fn by_id(&mut self) {
        self.pair_equal(|remote, _| remote.uidl.as_deref(), |here, _| here.uidl.as_deref());
    }

    /// Places of the listing that have no partner.
    pub fn open_remotes(&self) -> Vec<usize> {
        self.to.iter().enumerate().filter(|(_, to)| to.is_none()).map(|(r, _)| r).collect()
    }

    /// Places here that have no partner.
    pub fn open_here(&self) -> Vec<usize> {
        self.taken.iter().enumerate().filter(|(_, taken)| !**taken).map(|(h, _)| h).collect()
    }

    /// The pairs, in the order of the listing.
    pub fn pairs(&self) -> impl Iterator<Item = (&'m Remote, &'m Here)> {
        let (remotes, here) = (self.remotes, self.here);
        remotes.iter().zip(&self.to).filter_map(move |(remote, to)| Some((remote, here.get((*to)?)?)))
    }

    /// The partner of a place of the listing.
    pub fn partner(&self, remote: usize) -> Option<&'m Here> {
        self.here.get((*self.to.get(remote)?)?)
    }

    fn pair(&mut self, remote: usize, here: usize) {
        if let (Some(to), Some(taken)) = (self.to.get_mut(remote), self.taken.get_mut(here)) {
            (*to, *taken) = (Some(here), true);
        }
    }

    /// Groups what is open on both sides by a key.
    fn groups<K: Hash + Eq>(
        &self,
        of_remote: impl Fn(&'m Remote, usize) -> Option<K>,
        of_here: impl Fn(&'m Here, usize) -> Option<K>,
    ) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut places: HashMap<K, usize> = HashMap::new();
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for r in self.open_remotes() {
            let Some(key) = self.remotes.get(r).and_then(|remote| of_remote(remote, r)) else { continue };
            let place = match places.entry(key) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    groups.push(Default::default());
                    *new.insert(groups.len() - 1)
                }
            };
            if let Some((remotes, _)) = groups.get_mut(place) {
                remotes.push(r);
            }
        }
        for h in self.open_here() {
            let key = self.here.get(h).and_then(|here| of_here(here, h));
            if let Some((_, here)) = key.and_then(|key| places.get(&key)).and_then(|place| groups.get_mut(*place)) {
                here.push(h);
            }
        }
        groups.retain(|(_, here)| !here.is_empty());
        groups
    }

    /// Pairs what has the same key, several in their order.
    fn pair_equal<K: Hash + Eq>(
        &mut self,
        of_remote: impl Fn(&'m Remote, usize) -> Option<K>,
        of_here: impl Fn(&'m Here, usize) -> Option<K>,
    ) {
        for (remotes, here) in self.groups(of_remote, of_here) {
            remotes.into_iter().zip(here).for_each(|(r, h)| self.pair(r, h));
        }
    }

    /// The form that every listed id has, if there is one; each names another UID.
    pub fn form(&self, validity: UidValidity) -> Option<Form> {
        let fits = |form: &Form| {
            let mut uids: Vec<Uid> = Vec::with_capacity(self.remotes.len());
            for remote in self.remotes {
                let Some(uid) = remote.uidl.as_deref().and_then(|uidl| form.uid(uidl, validity)) else { return false };
                uids.push(uid);
            }
            uids.sort_unstable();
            uids.windows(2).all(|pair| pair.first() != pair.last())
        };
        Form::ALL.into_iter().find(fits).filter(|_| !self.remotes.is_empty())
    }

    /// What a form says of the open messages: places that it pairs, and whether the sizes agree.
    pub fn by_form(&self, form: Form, validity: UidValidity) -> Vec<(usize, usize, bool)> {
        let paired = |r: usize| {
            let remote = self.remotes.get(r)?;
            let uid = form.uid(remote.uidl.as_deref()?, validity)?;
            let h = self.here.binary_search_by_key(&uid, |here| here.uid).ok()?;
            let free = self.taken.get(h).is_some_and(|taken| !taken);
            let agrees = self.here.get(h).map(|here| here.size) == remote.size;
            free.then_some((r, h, agrees))
        };
        self.open_remotes().into_iter().filter_map(paired).collect()
    }

    /// Believes a form where the sizes agree.
    pub fn believe(&mut self, pairs: &[(usize, usize, bool)]) {
        pairs.iter().filter(|(.., agrees)| *agrees).for_each(|(r, h, _)| self.pair(*r, *h));
    }

    /// By headers; of several messages with one header the sizes tell, if both sides have the same ones. Gives what
    /// remains in common: bodies must decide.
    pub fn by_header(
        &mut self,
        theirs: &HashMap<usize, HeaderHash>,
        ours: &HashMap<usize, HeaderHash>,
    ) -> (Vec<usize>, Vec<usize>) {
        for (remotes, here) in self.groups(|_, r| theirs.get(&r), |_, h| ours.get(&h)) {
            match (&remotes[..], &here[..]) {
                ([r], [h]) => self.pair(*r, *h),
                _ => self.by_size(&remotes, &here),
            }
        }
        let (mut all_remotes, mut all_here) = (Vec::new(), Vec::new());
        for (remotes, here) in self.groups(|_, r| theirs.get(&r), |_, h| ours.get(&h)) {
            all_remotes.extend(remotes);
            all_here.extend(here);
        }
        (all_remotes, all_here)
    }

    /// Sizes that one message has on each side. A server whose sizes are not those here is not believed in any.
    fn by_size(&mut self, remotes: &[usize], here: &[usize]) {
        let mut theirs: Vec<_> = remotes.iter().map(|r| (self.remotes.get(*r).and_then(|m| m.size), *r)).collect();
        let mut ours: Vec<_> = here.iter().map(|h| (self.here.get(*h).map(|m| m.size), *h)).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        if theirs.len() != ours.len() || theirs.iter().zip(&ours).any(|((a, _), (b, _))| a != b) {
            return;
        }
        let groups = theirs.chunk_by(|a, b| a.0 == b.0).zip(ours.chunk_by(|a, b| a.0 == b.0));
        for group in groups {
            if let ([(_, r)], [(_, h)]) = group {
                self.pair(*r, *h);
            }
        }
    }

    /// By all that a message is; those that are alike in their order.
    pub fn by_body(&mut self, theirs: &HashMap<usize, Fingerprint>, ours: &HashMap<usize, Fingerprint>) {
        self.pair_equal(|_, r| theirs.get(&r), |_, h| ours.get(&h));
    }

    /// What has to be written so that each message has its id, and the listing its order: the fewest rows, for numbers
    /// fall when messages before them go.
    pub fn changes(&self) -> Vec<(Uid, String, Option<u32>)> {
        let mut floor = 0;
        let mut changes = Vec::new();
        for (remote, here) in self.pairs() {
            let Some(uidl) = &remote.uidl else { continue };
            let order = match here.order.filter(|order| *order > floor) {
                Some(order) => order,
                None => remote.number.max(floor.saturating_add(1)),
            };
            floor = order;
            if here.order != Some(order) || here.uidl.as_ref() != Some(uidl) {
                changes.push((here.uid, uidl.clone(), Some(order)));
            }
        }
        changes.extend(self.withdrawn());
        changes
    }

    /// Messages whose id the source has given to another one meanwhile: no two may have the same here.
    fn withdrawn(&self) -> Vec<(Uid, String, Option<u32>)> {
        let given: HashSet<&str> = self.pairs().filter_map(|(remote, _)| remote.uidl.as_deref()).collect();
        let open = self.open_here().into_iter().filter_map(|h| self.here.get(h));
        let taken = open.filter_map(|here| Some((here.uid, here.uidl.as_deref().filter(|id| given.contains(id))?)));
        taken.map(|(uid, uidl)| (uid, format!("{uidl}~{uid}"), None)).collect()
    }
}
