//! Cutovers from a real IMAP source: what is refused, what follows a flip, and crashes at every named step.

use sterna_frontdoor::HoldTimes;
use sterna_store::{JobKind, Route};

use super::*;
use crate::{CutoverOptions, Error, Record};

const OPTIONS: CutoverOptions = CutoverOptions {
    times: HoldTimes { finish: Duration::from_secs(5), deadline: Duration::from_secs(20) },
    attempts: 3,
    rollback_window: Duration::from_secs(3600),
    back_sync: false,
};

impl Target {
    /// A mover with a door; the mailbox is on the platform that the source is.
    async fn on_platform(&self, source: &Source) -> Mover {
        let settings = format!(r#"{{"imap":"imap://127.0.0.1:{}?tls=none"}}"#, source.port);
        self.store.add_platform("old", settings, None).await.unwrap();
        self.store.set_route(self.account, Some("platform:old".into())).await.unwrap();
        self.mover(PATIENCE).with_door(self.door())
    }

    fn door(&self) -> Door {
        Door::new(self.store.clone(), Login::new(self.store.clone(), Duration::from_millis(1)))
    }

    async fn route(&self) -> Route {
        self.store.routed_by_id(self.account).await.unwrap().unwrap().route
    }

    async fn record(&self, mover: &Mover) -> Record {
        mover.status(self.account).await.unwrap().unwrap().record
    }

    async fn until_record(&self, mover: &Mover, what: impl Fn(&Record) -> bool) -> Record {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let record = self.record(mover).await;
            if what(&record) {
                return record;
            }
            assert!(tokio::time::Instant::now() < deadline, "{record:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A mailbox with so many messages that is here since a moment ago, and the run that goes on.
async fn verified(messages: u32, options: MoveOptions) -> (Source, Target, Mover, Running) {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(messages).await;
    let mover = target.on_platform(&source).await;
    target.plan(&mover, &source, options).await;
    mover.cutover(target.account, OPTIONS).await.unwrap();
    let run = target.run(&mover);
    target.until_record(&mover, |r| r.state == State::Verified).await;
    (source, target, mover, run)
}

#[tokio::test]
async fn a_cutover_is_refused_where_it_makes_no_sense() {
    let (source, target) = (Source::start().await, Target::new().await);
    let mover = target.mover(PATIENCE);
    let refused = |ended: Result<()>| match ended {
        Err(Error::Invalid(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(matches!(mover.cutover(target.account, OPTIONS).await, Err(Error::NoMove(_))));
    target.plan(&mover, &source, MoveOptions::default()).await;
    assert!(refused(mover.cutover(target.account, OPTIONS).await).contains("account set --platform"));
    target.store.set_route(target.account, Some("lmtp://old:24".into())).await.unwrap();
    assert!(refused(mover.cutover(target.account, OPTIONS).await).contains("--here"));
    assert!(refused(mover.rollback(target.account, OPTIONS).await).contains("never cut over"));
    assert_eq!(mover.status(target.account).await.unwrap().unwrap().wanted, None);
}

#[tokio::test]
async fn without_a_door_a_wish_is_given_up_with_its_reason() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(2).await;
    target.on_platform(&source).await;
    let mover = target.mover(PATIENCE);
    target.plan(&mover, &source, MoveOptions::default()).await;
    mover.cutover(target.account, OPTIONS).await.unwrap();
    assert_eq!(mover.status(target.account).await.unwrap().unwrap().wanted, Some("cutover"));
    let run = target.run(&mover);
    let record = target.until_record(&mover, |r| r.cutover.as_ref().is_some_and(|c| c.refusal.is_some())).await;
    let refusal = record.cutover.unwrap().refusal.unwrap();
    assert!(refusal.reason.contains("front door") && refusal.retry_at.is_none(), "{refusal:?}");
    assert_eq!(target.route().await, Route::Platform("old".into()));
    target.until_record(&mover, |r| r.state == State::Following).await;
    run.cancel.cancel();
    run.end().await.unwrap_err();
    assert_eq!(mover.status(target.account).await.unwrap().unwrap().wanted, None);
}

#[tokio::test]
async fn a_move_that_had_ended_is_cut_over_and_stragglers_come_over_once() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(40).await;
    let mover = target.on_platform(&source).await;
    target.plan(&mover, &source, MoveOptions::default()).await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    assert_eq!(target.store.job(target.account, JobKind::Move).await.unwrap(), None);
    mover.cutover(target.account, OPTIONS).await.unwrap();
    let run = target.run(&mover);
    let record = target.until_record(&mover, |r| r.state == State::Verified).await;
    assert_eq!(target.route().await, Route::Local);
    let flip = record.cutover.unwrap().flip.unwrap();
    assert!(flip.passes >= 2 && flip.differences.is_empty(), "{flip:#?}");
    assert!(flip.folders.iter().all(|f| f.digest == f.source_digest && f.digest.len() == 64), "{flip:#?}");
    assert_eq!(mover.status(target.account).await.unwrap().unwrap().wanted, None);

    // Something new here takes the UID that the old side gives to its own next message.
    let account = target.store.account(target.account).await.unwrap();
    let blobs = account.blobs();
    let ours = move |tx: &sterna_store::Tx<'_>| {
        let email = Ingest::whole(&blobs, b"Subject: here\r\n\r\nhere\r\n", DateTime::utc(1_790_000_001))?;
        tx.append(tx.mailboxes()?[0].id, &email, &Flags::default())
    };
    assert_eq!(account.write(ours).await.unwrap().uid.get(), 41);
    source.add(2).await;
    let record = target.until_record(&mover, |r| stragglers(r) == 2).await;
    assert_eq!(record.state, State::Verified);
    assert_eq!(target.uids().await, (1..=43).collect::<Vec<_>>());
    run.cancel.cancel();
    run.end().await.unwrap_err();

    // A run that begins anew brings nothing twice.
    let run = target.run(&mover);
    source.add(1).await;
    target.until_record(&mover, |r| stragglers(r) == 3).await;
    assert_eq!(target.uids().await, (1..=44).collect::<Vec<_>>());
    let (spec, secret) = spec(&source);
    assert!(matches!(mover.cutover(target.account, OPTIONS).await, Err(Error::Invalid(_))));

    // The window closes.
    target.clock.advance(3600);
    mover.wake_run(target.account);
    run.cancel.cancel();
    let _ = run.end().await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Settled);
    assert!(matches!(mover.rollback(target.account, OPTIONS).await, Err(Error::Invalid(_))));
    assert!(matches!(mover.start(target.account, spec, secret, following()).await, Err(Error::Invalid(_))));
    target.assert_sound().await;
}

fn stragglers(record: &Record) -> u64 {
    record.cutover.as_ref().and_then(|c| c.flip.as_ref()).map_or(0, |f| f.stragglers)
}

#[tokio::test]
async fn a_run_that_breaks_off_at_any_step_is_either_before_the_flip_or_behind_it() {
    for (step, flipped) in [
        ("preparing", false),
        ("prepared", false),
        ("held", false),
        ("last changes", false),
        ("compared", false),
        ("flipping", false),
        ("route changed", true),
        ("flipped", true),
        ("straggled", true),
        ("verifying", true),
        ("verified", true),
    ] {
        let (source, target) = (Source::start().await, Target::new().await);
        source.add(5).await;
        let mover = target.on_platform(&source).await;
        target.plan(&mover, &source, following()).await;
        mover.cutover(target.account, OPTIONS).await.unwrap();
        mover.faults.break_at(step);
        let run = target.run(&mover);
        if step == "straggled" {
            target.until_record(&mover, |r| r.state.is_here()).await;
            source.add(1).await;
        }
        assert!(matches!(run.end().await, Err(Error::Cancelled)), "{step}");
        assert_eq!(target.route().await == Route::Local, flipped, "{step}");
        assert_eq!(target.record(&mover).await.state.is_here(), flipped, "{step}");
        assert_eq!(target.store.hold(target.account).await.unwrap(), None, "{step}");

        let run = target.run(&mover);
        target.until_record(&mover, |r| r.state == State::Verified).await;
        source.add(1).await;
        let all = if step == "straggled" { 7 } else { 6 };
        target.until_record(&mover, |r| stragglers(r) == all - 5).await;
        assert_eq!(target.uids().await.len() as u64, all, "{step}");
        assert_eq!(target.route().await, Route::Local);
        run.cancel.cancel();
        run.end().await.unwrap_err();
        target.assert_sound().await;
    }
}

#[tokio::test]
async fn a_hold_that_somebody_does_not_answer_is_released_and_the_wish_given_up_in_the_end() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(3).await;
    target.on_platform(&source).await;
    let door = target.door();
    let mover = target.mover(PATIENCE).with_door(door.clone());
    target.plan(&mover, &source, following()).await;
    // A relayed session that does not park.
    let mut failed = 0;
    let ip = "127.0.0.1".parse().unwrap();
    let entry = door.enter(ip, b"anne@example.org", b"secret", sterna_frontdoor::Kind::Parks, &mut failed).await;
    let guest = entry.unwrap();
    let times = HoldTimes { finish: Duration::from_millis(50), deadline: Duration::from_millis(200) };
    mover.cutover(target.account, CutoverOptions { times, attempts: 2, ..OPTIONS }).await.unwrap();
    let run = target.run(&mover);
    let given_up = |r: &Record| {
        let refusal = r.cutover.as_ref().and_then(|c| c.refusal.as_ref());
        refusal.is_some_and(|r| r.retry_at.is_none() && r.reason.contains("deadline"))
    };
    let record = target.until_record(&mover, given_up).await;
    assert_eq!((record.state, record.cutover.unwrap().failed_holds), (State::Following, 2));
    assert_eq!(target.route().await, Route::Platform("old".into()));
    assert_eq!(target.store.hold(target.account).await.unwrap(), None);

    // It still follows, and another wish succeeds once the session is gone.
    drop(guest);
    source.add(1).await;
    mover.cutover(target.account, OPTIONS).await.unwrap();
    target.until_record(&mover, |r| r.state == State::Verified).await;
    assert_eq!(target.uids().await, [1, 2, 3, 4]);
    run.cancel.cancel();
    run.end().await.unwrap_err();
}

#[tokio::test]
async fn a_rollback_carries_everything_back_and_leaves_a_copy_that_can_be_cut_over_again() {
    let (source, target, mover, run) = verified(5, following()).await;
    // One is removed here, one is added here, one comes to the old side.
    let account = target.store.account(target.account).await.unwrap();
    let blobs = account.blobs();
    let change = move |tx: &sterna_store::Tx<'_>| {
        let inbox = tx.mailboxes()?[0].id;
        let email = Ingest::whole(&blobs, b"Subject: here\r\n\r\nhere\r\n", DateTime::utc(1_790_000_001))?;
        tx.append(inbox, &email, &Flags::default())?;
        tx.expunge(inbox, &[UidRange::one(sterna_core::Uid::new(2).unwrap())])
    };
    account.write(change).await.unwrap();
    source.add(1).await;
    target.until_record(&mover, |r| stragglers(r) == 1).await;
    assert_eq!(target.uids().await, [1, 3, 4, 5, 6, 7]);

    mover.rollback(target.account, OPTIONS).await.unwrap();
    let record = target.until_record(&mover, |r| r.state == State::RolledBack).await;
    assert_eq!(target.route().await, Route::Platform("old".into()));
    let undone = record.cutover.unwrap().rollback.unwrap();
    let carried = undone.carried;
    assert_eq!((carried.messages, carried.expunged, carried.left), (1, 1, vec![]));
    // The straggler has UID 6 there and 7 here; the message of here came later there.
    let there = uids_of(&source.account).await;
    let ours = format!("INBOX: 6 is {}", there[5]);
    assert_eq!((undone.changed_uids, carried.behind), (vec![ours, "INBOX: 7 is 6".to_owned()], vec![]));
    assert_eq!(there.len(), 6);
    assert!(there.starts_with(&[1, 3, 4, 5, 6]), "{there:?}");

    // What is delivered late is carried, too.
    let blobs = account.blobs();
    let late = move |tx: &sterna_store::Tx<'_>| {
        let email = Ingest::whole(&blobs, b"Subject: late\r\n\r\nlate\r\n", DateTime::utc(1_790_000_002))?;
        tx.append(tx.mailboxes()?[0].id, &email, &Flags::default())
    };
    account.write(late).await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while uids_of(&source.account).await.len() < 7 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    target.clock.advance(61);
    assert_eq!(run.end().await.unwrap(), State::RolledBack);
    assert!(matches!(mover.rollback(target.account, OPTIONS).await, Err(Error::Invalid(_))));

    // Once more, without a message twice.
    mover.cutover(target.account, OPTIONS).await.unwrap();
    let run = target.run(&mover);
    let record = target.until_record(&mover, |r| r.state == State::Verified).await;
    let flip = record.cutover.unwrap().flip.unwrap();
    assert_eq!(flip.differences, Vec::<String>::new());
    assert_eq!(target.uids().await, uids_of(&source.account).await);
    run.cancel.cancel();
    run.end().await.unwrap_err();
    target.assert_sound().await;
}

#[tokio::test]
async fn a_folder_that_is_made_on_the_old_side_comes_over_empty_and_stays_deleted_here() {
    let (source, target, mover, run) =
        verified(1, MoveOptions { interval: Duration::from_millis(50), ..following() }).await;
    let make = |tx: &sterna_store::Tx<'_>| tx.create_mailbox(&sterna_store::NewMailbox::named("Late")).map(drop);
    source.account.write(make).await.unwrap();
    let account = target.store.account(target.account).await.unwrap();
    let find = |tx: &sterna_store::Tx<'_>| Ok(tx.mailbox_tree()?.find("Late").map(|late| late.id));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let late = loop {
        match account.read(find).await.unwrap() {
            Some(late) => break late,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        assert!(tokio::time::Instant::now() < deadline);
    };
    account.write(move |tx| tx.delete_mailbox(late)).await.unwrap();
    // Several looks at the old side later it is not here again.
    source.add(1).await;
    target.until_record(&mover, |r| stragglers(r) == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(account.read(find).await.unwrap(), None);
    run.cancel.cancel();
    run.end().await.unwrap_err();
    target.assert_sound().await;
}

#[tokio::test]
async fn with_back_sync_the_old_side_has_everything_before_anybody_asks() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(5).await;
    let mover = target.on_platform(&source).await;
    target.plan(&mover, &source, MoveOptions { interval: Duration::from_millis(50), ..following() }).await;
    mover.cutover(target.account, CutoverOptions { back_sync: true, ..OPTIONS }).await.unwrap();
    // A run that breaks off behind a pass has carried it, and nothing of it is carried or brought over again.
    mover.faults.break_at("back-synced");
    let run = target.run(&mover);
    assert!(matches!(run.end().await, Err(Error::Cancelled)));
    let run = target.run(&mover);
    target.until_record(&mover, |r| r.state == State::Verified).await;
    let account = target.store.account(target.account).await.unwrap();
    for n in 0..3_u32 {
        let blobs = account.blobs();
        let change = move |tx: &sterna_store::Tx<'_>| {
            let inbox = tx.mailboxes()?[0].id;
            let body = format!("Subject: here {n}\r\n\r\nhere\r\n");
            let email = Ingest::whole(&blobs, body.as_bytes(), DateTime::utc(1_790_000_001))?;
            tx.append(inbox, &email, &Flags::default())?;
            tx.expunge(inbox, &[UidRange::one(sterna_core::Uid::new(n + 1).unwrap())])
        };
        account.write(change).await.unwrap();
        // The same UIDs, for nothing came to the old side by itself.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while uids_of(&source.account).await != target.uids().await {
            assert!(tokio::time::Instant::now() < deadline, "{:#?}", target.record(&mover).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // What comes to the old side is still brought over, once.
    source.add(1).await;
    target.until_record(&mover, |r| stragglers(r) == 1).await;
    let told = |r: &Record| r.cutover.as_ref().and_then(|c| c.back_sync.clone()).unwrap_or_default().carried;
    let record = target.until_record(&mover, |r| told(r).messages == 3 && told(r).expunged == 3).await;
    assert_eq!((record.state, told(&record).left), (State::Verified, vec![]));

    mover.rollback(target.account, OPTIONS).await.unwrap();
    let record = target.until_record(&mover, |r| r.state == State::RolledBack).await;
    let undone = record.cutover.unwrap().rollback.unwrap();
    assert_eq!((undone.carried.messages, undone.carried.expunged, undone.changed_uids.len()), (0, 0, 0), "{undone:?}");
    assert_eq!(uids_of(&source.account).await.len(), 6);
    run.cancel.cancel();
    run.end().await.unwrap_err();
    target.assert_sound().await;
}

#[tokio::test]
async fn a_rollback_that_breaks_off_at_any_step_is_either_not_begun_or_done() {
    for (step, back) in [
        ("returning", false),
        ("carried back", false),
        ("held back", false),
        ("flipping back", false),
        ("route changed back", true),
        ("rolled back", true),
    ] {
        let (source, target, mover, run) = verified(3, following()).await;
        let account = target.store.account(target.account).await.unwrap();
        let blobs = account.blobs();
        let add = move |tx: &sterna_store::Tx<'_>| {
            let email = Ingest::whole(&blobs, b"Subject: here\r\n\r\nhere\r\n", DateTime::utc(1_790_000_001))?;
            tx.append(tx.mailboxes()?[0].id, &email, &Flags::default())
        };
        account.write(add).await.unwrap();
        mover.faults.break_at(step);
        mover.rollback(target.account, OPTIONS).await.unwrap();
        assert!(matches!(run.end().await, Err(Error::Cancelled)), "{step}");
        let on_platform = target.route().await == Route::Platform("old".into());
        assert_eq!(on_platform, back, "{step}");
        assert_eq!(target.record(&mover).await.state == State::RolledBack, back, "{step}");
        let run = target.run(&mover);
        target.until_record(&mover, |r| r.state == State::RolledBack).await;
        assert_eq!(uids_of(&source.account).await, [1, 2, 3, 4], "{step}");
        run.cancel.cancel();
        run.end().await.unwrap_err();
    }
}

#[tokio::test]
async fn a_run_that_breaks_off_behind_the_mirror_carries_nothing_back_again() {
    let (source, target, mover, run) = verified(3, following()).await;
    mover.rollback(target.account, OPTIONS).await.unwrap();
    target.until_record(&mover, |r| r.state == State::RolledBack).await;
    mover.faults.break_at("mirrored");
    target.clock.advance(61);
    assert!(matches!(run.end().await, Err(Error::Cancelled)));
    assert_eq!(target.run(&mover).end().await.unwrap(), State::RolledBack);
    assert_eq!((uids_of(&source.account).await, target.uids().await), (vec![1, 2, 3], vec![1, 2, 3]));
    target.assert_sound().await;
}

#[tokio::test]
async fn a_wish_is_given_up_with_a_run_that_somebody_must_see_to() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(1).await;
    let mover = target.on_platform(&source).await;
    let (spec, _) = spec(&source);
    let wrong = Secret::Password("not this one".into());
    mover.start(target.account, spec, wrong, following()).await.unwrap();
    mover.cutover(target.account, OPTIONS).await.unwrap();
    target.run(&mover).end().await.unwrap_err();
    assert_eq!(mover.status(target.account).await.unwrap().unwrap().wanted, None);
    // Not even once more.
    assert_eq!(target.store.job(target.account, JobKind::Move).await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_that_was_carried_back_and_is_deleted_here_does_not_come_over() {
    let (source, target, mover, run) = verified(1, following()).await;
    let account = target.store.account(target.account).await.unwrap();
    let blobs = account.blobs();
    let make = move |tx: &sterna_store::Tx<'_>| {
        let email = Ingest::whole(&blobs, b"Subject: here\r\n\r\nhere\r\n", DateTime::utc(1_790_000_001))?;
        let made = tx.create_mailbox(&sterna_store::NewMailbox::named("Made"))?;
        tx.append(made.id, &email, &Flags::default()).map(|_| made.id)
    };
    let made = account.write(make).await.unwrap();
    mover.faults.break_at("carried back");
    mover.rollback(target.account, OPTIONS).await.unwrap();
    assert!(matches!(run.end().await, Err(Error::Cancelled)));
    // The rollback is given up, and the mailbox stays here.
    target.store.want_move(target.account, None).await.unwrap();
    account.write(move |tx| tx.delete_mailbox(made)).await.unwrap();
    let run = target.run(&mover);
    source.add(1).await;
    target.until_record(&mover, |r| stragglers(r) > 0).await;
    assert!(account.read(|tx| Ok(tx.mailbox_tree()?.find("Made").is_none())).await.unwrap());
    assert_eq!((stragglers(&target.record(&mover).await), target.uids().await), (1, vec![1, 2]));
    run.cancel.cancel();
    run.end().await.unwrap_err();
    target.assert_sound().await;
}

#[tokio::test]
async fn a_folder_that_was_carried_back_and_is_deleted_there_does_not_stay_here() {
    let (source, target, mover, run) = verified(1, following()).await;
    let account = target.store.account(target.account).await.unwrap();
    let made = |tx: &sterna_store::Tx<'_>| tx.create_mailbox(&sterna_store::NewMailbox::named("Made"));
    account.write(made).await.unwrap();
    mover.rollback(target.account, OPTIONS).await.unwrap();
    target.until_record(&mover, |r| r.state == State::RolledBack).await;
    target.clock.advance(61);
    assert_eq!(run.end().await.unwrap(), State::RolledBack);
    let delete = |tx: &sterna_store::Tx<'_>| {
        let made = tx.mailbox_tree()?.find("Made").map(|made| made.id).expect("it was carried back");
        tx.delete_mailbox(made)
    };
    source.account.write(delete).await.unwrap();
    mover.cutover(target.account, OPTIONS).await.unwrap();
    let run = target.run(&mover);
    target.until_record(&mover, |r| r.state == State::Verified).await;
    assert!(account.read(|tx| Ok(tx.mailbox_tree()?.find("Made").is_none())).await.unwrap());
    run.cancel.cancel();
    run.end().await.unwrap_err();
    target.assert_sound().await;
}
