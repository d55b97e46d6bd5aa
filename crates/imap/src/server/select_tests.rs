//! Opening mailboxes, and what a client that comes back is told.

use std::time::Instant;

use sterna_core::{Flag, Flags, Keyword, ModSeq, SystemFlags, Uid};
use sterna_store::{FlagChange, Import, UidRange};

use super::super::testing::Client;

const MAIL: &str = "Subject: hello\r\n\r\nbody\r\n";

fn has(responses: &[String], start: &str) -> bool {
    responses.iter().any(|r| r.starts_with(start))
}

#[tokio::test]
async fn select_tells_what_rfc3501_and_rfc9051_ask_for() {
    let mut c = Client::start().await;
    c.append(MAIL, &["\\Seen", "$Work"]).await;
    c.append(MAIL, &[]).await;
    let rev1 = c.ok("SELECT inbox").await;
    for start in [
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)",
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\*)]",
        "* 2 EXISTS",
        "* 0 RECENT",
        "* OK [UNSEEN 2]",
        "* OK [UIDVALIDITY ",
        "* OK [UIDNEXT 3]",
        "* OK [HIGHESTMODSEQ ",
        "* OK [MAILBOXID (F",
    ] {
        assert!(has(&rev1, start), "{start} in {rev1:?}");
    }
    assert_eq!(c.ok("ENABLE IMAP4rev2 BOGUS").await, ["* ENABLED IMAP4rev2"]);
    let rev2 = c.cmd("EXAMINE INBOX").await;
    assert_eq!(rev2[0], "* OK [CLOSED] the previous mailbox is closed");
    assert!(has(&rev2, "* LIST () \"/\" INBOX") && has(&rev2, "* OK [PERMANENTFLAGS ()]"));
    assert!(!has(&rev2, "* 0 RECENT") && !has(&rev2, "* OK [UNSEEN"));
    assert!(rev2.last().unwrap().starts_with("OK [READ-ONLY]"));
}

#[tokio::test]
async fn a_failed_select_leaves_no_mailbox_open() {
    let mut c = Client::start().await;
    let account = c.account();
    account
        .write(|tx| {
            tx.create_mailbox(&sterna_store::NewMailbox { no_select: true, ..sterna_store::NewMailbox::named("Top") })
        })
        .await
        .unwrap();
    c.ok("SELECT INBOX").await;
    assert!(has(&c.cmd("SELECT Nowhere").await, "NO [NONEXISTENT]"));
    assert!(has(&c.cmd("FETCH 1 FLAGS").await, "BAD"));
    assert!(has(&c.cmd("SELECT Top").await, "NO "));
}

#[tokio::test]
async fn close_expunges_and_unselect_does_not() {
    let mut c = Client::start().await;
    c.append(MAIL, &["\\Deleted"]).await;
    c.ok("SELECT INBOX").await;
    c.ok("UNSELECT").await;
    c.ok("EXAMINE INBOX").await;
    c.ok("CLOSE").await;
    assert_eq!(c.ok("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 1)"]);
    c.ok("SELECT INBOX").await;
    assert_eq!(c.ok("CLOSE").await, Vec::<String>::new());
    assert_eq!(c.ok("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 0)"]);
    assert!(has(&c.cmd("CLOSE").await, "BAD"));
    c.check().await;
}

#[tokio::test]
async fn qresync_tells_what_a_client_missed() {
    let mut c = Client::start().await;
    for _ in 0..6 {
        c.append(MAIL, &[]).await;
    }
    let account = c.account();
    let index = account.index(sterna_core::MailboxId(inbox(&c).await)).await.unwrap();
    let (validity, since) = (index.uid_validity(), index.mailbox.highest_modseq);
    let id = index.mailbox.id;
    account
        .write(move |tx| {
            let uids: Vec<UidRange> = [2, 5].into_iter().filter_map(Uid::new).map(UidRange::one).collect();
            tx.expunge(id, &uids)?;
            let seen = FlagChange::Add(Flags::system(SystemFlags::SEEN));
            tx.change_flags(
                id,
                &[UidRange::one(Uid::new(3).unwrap()), UidRange::one(Uid::new(6).unwrap())],
                &seen,
                None,
            )
        })
        .await
        .unwrap();
    assert!(has(&c.cmd(&format!("SELECT INBOX (QRESYNC ({validity} {since}))")).await, "BAD"));
    c.ok("ENABLE QRESYNC").await;
    let told = |r: &[String]| -> Vec<String> {
        r.iter().filter(|l| l.contains("VANISHED") || l.contains("FETCH")).cloned().collect()
    };
    let all = c.ok(&format!("SELECT INBOX (QRESYNC ({validity} {since}))")).await;
    let all = told(&all);
    assert_eq!(all[0], "* VANISHED (EARLIER) 2,5");
    assert!(all[1].starts_with("* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (") && all[2].starts_with("* 4 FETCH (UID 6 "));
    assert_eq!(all.len(), 3);
    let some = c.ok(&format!("SELECT INBOX (QRESYNC ({validity} {since} 1:3))")).await;
    let some = told(&some);
    assert_eq!((some.len(), some[0].as_str()), (2, "* VANISHED (EARLIER) 2"));
    let matched = c.ok(&format!("SELECT INBOX (QRESYNC ({validity} {since} 1:6 (1,3 1,4)))")).await;
    assert_eq!(told(&matched)[0], "* VANISHED (EARLIER) 5");
    let other = c.ok(&format!("SELECT INBOX (QRESYNC ({} {since}))", validity.get() ^ 1)).await;
    assert!(told(&other).is_empty());
}

async fn inbox(c: &Client) -> u64 {
    c.account().read(|tx| Ok(tx.mailbox_tree()?.find("INBOX").map(|m| m.id.0))).await.unwrap().unwrap()
}

#[tokio::test]
async fn expunges_before_an_import_are_told_by_what_is_not_there() {
    let mut c = Client::start().await;
    let account = c.account();
    let id = sterna_core::MailboxId(inbox(&c).await);
    let date = sterna_core::DateTime::utc(0);
    let email = |n: u32| sterna_message::Ingest::whole(&account.blobs(), format!("X: {n}").as_bytes(), date).unwrap();
    let emails: Vec<(u32, sterna_store::NewEmail)> = [2u32, 7, 9].into_iter().map(|n| (n, email(n))).collect();
    account
        .write(move |tx| {
            tx.import_identity(id, sterna_core::UidValidity::new(77).unwrap(), 12, ModSeq(500))?;
            for (uid, email) in &emails {
                let import = Import { modseq: Some(ModSeq(400)), ..Import::default() };
                tx.import(id, Uid::new(*uid).unwrap(), email, &Flags::default(), &import)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    c.ok("ENABLE QRESYNC").await;
    let known = c.ok("SELECT INBOX (QRESYNC (77 450 1:3,7,8))").await;
    assert!(has(&known, "* VANISHED (EARLIER) 1,3,8"), "{known:?}");
    let all = c.ok("SELECT INBOX (QRESYNC (77 450))").await;
    assert!(has(&all, "* VANISHED (EARLIER) 1,3:6,8,10:11"), "{all:?}");
}

#[tokio::test]
async fn opening_a_large_mailbox_again_is_quick() {
    let mut c = Client::start().await;
    let account = c.account();
    let id = sterna_core::MailboxId(inbox(&c).await);
    let email =
        sterna_message::Ingest::whole(&account.blobs(), MAIL.as_bytes(), sterna_core::DateTime::utc(0)).unwrap();
    let work: Flags =
        [Flag::System(SystemFlags::SEEN), Flag::Keyword(Keyword::new("$Work").unwrap())].into_iter().collect();
    account
        .write(move |tx| {
            tx.append(id, &email, &work)?;
            // Doubling copies makes many messages of one in a moment.
            for _ in 0..17 {
                tx.copy(id, &[UidRange::ALL], id)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    c.ok("SELECT INBOX").await;
    let started = Instant::now();
    for _ in 0..20 {
        c.ok("SELECT INBOX").await;
    }
    let each = started.elapsed() / 20;
    println!("warm SELECT of {} messages: {each:?}", 1 << 17);
}
