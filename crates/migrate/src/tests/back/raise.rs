//! UIDNEXT and HIGHESTMODSEQ of a real Dovecot after the way back, what a client is told that knows the state of here, and
//! which UIDs are declared to be others.

use std::time::Instant;

use sterna_core::{ModSeq, UidValidity};
use sterna_imap::codec::sequence::NumberSet;

use super::*;
use crate::cursor::{self, FlipMark};

/// What clients were told of a mailbox.
#[derive(Clone, Copy, Debug)]
struct Told {
    validity: UidValidity,
    next: u64,
    modseq: u64,
}

impl Moved {
    /// Passes as before and under the hold of a rollback.
    async fn return_all(&self) -> Carried {
        let mut sum = Carried::default();
        for _ in 0..10 {
            let mut connection = self.login.open().await.unwrap();
            let until = tokio::time::Instant::now() + PATIENCE;
            let carried = one_pass(&self.context, &self.login, &mut connection, Raise::All(until)).await.unwrap();
            if carried.is_nothing() {
                sum.behind = carried.behind;
                return sum;
            }
            sum.raised += carried.raised;
            sum.appended += carried.appended;
            sum.differing.extend(carried.differing);
        }
        panic!("no pass carries nothing: {sum:?}");
    }

    async fn told(&self, path: &'static str) -> Told {
        let id = self.mailbox(path).await;
        let mailbox = self.account.read(move |tx| tx.mailbox(id)).await.unwrap();
        Told { validity: mailbox.uid_validity, next: mailbox.uid_next, modseq: mailbox.highest_modseq.0 }
    }

    fn told_there(&self, path: &str) -> Told {
        let answer = self.dovecot.login(&self.user).ok(&format!("STATUS {path} (UIDVALIDITY UIDNEXT HIGHESTMODSEQ)"));
        let text = answer.untagged[0].text().replace(['(', ')'], " ");
        let number = |name: &str| {
            let mut words = text.split_whitespace().skip_while(|word| *word != name);
            words.nth(1).unwrap().parse::<u64>().unwrap()
        };
        let validity = UidValidity::new(number("UIDVALIDITY") as u32).unwrap();
        Told { validity, next: number("UIDNEXT"), modseq: number("HIGHESTMODSEQ") }
    }

    async fn assert_not_behind(&self) {
        for path in ["INBOX", "Work"] {
            let (here, there) = (self.told(path).await, self.told_there(path));
            assert_eq!(here.validity, there.validity);
            assert!(there.next >= here.next && there.modseq >= here.modseq, "{path}: {there:?} after {here:?}");
        }
    }

    /// What a client with this state is told.
    fn resync(&self, told: Told) -> Vec<String> {
        let mut wire = self.dovecot.login(&self.user);
        wire.ok("ENABLE QRESYNC");
        let known = format!("{} {} 1:{}", told.validity, told.modseq, told.next - 1);
        let answer = wire.ok(&format!("SELECT INBOX (QRESYNC ({known}))"));
        answer.untagged.iter().map(|line| line.text()).collect()
    }

    /// Takes so many steps of MODSEQ here.
    async fn flap(&self, path: &'static str, n: u32) {
        let mailbox = self.mailbox(path).await;
        for n in 0..n {
            let flagged = Flags::system(SystemFlags::FLAGGED);
            let change = if n % 2 == 0 { FlagChange::Add(flagged) } else { FlagChange::Remove(flagged) };
            self.write(move |tx| tx.change_flags(mailbox, &one(1), &change, None)).await;
        }
    }
}

#[tokio::test]
async fn figures_there_reach_those_told_here_and_a_client_misses_nothing() {
    let m = Moved::new().await;
    let inbox = m.mailbox("INBOX").await;
    // UIDs at the end that are gone again, and a new message that the client knows.
    m.append("INBOX", &message(70), "").await;
    for n in 71..=75 {
        m.append("INBOX", &message(n), "").await;
    }
    m.write(move |tx| tx.expunge(inbox, &[UidRange { first: uid(7), last: uid(11) }])).await;
    m.flap("INBOX", 140).await;
    m.append("Work", &message(76), "").await;
    let told = m.told("INBOX").await;
    assert!(m.told_there("INBOX").modseq < told.modseq && told.next == 12, "{told:?}");
    // It is away, and misses a removal, flags of a message of the move, and flags of the new one.
    m.write(move |tx| {
        tx.expunge(inbox, &one(2))?;
        let flags = Flags::system(SystemFlags::ANSWERED);
        tx.change_flags(inbox, &one(3), &FlagChange::Add(flags), None)?;
        tx.change_flags(inbox, &one(6), &FlagChange::Add(Flags::system(SystemFlags::SEEN)), None)
    })
    .await;
    let carried = m.return_all().await;
    assert!(carried.raised > 0 && carried.behind.is_empty() && carried.differing.is_empty(), "{carried:?}");
    m.assert_not_behind().await;
    m.assert_same().await;
    let lines = m.resync(told);
    let vanished = lines.iter().find_map(|line| line.strip_prefix("* VANISHED (EARLIER) "));
    let vanished = NumberSet::parse(vanished.unwrap_or("0").as_bytes(), 100).unwrap();
    assert!(vanished.contains(2) && !vanished.contains(1), "{lines:#?}");
    for (uid, flag) in [(3, "\\Answered"), (6, "\\Seen")] {
        let told = |l: &&String| l.contains(" FETCH ") && l.contains(&format!("UID {uid} ")) && l.contains(flag);
        assert!(lines.iter().any(|l| told(&l)), "{uid} in {lines:#?}");
    }

    // What comes now keeps its UID, although a placeholder was there before it.
    let here = m.append("INBOX", &message(77), "").await;
    let carried = m.return_all().await;
    assert_eq!((carried.appended, carried.differing, carried.behind), (1, vec![], vec![]));
    assert!(m.there().folder("INBOX").messages.contains_key(&here.get()));
    m.assert_not_behind().await;
    m.assert_same().await;
}

#[tokio::test]
async fn that_a_message_came_and_went_here_is_told_there() {
    let m = Moved::new().await;
    let inbox = m.mailbox("INBOX").await;
    let next = m.told("INBOX").await.next;
    let short = [m.append("INBOX", &message(70), "").await, m.append("INBOX", &message(71), "").await];
    m.flap("INBOX", 140).await;
    let told = m.told("INBOX").await;
    // One behind which another comes, and one at the end.
    m.write(move |tx| tx.expunge(inbox, &one(short[0].get()))).await;
    let kept = m.append("INBOX", &message(72), "").await;
    let last = m.append("INBOX", &message(73), "").await;
    let later = m.told("INBOX").await;
    m.write(move |tx| tx.expunge(inbox, &one(short[1].get()))).await;
    m.write(move |tx| tx.expunge(inbox, &one(last.get()))).await;
    let carried = m.return_all().await;
    assert!(carried.behind.is_empty() && carried.differing.is_empty(), "{carried:?}");
    assert!(m.there().folder("INBOX").messages.contains_key(&kept.get()));
    m.assert_same().await;
    for (told, gone) in [(told, vec![short[0], short[1]]), (later, vec![short[1], last])] {
        let lines = m.resync(told);
        let vanished = lines.iter().find_map(|line| line.strip_prefix("* VANISHED (EARLIER) "));
        let vanished = NumberSet::parse(vanished.unwrap_or("0").as_bytes(), 100).unwrap();
        assert!(gone.iter().all(|uid| vanished.contains(uid.get())), "{gone:?} since {told:?}: {lines:#?}");
    }
    assert!(u64::from(kept.get()) > next);
}

#[tokio::test]
async fn that_a_flag_came_and_went_here_is_told_there() {
    let m = Moved::new().await;
    let inbox = m.mailbox("INBOX").await;
    let change = |uid: u32, change: FlagChange| m.write(move |tx| tx.change_flags(inbox, &one(uid), &change, None));
    let flags = |bits| Flags::system(bits);
    change(3, FlagChange::Add(flags(SystemFlags::DRAFT))).await;
    m.flap("INBOX", 140).await;
    m.return_all().await;
    for uid in [2, 3] {
        change(uid, FlagChange::Add(flags(SystemFlags::ANSWERED))).await;
    }
    let told = m.told("INBOX").await;
    for uid in [2, 3] {
        change(uid, FlagChange::Remove(flags(SystemFlags::ANSWERED))).await;
    }
    let carried = m.return_all().await;
    assert!(carried.behind.is_empty() && carried.raised > 0, "{carried:?}");
    m.assert_same().await;
    let lines = m.resync(told);
    for (uid, draft) in [(2, false), (3, true)] {
        let line = lines.iter().find(|l| l.contains(" FETCH ") && l.contains(&format!("UID {uid} ")));
        assert!(line.is_some_and(|l| !l.contains("Answered") && l.contains("Draft") == draft), "{uid} in {lines:#?}");
    }
}

#[tokio::test]
async fn a_raise_that_is_broken_off_anywhere_leaves_no_placeholder() {
    let m = Moved::new().await;
    let (inbox, mut state) = (m.mailbox("INBOX").await, 0x2545_f491_4f6c_dd1d_u64);
    for n in 0..12 {
        m.append("INBOX", &message(100 + n), "").await;
        let gone = m.append("INBOX", &message(200 + n), "").await;
        m.write(move |tx| tx.expunge(inbox, &[UidRange::one(gone)])).await;
        m.flap("INBOX", 100).await;
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = Duration::from_micros((state >> 33) % 120_000);
        let pass = async {
            let mut connection = m.login.open().await?;
            let until = tokio::time::Instant::now() + PATIENCE;
            one_pass(&m.context, &m.login, &mut connection, Raise::All(until)).await
        };
        let _ = tokio::time::timeout(pause, pass).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        m.target.clock.advance(10);
    }
    let carried = m.return_all().await;
    assert_eq!(carried.behind, Vec::<String>::new());
    m.assert_not_behind().await;
    m.assert_same_but_uids().await;
}

#[tokio::test]
async fn what_is_too_far_behind_is_told_and_costs_a_bounded_time() {
    let m = Moved::new().await;
    let told = m.told("INBOX").await;
    let inbox = m.mailbox("INBOX").await;
    m.write(move |tx| tx.import_identity(inbox, told.validity, 3_000, ModSeq(1_000_000))).await;
    let begun = Instant::now();
    let carried = m.return_all().await;
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(carried.raised, 2_000, "{carried:?}");
    assert_eq!(carried.behind.len(), 2, "{carried:?}");
    assert!(carried.behind[0].starts_with("INBOX: UIDs 2006 to 2999 were given here"), "{carried:?}");
    assert!(carried.behind[1].contains("1000000 was told here"), "{carried:?}");
    m.assert_same().await;
}

#[tokio::test]
async fn many_steps_are_taken() {
    let m = Moved::new().await;
    let told = m.told("INBOX").await;
    let inbox = m.mailbox("INBOX").await;
    m.write(move |tx| tx.import_identity(inbox, told.validity, 6, ModSeq(25_000))).await;
    let carried = m.return_all().await;
    assert_eq!(carried.behind, Vec::<String>::new());
    assert!(m.told_there("INBOX").modseq >= 25_000);
    m.assert_same().await;
}

#[tokio::test]
async fn uids_that_the_old_side_gave_by_itself_are_declared() {
    let m = Moved::new().await;
    let mark = FlipMark { source_uid_next: 6, source_modseq: 0, uid_next: 6, stragglers: 0, straggler_bytes: 0 };
    m.write(move |tx| {
        cursor::update(tx, b"INBOX", |cursor| {
            cursor.flip = Some(mark);
            Ok(())
        })
    })
    .await;
    let inbox = m.mailbox("INBOX").await;
    // Two come to the old side. Their UIDs are given here, too: to one that is gone, and to one that stays.
    let mut wire = m.dovecot.login(&m.user);
    for n in [80, 81] {
        assert!(wire.append(b"INBOX", "", None, &message(n)).is_ok());
    }
    m.append("INBOX", &message(82), "").await;
    m.append("INBOX", &message(83), "").await;
    m.write(move |tx| tx.expunge(inbox, &one(6))).await;
    // One of them was brought over in time.
    let brought = m.append("INBOX", &message(81), "").await;
    let row = sterna_store::BackMessage { uid: brought, there: uid(7) };
    m.write(move |tx| back::arrived(tx, inbox, &[row])).await;
    m.return_all().await;
    let mut connection = m.login.open().await.unwrap();
    let mut lines = back::changed::uids(&m.context, &mut connection).await.unwrap();
    lines.sort();
    let there = m.there().folder("INBOX").messages.keys().next_back().copied().unwrap();
    let expected = [
        "INBOX: 6 was another message's here; this one came to the old side".to_owned(),
        format!("INBOX: 7 is {there}"),
        "INBOX: 8 is 7".to_owned(),
    ];
    assert_eq!(lines, expected);
}
