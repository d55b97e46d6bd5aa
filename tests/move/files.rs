//! Maildir and mbox, in and out: what Dovecot has on disk is what a client of Dovecot sees, and twice is once.

use sterna_core::{DateTime, Flag, Flags, Keyword};
use sterna_message::Ingest;
use sterna_migrate::{Cancel, Progress, files};
use sterna_tests::{Dovecot, DovecotOptions, Ignore, malformed, snapshot};
use tokio::sync::watch;

use crate::seeding::fill;
use crate::target::Target;

fn quiet() -> (Cancel, watch::Sender<Progress>) {
    (Cancel::new(), watch::Sender::new(Progress::default()))
}

/// A Maildir knows no MODSEQ.
const IGNORE: Ignore = Ignore { uid_next: false, mod_seq: true, delimiter: true, uid_validity: false };

#[tokio::test(flavor = "multi_thread")]
async fn a_dovecot_maildir_is_imported_with_uids_flags_and_keywords_and_comes_out_again() {
    let options = DovecotOptions { separator: '.', ..DovecotOptions::default() };
    let mut dovecot = Dovecot::with(options.clone());
    let user = dovecot.user("anne@example.org", "secret");
    fill(&mut dovecot.login(&user), &["INBOX", "Work", "Work.Deep", "&AMk-l&AOk-ments"], 12);
    let source = snapshot(&mut dovecot.login(&user));
    let target = Target::new().await;
    let account = target.account().await;
    account.write(|tx| tx.set_namespace('.', "")).await.unwrap();
    let maildir = dovecot.home(&user.login).join("Maildir");
    for (messages, known) in [(4 * 9, 0), (0, 4 * 9)] {
        let (cancel, progress) = quiet();
        let report = files::import_maildir(&account, &maildir, &cancel, progress).await.unwrap();
        assert_eq!((report.messages, report.known, report.exceptions), (messages, known, Vec::<String>::new()));
        let mut here = target.snapshot().await;
        // A new account's INBOX is subscribed, Dovecot's is not.
        here.0.get_mut(&b"INBOX"[..]).unwrap().subscribed = source.folder("INBOX").subscribed;
        source.assert_same(&here, IGNORE);
    }
    target.assert_sound().await;

    // Out again, into a second Dovecot.
    let mut second = Dovecot::with(options);
    let copy = second.user("copy@example.org", "secret");
    let out = second.home(&copy.login).join("Maildir");
    std::fs::create_dir_all(&out).unwrap();
    for (messages, known) in [(4 * 9, 0), (0, 4 * 9)] {
        let (cancel, progress) = quiet();
        let report = files::export_maildir(&account, &out, &cancel, progress).await.unwrap();
        assert_eq!((report.messages, report.known), (messages, known));
    }
    second.take_over_files(&copy.login);
    let mut again = snapshot(&mut second.login(&copy));
    again.0.get_mut(&b"INBOX"[..]).unwrap().subscribed = source.folder("INBOX").subscribed;
    source.assert_same(&again, IGNORE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mbox_brings_every_message_once_even_when_it_grows() {
    let target = Target::new().await;
    let account = target.account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("archive");
    let mut text = String::from("From a Sun Feb  1 09:30:00 2026\nStatus: RO\nSubject: one\n\n>From here\n\n");
    text += "From b Mon Feb  2 10:00:00 2026\nSubject: two\n\nbody\n\n";
    for (more, messages, known) in [("", 2, 0), ("", 0, 2), ("From c\nSubject: three\n\nend\n", 1, 2)] {
        text += more;
        std::fs::write(&file, &text).unwrap();
        let (cancel, progress) = quiet();
        let report = files::import_mbox(&account, &file, "Old/Archive", &cancel, progress).await.unwrap();
        assert_eq!((report.messages, report.known), (messages, known));
    }
    let here = target.snapshot().await;
    let messages = &here.folder("Old/Archive").messages;
    let one = sterna_tests::Message::new(
        "\\Seen",
        " 1-Feb-2026 09:30:00 +0000",
        b"Status: RO\r\nSubject: one\r\n\r\nFrom here\r\n",
    );
    assert_eq!((messages.len(), &messages[&1]), (3, &one));
    target.assert_sound().await;
    std::fs::write(&file, "no mbox").unwrap();
    let (cancel, progress) = quiet();
    let error = files::import_mbox(&account, &file, "X", &cancel, progress).await.unwrap_err();
    assert!(error.to_string().contains("is no mbox"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_come_back_from_an_mbox() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    for sample in malformed::all() {
        dovecot.deliver(&user.login, &sample.raw);
    }
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    let directory = tempfile::tempdir().unwrap();
    let account = target.account().await;
    let (cancel, progress) = quiet();
    files::export_mbox(&account, directory.path(), &cancel, progress).await.unwrap();
    let (cancel, progress) = quiet();
    let file = directory.path().join("INBOX.mbox");
    files::import_mbox(&account, &file, "Back", &cancel, progress).await.unwrap();
    let here = target.snapshot().await;
    let (inbox, back) = (&here.folder("INBOX").messages, &here.folder("Back").messages);
    assert_eq!(inbox.len(), back.len());
    // A message without a final line end gets one: an mbox cannot be without.
    let same = inbox
        .values()
        .zip(back.values())
        .filter(|(a, b)| a.hash == b.hash || (1..=2).contains(&b.octets.wrapping_sub(a.octets)));
    assert_eq!(same.count(), inbox.len());
    target.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keywords_that_a_maildir_cannot_hold_are_reported() {
    let target = Target::new().await;
    let account = target.account().await;
    let message = Ingest::whole(&account.blobs(), b"Subject: x\r\n\r\nx\r\n", DateTime::utc(1_700_000_000)).unwrap();
    let keywords = (10..38).map(|n| Flag::Keyword(Keyword::new(&format!("label{n}")).unwrap()));
    let flags: Flags = keywords.collect();
    account
        .write(move |tx| {
            let inbox = tx.mailbox_tree()?.find("INBOX").unwrap().id;
            tx.append(inbox, &message, &flags)
        })
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (cancel, progress) = quiet();
    let report = files::export_maildir(&account, directory.path(), &cancel, progress).await.unwrap();
    let [told] = &report.exceptions[..] else { panic!("{:?}", report.exceptions) };
    assert!(told.ends_with("left out: label36, label37"), "{told}");
    let listed = std::fs::read_to_string(directory.path().join("dovecot-keywords")).unwrap();
    assert_eq!(listed.lines().count(), 26);
}
