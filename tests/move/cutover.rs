//! Cutovers from a real Dovecot: the flip, what comes to the old side after it, a source that fails under the hold, the way back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sterna_frontdoor::{Door, Entry, HoldTimes, Kind, Signal};
use sterna_migrate::{Cancel, CutoverOptions, MoveOptions, Mover, Progress, Record, State};
use sterna_net::Login;
use sterna_store::Route;
use sterna_tests::{Dovecot, DovecotOptions, User};
use tokio::sync::watch;

use crate::following::wait_until;
use crate::seeding::fill;
use crate::target::Target;

const OPTIONS: CutoverOptions = CutoverOptions {
    times: HoldTimes { finish: Duration::from_secs(1), deadline: Duration::from_secs(10) },
    attempts: 5,
    rollback_window: Duration::from_secs(3600),
    back_sync: false,
};

/// A mailbox on a platform, and a mover that follows it.
struct Live {
    dovecot: Arc<Mutex<Dovecot>>,
    user: User,
    target: Target,
    door: Door,
    mover: Mover,
    run: Option<(Cancel, tokio::task::JoinHandle<sterna_migrate::Result<State>>)>,
}

impl Live {
    async fn new(options: DovecotOptions) -> Live {
        let mut dovecot = Dovecot::with(options);
        let user = dovecot.user("anne@example.org", "secret");
        fill(&mut dovecot.login(&user), &["INBOX", "Work", "Work/Deep"], 12);
        let target = Target::new().await;
        let settings = format!(r#"{{"imap":"imap://127.0.0.1:{}?tls=none"}}"#, dovecot.port());
        target.store.add_platform("old", settings, None).await.unwrap();
        target.store.set_route(target.account, Some("platform:old".into())).await.unwrap();
        let interval = Duration::from_millis(300);
        target.plan(dovecot.port(), &user, MoveOptions { follow: true, interval, ..MoveOptions::default() }).await;
        let mut live = Live::opened(Arc::new(Mutex::new(dovecot)), user, target);
        live.start();
        live.until(|r| r.state == State::Following).await;
        live
    }

    fn opened(dovecot: Arc<Mutex<Dovecot>>, user: User, target: Target) -> Live {
        let door = Door::new(target.store.clone(), Login::new(target.store.clone(), Duration::from_millis(1)));
        let mover = target.mover.clone().with_door(door.clone());
        Live { dovecot, user, target, door, mover, run: None }
    }

    fn start(&mut self) {
        let (mover, account, cancel) = (self.mover.clone(), self.target.account, Cancel::new());
        let stop = cancel.clone();
        let task =
            tokio::spawn(async move { mover.run(account, &stop, watch::Sender::new(Progress::default())).await });
        self.run = Some((cancel, task));
    }

    /// Ends the run where it stands, as a crash would, and opens the store anew.
    async fn crash(mut self) -> Live {
        let (_, task) = self.run.take().unwrap();
        task.abort();
        let _ = task.await;
        let Live { dovecot, user, target, door, mover, .. } = self;
        drop((door, mover));
        let mut live = Live::opened(dovecot, user, target.reopened().await);
        live.start();
        live
    }

    async fn record(&self) -> Record {
        self.mover.status(self.target.account).await.unwrap().unwrap().record
    }

    async fn until(&self, what: impl Fn(&Record) -> bool) -> Record {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let record = self.record().await;
            if what(&record) {
                return record;
            }
            assert!(Instant::now() < deadline, "{record:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn cut_over(&self) -> Record {
        self.mover.cutover(self.target.account, OPTIONS).await.unwrap();
        self.until(|r| r.state == State::Verified).await
    }

    async fn route(&self) -> Route {
        self.target.store.routed_by_id(self.target.account).await.unwrap().unwrap().route
    }

    fn deliver(&self, subject: &str) {
        let raw = format!("Subject: {subject}\r\n\r\nx\r\n");
        self.dovecot.lock().unwrap().deliver(&self.user.login, raw.as_bytes());
    }

    async fn inbox(&self) -> Vec<u32> {
        self.target.snapshot().await.folder("INBOX").messages.keys().copied().collect()
    }

    async fn end(mut self) {
        let (cancel, task) = self.run.take().unwrap();
        cancel.cancel();
        let _ = task.await;
        self.target.assert_sound().await;
    }
}

fn stragglers(record: &Record) -> u64 {
    record.cutover.as_ref().and_then(|c| c.flip.as_ref()).map_or(0, |f| f.stragglers)
}

async fn a_flip_is_verified_and_stragglers_come_over_once(options: DovecotOptions) {
    let mut live = Live::new(options).await;
    let record = live.cut_over().await;
    assert_eq!(live.route().await, Route::Local);
    let flip = record.cutover.unwrap().flip.unwrap();
    assert_eq!(flip.differences, Vec::<String>::new());
    assert!(flip.folders.iter().all(|f| f.digest == f.source_digest && f.digest.len() == 64), "{flip:#?}");
    assert_eq!(live.inbox().await.len(), 9);
    let last = live.inbox().await.last().copied().unwrap();
    for n in 1..=4u32 {
        live.deliver(&format!("late {n}"));
        // Broken off while it is on its way, or a moment before or behind.
        tokio::time::sleep(Duration::from_millis(u64::from(n) * 40)).await;
        live = live.crash().await;
        let all = live.until(|r| stragglers(r) == u64::from(n)).await;
        assert_eq!(all.state, State::Verified);
        assert_eq!(live.inbox().await.len() as u32, 9 + n);
    }
    let wire = |live: &Live| live.dovecot.lock().unwrap().login(&live.user);
    // Flags and expunges of the old side are not followed; a folder made there is.
    let mut old = wire(&live);
    old.ok("SELECT Work");
    old.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    old.ok("EXPUNGE");
    old.ok("CREATE Fresh");
    assert!(old.append(b"Fresh", "\\Flagged", None, b"Subject: fresh\r\n\r\nx\r\n").is_ok());
    live.until(|r| stragglers(r) == 5).await;
    let here = live.target.snapshot().await;
    assert_eq!((here.folder("Fresh").messages.len(), here.folder("Work").messages.len()), (1, 9));
    assert!(here.folder("INBOX").messages.keys().filter(|uid| **uid > last).count() == 4);
    let receipt = live.target.mover.receipt(live.target.account, &Default::default()).await.unwrap();
    let verdict = sterna_migrate::verify(&receipt.json().unwrap()).unwrap();
    assert_eq!(verdict.comparison.cutover.unwrap().flip.unwrap().stragglers, 5);
    assert!(receipt.markdown().contains("| stragglers | 5 messages"), "{}", receipt.markdown());
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flip_is_verified_with_qresync() {
    a_flip_is_verified_and_stragglers_come_over_once(DovecotOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flip_is_verified_without_condstore() {
    a_flip_is_verified_and_stragglers_come_over_once(DovecotOptions { condstore: false, ..Default::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_goes_down_under_the_hold_costs_a_try_and_nothing_else() {
    let live = Live::new(DovecotOptions::default()).await;
    let entry =
        live.door.enter("127.0.0.1".parse().unwrap(), b"anne@example.org", b"secret", Kind::Parks, &mut 0).await;
    let Ok(Entry::Remote(mut guest)) = entry else { panic!("not remote") };
    let dovecot = live.dovecot.clone();
    // The first hold finds the source gone as soon as the session is parked.
    let session = tokio::spawn(async move {
        let Signal::Asked(ask) = guest.stay.disturbed().await else { panic!("not asked") };
        tokio::task::spawn_blocking(move || dovecot.lock().unwrap().kill_9()).await.unwrap();
        guest.stay.answer(ask);
        let freed = guest.stay.parked().await;
        drop(guest);
        freed
    });
    live.mover.cutover(live.target.account, OPTIONS).await.unwrap();
    let failed = |r: &Record| r.cutover.as_ref().is_some_and(|c| c.failed_holds > 0);
    let record = live.until(failed).await;
    assert!(!record.state.is_here());
    assert_eq!(live.route().await, Route::Platform("old".into()));
    assert_eq!(session.await.unwrap(), Signal::Free);
    let dovecot = live.dovecot.clone();
    tokio::task::spawn_blocking(move || dovecot.lock().unwrap().restart()).await.unwrap();
    let record = live.until(|r| r.state == State::Verified).await;
    assert_eq!(record.cutover.unwrap().flip.unwrap().differences, Vec::<String>::new());
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_uidvalidity_is_copied_anew_before_the_flip_and_reported_behind_it() {
    let live = Live::new(DovecotOptions::default()).await;
    let mut old = live.dovecot.lock().unwrap().login(&live.user);
    let mut anew = |folder: &str| {
        old.ok("UNSUBSCRIBE Work/Deep");
        old.ok(&format!("DELETE {folder}"));
        // Dovecot takes the time of day as UIDVALIDITY.
        std::thread::sleep(Duration::from_millis(1_100));
        old.ok(&format!("CREATE {folder}"));
        assert!(old.append(folder.as_bytes(), "", None, b"Subject: anew\r\n\r\nx\r\n").is_ok());
    };
    anew("Work/Deep");
    let record = live.cut_over().await;
    assert_eq!(record.cutover.unwrap().flip.unwrap().differences, Vec::<String>::new());
    assert_eq!(live.target.snapshot().await.folder("Work/Deep").messages.len(), 1);
    anew("Work/Deep");
    let (account, name) = (live.target.account().await, b"Work/Deep".to_vec());
    wait_until(|| async {
        let noted = account.read(|tx| tx.move_exceptions()).await.unwrap();
        noted.iter().any(|e| e.source == name && e.reason.contains("after the flip"))
    })
    .await;
    assert_eq!(live.target.snapshot().await.folder("Work/Deep").messages.len(), 1);
    assert_eq!(stragglers(&live.record().await), 0);
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_has_everything_on_the_old_side_again() {
    let live = Live::new(DovecotOptions::default()).await;
    live.cut_over().await;
    let account = live.target.account().await;
    let blobs = account.blobs();
    let change = move |tx: &sterna_store::Tx<'_>| {
        let raw = b"Subject: only here\r\n\r\nhere\r\n";
        let email = sterna_message::Ingest::whole(&blobs, raw, sterna_core::DateTime::utc(1_700_000_000))?;
        let tree = tx.mailbox_tree()?;
        tx.append(tree.find("INBOX").unwrap().id, &email, &sterna_core::Flags::default())?;
        let work = tree.find("Work").unwrap().id;
        let made = tx.create_mailbox(&sterna_store::NewMailbox::named("Made here"))?;
        tx.move_messages(work, &[sterna_store::UidRange::ALL], made.id)
    };
    let moved = account.write(change).await.unwrap().len();
    live.deliver("straggler");
    live.until(|r| stragglers(r) == 1).await;
    live.mover.rollback(live.target.account, OPTIONS).await.unwrap();
    let record = live.until(|r| r.state == State::RolledBack).await;
    assert_eq!(live.route().await, Route::Platform("old".into()));
    let undone = record.cutover.unwrap().rollback.unwrap();
    assert_eq!(undone.carried.left, Vec::<String>::new());
    let old = sterna_tests::snapshot(&mut live.dovecot.lock().unwrap().login(&live.user));
    assert_eq!(old.folder("INBOX").messages.len(), 9 + 2);
    assert_eq!((old.folder("Work").messages.len(), old.folder("Made here").messages.len()), (0, moved));
    live.end().await;
}
