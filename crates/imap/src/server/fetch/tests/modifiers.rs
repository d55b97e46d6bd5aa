use std::ops::ControlFlow;

use sterna_core::{ModSeq, UidValidity};
use sterna_store::UidRange;

use super::{MIXED, fetches, selected};

/// MODSEQ of a FETCH response.
fn modseq(response: &str) -> u64 {
    let (_, rest) = response.split_once("MODSEQ (").unwrap();
    rest.split(')').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn changedsince_tells_the_changed_ones_with_their_modseq() {
    let mut c = selected(&[MIXED, MIXED, MIXED]).await;
    let before = c.ok("FETCH 3 (MODSEQ)").await;
    assert!(before[0].starts_with("* OK [HIGHESTMODSEQ "), "{before:?}");
    let since = modseq(&before[1]);
    c.ok("STORE 2 +FLAGS.SILENT (\\Flagged)").await;
    let responses = c.ok(&format!("UID FETCH 1:* FLAGS (CHANGEDSINCE {since})")).await;
    assert_eq!(responses.len(), 1);
    assert!(responses[0].starts_with("* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ ("), "{responses:?}");
    assert!(modseq(&responses[0]) > since);
}

#[tokio::test]
async fn vanished_tells_the_expunged_ones_of_the_set() {
    let mut c = selected(&[MIXED, MIXED, MIXED, MIXED]).await;
    c.ok("ENABLE QRESYNC").await;
    let since = modseq(&c.ok("FETCH 4 MODSEQ").await[0]);
    c.ok("STORE 1,2,4 +FLAGS.SILENT (\\Deleted)").await;
    c.ok("EXPUNGE").await;
    let responses = c.ok(&format!("UID FETCH 2:* (FLAGS) (CHANGEDSINCE {since} VANISHED)")).await;
    assert_eq!(responses, ["* VANISHED (EARLIER) 2,4"]);
}

#[tokio::test]
async fn vanished_tells_all_that_is_missing_where_the_log_does_not_reach() {
    let mut c = selected(&[]).await;
    let account = c.account();
    let date = sterna_core::DateTime::utc(0);
    let email = sterna_message::Ingest::whole(&account.blobs(), b"Subject: x\r\n\r\n", date).unwrap();
    let import = move |tx: &sterna_store::Tx<'_>| {
        let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
        tx.import_identity(id, UidValidity::new(7).unwrap(), 11, ModSeq(1000))?;
        tx.import(id, sterna_core::Uid::new(5).unwrap(), &email, &Default::default(), &Default::default())
    };
    account.write(import).await.unwrap();
    c.ok("SELECT INBOX").await;
    c.ok("ENABLE QRESYNC").await;
    let responses = c.ok("UID FETCH 1:* (UID) (CHANGEDSINCE 900 VANISHED)").await;
    assert_eq!(responses[0], "* VANISHED (EARLIER) 1:4,6:10");
    assert_eq!(fetches(&responses).len(), 1);
}

#[tokio::test]
async fn partial_tells_a_window_of_the_set() {
    let mut c = selected(&[MIXED; 6]).await;
    for (partial, uids) in [("1:2", "1 2"), ("2:4", "2 4 5"), ("-1:-2", "5 6"), ("6:9", ""), ("-4:-9", "1 2")] {
        let responses = c.ok(&format!("UID FETCH 1,2,4:6 UID (PARTIAL {partial})")).await;
        let told: Vec<_> = responses.iter().map(|r| r.split([' ', ')']).nth(4).unwrap()).collect();
        assert_eq!(told.join(" "), uids, "{partial}");
    }
}

#[tokio::test]
async fn uidonly_answers_with_uidfetch() {
    let mut c = selected(&[MIXED]).await;
    c.ok("ENABLE UIDONLY").await;
    assert_eq!(c.ok("UID FETCH 1 (UID FLAGS)").await, ["* 1 UIDFETCH (FLAGS ())"]);
    let responses = c.ok("UID FETCH 1 BODY[1]").await;
    assert_eq!(responses, ["* 1 UIDFETCH (BODY[1] {5}\r\nHello FLAGS (\\Seen))"]);
}

#[tokio::test]
async fn messages_that_another_session_expunged_are_passed_over() {
    let mut c = selected(&[MIXED, MIXED, MIXED]).await;
    let account = c.account();
    let expunge = |tx: &sterna_store::Tx<'_>| {
        let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
        let second = UidRange::one(sterna_core::Uid::new(2).unwrap());
        tx.expunge(id, &[second])?;
        tx.messages(id, UidRange::ALL, |_| Ok(ControlFlow::Continue(())))
    };
    let _ = account.write(expunge).await.unwrap();
    // RFC 2180 §4.1.2, RFC 5530 §3: by number it is an error, for the client still counts it.
    let responses = c.cmd("FETCH 1:3 RFC822.SIZE").await;
    assert_eq!(fetches(&responses).len(), 2);
    assert!(responses.last().unwrap().starts_with("NO [EXPUNGEISSUED]"), "{responses:?}");
    assert!(responses.iter().all(|r| !r.contains("EXPUNGE ") && !r.ends_with("EXPUNGE")));
    let responses = c.ok("UID FETCH 1:3 RFC822.SIZE").await;
    assert_eq!(fetches(&responses).len(), 2);
    assert_eq!(responses.last().unwrap(), "* 2 EXPUNGE");
}
