//! LIST, LSUB, STATUS, NAMESPACE, quota.

use sterna_store::NewMailbox;

use crate::server::testing::Client;

async fn with(names: &[&str]) -> Client {
    let mut c = Client::start().await;
    for name in names {
        c.ok(&format!("CREATE \"{name}\"")).await;
    }
    c
}

#[tokio::test]
async fn an_empty_pattern_asks_for_the_separator() {
    let mut c = with(&[]).await;
    assert_eq!(c.ok("LIST \"\" \"\"").await, ["* LIST (\\Noselect) \"/\" \"\""]);
    assert_eq!(c.ok("LIST () \"\" \"\"").await, [""; 0]);
}

#[tokio::test]
async fn list_matches_by_reference_and_several_patterns() {
    let mut c = with(&["a/b/c", "x y"]).await;
    assert_eq!(
        c.ok("LIST \"\" %").await,
        [
            "* LIST (\\HasNoChildren) \"/\" INBOX",
            "* LIST (\\HasChildren) \"/\" a",
            "* LIST (\\HasNoChildren) \"/\" \"x y\""
        ]
    );
    assert_eq!(c.ok("LIST a/ %").await, ["* LIST (\\HasChildren) \"/\" a/b"]);
    assert_eq!(
        c.ok("LIST \"\" (inbox *c) RETURN (SUBSCRIBED)").await,
        ["* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX", "* LIST (\\HasNoChildren) \"/\" a/b/c"]
    );
}

#[tokio::test]
async fn recursivematch_tells_parents_with_childinfo() {
    let mut c = with(&["a/b/c"]).await;
    c.ok("UNSUBSCRIBE INBOX").await;
    c.ok("SUBSCRIBE a/b/c").await;
    c.ok("SUBSCRIBE no/where").await;
    assert_eq!(
        c.ok("LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %").await,
        [
            "* LIST (\\HasChildren) \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))",
            "* LIST (\\NonExistent) \"/\" no (\"CHILDINFO\" (\"SUBSCRIBED\"))",
        ]
    );
    assert_eq!(c.ok("LIST (SUBSCRIBED) \"\" %").await, [""; 0]);
    assert_eq!(
        c.ok("LSUB \"\" %").await,
        ["* LSUB (\\Noselect) \"/\" a", "* LSUB (\\Noselect) \"/\" no"],
        "RFC 3501 §6.3.9"
    );
    assert_eq!(c.ok("LSUB \"\" *").await, ["* LSUB () \"/\" a/b/c", "* LSUB () \"/\" no/where"]);
    c.ok("CREATE p/Trash (USE (\\Trash))").await;
    assert_eq!(
        c.ok("LIST (SPECIAL-USE RECURSIVEMATCH) \"\" *").await,
        ["* LIST (\\HasChildren) \"/\" p", "* LIST (\\HasNoChildren \\Trash) \"/\" p/Trash"]
    );
}

#[tokio::test]
async fn list_status_follows_each_mailbox_that_can_be_selected() {
    let mut c = with(&["a/b"]).await;
    c.ok("DELETE a").await;
    c.append("Subject: x\r\n\r\ny", &["\\Deleted"]).await;
    assert_eq!(
        c.ok("LIST \"\" * RETURN (STATUS (MESSAGES DELETED SIZE DELETED-STORAGE))").await,
        [
            "* LIST (\\HasNoChildren) \"/\" INBOX",
            "* STATUS INBOX (MESSAGES 1 DELETED 1 SIZE 15 DELETED-STORAGE 15)",
            "* LIST (\\Noselect \\HasChildren) \"/\" a",
            "* LIST (\\HasNoChildren) \"/\" a/b",
            "* STATUS a/b (MESSAGES 0 DELETED 0 SIZE 0 DELETED-STORAGE 0)",
        ]
    );
    c.check().await;
}

#[tokio::test]
async fn status_tells_all_items() {
    let mut c = with(&[]).await;
    c.append("Subject: x\r\n\r\ny", &[]).await;
    let account = c.account();
    let inbox = account.read(|tx| Ok(tx.mailbox_tree()?.find("INBOX").cloned())).await.unwrap().unwrap();
    let (id, validity, modseq) = (inbox.id, inbox.uid_validity, inbox.highest_modseq);
    assert_eq!(
        c.ok("STATUS inbox (UIDNEXT UIDVALIDITY UNSEEN RECENT HIGHESTMODSEQ MAILBOXID APPENDLIMIT)").await,
        [format!(
            "* STATUS INBOX (UIDNEXT 2 UIDVALIDITY {validity} UNSEEN 1 RECENT 0 HIGHESTMODSEQ {modseq} MAILBOXID (F{id}) \
             APPENDLIMIT 2147483648)"
        )]
    );
    let missing = c.cmd("STATUS nothing (MESSAGES)").await;
    assert!(missing[0].starts_with("NO [NONEXISTENT]"), "{missing:?}");
}

#[tokio::test]
async fn names_are_written_as_the_client_reads_them() {
    let mut c = with(&["&AMk-t&AOk-", "R&-D"]).await;
    let of = |lines: Vec<String>| -> Vec<String> {
        lines.iter().map(|l| l.rsplit("\"/\" ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(of(c.ok("LIST \"\" %").await), ["INBOX", "R&-D", "&AMk-t&AOk-"]);
    c.ok("ENABLE UTF8=ACCEPT").await;
    assert_eq!(of(c.ok("LIST \"\" %").await), ["INBOX", "\"R&D\"", "\"Été\""]);
    assert_eq!(of(c.ok("LIST \"\" \"É%\"").await), ["\"Été\""]);
    assert_eq!(c.ok("STATUS \"Été\" (MESSAGES)").await, ["* STATUS \"Été\" (MESSAGES 0)"]);
}

#[tokio::test]
async fn an_account_whose_old_server_had_no_utf8_accept_keeps_the_spelling_of_its_names() {
    let c = with(&["&AMk-t&AOk-"]).await;
    c.account().write(|tx| tx.set_utf8_accept(false)).await.unwrap();
    let mut c = c.server.login().await;
    assert!(!c.ok("CAPABILITY").await[0].contains("UTF8=ACCEPT"));
    assert_eq!(c.ok("ENABLE UTF8=ACCEPT CONDSTORE").await, ["* ENABLED CONDSTORE"]);
    assert!(c.ok("LIST \"\" %").await.contains(&"* LIST (\\HasNoChildren) \"/\" &AMk-t&AOk-".to_owned()));
}

#[tokio::test]
async fn names_that_were_malformed_at_the_source_keep_their_bytes() {
    let mut c = with(&["&AMk-t&AOk-"]).await;
    c.account()
        .write(|tx| {
            // UTF-8 where modified UTF-7 was due, beside the same name written rightly.
            let raw = Some("Été".as_bytes().to_vec());
            tx.create_mailbox(&NewMailbox { raw_name: raw, ..NewMailbox::named("Été (2)") })?;
            let name = crate::codec::mailbox::MailboxName::from_wire(b"Tom & Jerry", Default::default());
            let tom = tx.create_mailbox(&NewMailbox::named(name.as_str()))?;
            tx.create_mailbox(&NewMailbox { parent: Some(tom.id), ..NewMailbox::named("é") })
        })
        .await
        .unwrap();
    let listed = c.ok("LIST \"\" *").await.join("\n");
    for name in ["\"/\" \"Été\"", "\"/\" &AMk-t&AOk-", "\"/\" \"Tom & Jerry\"", "\"/\" \"Tom & Jerry/&AOk-\""] {
        assert!(listed.contains(name), "{name}: {listed}");
    }
    assert_eq!(c.ok("LIST \"\" \"Tom & Jerry/&AOk-\"").await.len(), 1);
    for name in ["\"Tom & Jerry/&AOk-\"", "{5+}\r\nÉté", "&AMk-t&AOk-"] {
        assert_eq!(c.ok(&format!("STATUS {name} (MESSAGES)")).await.len(), 1, "{name}");
    }
    c.ok("DELETE {5+}\r\nÉté").await;
    assert!(c.ok("LIST \"\" *").await.join("\n").contains("&AMk-t&AOk-"));
}

#[tokio::test]
async fn namespace_and_separator_are_those_of_the_account() {
    let mut c = with(&[]).await;
    assert_eq!(c.ok("NAMESPACE").await, ["* NAMESPACE ((\"\" \"/\")) NIL NIL"]);
    c.account().write(|tx| tx.set_namespace('.', "INBOX.")).await.unwrap();
    assert_eq!(c.ok("NAMESPACE").await, ["* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL"]);
    c.ok("CREATE Inbox.a.b").await;
    assert_eq!(c.ok("LIST inbox. %").await, ["* LIST (\\HasChildren) \".\" INBOX.a"]);
}

#[tokio::test]
async fn quota_is_told_in_kibibytes_and_not_set() {
    let mut c = with(&[]).await;
    // A root without a resource is not in the grammar.
    assert_eq!(c.ok("GETQUOTAROOT INBOX").await, ["* QUOTAROOT INBOX"]);
    assert!(c.cmd("GETQUOTA \"\"").await[0].starts_with("NO [NONEXISTENT]"));
    c.account().write(|tx| tx.set_quota(Some(5 << 30))).await.unwrap();
    c.append("Subject: x\r\n\r\ny", &[]).await;
    let quota = "* QUOTA \"\" (STORAGE 1 5242880)";
    assert_eq!(c.ok("GETQUOTA \"\"").await, [quota]);
    assert_eq!(c.ok("GETQUOTAROOT INBOX").await, ["* QUOTAROOT INBOX \"\"", quota]);
    for (command, code) in [
        ("GETQUOTA other", "NO [NONEXISTENT]"),
        ("GETQUOTAROOT missing", "NO [NONEXISTENT]"),
        ("SETQUOTA \"\" (STORAGE 9)", "NO [NOPERM]"),
    ] {
        let answer = c.cmd(command).await;
        assert!(answer[0].starts_with(code), "{answer:?}");
    }
}
