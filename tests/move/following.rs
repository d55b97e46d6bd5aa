//! After the first copy: every change at the source is carried over, nothing that was added here is touched.

use std::time::{Duration, Instant};

use sterna_core::{DateTime, Flags};
use sterna_migrate::{Cancel, MoveOptions, Progress};
use sterna_tests::{Dovecot, DovecotOptions, Storage, User, snapshot};
use tokio::sync::watch;

use crate::seeding::fill;
use crate::target::{IGNORE, Target};

async fn copied(options: DovecotOptions) -> (Dovecot, User, Target) {
    let mut dovecot = Dovecot::with(options);
    let user = dovecot.user("anne@example.org", "secret");
    fill(&mut dovecot.login(&user), &["INBOX", "Work", "Work/Deep"], 12);
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    (dovecot, user, target)
}

/// New, changed, expunged; folders created, deleted, renamed.
async fn every_kind_of_change_is_followed(options: DovecotOptions) {
    let (dovecot, user, target) = copied(options).await;
    let mut wire = dovecot.login(&user);
    let append = |wire: &mut sterna_tests::ImapWire, folder: &str| {
        assert!(wire.append(folder.as_bytes(), "\\Flagged", None, b"Subject: new\r\n\r\nnew\r\n").is_ok());
    };
    append(&mut wire, "INBOX");
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 1 FLAGS.SILENT ($Label1)");
    wire.ok("UID STORE 3,6 +FLAGS.SILENT (\\Deleted \\Seen)");
    wire.ok("UID EXPUNGE 3");
    wire.ok("UNSELECT");
    target.run().await.unwrap();
    target.assert_same_as(&dovecot, &user).await;

    wire.ok("CREATE New");
    append(&mut wire, "New");
    wire.ok("SUBSCRIBE New");
    wire.ok("RENAME Work/Deep Elsewhere");
    target.run().await.unwrap();
    target.assert_same_as(&dovecot, &user).await;

    wire.ok("DELETE New");
    wire.ok("UNSUBSCRIBE New");
    wire.ok("SELECT Work");
    wire.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    wire.ok("EXPUNGE");
    wire.ok("UNSELECT");
    target.run().await.unwrap();
    let receipt = target.assert_same_as(&dovecot, &user).await;
    assert!(receipt.totals.expunged >= 10, "{:?}", receipt.totals);
    assert!(receipt.exceptions.is_empty(), "{:?}", receipt.exceptions);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_with_qresync() {
    every_kind_of_change_is_followed(DovecotOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_without_condstore() {
    every_kind_of_change_is_followed(DovecotOptions { condstore: false, ..DovecotOptions::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_with_nothing_to_do_opens_no_folder() {
    let (dovecot, _, target) = copied(DovecotOptions { storage: Storage::Sdbox, ..DovecotOptions::default() }).await;
    target.run().await.unwrap();
    let before = target.account().await.read(|tx| tx.account_state()).await.unwrap();
    let begun = Instant::now();
    target.run().await.unwrap();
    assert_eq!(target.account().await.read(|tx| tx.account_state()).await.unwrap(), before);
    // Measured by the bench; here only that it is no copy.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(dovecot);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_here_is_never_touched() {
    let (dovecot, user, target) = copied(DovecotOptions::default()).await;
    let account = target.account().await;
    let blobs = account.blobs();
    let local = move |tx: &sterna_store::Tx<'_>, path: &str| {
        let raw = b"Subject: only here\r\n\r\nhere\r\n";
        let email = sterna_message::Ingest::whole(&blobs, raw, DateTime::utc(1_700_000_000))?;
        let mailbox = tx.mailbox_tree()?.find(path).unwrap().id;
        tx.append(mailbox, &email, &Flags::default())
    };
    let added = account
        .write(move |tx| Ok((local(tx, "INBOX")?.uid, local(tx, "Work")?.uid, local(tx, "Work/Deep")?.uid)))
        .await
        .unwrap();
    // The source gives the same UID to another message, and deletes a folder that has one of ours.
    let mut wire = dovecot.login(&user);
    assert!(wire.append(b"INBOX", "", None, b"Subject: theirs\r\n\r\ntheirs\r\n").is_ok());
    wire.ok("DELETE Work/Deep");
    wire.ok("UNSUBSCRIBE Work/Deep");
    wire.ok("SELECT Work");
    wire.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    wire.ok("EXPUNGE");
    wire.ok("UNSELECT");
    for _ in 0..2 {
        target.run().await.unwrap();
    }
    let here = target.snapshot().await;
    let only_here = blake3_of(b"Subject: only here\r\n\r\nhere\r\n");
    assert_eq!(here.folder("INBOX").messages[&added.0.get()].hash.to_hex().to_string(), only_here);
    assert_eq!(here.folder("INBOX").messages.len(), 9 + 1 + 1);
    assert_eq!(here.folder("Work").messages.keys().copied().collect::<Vec<_>>(), [added.1.get()]);
    assert_eq!(here.folder("Work/Deep").messages.keys().copied().collect::<Vec<_>>(), [added.2.get()]);
    let wanted = blake3_of(b"Subject: theirs\r\n\r\ntheirs\r\n");
    let theirs = here.folder("INBOX").messages.values().filter(|m| m.hash.to_hex().to_string() == wanted);
    assert_eq!(theirs.count(), 1);
    target.assert_sound().await;
}

fn blake3_of(bytes: &[u8]) -> String {
    sterna_tests::Message::new("", "", bytes).hash.to_hex().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_new_uidvalidity_is_copied_anew() {
    let (dovecot, user, target) = copied(DovecotOptions::default()).await;
    let before = target.snapshot().await.folder("Work").uid_validity;
    let mut wire = dovecot.login(&user);
    wire.ok("DELETE Work/Deep");
    wire.ok("DELETE Work");
    // Dovecot takes the time of day as UIDVALIDITY.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    wire.ok("CREATE Work");
    for n in 0..3 {
        let raw = format!("Subject: anew {n}\r\n\r\nx\r\n");
        assert!(wire.append(b"Work", "\\Seen", None, raw.as_bytes()).is_ok());
    }
    wire.ok("UNSUBSCRIBE Work/Deep");
    target.run().await.unwrap();
    let after = target.snapshot().await;
    assert_ne!(after.folder("Work").uid_validity, before);
    let source = snapshot(&mut dovecot.login(&user));
    source.assert_same(&after, sterna_tests::Ignore { uid_next: true, ..IGNORE });
    let receipt = target.receipt().await;
    assert!(receipt.equal, "{receipt:#?}");
    assert!(receipt.exceptions.iter().any(|e| e.reason.contains("UIDVALIDITY changed")), "{:?}", receipt.exceptions);
    target.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_carries_changes_over_until_it_is_cancelled() {
    let (mut dovecot, user, target) = copied(DovecotOptions::default()).await;
    let options = MoveOptions { follow: true, interval: Duration::from_millis(300), ..MoveOptions::default() };
    target.plan(dovecot.port(), &user, options).await;
    let cancel = Cancel::new();
    let running = {
        let (mover, account, cancel) = (target.mover.clone(), target.account, cancel.clone());
        tokio::spawn(async move { mover.run(account, &cancel, watch::Sender::new(Progress::default())).await })
    };
    dovecot.deliver(&user.login, b"Subject: while following\r\n\r\nx\r\n");
    wait_until(|| async { target.snapshot().await.folder("INBOX").messages.len() == 10 }).await;
    // A restart of the source is waited out.
    dovecot.restart();
    assert!(dovecot.login(&user).append(b"Work", "", None, b"Subject: later\r\n\r\nx\r\n").is_ok());
    wait_until(|| async { target.snapshot().await.folder("Work").messages.len() == 10 }).await;
    cancel.cancel();
    assert!(matches!(running.await.unwrap(), Err(sterna_migrate::Error::Cancelled)));
    target.assert_same_as(&dovecot, &user).await;
}

pub async fn wait_until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "it did not come about within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
