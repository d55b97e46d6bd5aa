//! The matching, on mailboxes made to confuse it.

use std::collections::HashMap;

use proptest::prelude::*;
use sterna_core::{BlobId, Uid, UidValidity};

use super::fingerprint::{Fingerprint, Hash};
use super::matching::{Here, Matching, Remote};

/// A message that both sides may have: few headers, bodies and sizes, so that many are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Mail {
    header: u8,
    body: u8,
}

impl Mail {
    fn print(self) -> Fingerprint {
        Fingerprint { header: [self.header; 32], body: [self.body; 32] }
    }

    /// Several bodies have the same size.
    fn size(self) -> u64 {
        1_000 * u64::from(self.header) + u64::from(self.body / 2)
    }
}

fn uid(n: usize) -> Uid {
    Uid::new(n as u32 + 1).unwrap()
}

fn here(mail: &[Mail]) -> Vec<Here> {
    let here = |(n, mail): (usize, &Mail)| Here {
        uid: uid(n),
        size: mail.size(),
        blob: BlobId(1),
        header_len: 10,
        uidl: None,
        order: None,
    };
    mail.iter().enumerate().map(here).collect()
}

fn remotes(mail: &[Mail], lies: bool) -> Vec<Remote> {
    let remote = |(n, mail): (usize, &Mail)| Remote {
        number: n as u32 + 1,
        uidl: Some(format!("id-{n}")),
        size: Some(mail.size() + u64::from(lies) * (n as u64 % 3)),
    };
    mail.iter().enumerate().map(remote).collect()
}

/// All steps, as the mover takes them.
fn settle(matching: &mut Matching<'_>, theirs: &[Mail], ours: &[Mail]) {
    matching.by_known();
    let header = |mail: &[Mail], places: Vec<usize>| -> HashMap<usize, Hash> {
        places.into_iter().map(|p| (p, mail[p].print().header)).collect()
    };
    let (r, h) = (header(theirs, matching.open_remotes()), header(ours, matching.open_here()));
    let (shared, among) = matching.by_header(&r, &h);
    let print = |mail: &[Mail], places: Vec<usize>| -> HashMap<usize, Fingerprint> {
        places.into_iter().map(|p| (p, mail[p].print())).collect()
    };
    matching.by_body(&print(theirs, shared), &print(ours, among));
}

fn mail() -> impl Strategy<Value = Vec<Mail>> {
    proptest::collection::vec((0u8..5, 0u8..4).prop_map(|(header, body)| Mail { header, body }), 0..25)
}

proptest! {
    #[test]
    fn the_same_mail_in_another_order_is_paired_with_itself_and_none_is_left(
        ours in mail(),
        seed in any::<u64>(),
        lies in any::<bool>(),
    ) {
        let mut theirs = ours.clone();
        // Another order.
        theirs.sort_by_key(|m| (u64::from(m.header * 7 + m.body) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (listed, kept) = (remotes(&theirs, lies), here(&ours));
        let mut matching = Matching::new(&listed, &kept);
        settle(&mut matching, &theirs, &ours);
        prop_assert!(matching.open_remotes().is_empty() && matching.open_here().is_empty());
        if !lies {
            for (remote, here) in matching.pairs() {
                let (theirs, ours) = (theirs[remote.number as usize - 1], ours[here.uid.get() as usize - 1]);
                prop_assert_eq!(theirs, ours);
            }
        }
    }

    #[test]
    fn whatever_each_side_lacks_nobody_has_two_partners_and_headers_agree(
        ours in mail(),
        theirs in mail(),
        lies in any::<bool>(),
    ) {
        let (listed, kept) = (remotes(&theirs, lies), here(&ours));
        let mut matching = Matching::new(&listed, &kept);
        settle(&mut matching, &theirs, &ours);
        let mut taken = std::collections::BTreeSet::new();
        for (remote, here) in matching.pairs() {
            prop_assert!(taken.insert(here.uid));
            prop_assert_eq!(theirs[remote.number as usize - 1].header, ours[here.uid.get() as usize - 1].header);
        }
        // What is open on both sides has nothing in common.
        for r in matching.open_remotes() {
            for h in matching.open_here() {
                prop_assert_ne!(theirs[r], ours[h]);
            }
        }
    }

    #[test]
    fn what_is_written_settles_the_listing_for_good(ours in mail(), drop_every in 2usize..6) {
        let (listed, mut kept) = (remotes(&ours, false), here(&ours));
        let write = |kept: &mut Vec<Here>, listed: &[Remote], theirs: &[Mail], ours: &[Mail]| {
            let known = kept.clone();
            let mut matching = Matching::new(listed, &known);
            settle(&mut matching, theirs, ours);
            let changes = matching.changes();
            for (uid, uidl, order) in &changes {
                let row = kept.iter_mut().find(|here| here.uid == *uid).unwrap();
                (row.uidl, row.order) = (Some(uidl.clone()), *order);
            }
            changes.len()
        };
        prop_assert_eq!(write(&mut kept, &listed, &ours, &ours), ours.len());
        prop_assert_eq!(write(&mut kept, &listed, &ours, &ours), 0);
        // Some go, on both sides: numbers fall, the order stays, nothing is written.
        let stays = |n: usize| !n.is_multiple_of(drop_every);
        let mut rest: Vec<Remote> =
            listed.iter().enumerate().filter(|(n, _)| stays(*n)).map(|(_, remote)| remote.clone()).collect();
        rest.iter_mut().zip(1..).for_each(|(remote, number)| remote.number = number);
        let keep: Vec<Option<String>> = rest.iter().map(|remote| remote.uidl.clone()).collect();
        let places: Vec<usize> = (0..kept.len()).filter(|h| keep.contains(&kept[*h].uidl)).collect();
        let left: Vec<Mail> = places.iter().map(|h| ours[*h]).collect();
        let mut kept: Vec<Here> = places.iter().map(|h| kept[*h].clone()).collect();
        let theirs: Vec<Mail> = (0..ours.len()).filter(|n| stays(*n)).map(|n| ours[n]).collect();
        prop_assert_eq!(write(&mut kept, &rest, &theirs, &left), 0);
    }
}

#[test]
fn of_two_with_one_header_the_size_tells_which_is_which() {
    let ours = [Mail { header: 1, body: 0 }, Mail { header: 1, body: 2 }];
    let theirs = [ours[1], ours[0]];
    let (listed, kept) = (remotes(&theirs, false), here(&ours));
    let mut matching = Matching::new(&listed, &kept);
    let headers = HashMap::from([(0, [1; 32]), (1, [1; 32])]);
    assert_eq!(matching.by_header(&headers, &headers), (vec![], vec![]));
    assert_eq!(matching.partner(0).unwrap().uid, uid(1));
    assert_eq!(matching.changes(), [(uid(1), "id-0".into(), Some(1)), (uid(0), "id-1".into(), Some(2))]);
}

#[test]
fn an_id_that_was_given_to_another_message_is_taken_from_the_first() {
    let mut ours = here(&[Mail { header: 1, body: 0 }, Mail { header: 2, body: 0 }]);
    ours[0].uidl = Some("id-0".into());
    let listed = remotes(&[Mail { header: 2, body: 0 }], false);
    let mut matching = Matching::new(&listed, &ours);
    matching.by_known();
    matching.by_header(&HashMap::from([(0, [2; 32])]), &HashMap::from([(0, [1; 32]), (1, [2; 32])]));
    assert_eq!(matching.changes(), [(uid(1), "id-0".into(), Some(1)), (uid(0), "id-0~1".into(), None)]);
}

#[test]
fn a_form_is_one_that_every_message_has_with_another_uid() {
    let validity = UidValidity::new(7).unwrap();
    let ours = [Mail { header: 1, body: 0 }, Mail { header: 2, body: 0 }];
    let kept = here(&ours);
    let form = |ids: [&str; 2]| {
        let mut listed = remotes(&ours, false);
        listed.iter_mut().zip(ids).for_each(|(remote, id)| remote.uidl = Some(id.to_owned()));
        let matching = Matching::new(&listed, &kept);
        matching.form(validity).map(|form| matching.by_form(form, validity))
    };
    // Sizes agree where the pair is right.
    assert_eq!(form(["0000000100000007", "0000000200000007"]), Some(vec![(0, 0, true), (1, 1, true)]));
    assert_eq!(form(["7.2", "7.1"]), Some(vec![(0, 1, false), (1, 0, false)]));
    // A message that is not here yet is left for later.
    assert_eq!(form(["7.1", "7.9"]), Some(vec![(0, 0, true)]));
    assert_eq!(form(["7.1", "7.1"]), None);
    assert_eq!(form(["7.1", "8.2"]), None);
    assert_eq!(form(["7.1", "x"]), None);
}
