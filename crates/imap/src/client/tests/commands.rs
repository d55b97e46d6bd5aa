//! The commands, with servers that offer much, little, or something else than they say.

use super::*;
use crate::codec::mailbox::MailboxName;
use crate::codec::response_parser::Response;
use bytes::Bytes;
use sterna_core::{Flag, Flags, Keyword, ModSeq, SystemFlags, UidValidity};

#[tokio::test]
async fn all_folders_come_in_one_round_trip_where_offered() {
    let (mut c, s) = greeted(
        "LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE OBJECTID",
        "C: S1 LIST \"\" \"*\" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))
         S: * LIST (\\Subscribed) \"/\" INBOX
         S: * STATUS INBOX (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 40)
         S: * LIST (\\NoSelect) \"/\" up
         S: * LIST (\\Sent) \"/\" \"up/Envoy&AOk-s\"
         S: S1 OK
         C: S2 STATUS up/Envoy&AOk-s (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)
         S: S2 NO [SERVERBUG] broken",
    )
    .await;
    let folders = c.folders().await.unwrap();
    let [inbox, up, sent] = &folders[..] else { panic!("{folders:?}") };
    let status = inbox.status.as_ref().unwrap();
    assert_eq!((inbox.subscribed, status.messages, status.highest_modseq), (true, Some(2), Some(ModSeq(40))));
    assert!(up.entry.no_select() && up.status.is_none() && !up.subscribed);
    assert_eq!((sent.entry.name.as_str(), sent.refused.as_deref()), ("up/Envoyés", Some("broken")));
    assert_eq!(sent.entry.roles().next(), Some(sterna_core::Role::Sent));
    end(c, s).await;
}

#[tokio::test]
async fn plain_lists_and_pipelined_statuses_do_as_well() {
    let (mut c, s) = greeted(
        "LIST-EXTENDED",
        "C: S1 LIST \"\" \"*\" RETURN (SUBSCRIBED CHILDREN)
         S: S1 BAD what
         C: S2 LIST \"\" \"*\"
         C: S3 LSUB \"\" \"*\"
         S: * LIST () \".\" INBOX
         S: * LIST () \".\" odd
         S: * LIST () \".\" odd
         S: S2 OK
         S: * LSUB () \".\" INBOX
         S: * LSUB () \".\" gone
         S: * LSUB (\\Noselect) \".\" parent
         S: S3 OK
         C: S4 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)
         C: S5 STATUS odd (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)
         S: * STATUS \"INBOX\" (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 7)
         S: S4 OK
         S: S5 NO mailbox is corrupt",
    )
    .await;
    let folders = c.folders().await.unwrap();
    let told: Vec<_> = folders
        .iter()
        .map(|f| (f.entry.name.as_str(), f.subscribed, f.status.as_ref().and_then(|s| s.messages), f.refused.is_some()))
        .collect();
    assert_eq!(told, [("INBOX", true, Some(2), false), ("odd", false, None, true), ("gone", true, None, false)]);
    end(c, s).await;
}

#[tokio::test]
async fn two_names_for_one_text_are_two_folders() {
    let (mut c, s) = greeted(
        "LIST-EXTENDED",
        "C: S1 LIST \"\" \"*\" RETURN (SUBSCRIBED CHILDREN)
         S: * LIST (\\NoSelect) \"/\" Caf&AOk-
         S: * LIST (\\NoSelect \\Subscribed) \"/\" \"Café\"
         S: S1 OK",
    )
    .await;
    let folders = c.folders().await.unwrap();
    let told: Vec<_> = folders.iter().map(|f| (f.entry.name.as_str(), f.subscribed)).collect();
    assert_eq!(told, [("Café", false), ("Café", true)]);
    end(c, s).await;
}

#[tokio::test]
async fn select_tells_the_state_and_what_changed_since() {
    let (mut c, s) = greeted(
        "QRESYNC ENABLE",
        "C: S1 ENABLE QRESYNC
         S: * ENABLED QRESYNC
         S: S1 OK
         C: S2 SELECT INBOX (QRESYNC (7 40 1:9))
         S: * OK [CLOSED] other
         S: * FLAGS (\\Seen $A)
         S: * OK [PERMANENTFLAGS (\\Seen \\*)] x
         S: * 3 EXISTS
         S: * OK [UIDVALIDITY 7] x
         S: * OK [UIDNEXT 12] x
         S: * OK [HIGHESTMODSEQ 55] x
         S: * VANISHED (EARLIER) 2:4
         S: * 1 FETCH (UID 1 FLAGS () MODSEQ (50))
         S: S2 OK [READ-ONLY] done",
    )
    .await;
    c.enable(&["QRESYNC", "UTF8=ACCEPT"]).await.unwrap();
    let was = UidValidity::new(7).unwrap();
    let known = Known { uid_validity: was, modseq: ModSeq(40), uids: Some(set("1:9")) };
    let selected = c.select_same(&MailboxName::inbox(), false, was, Some(&known)).await.unwrap();
    assert_eq!((selected.exists, selected.highest_modseq, selected.read_only), (3, Some(ModSeq(55)), true));
    assert_eq!((selected.vanished, selected.changed.len()), (set("2:4"), 1));
    assert!(selected.permanent_flags.unwrap().any);
    end(c, s).await;
}

#[tokio::test]
async fn another_uidvalidity_is_an_error_and_so_is_none() {
    let (mut c, s) = greeted(
        "",
        "C: S1 EXAMINE \"a b\"
         S: * OK [UIDVALIDITY 8] x
         S: S1 OK
         C: S2 EXAMINE \"a b\"
         S: S2 OK",
    )
    .await;
    for now in [8, 0] {
        let was = UidValidity::new(7).unwrap();
        let error = c.select_same(&MailboxName::from_text("a b"), true, was, None).await.unwrap_err();
        assert!(matches!(*error.kind, ErrorKind::UidValidityChanged { now: n, .. } if n == now), "{error}");
    }
    end(c, s).await;
}

#[tokio::test]
async fn authenticated_but_not_connected_is_a_passing_failure() {
    let (mut c, s) = greeted("", "C: S1 SELECT INBOX\n S: S1 BAD User is authenticated but not connected.").await;
    let error = c.select(&MailboxName::inbox(), false, None).await.unwrap_err();
    assert!(matches!(error.retry(), Retry::After(_)), "{error}");
    end(c, s).await;
}

#[tokio::test]
async fn changes_since_a_modseq_and_searches() {
    let (mut c, s) = greeted(
        "CONDSTORE ESEARCH",
        "C: S1 UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 40)
         S: * 1 FETCH (UID 5 FLAGS () MODSEQ (41))
         S: S1 OK
         C: S2 UID SEARCH RETURN (ALL) 1:* NOT DELETED
         S: * ESEARCH (TAG \"S2\") UID ALL 1:3,9
         S: S2 OK",
    )
    .await;
    let mut changed = Vec::new();
    assert_eq!(c.changed_since(ModSeq(40), "UID FLAGS", |f| changed.push(f)).await.unwrap(), None);
    assert_eq!(changed[0].modseq, Some(ModSeq(41)));
    assert_eq!(c.uid_search("1:* NOT DELETED").await.unwrap(), set("1:3,9"));
    end(c, s).await;
}

#[tokio::test]
async fn idle_gives_news_at_once_and_ends_when_told() {
    let (mut c, s) = greeted(
        "IDLE",
        "C: S1 IDLE
         S: + idling
         S: * OK Still here
         S: * 4 EXISTS
         C: DONE
         S: * 1 EXPUNGE
         S: S1 OK",
    )
    .await;
    let mut idle = c.idle().await.unwrap();
    assert_eq!(idle.wait(Duration::from_secs(5)).await.unwrap(), Some(Response::Exists(4)));
    assert_eq!(idle.wait(Duration::from_millis(1)).await.unwrap(), None);
    assert_eq!(idle.done().await.unwrap(), [Response::Expunge(1)]);
    assert_eq!(c.changes(), 2);
    end(c, s).await;
}

#[tokio::test(start_paused = true)]
async fn idle_is_renewed_before_the_server_logs_off() {
    let (mut c, s) = greeted("IDLE", "C: S1 IDLE\n S: +\n C: DONE\n S: S1 OK").await;
    let mut idle = c.idle().await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(idle.wait(Duration::from_secs(86_400)).await.unwrap(), None);
    assert!(idle.must_renew() && start.elapsed() < Duration::from_secs(30 * 60));
    idle.done().await.unwrap();
    end(c, s).await;
}

fn flags() -> Flags {
    let keyword = Flag::Keyword(Keyword::new("$Work").unwrap());
    [Flag::System(SystemFlags::SEEN), keyword].into_iter().collect()
}

#[tokio::test]
async fn append_streams_its_source_when_the_server_is_ready() {
    let (mut c, s) = greeted(
        "UIDPLUS",
        "C: S1 APPEND INBOX (\\Seen $Work) \" 1-Feb-2026 09:30:00 +0100\" {7}
         S: + go
         C: one
         C: tw
         S: S1 OK [APPENDUID 7 33] done",
    )
    .await;
    let date = sterna_core::DateTime::parse_imap(b" 1-Feb-2026 09:30:00 +0100").unwrap();
    let appended = c.append(&MailboxName::inbox(), &flags(), Some(date), 7, &mut &b"one\r\ntw"[..]).await.unwrap();
    assert_eq!(appended.map(|(v, u)| (v.get(), u.get())), Some((7, 33)));
    end(c, s).await;
}

#[tokio::test]
async fn a_refused_append_never_sends_the_message() {
    let (mut c, s) = greeted(
        "",
        "C: S1 APPEND full () {3}
         S: S1 NO [OVERQUOTA] full
         C: S2 NOOP
         S: S2 OK",
    )
    .await;
    let error =
        c.append(&MailboxName::from_text("full"), &Flags::default(), None, 3, &mut &b"abc"[..]).await.unwrap_err();
    assert!(matches!(&*error.kind, ErrorKind::No { code: Some(code), .. } if code == "OVERQUOTA"), "{error}");
    c.noop().await.unwrap();
    end(c, s).await;
}

#[tokio::test]
async fn a_source_that_ends_early_costs_the_connection() {
    let (mut c, _s) = greeted("LITERAL+", "C: S1 APPEND x () {9+}\n").await;
    let error = c.append(&MailboxName::from_text("x"), &Flags::default(), None, 9, &mut &b"abc"[..]).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::AppendSource(_)));
    assert!(c.next().await.is_err());
}

#[tokio::test]
async fn several_messages_go_as_one_command_or_as_many() {
    let message = |body: &'static str| NewMessage { flags: Flags::default(), date: None, body: Bytes::from(body) };
    let messages = [message("ab\r\n"), message("c\r\n")];
    let (mut c, s) = greeted(
        "LITERAL+ MULTIAPPEND",
        "C: S1 APPEND x () {4+}
         C: ab
         C:  () {3+}
         C: c
         C: 
         S: S1 OK [APPENDUID 7 33:34] done",
    )
    .await;
    let x = MailboxName::from_text("x");
    let uids = |all: Vec<Appended>| all.into_iter().map(|a| a.map(|(_, u)| u.get())).collect::<Vec<_>>();
    assert_eq!(uids(c.append_all(&x, &messages).await.unwrap()), [Some(33), Some(34)]);
    end(c, s).await;
    let (mut c, s) = greeted(
        "LITERAL-",
        "C: S1 APPEND x () {4+}
         C: ab
         C: 
         C: S2 APPEND x () {3+}
         C: c
         C: 
         S: S1 OK [APPENDUID 7 33] done
         S: S2 OK done",
    )
    .await;
    assert_eq!(uids(c.append_all(&x, &messages).await.unwrap()), [Some(33), None]);
    end(c, s).await;
}

#[tokio::test]
async fn changes_are_stored_copied_moved_and_expunged() {
    let (mut c, s) = greeted(
        "CONDSTORE UIDPLUS MOVE CREATE-SPECIAL-USE",
        "C: S1 UID STORE 1:2 (UNCHANGEDSINCE 40) +FLAGS.SILENT (\\Seen $Work)
         S: S1 OK [MODIFIED 2] x
         C: S2 UID COPY 1 to
         S: S2 OK [COPYUID 7 1 11] x
         C: S3 UID MOVE 2 to
         S: * OK [COPYUID 7 2 12] x
         S: * 1 EXPUNGE
         S: S3 OK
         C: S4 UID EXPUNGE 9
         S: S4 OK
         C: S5 CREATE Sent (USE (\\Sent))
         S: S5 NO [ALREADYEXISTS] there
         C: S6 SUBSCRIBE Sent
         S: S6 OK",
    )
    .await;
    let to = MailboxName::from_text("to");
    let modified = c.uid_store(&set("1:2"), StoreMode::Add, &flags(), Some(ModSeq(40))).await.unwrap();
    assert_eq!(modified, set("2"));
    assert_eq!(c.uid_copy(&set("1"), &to).await.unwrap(), Some((set("1"), set("11"))));
    assert_eq!(c.uid_move(&set("2"), &to).await.unwrap(), Some((set("2"), set("12"))));
    c.uid_expunge(&set("9")).await.unwrap();
    c.create(&MailboxName::from_text("Sent"), Some(sterna_core::Role::Sent)).await.unwrap();
    c.subscribe(&MailboxName::from_text("Sent"), true).await.unwrap();
    end(c, s).await;
}

#[tokio::test]
async fn id_strips_what_cannot_be_quoted() {
    let (mut c, s) = greeted(
        "ID",
        "C: S1 ID (\"name\" \"Sterna\" \"x\" \"ab\")
         S: * ID (\"name\" \"Dovecot\")
         S: S1 OK
         C: S2 LOGOUT
         S: * BYE see you
         S: S2 OK",
    )
    .await;
    let theirs = c.id(&[("name", "Sterna"), ("x", "a\"b")]).await.unwrap();
    assert_eq!(theirs, [("name".to_owned(), Some("Dovecot".to_owned()))]);
    c.logout().await.unwrap();
    s.await.unwrap();
}
