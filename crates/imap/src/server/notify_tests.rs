//! NOTIFY between two sessions.

use super::super::testing::Server;

const MAIL: &str = "Subject: hello\r\n\r\nbody\r\n";

#[tokio::test]
async fn events_of_other_mailboxes_are_told_without_a_command() {
    let server = Server::start(|_| {}).await;
    let (mut c, mut other) = (server.login().await, server.login().await);
    other.ok("CREATE Work").await;
    other.ok("CREATE Work/Deep").await;
    other.ok("CREATE Else").await;
    c.ok("SELECT INBOX").await;
    let set = "NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) \
               (SUBTREE Work (MessageNew MessageExpunge MailboxName SubscriptionChange))";
    let states = c.ok(set).await;
    assert_eq!(states.len(), 2, "{states:?}");
    assert!(states[0].starts_with("* STATUS Work (MESSAGES 0 UIDNEXT 1 "), "{states:?}");
    other.append_to("Else", MAIL, &[]).await;
    other.append_to("Work/Deep", MAIL, &[]).await;
    assert!(c.response().await.starts_with("* STATUS Work/Deep (MESSAGES 1 UIDNEXT 2 "));
    other.append(MAIL, &["\\Seen"]).await;
    assert_eq!(c.response().await, "* 1 EXISTS");
    assert_eq!(c.response().await, "* 1 FETCH (UID 1 FLAGS (\\Seen))");
    other.ok("CREATE Work/New").await;
    assert!(c.response().await.ends_with("\"/\" Work/New"));
    other.ok("RENAME Work/New Work/Newer").await;
    assert!(c.response().await.ends_with("\"/\" Work/Newer (\"OLDNAME\" (Work/New))"));
    other.ok("DELETE Work/Newer").await;
    assert_eq!(c.response().await, "* LIST (\\NonExistent) \"/\" Work/Newer");
    // Flag changes were not asked for in Work; expunges of the open mailbox come at once.
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 +FLAGS (\\Deleted)").await;
    assert_eq!(c.response().await, "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen))");
    other.ok("EXPUNGE").await;
    assert_eq!(c.response().await, "* 1 EXPUNGE");
}

#[tokio::test]
async fn selected_delayed_holds_expunges_back() {
    let server = Server::start(|_| {}).await;
    let (mut c, mut other) = (server.login().await, server.login().await);
    c.append(MAIL, &["\\Deleted"]).await;
    c.ok("SELECT INBOX").await;
    c.ok("NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))").await;
    other.ok("SELECT INBOX").await;
    other.ok("EXPUNGE").await;
    other.append(MAIL, &[]).await;
    assert_eq!(c.response().await, "* 2 EXISTS");
    assert_eq!(c.ok("NOOP").await, ["* 1 EXPUNGE"]);
}

#[tokio::test]
async fn notify_none_is_silence() {
    let server = Server::start(|_| {}).await;
    let mut c = server.login().await;
    c.ok("SELECT INBOX").await;
    c.ok("NOTIFY NONE").await;
    c.append(MAIL, &[]).await;
    assert!(c.ok("NOOP").await.is_empty());
    let told = c.ok("NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))").await;
    assert_eq!(told, ["* 1 EXISTS"]);
}

#[tokio::test]
async fn events_that_nobody_supports_are_refused_with_those_that_are() {
    let mut c = Server::start(|_| {}).await.login().await;
    let refused = c.cmd("NOTIFY SET (PERSONAL (MailboxMetadataChange))").await;
    let supported = "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange";
    assert!(refused[0].starts_with(&format!("NO [BADEVENT ({supported})]")), "{refused:?}");
}
