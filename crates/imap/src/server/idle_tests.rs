//! IDLE between two sessions.

use std::time::Duration;

use super::super::testing::Server;

const MAIL: &str = "Subject: hello\r\n\r\nbody\r\n";

#[tokio::test]
async fn a_change_of_another_session_is_told_at_once() {
    let server = Server::start(|_| {}).await;
    let (mut watcher, mut other) = (server.login().await, server.login().await);
    watcher.ok("SELECT INBOX").await;
    let tag = watcher.begin("IDLE").await;
    assert_eq!(watcher.response().await, "+ idling");
    other.append(MAIL, &[]).await;
    assert_eq!(watcher.response().await, "* 1 EXISTS");
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 +FLAGS (\\Deleted $Work)").await;
    assert_eq!(watcher.response().await, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)");
    assert!(watcher.response().await.starts_with("* OK [PERMANENTFLAGS "));
    assert_eq!(watcher.response().await, "* 1 FETCH (UID 1 FLAGS (\\Deleted $Work))");
    other.ok("EXPUNGE").await;
    assert_eq!(watcher.response().await, "* 1 EXPUNGE");
    watcher.send("done\r\n").await;
    assert_eq!(watcher.finish(&tag).await, ["OK IDLE completed"]);
    watcher.ok("NOOP").await;
}

#[tokio::test]
async fn anything_but_done_ends_idle_with_bad() {
    let mut c = Server::start(|_| {}).await.login().await;
    let tag = c.begin("IDLE").await;
    c.response().await;
    c.send("x NOOP\r\n").await;
    assert!(c.finish(&tag).await[0].starts_with("BAD"));
    c.ok("NOOP").await;
}

#[tokio::test]
async fn a_long_idle_is_logged_out() {
    let mut c = Server::start(|config| config.idle_timeout = Duration::from_millis(50)).await.login().await;
    c.begin("IDLE").await;
    c.response().await;
    assert!(c.response().await.starts_with("* BYE "));
    assert_eq!(c.response().await, "");
}

#[tokio::test]
async fn shutdown_says_bye_to_those_who_idle_and_those_who_wait() {
    let server = Server::start(|_| {}).await;
    let (mut idling, mut waiting) = (server.login().await, server.login().await);
    idling.begin("IDLE").await;
    idling.response().await;
    server.shutdown.send_replace(true);
    for c in [&mut idling, &mut waiting] {
        assert!(c.response().await.starts_with("* BYE [UNAVAILABLE]"));
        assert_eq!(c.response().await, "");
    }
}
