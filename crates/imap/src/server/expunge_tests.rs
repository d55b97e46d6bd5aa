use crate::server::testing::Client;

async fn selected(flags: &[&[&str]]) -> Client {
    let mut c = Client::start().await;
    for flags in flags {
        c.append("Subject: a\r\n\r\n", flags).await;
    }
    c.ok("SELECT INBOX").await;
    c
}

const DELETED: &[&str] = &["\\Deleted"];

#[tokio::test]
async fn expunge_removes_the_deleted_ones_and_tells_them_from_the_last() {
    let mut c = selected(&[DELETED, &[], DELETED]).await;
    assert_eq!(c.ok("EXPUNGE").await, ["* 3 EXPUNGE", "* 1 EXPUNGE"]);
    assert!(c.ok("EXPUNGE").await.is_empty());
    assert_eq!(c.ok("UID FETCH 1:* UID").await, ["* 1 FETCH (UID 2)"]);
    c.check().await;
}

#[tokio::test]
async fn uid_expunge_removes_only_deleted_ones_of_its_set() {
    let mut c = selected(&[DELETED, &[], DELETED]).await;
    assert_eq!(c.ok("UID EXPUNGE 2:9").await, ["* 3 EXPUNGE"]);
    assert_eq!(c.ok("UID FETCH 1:* UID").await, ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 2)"]);
}

#[tokio::test]
async fn with_qresync_vanished_and_highestmodseq_are_told() {
    let mut c = selected(&[DELETED, DELETED, &[]]).await;
    c.ok("ENABLE QRESYNC").await;
    let responses = c.cmd("EXPUNGE").await;
    assert_eq!(responses[0], "* VANISHED 1:2");
    assert!(responses[1].starts_with("OK [HIGHESTMODSEQ "), "{responses:?}");
}

#[tokio::test]
async fn a_mailbox_that_is_open_read_only_keeps_its_messages() {
    let mut c = selected(&[DELETED]).await;
    c.ok("EXAMINE INBOX").await;
    assert!(c.cmd("EXPUNGE").await[0].starts_with("NO "));
    assert_eq!(c.ok("FETCH 1 UID").await.len(), 1);
}
