//! The first copy: everything is the same afterwards, however odd it is.

use sterna_migrate::{Error, MoveOptions, State};
use sterna_tests::{Dovecot, DovecotOptions, ImapWire, Storage, User, malformed};

use crate::target::Target;

const FLAGS: [&str; 5] = ["", "\\Seen", "\\Seen \\Flagged", "\\Answered $Forwarded", "\\Draft \\Deleted Work"];

/// Some folders with some messages each, of sizes that fill more than one batch, with gaps between the UIDs.
pub fn fill(wire: &mut ImapWire, folders: &[&str], messages: usize) {
    for folder in folders {
        if *folder != "INBOX" {
            wire.ok(&format!("CREATE \"{folder}\""));
            wire.ok(&format!("SUBSCRIBE \"{folder}\""));
        }
        for n in 0..messages {
            let body = "text of a line\r\n".repeat(n % 50 * 10);
            let raw =
                format!("From: a@example.org\r\nMessage-ID: <{n}@{folder}>\r\nSubject: {folder} {n}\r\n\r\n{body}");
            let date = format!("{:2}-Feb-2024 09:{:02}:{:02} +0000", n % 28 + 1, n / 60 % 60, n % 60);
            assert!(wire.append(folder.as_bytes(), FLAGS[n % FLAGS.len()], Some(&date), raw.as_bytes()).is_ok());
        }
        if messages > 6 {
            wire.ok(&format!("SELECT \"{folder}\""));
            wire.ok("UID STORE 2,4:5 +FLAGS.SILENT (\\Deleted)");
            wire.ok("UID EXPUNGE 2,4:5");
            wire.ok("UNSELECT");
        }
    }
}

fn filled(options: DovecotOptions, folders: &[&str], messages: usize) -> (Dovecot, User) {
    let mut dovecot = Dovecot::with(options);
    let user = dovecot.user("anne@example.org", "secret word");
    fill(&mut dovecot.login(&user), folders, messages);
    (dovecot, user)
}

const FOLDERS: [&str; 4] = ["INBOX", "Projets", "Projets/2024", "&AMk-l&AOk-ments"];

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_mailbox_is_the_same_after_seeding() {
    let (dovecot, user) = filled(DovecotOptions::default(), &FOLDERS, 600);
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    let receipt = target.assert_same_as(&dovecot, &user).await;
    assert_eq!(receipt.totals.messages, 4 * 597);
    assert!(receipt.folders.iter().all(|f| f.highest_modseq >= f.source_highest_modseq));
    assert!(receipt.exceptions.is_empty(), "{:?}", receipt.exceptions);
    // A second run copies nothing.
    assert_eq!(target.run().await.unwrap(), State::Following);
    assert_eq!(target.receipt().await.totals.messages, 4 * 597);
    // Nor does the same move, planned anew.
    target.mover.cancel(target.account).await.unwrap();
    target.copy(&dovecot, &user).await;
    assert_eq!(target.assert_same_as(&dovecot, &user).await.totals.messages, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn modseqs_are_the_sources() {
    let (dovecot, user) = filled(DovecotOptions::default(), &["INBOX"], 20);
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    let mut wire = dovecot.login(&user);
    wire.ok("ENABLE CONDSTORE");
    wire.ok("SELECT INBOX");
    let answer = wire.ok("UID FETCH 1:* (UID MODSEQ)");
    let number = |text: &str, after: &str| -> u64 {
        let rest = text.split_once(after).unwrap().1;
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let lines = answer.untagged.iter().map(|r| r.text()).filter(|t| t.contains("MODSEQ"));
    let theirs: Vec<(u64, u64)> = lines.map(|t| (number(&t, "UID "), number(&t, "MODSEQ ("))).collect();
    let account = target.account().await;
    let tree = account.read(|tx| tx.mailbox_tree()).await.unwrap();
    let index = account.index(tree.find("INBOX").unwrap().id).await.unwrap();
    let ours: Vec<(u64, u64)> = index.iter().map(|(_, e)| (u64::from(e.uid.get()), e.modseq.0)).collect();
    assert_eq!(theirs.len(), 17);
    assert_eq!(ours, theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_names_and_keywords_are_moved_as_they_are() {
    let mut dovecot = Dovecot::with(DovecotOptions { storage: Storage::MaildirFs, ..DovecotOptions::default() });
    let user = dovecot.user("anne@example.org", "secret");
    let samples = malformed::all();
    for sample in &samples {
        dovecot.deliver(&user.login, &sample.raw);
    }
    let mut wire = dovecot.login(&user);
    for name in malformed::folder_names() {
        if wire.on_mailbox("CREATE", &name.wire).is_ok() {
            wire.on_mailbox("SUBSCRIBE", &name.wire);
            wire.append(&name.wire, "\\Seen", None, b"Subject: x\r\n\r\nx\r\n");
        }
    }
    wire.ok("SELECT INBOX");
    for keyword in malformed::keywords() {
        wire.ok(&format!("UID STORE 1:20 +FLAGS.SILENT ({keyword})"));
    }
    wire.ok("UNSELECT");
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    let receipt = target.assert_same_as(&dovecot, &user).await;
    assert!(receipt.totals.messages > samples.len() as u64 + 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_is_streamed() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    let raw = [&b"Subject: large\r\n\r\n"[..], &b"0123456789abcdef0123456789abcdef\r\n".repeat(1_000_000)].concat();
    dovecot.deliver(&user.login, &raw);
    dovecot.deliver(&user.login, b"Subject: small\r\n\r\nx\r\n");
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    target.assert_same_as(&dovecot, &user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn separator_and_namespace_are_the_sources() {
    let options = DovecotOptions { separator: '.', prefix: "INBOX.".into(), ..DovecotOptions::default() };
    let (dovecot, user) = filled(options, &["INBOX", "INBOX.Sent", "INBOX.Sent.2024"], 8);
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    target.assert_same_as(&dovecot, &user).await;
    let state = target.account().await.read(|tx| tx.account_state()).await.unwrap();
    assert_eq!((state.delimiter, state.prefix.as_str()), ('.', "INBOX."));
}

#[tokio::test(flavor = "multi_thread")]
async fn special_uses_and_subscriptions_without_a_folder_are_kept() {
    let options = DovecotOptions { special_use: true, storage: Storage::MaildirFs, ..DovecotOptions::default() };
    let (dovecot, user) = filled(options, &["INBOX", "Old"], 3);
    let mut wire = dovecot.login(&user);
    wire.ok("DELETE Old");
    wire.ok("CREATE Parent/Child");
    let target = Target::new().await;
    target.copy(&dovecot, &user).await;
    let receipt = target.assert_same_as(&dovecot, &user).await;
    assert_eq!(receipt.dangling_subscriptions, ["Old"]);
    let tree = target.account().await.read(|tx| tx.mailbox_tree()).await.unwrap();
    for (name, role) in [("Sent", "sent"), ("Drafts", "drafts"), ("Trash", "trash"), ("Junk", "junk")] {
        assert_eq!(tree.find(name).unwrap().role.unwrap().as_str(), role);
    }
    // The folder comes back, the subscription goes.
    wire.ok("CREATE Old");
    wire.ok("UNSUBSCRIBE Old");
    target.run().await.unwrap();
    target.assert_same_as(&dovecot, &user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_is_moved_by_one_run_at_a_time() {
    let (dovecot, user) = filled(DovecotOptions::default(), &["INBOX"], 3);
    let target = Target::new().await;
    target.plan(dovecot.port(), &user, MoveOptions::default()).await;
    // Whichever comes first.
    let (first, second) = tokio::join!(target.run(), target.run());
    let (moved, refused) = if first.is_ok() { (first, second) } else { (second, first) };
    assert_eq!(moved.unwrap(), State::Following);
    assert!(matches!(refused, Err(Error::Running(_))));
    assert!(matches!(
        target
            .mover
            .run(
                sterna_core::AccountId(99),
                &sterna_migrate::Cancel::new(),
                tokio::sync::watch::Sender::new(sterna_migrate::Progress::default())
            )
            .await,
        Err(Error::NoMove(_) | Error::Store(_))
    ));
}
