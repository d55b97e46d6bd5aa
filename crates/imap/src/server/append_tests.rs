//! APPEND and its relatives over a real connection.

use std::time::Instant;

use super::super::testing::{Client, PASSWORD, Server, USER};

const MAIL: &str = "Subject: hello\r\n\r\nbody\r\n";

fn append(tag: &str, mailbox: &str, body: &str) -> String {
    format!("{tag} APPEND {mailbox} {{{}+}}\r\n{body}\r\n", body.len())
}

#[tokio::test]
async fn append_keeps_flags_and_date_and_tells_the_uid() {
    let mut c = Client::start().await;
    c.ok("SELECT INBOX").await;
    c.send("x APPEND inbox (\\Seen $Work) \" 1-Feb-2026 09:30:00 +0130\" {26}\r\n").await;
    assert_eq!(c.response().await, "+ OK");
    c.send("Subject: hello\r\n\r\nbody \0\r\n\r\n").await;
    let responses = c.finish("x").await;
    assert!(responses.iter().any(|r| r == "* 1 EXISTS"), "{responses:?}");
    assert!(responses.iter().any(|r| r == "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)"));
    assert!(responses.last().unwrap().starts_with("OK [APPENDUID "), "{responses:?}");
    let fetched = c.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)").await;
    assert_eq!(
        fetched,
        ["* 1 FETCH (FLAGS (\\Seen $Work) INTERNALDATE \" 1-Feb-2026 09:30:00 +0130\" RFC822.SIZE 26)"]
    );
    c.check().await;
}

#[tokio::test]
async fn a_missing_mailbox_is_told_before_the_message_is_sent() {
    let mut c = Client::start().await;
    assert!(c.cmd("APPEND Nowhere {10}").await[0].starts_with("NO [TRYCREATE]"));
    c.send(append("x", "Nowhere", "Subject: {3+}\r\n\r\n")).await;
    assert!(c.finish("x").await[0].starts_with("NO [TRYCREATE]"));
    c.ok("NOOP").await;
}

#[tokio::test]
async fn a_message_too_large_is_skipped_and_the_session_lives_on() {
    let server = Server::start(|config| config.append_limit = 1000).await;
    let mut c = server.login().await;
    c.send(append("x", "INBOX", &"y NOOP\r\n".repeat(200))).await;
    assert!(c.finish("x").await[0].starts_with("NO [TOOBIG]"));
    assert!(c.cmd("APPEND INBOX {1001}").await[0].starts_with("NO [TOOBIG]"));
    c.ok("NOOP").await;
    server.store.set_quota(server.account.id(), Some(100)).await.unwrap();
    c.send(append("z", "INBOX", &"a".repeat(101))).await;
    assert!(c.finish("z").await[0].starts_with("NO [OVERQUOTA]"));
    assert!(c.cmd("APPEND INBOX {101}").await[0].starts_with("NO [OVERQUOTA]"));
    c.ok("NOOP").await;
    c.check().await;
}

#[tokio::test]
async fn multiappend_is_all_or_nothing() {
    let mut c = Client::start().await;
    let two = format!("INBOX (\\Seen) {{{0}+}}\r\n{MAIL} (\\Draft) {{{0}+}}\r\n{MAIL}", MAIL.len());
    let answer = c.cmd(&format!("APPEND {two}")).await;
    assert!(answer[0].starts_with("OK [APPENDUID ") && answer[0].contains(" 1:2] "), "{answer:?}");
    // The second is too large for the quota: neither is stored.
    c.server.store.set_quota(c.account().id(), Some(3 * MAIL.len() as u64)).await.unwrap();
    assert!(c.cmd(&format!("APPEND {two}")).await[0].starts_with("NO [OVERQUOTA]"));
    // An empty message takes the command back.
    let taken_back = format!("APPEND INBOX {{{}+}}\r\n{MAIL} {{0+}}\r\n", MAIL.len());
    c.server.store.set_quota(c.account().id(), None).await.unwrap();
    assert!(c.cmd(&taken_back).await[0].starts_with("NO "));
    assert_eq!(c.ok("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 2)"]);
    c.check().await;
}

#[tokio::test]
async fn replace_takes_the_old_message_away_with_the_new_one() {
    let mut c = Client::start().await;
    for _ in 0..3 {
        c.append(MAIL, &["\\Seen"]).await;
    }
    c.ok("SELECT INBOX").await;
    let answer = c.cmd(&format!("REPLACE 2 INBOX (\\Draft) {{{}+}}\r\n{MAIL}", MAIL.len())).await;
    assert!(answer[0].starts_with("* OK [APPENDUID ") && answer[0].contains(" 4] "), "{answer:?}");
    assert_eq!(answer[1..], ["* 2 EXPUNGE", "* 3 EXISTS", "OK REPLACE completed"]);
    let again = c.cmd(&format!("UID REPLACE 2 INBOX {{{}+}}\r\n{MAIL}", MAIL.len())).await;
    assert!(again[0].starts_with("NO [NONEXISTENT]"), "{again:?}");
    c.ok("NOOP").await;
    c.check().await;
}

#[tokio::test]
async fn a_malformed_append_costs_a_bad() {
    let mut c = Client::start().await;
    c.send("x APPEND INBOX (\\Bogus \\\\) {3+}\r\nabc\r\n").await;
    assert!(c.finish("x").await[0].starts_with("BAD "));
    c.send("y APPEND INBOX {3+}\r\nabc junk\r\n").await;
    assert!(c.finish("y").await[0].starts_with("BAD "));
    c.send("z APPEND INBOX UTF8 (~{3+}\r\nabc)\r\n").await;
    assert!(c.finish("z").await[0].starts_with("OK "));
    assert_eq!(c.ok("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 1)"]);
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let mut c = Client::start().await;
    let body: String = (0..150_000).map(|i| format!("line {i}\r\n")).collect();
    c.send(append("x", "INBOX", &body)).await;
    assert!(c.finish("x").await[0].starts_with("OK "));
    c.ok("SELECT INBOX").await;
    let size = c.ok("FETCH 1 RFC822.SIZE").await;
    assert_eq!(size, [format!("* 1 FETCH (RFC822.SIZE {})", body.len())]);
    c.check().await;
}

#[tokio::test]
async fn pipelined_appends_are_answered_in_order_and_share_fsyncs() {
    const COUNT: usize = 300;
    let mut c = Client::start().await;
    c.ok("SELECT INBOX").await;
    let started = Instant::now();
    for i in 0..20 {
        c.send(append("s", "INBOX", &format!("Subject: single {i}\r\n\r\n"))).await;
        c.finish("s").await;
    }
    let single = started.elapsed().as_secs_f64() / 20.0;
    let started = Instant::now();
    let all: String =
        (0..COUNT).map(|i| append(&format!("p{i}"), "INBOX", &format!("Subject: piped {i}\r\n\r\n"))).collect();
    c.send(all + "end NOOP\r\n").await;
    for i in 0..COUNT {
        let answer = c.finish(&format!("p{i}")).await;
        let uid = format!(" {}] ", i + 21);
        assert!(answer.last().is_some_and(|a| a.starts_with("OK [APPENDUID ") && a.contains(&uid)), "{i}: {answer:?}");
    }
    c.finish("end").await;
    let piped = started.elapsed().as_secs_f64() / COUNT as f64;
    println!("single {:.3} ms, pipelined {:.3} ms each, ratio {:.1}", single * 1e3, piped * 1e3, single / piped);
    c.check().await;
}

#[tokio::test]
async fn what_follows_an_append_sees_its_message() {
    let server = Server::start(|_| {}).await;
    let mut c = server.connect().await;
    let appends = append("b", "INBOX", MAIL) + &append("d", "Nowhere", MAIL) + &append("e", "INBOX", MAIL);
    c.send(format!("a LOGIN {USER} \"{PASSWORD}\"\r\n{appends}f SELECT INBOX\r\n")).await;
    for (tag, expected) in [("a", "OK"), ("b", "OK"), ("d", "NO [TRYCREATE]"), ("e", "OK")] {
        let answer = c.finish(tag).await;
        assert!(answer[0].starts_with(expected), "{tag}: {answer:?}");
    }
    assert!(c.finish("f").await.iter().any(|r| r == "* 2 EXISTS"));
}
