//! A client that applies what it is told must end with what the mailbox holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sterna_core::{EmailId, Flags, MailboxId, ModSeq, Role, SystemFlags, Uid, UidValidity};
use sterna_store::{FlagChange, IndexEntry, Mailbox, MailboxIndex, StoredFlags, UidRange};

use super::super::session::{Enabled, ResumedSession};
use super::super::testing::{Client, Server};
use super::super::view::View;
use super::difference;

fn uid(n: u32) -> Uid {
    Uid::new(n).unwrap()
}

fn entry(n: u32, flags: u8, modseq: u64) -> IndexEntry {
    let flags = StoredFlags::new(SystemFlags(flags), 0);
    IndexEntry { uid: uid(n), flags, modseq: ModSeq(modseq), email: EmailId(u64::from(n)) }
}

fn index(entries: &[IndexEntry]) -> Arc<MailboxIndex> {
    let mailbox = Mailbox {
        id: MailboxId(1),
        parent: None,
        name: "INBOX".into(),
        raw_name: None,
        role: Some(Role::Inbox),
        uid_validity: UidValidity::new(7).unwrap(),
        uid_next: 100_000,
        highest_modseq: ModSeq(9),
        expunge_floor: ModSeq(0),
        import_modseq: ModSeq(0),
        created_modseq: ModSeq(0),
        modseq: ModSeq(0),
        subscribed: true,
        selectable: true,
        total: entries.len() as u32,
        unseen: 0,
        deleted: 0,
        bytes: 0,
    };
    Arc::new(MailboxIndex::new(mailbox, ModSeq(9), entries))
}

/// What a client knows, by sequence number: UID (once it asked for it) and flags.
#[derive(Clone, Debug, PartialEq)]
struct Model(Vec<(Uid, StoredFlags)>);

impl Model {
    fn of(index: &MailboxIndex) -> Model {
        Model(index.iter().map(|(_, e)| (e.uid, e.flags)).collect())
    }

    /// Applies the changes as the responses come: EXPUNGE from the last on, EXISTS, FETCH. New messages are then asked
    /// for by their sequence numbers.
    fn apply(&mut self, changes: &super::Changes) {
        for (sequence, uid) in changes.expunged.iter().rev() {
            let (gone, _) = self.0.remove(*sequence as usize - 1);
            assert_eq!(gone, *uid);
        }
        let exists = self.0.len() + changes.added;
        assert_eq!(exists, changes.next.len());
        for changed in &changes.flags {
            let sequence = changes.next.position(changed.uid).unwrap();
            let known = self.0.get_mut(sequence - 1).expect("flags of a message that the client knows");
            assert_eq!(known.0, changed.uid);
            known.1 = changed.flags;
        }
        for sequence in self.0.len() + 1..=exists {
            let new = changes.next.get(sequence).unwrap();
            self.0.push((new.uid, new.flags));
        }
    }
}

/// Changes by position in 1..=3000 for known ones; above for new ones.
fn any_changes() -> impl Strategy<Value = BTreeMap<u32, Option<u8>>> {
    prop::collection::btree_map(
        prop_oneof![1u32..3000, 1000u32..1030, 3000u32..3100],
        prop_oneof![Just(None), (0u8..32).prop_map(Some)],
        0..60,
    )
}

/// `highest` is the largest UID that was ever given: new ones lie above it, though its message may be gone.
fn changed(
    index: &Arc<MailboxIndex>,
    changes: &BTreeMap<u32, Option<u8>>,
    round: u64,
    highest: &mut u32,
) -> Arc<MailboxIndex> {
    let changes = changes.iter().map(|(n, flags)| {
        let fits = index.position(uid(*n)).is_ok() || *n > *highest;
        let flags = flags.filter(|_| fits);
        if flags.is_some() {
            *highest = (*highest).max(*n);
        }
        (uid(*n), flags.map(|f| entry(*n, f, 10 + round)))
    });
    Arc::new(index.with_changes(&changes.collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_client_that_applies_what_it_is_told_ends_with_the_mailbox(
        step in 1usize..4,
        rounds in prop::collection::vec((any_changes(), any::<bool>(), any::<bool>()), 1..6),
    ) {
        let start: Vec<IndexEntry> = (1..2500).step_by(step).map(|n| entry(n, (n % 3) as u8, 5)).collect();
        let mut mailbox = index(&start);
        let mut highest = start.last().map_or(0, |e| e.uid.get());
        let mut view = View::from_index(mailbox.clone());
        let mut model = Model::of(&mailbox);
        for (round, (changes, expunge, modseqs)) in rounds.iter().enumerate() {
            mailbox = changed(&mailbox, changes, round as u64, &mut highest);
            let told = difference(&view, &mailbox, *expunge, *modseqs);
            model.apply(&told);
            view.replace(told.next.clone());
            prop_assert_eq!(&model, &Model::of(view.known()));
            if *expunge {
                prop_assert!(Arc::ptr_eq(view.known(), &mailbox));
            }
        }
        let told = difference(&view, &mailbox, true, false);
        model.apply(&told);
        prop_assert_eq!(model, Model::of(&mailbox));
    }

    #[test]
    fn any_view_is_brought_to_the_mailbox(
        known in prop::collection::btree_map(1u32..200, 0u8..32, 0..80),
        holds in prop::collection::btree_map(1u32..220, 0u8..32, 0..80),
    ) {
        let entries = |map: &BTreeMap<u32, u8>| -> Vec<IndexEntry> {
            map.iter().map(|(n, flags)| entry(*n, *flags, 5)).collect()
        };
        let (view, mailbox) = (View::from_index(index(&entries(&known))), index(&entries(&holds)));
        let mut model = Model::of(view.known());
        let told = difference(&view, &mailbox, true, false);
        model.apply(&told);
        // What came in below the last known UID cannot be told.
        let last = known.keys().last().copied().unwrap_or(0);
        let expected: Vec<(Uid, StoredFlags)> = mailbox
            .iter()
            .map(|(_, e)| (e.uid, e.flags))
            .filter(|(u, _)| u.get() > last || known.contains_key(&u.get()))
            .collect();
        prop_assert_eq!(model.0, expected);
    }
}

#[test]
fn flags_that_were_told_are_not_told_again() {
    let before = index(&[entry(1, 0, 5), entry(2, 0, 5)]);
    let after = Arc::new(before.with_changes(&[(uid(1), Some(entry(1, 1, 8)))].into()));
    let mut view = View::from_index(before);
    view.told_flags(uid(1), StoredFlags::new(SystemFlags(1), 0), ModSeq(8));
    assert!(difference(&view, &after, true, true).flags.is_empty());
    // Told without CONDSTORE, the MODSEQ alone is no news; with it, it is.
    view.told_flags(uid(1), StoredFlags::new(SystemFlags(1), 0), ModSeq(7));
    assert!(difference(&view, &after, true, false).flags.is_empty());
    assert_eq!(difference(&view, &after, true, true).flags.len(), 1);
}

const MAIL: &str = "Subject: hello\r\n\r\nbody\r\n";

#[tokio::test]
async fn a_session_resumed_from_a_view_is_told_exactly_what_differs() {
    let server = Server::start(|_| {}).await;
    let mut direct = server.login().await;
    for flags in [&["\\Seen"][..], &[], &["\\Flagged"], &[], &[]] {
        direct.append(MAIL, flags).await;
    }
    let account = server.account.clone();
    let inbox = account.read(|tx| Ok(tx.mailbox_tree()?.find("INBOX").map(|m| m.id))).await.unwrap().unwrap();
    account.write(move |tx| tx.expunge(inbox, &[UidRange::one(uid(2))])).await.unwrap();
    let now = account.index(inbox).await.unwrap();
    // The client knows message 2, which is gone; 3 without its flag; and nothing of 5.
    let known: Vec<IndexEntry> = now.iter().map(|(_, e)| *e).filter(|e| e.uid < uid(5)).collect();
    let stale = [entry(2, 0, 1), IndexEntry { flags: StoredFlags::default(), ..known[1] }];
    let view: Vec<IndexEntry> = [known[0]].into_iter().chain(stale).chain([known[2]]).collect();
    let view = Arc::new(MailboxIndex::new(now.mailbox.clone(), ModSeq(1), &view));
    let state = |idle: Option<&str>, enabled| ResumedSession {
        account: account.clone(),
        enabled,
        selected: Some((view.clone(), false)),
        idle: idle.map(str::to_owned),
    };
    let mut c = server.resume(state(None, Enabled::default())).await;
    assert_eq!(c.ok("NOOP").await, ["* 2 EXPUNGE", "* 4 EXISTS", "* 2 FETCH (UID 3 FLAGS (\\Flagged))"]);
    assert!(c.ok("NOOP").await.is_empty());
    let mut c = server.resume(state(Some("i"), Enabled { qresync: true, condstore: true, ..Enabled::default() })).await;
    assert_eq!(c.response().await, "* VANISHED 2");
    assert_eq!(c.response().await, "* 4 EXISTS");
    assert!(c.response().await.starts_with("* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ ("));
    c.send("DONE\r\n").await;
    assert!(c.finish("i").await[0].starts_with("OK "));
    // A command that forbids expunges leaves the numbers as they are.
    let mut c = server.resume(state(None, Enabled::default())).await;
    let told = c.ok("SEARCH DELETED").await;
    assert!(
        told.contains(&"* 5 EXISTS".to_owned()) && told.contains(&"* 3 FETCH (UID 3 FLAGS (\\Flagged))".to_owned())
    );
    assert_eq!(c.ok("NOOP").await, ["* 2 EXPUNGE"]);
}

#[tokio::test]
async fn two_sessions_that_change_at_random_agree_with_the_store() {
    let server = Server::start(|_| {}).await;
    let mut watcher = server.login().await;
    watcher.ok("SELECT INBOX").await;
    let account = server.account.clone();
    let inbox = account.read(|tx| Ok(tx.mailbox_tree()?.find("INBOX").map(|m| m.id))).await.unwrap().unwrap();
    let mut model: Vec<String> = Vec::new();
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = move |below: u32| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % u64::from(below)) as u32
    };
    for round in 0..60 {
        for _ in 0..next(4) {
            match next(3) {
                0 => drop(watcher.append(MAIL, &[["\\Seen", "\\Flagged", "$Work"][next(3) as usize]]).await),
                n => {
                    let (first, count) = (1 + next(60), next(6));
                    let range = UidRange { first: uid(first), last: uid(first + count) };
                    let change = FlagChange::Set(Flags::system(SystemFlags(next(32) as u8)));
                    let write = move |tx: &sterna_store::Tx<'_>| match n {
                        1 => tx.change_flags(inbox, &[range], &change, None).map(|_| ()),
                        _ => tx.expunge(inbox, &[range]).map(|_| ()),
                    };
                    account.write(write).await.unwrap();
                }
            }
        }
        let command = if round % 3 == 0 { "NOOP" } else { "SEARCH UID 1" };
        for response in watcher.ok(command).await {
            apply(&mut model, &response, round % 3 == 0);
        }
    }
    for response in watcher.ok("NOOP").await {
        apply(&mut model, &response, true);
    }
    let now = account.index(inbox).await.unwrap();
    assert_eq!(model.len(), now.len());
    let keysets = account.read(|tx| tx.keysets()).await.unwrap();
    for ((_, entry), known) in now.iter().zip(&model) {
        // Flags of messages that came while the client watched are told when they change.
        let flags = keysets.flags(entry.flags).to_string();
        assert!(known.is_empty() || *known == format!("(UID {} FLAGS ({flags}))", entry.uid), "{known} {flags}");
    }
    watcher.check().await;
}

fn apply(model: &mut Vec<String>, response: &str, expunges: bool) {
    let mut words = response.splitn(4, ' ').skip(1);
    let Some(Ok(n)) = words.next().map(str::parse::<usize>) else { return };
    match words.next().unwrap() {
        "EXISTS" => {
            assert!(n > model.len());
            model.resize(n, String::new());
        }
        "EXPUNGE" => {
            assert!(expunges, "EXPUNGE behind SEARCH");
            model.remove(n - 1);
        }
        "FETCH" => model[n - 1] = words.next().unwrap().to_owned(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_mailbox_deleted_by_another_session_ends_this_one() {
    let mut c = Client::start().await;
    let account = c.account();
    let id = account.write(|tx| Ok(tx.create_mailbox(&sterna_store::NewMailbox::named("Gone"))?.id)).await.unwrap();
    c.ok("SELECT Gone").await;
    account.write(move |tx| tx.delete_mailbox(id)).await.unwrap();
    c.send("x NOOP\r\n").await;
    assert!(c.response().await.starts_with("* BYE "));
    assert_eq!(c.response().await, "");
}
