use sterna_store::UidRange;

use crate::server::testing::Client;

/// INBOX with UIDs 2, 3 and 4, and a mailbox Target.
async fn selected() -> Client {
    let mut c = Client::start().await;
    for n in 1..=4 {
        c.append(format!("Subject: {n}\r\n\r\n"), &["\\Seen"]).await;
    }
    let expunge = |tx: &sterna_store::Tx<'_>| {
        let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
        tx.expunge(id, &[UidRange::one(sterna_core::Uid::MIN)])
    };
    c.account().write(expunge).await.unwrap();
    c.ok("CREATE Target").await;
    c.ok("SELECT INBOX").await;
    c
}

/// `[COPYUID validity sources copies]` without the validity.
fn copyuid(response: &str) -> (String, String) {
    let code = response.split("[COPYUID ").nth(1).unwrap().split(']').next().unwrap();
    let words: Vec<&str> = code.split(' ').collect();
    (words[1].to_owned(), words[2].to_owned())
}

#[tokio::test]
async fn copy_keeps_flags_and_dates_and_tells_copyuid() {
    let mut c = selected().await;
    let responses = c.cmd("COPY 1,3 Target").await;
    assert!(responses[0].starts_with("OK [COPYUID "), "{responses:?}");
    assert_eq!(copyuid(&responses[0]), ("2,4".into(), "1:2".into()));
    assert_eq!(copyuid(&c.cmd("UID COPY 1:3 \"Target\"").await[0]), ("2:3".into(), "3:4".into()));
    assert!(c.cmd("UID COPY 9 Target").await[0].starts_with("OK No "));
    let ids = c.ok("FETCH 1 EMAILID").await;
    c.ok("SELECT Target").await;
    let told = c.ok("FETCH 1:2 (FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await;
    assert!(told[1].contains("FLAGS (\\Seen) INTERNALDATE \" 1-Feb-2026 09:30:00 +0100\""), "{told:?}");
    assert!(told[1].contains("Subject: 4"), "{told:?}");
    assert_eq!(c.ok("FETCH 1 EMAILID").await, ids);
    c.check().await;
}

#[tokio::test]
async fn move_tells_copyuid_before_the_expunges() {
    let mut c = selected().await;
    let responses = c.cmd("MOVE 2:3 Target").await;
    assert!(responses[0].starts_with("* OK [COPYUID "), "{responses:?}");
    assert_eq!(copyuid(&responses[0]), ("3:4".into(), "1:2".into()));
    assert_eq!(&responses[1..3], ["* 3 EXPUNGE", "* 2 EXPUNGE"]);
    assert!(responses[3].starts_with("OK "), "{responses:?}");
    c.ok("ENABLE QRESYNC").await;
    let responses = c.cmd("UID MOVE 2 Target").await;
    assert_eq!(responses[1], "* VANISHED 2");
    assert!(responses[2].starts_with("OK [HIGHESTMODSEQ "), "{responses:?}");
    c.check().await;
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_is_trycreate() {
    let mut c = selected().await;
    for command in ["COPY 1 Nowhere", "UID MOVE 2 Nowhere"] {
        assert!(c.cmd(command).await[0].starts_with("NO [TRYCREATE]"), "{command}");
    }
    assert_eq!(c.ok("UID FETCH 1:* UID").await.len(), 3);
}

#[tokio::test]
async fn a_copy_over_the_quota_copies_nothing_and_a_move_needs_no_quota() {
    let mut c = selected().await;
    c.account().write(|tx| tx.set_quota(Some(tx.account_state()?.used_bytes + 20))).await.unwrap();
    assert!(c.cmd("COPY 1:3 Target").await[0].starts_with("NO [OVERQUOTA]"));
    assert!(c.cmd("MOVE 1:3 Target").await[0].starts_with("* OK [COPYUID "));
    c.check().await;
}

#[tokio::test]
async fn a_number_that_is_gone_fails_the_whole_copy() {
    let mut c = selected().await;
    let expunge = |tx: &sterna_store::Tx<'_>| {
        let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
        tx.expunge(id, &[UidRange { first: sterna_core::Uid::MIN, last: sterna_core::Uid::new(2).unwrap() }])
    };
    c.account().write(expunge).await.unwrap();
    let responses = c.cmd("COPY 1:3 Target").await;
    assert!(responses.last().unwrap().starts_with("NO [EXPUNGEISSUED]"), "{responses:?}");
    assert_eq!(copyuid(c.cmd("UID COPY 2:4 Target").await.last().unwrap()), ("3:4".into(), "1:2".into()));
}

#[tokio::test]
async fn a_mailbox_that_is_open_read_only_can_be_copied_from_but_not_moved_from() {
    let mut c = selected().await;
    c.ok("EXAMINE INBOX").await;
    assert!(c.cmd("MOVE 1 Target").await[0].starts_with("NO "));
    assert!(c.cmd("COPY 1 Target").await[0].starts_with("OK [COPYUID "));
}
