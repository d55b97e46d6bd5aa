use std::sync::Arc;

use sterna_core::{EmailId, MailboxId, ModSeq};
use sterna_store::Mailbox;

use super::*;

fn uid(n: u32) -> Uid {
    Uid::new(n).unwrap()
}

fn index(uids: &[u32]) -> Arc<MailboxIndex> {
    let mailbox = Mailbox {
        id: MailboxId(1),
        parent: None,
        name: "INBOX".into(),
        raw_name: None,
        role: None,
        uid_validity: UidValidity::new(7).unwrap(),
        uid_next: 1_000,
        highest_modseq: ModSeq(9),
        expunge_floor: ModSeq(0),
        import_modseq: ModSeq(0),
        created_modseq: ModSeq(0),
        modseq: ModSeq(0),
        subscribed: true,
        selectable: true,
        total: u32::try_from(uids.len()).unwrap(),
        unseen: 0,
        deleted: 0,
        bytes: 0,
    };
    let entry = |n: &u32| IndexEntry {
        uid: uid(*n),
        flags: StoredFlags::new(SystemFlags::default(), 0),
        modseq: ModSeq(5),
        email: EmailId(u64::from(*n)),
    };
    Arc::new(MailboxIndex::new(mailbox, ModSeq(9), &uids.iter().map(entry).collect::<Vec<_>>()))
}

fn open(exists: u32) -> Open {
    let mut open = Open::new(MailboxName::inbox(), false);
    (open.exists, open.uid_validity) = (exists, UidValidity::new(7));
    open
}

fn uids(view: &MailboxIndex) -> Vec<u32> {
    view.iter().map(|(_, entry)| entry.uid.get()).collect()
}

#[test]
fn a_client_that_knows_all_has_the_mailbox_itself_as_its_view() {
    let index = index(&[3, 5, 9]);
    assert!(Arc::ptr_eq(&open(3).view(&index).unwrap(), &index));
    assert!(open(2).view(&index).is_none());
    let other = Open { uid_validity: UidValidity::new(8), ..open(3) };
    assert!(other.view(&index).is_none());
}

#[test]
fn what_was_not_told_is_in_the_view() {
    // The client counts 3 5 7 8 9 12; 7, 8 and 12 went, 15 and 16 came, the flags of 9 changed.
    let mut open = open(6);
    open.withhold_expunge(3);
    open.withhold_expunge(3);
    open.withhold_fetch(3);
    open.withhold_exists(5);
    open.withhold_exists(6);
    open.withhold_expunge(4);
    assert_eq!(open.at_platform(), 5);
    let index = index(&[3, 5, 9, 15, 16]);
    let view = open.view(&index).unwrap();
    assert_eq!(uids(&view), [3, 5, 6, 7, 9, 10]);
    assert_ne!(view.get(5).unwrap().flags, index.get(3).unwrap().flags);
    assert_eq!(view.get(1).unwrap().flags, index.get(1).unwrap().flags);
    // A message that came and went again is none of the client's business.
    open.withhold_expunge(5);
    assert_eq!((open.at_platform(), open.untold.fresh), (4, 1));
    open.tell_all();
    assert_eq!((open.exists, open.untold.is_empty()), (4, true));
}

#[test]
fn with_qresync_what_is_gone_has_its_uid() {
    let mut open = open(4);
    open.withhold_vanished(&[5, 12].into_iter().collect());
    let view = open.view(&index(&[3, 9])).unwrap();
    assert_eq!(uids(&view), [3, 5, 9, 12]);
    assert!(!open.untold.is_empty());
}

#[test]
fn two_sides_that_cannot_be_the_same_have_no_view() {
    let mut open = open(3);
    open.withhold_expunge(2);
    // Between 4 and 5 there never was a message.
    assert!(open.view(&index(&[4, 5])).is_none());
    assert!(open.view(&index(&[4, 6])).is_some());
}
