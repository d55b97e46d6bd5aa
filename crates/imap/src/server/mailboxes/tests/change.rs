//! CREATE, DELETE, RENAME, SUBSCRIBE.

use crate::server::testing::Client;

async fn last(c: &mut Client, command: &str) -> String {
    c.cmd(command).await.pop().unwrap_or_default()
}

/// The listed names, in the order told.
async fn names(c: &mut Client, command: &str) -> Vec<String> {
    let lines = c.ok(command).await;
    lines.iter().filter_map(|l| l.split_once("\"/\" ").map(|(_, name)| name.to_owned())).collect()
}

#[tokio::test]
async fn create_makes_superior_names_and_tells_the_identifier() {
    let mut c = Client::start().await;
    assert!(last(&mut c, "CREATE a/b/c/").await.starts_with("OK [MAILBOXID (F"));
    assert_eq!(names(&mut c, "LIST \"\" a*").await, ["a", "a/b", "a/b/c"]);
    assert!(last(&mut c, "CREATE a/b").await.starts_with("NO [ALREADYEXISTS]"));
    assert!(last(&mut c, "CREATE inbox").await.starts_with("NO [ALREADYEXISTS]"));
    c.ok("CREATE iNBox/sub").await;
    assert_eq!(names(&mut c, "LIST \"\" INBOX/%").await, ["INBOX/sub"]);
    c.check().await;
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    let mut c = Client::start().await;
    for bad in ["\"\"", "a//b", "\"/a\"", "\"a\tb\"", "\"Tom & Jerry\"", "&AGE-"] {
        assert!(last(&mut c, &format!("CREATE {bad}")).await.starts_with("NO [CANNOT]"), "{bad}");
    }
    assert!(last(&mut c, "CREATE {2+}\r\n\u{e9}").await.starts_with("NO [CANNOT]"));
    let deep = vec!["d"; 51].join("/");
    assert!(last(&mut c, &format!("CREATE {deep}")).await.starts_with("NO [LIMIT]"));
    assert!(last(&mut c, &format!("CREATE {}", "n".repeat(1025))).await.starts_with("NO [LIMIT]"));
    c.ok(&format!("CREATE {}", &deep[2..])).await;
    c.ok("CREATE x/y").await;
    assert!(last(&mut c, &format!("RENAME x {}", &deep[2..].replace('d', "e"))).await.starts_with("NO [LIMIT]"));
    assert_eq!(names(&mut c, "LIST \"\" e*").await, [""; 0]);
    c.check().await;
}

#[tokio::test]
async fn create_gives_a_special_use_once() {
    let mut c = Client::start().await;
    c.ok("CREATE Gesendet (USE (\\Sent))").await;
    assert!(last(&mut c, "CREATE Sent2 (USE (\\Sent))").await.starts_with("NO [USEATTR]"));
    assert!(last(&mut c, "CREATE x (USE (\\Bogus))").await.starts_with("NO [USEATTR]"));
    assert!(last(&mut c, "CREATE x (USE (\\Junk \\Trash))").await.starts_with("NO [USEATTR]"));
    assert_eq!(c.ok("LIST (SPECIAL-USE) \"\" *").await, ["* LIST (\\HasNoChildren \\Sent) \"/\" Gesendet"]);
}

#[tokio::test]
async fn delete_keeps_what_is_below() {
    let mut c = Client::start().await;
    c.ok("CREATE a/b").await;
    c.append_to("a", "Subject: x\r\n\r\ny", &[]).await;
    c.ok("DELETE a").await;
    assert_eq!(
        c.ok("LIST \"\" a*").await,
        ["* LIST (\\Noselect \\HasChildren) \"/\" a", "* LIST (\\HasNoChildren) \"/\" a/b"]
    );
    assert!(last(&mut c, "STATUS a (MESSAGES)").await.starts_with("NO [NONEXISTENT]"));
    assert!(last(&mut c, "DELETE a").await.starts_with("NO [HASCHILDREN]"));
    assert!(last(&mut c, "CREATE a").await.starts_with("OK [MAILBOXID"));
    assert_eq!(c.ok("STATUS a (MESSAGES)").await, ["* STATUS a (MESSAGES 0)"]);
    c.ok("DELETE a/b").await;
    c.ok("DELETE a").await;
    assert!(last(&mut c, "DELETE a").await.starts_with("NO [NONEXISTENT]"));
    assert!(last(&mut c, "DELETE Inbox").await.starts_with("NO [CANNOT]"));
    c.check().await;
}

#[tokio::test]
async fn rename_takes_the_subtree_and_the_subscription_along() {
    let mut c = Client::start().await;
    c.ok("CREATE a/b").await;
    c.ok("SUBSCRIBE a/b").await;
    c.ok("CREATE z").await;
    c.ok("RENAME a new/place").await;
    assert_eq!(names(&mut c, "LIST \"\" *").await, ["INBOX", "new", "new/place", "new/place/b", "z"]);
    assert_eq!(names(&mut c, "LSUB \"\" new*").await, ["new/place/b"]);
    for (command, code) in [
        ("RENAME z new", "NO [ALREADYEXISTS]"),
        ("RENAME a b", "NO [NONEXISTENT]"),
        ("RENAME new new/place/deeper", "NO [CANNOT]"),
        ("RENAME z inbox", "NO [ALREADYEXISTS]"),
    ] {
        assert!(last(&mut c, command).await.starts_with(code), "{command}");
    }
    c.check().await;
}

#[tokio::test]
async fn rename_of_inbox_moves_its_messages_only() {
    let mut c = Client::start().await;
    c.append("Subject: 1\r\n\r\nx", &["\\Seen"]).await;
    c.append("Subject: 2\r\n\r\nx", &[]).await;
    c.ok("CREATE INBOX/sub").await;
    c.ok("RENAME INBOX old/2025").await;
    assert_eq!(names(&mut c, "LIST \"\" *").await, ["INBOX", "INBOX/sub", "old", "old/2025"]);
    assert_eq!(c.ok("STATUS old/2025 (MESSAGES UNSEEN)").await, ["* STATUS old/2025 (MESSAGES 2 UNSEEN 1)"]);
    assert_eq!(c.ok("STATUS INBOX (MESSAGES UIDNEXT)").await, ["* STATUS INBOX (MESSAGES 0 UIDNEXT 3)"]);
    c.check().await;
}

#[tokio::test]
async fn a_name_without_mailbox_can_be_subscribed_to_and_a_deleted_one_stays_subscribed() {
    let mut c = Client::start().await;
    c.ok("SUBSCRIBE later/on").await;
    c.ok("CREATE gone").await;
    c.ok("SUBSCRIBE gone").await;
    c.ok("DELETE gone").await;
    assert_eq!(names(&mut c, "LSUB \"\" *").await, ["INBOX", "gone", "later/on"]);
    c.ok("CREATE later/on").await;
    assert_eq!(
        c.ok("LIST (SUBSCRIBED) \"\" *").await,
        [
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX",
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" later/on",
            "* LIST (\\NonExistent \\Subscribed) \"/\" gone",
        ]
    );
    for name in ["gone", "later/on", "inbox", "never"] {
        c.ok(&format!("UNSUBSCRIBE {name}")).await;
    }
    assert_eq!(names(&mut c, "LSUB \"\" *").await, [""; 0]);
    c.check().await;
}
