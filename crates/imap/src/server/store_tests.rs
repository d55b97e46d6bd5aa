use crate::server::testing::Client;

async fn selected(count: usize) -> Client {
    let mut c = Client::start().await;
    for _ in 0..count {
        c.append("Subject: a\r\n\r\n", &[]).await;
    }
    c.ok("SELECT INBOX").await;
    c
}

fn modseq(response: &str) -> u64 {
    response.split("MODSEQ (").nth(1).unwrap().split(')').next().unwrap().parse().unwrap()
}

/// Changes flags behind the session's back.
async fn behind(c: &Client, uid: u32, name: &str) {
    let range = sterna_store::UidRange::one(sterna_core::Uid::new(uid).unwrap());
    let flags = [super::Flag::Keyword(sterna_core::Keyword::new(name).unwrap())].into_iter().collect();
    let change = super::FlagChange::Add(flags);
    let write = move |tx: &sterna_store::Tx<'_>| {
        let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
        tx.change_flags(id, &[range], &change, None)
    };
    c.account().write(write).await.unwrap();
}

#[tokio::test]
async fn each_action_tells_the_flags_that_result() {
    let mut c = selected(2).await;
    for (store, told) in [
        ("1 FLAGS (\\Seen $Work)", "FLAGS (\\Seen $Work)"),
        ("1 +FLAGS \\Flagged Zeta", "FLAGS (\\Flagged \\Seen $Work Zeta)"),
        ("1 -FLAGS (\\Seen $WORK)", "FLAGS (\\Flagged Zeta)"),
        ("1 +FLAGS (\\Flagged)", "FLAGS (\\Flagged Zeta)"),
        ("1 FLAGS ()", "FLAGS ()"),
    ] {
        let responses = c.ok(&format!("STORE {store}")).await;
        assert!(responses.contains(&format!("* 1 FETCH ({told})")), "{store}: {responses:?}");
    }
    assert!(c.ok("UID STORE 2 +FLAGS (\\Draft)").await.contains(&"* 2 FETCH (UID 2 FLAGS (\\Draft))".to_owned()));
    assert!(c.ok("NOOP").await.is_empty());
    c.check().await;
}

#[tokio::test]
async fn a_silent_store_hides_its_own_doing_only() {
    let mut c = selected(2).await;
    behind(&c, 2, "theirs").await;
    let responses = c.ok("STORE 1:2 +FLAGS.SILENT (\\Seen)").await;
    let fetches: Vec<_> = responses.iter().filter(|r| r.contains("FETCH (")).collect();
    assert_eq!(fetches.len(), 1, "{responses:?}");
    assert!(fetches[0].starts_with("* 2 FETCH (") && fetches[0].contains("FLAGS (\\Seen theirs)"), "{responses:?}");
    assert_eq!(c.ok("FETCH 1 FLAGS").await, ["* 1 FETCH (FLAGS (\\Seen))"]);
}

#[tokio::test]
async fn a_silent_store_tells_the_modseq_once_condstore_is_on() {
    let mut c = selected(2).await;
    let before = modseq(&c.ok("FETCH 2 MODSEQ").await[1]);
    let responses = c.ok("STORE 1 +FLAGS.SILENT (\\Seen)").await;
    assert_eq!(responses.len(), 1);
    assert!(responses[0].starts_with("* 1 FETCH (MODSEQ (") && modseq(&responses[0]) > before, "{responses:?}");
}

#[tokio::test]
async fn unchangedsince_leaves_changed_messages_alone_and_names_them() {
    let mut c = selected(3).await;
    let since = modseq(&c.ok("FETCH 3 MODSEQ").await[1]);
    behind(&c, 2, "theirs").await;
    let responses = c.cmd(&format!("STORE 1:3 (UNCHANGEDSINCE {since}) +FLAGS.SILENT (\\Deleted)")).await;
    assert!(responses.last().unwrap().starts_with("OK [MODIFIED 2] "), "{responses:?}");
    assert!(responses.iter().any(|r| r.starts_with("* 2 FETCH (FLAGS (theirs) MODSEQ (")), "{responses:?}");
    let told = c.ok("FETCH 1:3 FLAGS").await;
    let flags = ["\\Deleted", "theirs", "\\Deleted"];
    assert_eq!(told, [1, 2, 3].map(|n| format!("* {n} FETCH (FLAGS ({}))", flags[n - 1])));
    let responses = c.cmd(&format!("UID STORE 2 (UNCHANGEDSINCE {since}) FLAGS (\\Seen)")).await;
    assert!(responses.last().unwrap().starts_with("OK [MODIFIED 2] "), "{responses:?}");
    c.check().await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let mut c = selected(1).await;
    let many = (0..101).map(|n| format!("k{n}")).collect::<Vec<_>>().join(" ");
    assert!(c.cmd(&format!("STORE 1 +FLAGS ({many})")).await[0].starts_with("NO [LIMIT]"));
    assert!(c.cmd("STORE 2 +FLAGS (\\Seen)").await[0].starts_with("BAD "));
    c.ok("EXAMINE INBOX").await;
    assert!(c.cmd("STORE 1 +FLAGS (\\Seen)").await[0].starts_with("NO "));
}

#[tokio::test]
async fn a_message_that_is_gone_is_an_error_by_number_only() {
    let mut c = selected(2).await;
    let expunge = |tx: &sterna_store::Tx<'_>| {
        let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
        tx.expunge(id, &[sterna_store::UidRange::one(sterna_core::Uid::MIN)])
    };
    c.account().write(expunge).await.unwrap();
    let responses = c.cmd("STORE 1:2 +FLAGS (\\Seen)").await;
    assert!(responses.last().unwrap().starts_with("NO [EXPUNGEISSUED]"), "{responses:?}");
    assert!(responses.contains(&"* 2 FETCH (FLAGS (\\Seen))".to_owned()), "{responses:?}");
    assert_eq!(c.ok("UID STORE 1:2 +FLAGS.SILENT (\\Flagged)").await, ["* 1 EXPUNGE"]);
}
