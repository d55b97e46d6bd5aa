//! A table of every command form with the value it gives.

use sterna_core::{CivilDate, Flag, Flags, Keyword, ModSeq, Role, SystemFlags, UidValidity};

use crate::codec::command::append::{AppendHead, AppendTail, MessageHead};
use crate::codec::command::fetch::{BodyItem, BodyName, Fetch, FetchItem};
use crate::codec::command::list::{List, ListReturn, ListSelect};
use crate::codec::command::mailbox::{Create, QResync, Select, StatusItem};
use crate::codec::command::notify::{EventGroup, Events, MailboxFilter, Notify};
use crate::codec::command::quota::{QuotaResource, SetQuota};
use crate::codec::command::search::{Charset, PartialRange, Search, SearchReturn};
use crate::codec::command::section::{Partial, Section, SectionText};
use crate::codec::command::session::{AuthResponse, Authenticate, Login, Secret};
use crate::codec::command::sort::{Sort, SortCriterion, SortKey, Thread, ThreadAlgorithm};
use crate::codec::command::store::{Store, StoreAction, Transfer};
use crate::codec::command::{Addressing, Command, CommandBody, SearchKey};
use crate::codec::lexer::LiteralHead;
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::sequence::{MessageSet, NumberSet, SequenceSet};

const SEQ: Addressing = Addressing::Sequence;
const UID: Addressing = Addressing::Uid;

fn parse(text: &str) -> CommandBody {
    let input = format!("a1 {text}\r\n");
    match Command::parse(input.as_bytes(), NameEncoding::ModifiedUtf7) {
        Ok(Command { tag, body }) if tag == "a1" => body,
        other => panic!("{text}: {other:?}"),
    }
}

fn check(table: Vec<(&str, CommandBody)>) {
    for (text, body) in table {
        assert_eq!(parse(text), body, "{text}");
    }
}

fn mailbox(text: &str) -> MailboxName {
    MailboxName::from_text(text)
}

fn set(text: &str) -> MessageSet {
    MessageSet::Numbers(SequenceSet::parse(text.as_bytes()).unwrap())
}

fn numbers(text: &str) -> NumberSet {
    NumberSet::parse(text.as_bytes(), 100).unwrap()
}

fn seen() -> Flags {
    Flags::system(SystemFlags::SEEN)
}

#[test]
fn commands_about_the_session() {
    use CommandBody as C;
    let secret = |bytes: &[u8]| Secret(bytes.to_vec());
    let auth = |initial_response| C::Authenticate(Authenticate { mechanism: "PLAIN".into(), initial_response });
    let login = |user: &str, password: &[u8]| C::Login(Login { user: user.into(), password: secret(password) });
    check(vec![
        ("CAPABILITY", C::Capability),
        ("noop", C::Noop),
        ("LOGOUT", C::Logout),
        ("STARTTLS", C::StartTls),
        ("IDLE", C::Idle),
        ("NAMESPACE", C::Namespace),
        ("CHECK", C::Check),
        ("CLOSE", C::Close),
        ("UNSELECT", C::Unselect),
        ("AUTHENTICATE plain", auth(None)),
        ("AUTHENTICATE PLAIN =", auth(Some(secret(b"")))),
        ("AUTHENTICATE PLAIN AGEAYg==", auth(Some(secret(b"\0a\0b")))),
        ("LOGIN anne@x.org \"a\\\"b\"", login("anne@x.org", b"a\"b")),
        ("LOGIN {2}\r\nan {3+}\r\na\r\n", login("an", b"a\r\n")),
        ("LOGIN Zoë é", login("Zoë", "é".as_bytes())),
        ("ENABLE CONDSTORE utf8=accept", C::Enable(vec!["CONDSTORE".into(), "UTF8=ACCEPT".into()])),
        ("ID NIL", C::Id(None)),
        ("ID ()", C::Id(Some(vec![]))),
        ("ID (\"name\" \"x\" \"os\" NIL)", C::Id(Some(vec![("name".into(), Some("x".into())), ("os".into(), None)]))),
        ("COMPRESS deflate", C::Compress("DEFLATE".into())),
    ]);
    assert_eq!(AuthResponse::parse(b"AGEAYg==\r\n"), AuthResponse::Data(secret(b"\0a\0b")));
    assert_eq!(AuthResponse::parse(b"\r\n"), AuthResponse::Data(secret(b"")));
    assert_eq!(AuthResponse::parse(b"*\r\n"), AuthResponse::Cancelled);
    assert_eq!(AuthResponse::parse(b"A\n"), AuthResponse::Invalid);
    assert!(!format!("{:?}", login("a", b"hidden")).contains(&format!("{:?}", b"hidden")));
}

#[test]
fn commands_about_mailboxes() {
    use CommandBody as C;
    let select =
        |read_only, condstore, qresync| C::Select(Select { mailbox: mailbox("INBOX"), read_only, condstore, qresync });
    let qresync = |known_uids, seq_match| {
        let uid_validity = UidValidity::new(67890007).unwrap();
        Some(QResync { uid_validity, mod_seq: ModSeq(90060115194045000), known_uids, seq_match })
    };
    let create = |uses, unknown_use| C::Create(Create { mailbox: mailbox("Été"), uses, unknown_use });
    check(vec![
        ("SELECT inbox", select(false, false, None)),
        ("EXAMINE {5}\r\nInBoX (CONDSTORE)", select(true, true, None)),
        ("SELECT INBOX (QRESYNC (67890007 90060115194045000))", select(false, false, qresync(None, None))),
        (
            "SELECT INBOX (QRESYNC (67890007 90060115194045000 41,43:211) CONDSTORE)",
            select(false, true, qresync(Some(numbers("41,43:211")), None)),
        ),
        (
            "SELECT INBOX (QRESYNC (67890007 90060115194045000 1:9 (1,4 5,9)))",
            select(false, false, qresync(Some(numbers("1:9")), Some((numbers("1,4"), numbers("5,9"))))),
        ),
        (
            "SELECT INBOX (QRESYNC (67890007 90060115194045000 (1 5)))",
            select(false, false, qresync(None, Some((numbers("1"), numbers("5"))))),
        ),
        ("CREATE &AMk-t&AOk-", create(vec![], false)),
        ("CREATE &AMk-t&AOk- (USE (\\Sent \\drafts))", create(vec![Role::Sent, Role::Drafts], false)),
        ("CREATE &AMk-t&AOk- (USE (\\Foo))", create(vec![], true)),
        ("DELETE \"a b\"", C::Delete(mailbox("a b"))),
        ("RENAME a {1}\r\nb", C::Rename { from: mailbox("a"), to: mailbox("b") }),
        ("SUBSCRIBE a]b", C::Subscribe(mailbox("a]b"))),
        ("UNSUBSCRIBE Été", C::Unsubscribe(mailbox("Été"))),
        ("LSUB \"\" a%*", C::Lsub { reference: mailbox(""), pattern: mailbox("a%*") }),
        (
            "STATUS a (MESSAGES recent UIDNEXT UIDVALIDITY UNSEEN DELETED DELETED-STORAGE SIZE HIGHESTMODSEQ MAILBOXID \
             APPENDLIMIT)",
            C::Status {
                mailbox: mailbox("a"),
                items: vec![
                    StatusItem::Messages,
                    StatusItem::Recent,
                    StatusItem::UidNext,
                    StatusItem::UidValidity,
                    StatusItem::Unseen,
                    StatusItem::Deleted,
                    StatusItem::DeletedStorage,
                    StatusItem::Size,
                    StatusItem::HighestModSeq,
                    StatusItem::MailboxId,
                    StatusItem::AppendLimit,
                ],
            },
        ),
        ("GETQUOTA \"\"", C::GetQuota { root: vec![] }),
        ("GETQUOTAROOT INBOX", C::GetQuotaRoot(mailbox("INBOX"))),
        (
            "SETQUOTA r (STORAGE 512 MESSAGE 3)",
            C::SetQuota(SetQuota {
                root: b"r".to_vec(),
                limits: vec![(QuotaResource::Storage, 512), (QuotaResource::Message, 3)],
            }),
        ),
        ("SETQUOTA r ()", C::SetQuota(SetQuota { root: b"r".to_vec(), limits: vec![] })),
    ]);
}

#[test]
fn list_in_all_its_forms() {
    let basic = List {
        select: ListSelect::default(),
        reference: mailbox(""),
        patterns: vec![mailbox("%")],
        returns: ListReturn::default(),
        extended: false,
    };
    let list = |select, patterns: &[&str], returns| {
        let patterns = patterns.iter().map(|p| mailbox(p)).collect();
        CommandBody::List(List { select, patterns, returns, extended: true, ..basic.clone() })
    };
    let none = ListSelect::default();
    let status = vec![StatusItem::Messages, StatusItem::Size];
    check(vec![
        ("LIST \"\" %", CommandBody::List(basic.clone())),
        ("LIST \"\" \"%\"", CommandBody::List(basic.clone())),
        ("LIST \"\" &AOk-*", CommandBody::List(List { patterns: vec![mailbox("é*")], ..basic.clone() })),
        ("LIST () \"\" %", list(none, &["%"], ListReturn::default())),
        ("LIST \"\" (INBOX \"a b\" x*)", list(none, &["INBOX", "a b", "x*"], ListReturn::default())),
        ("LIST \"\" % RETURN ()", list(none, &["%"], ListReturn::default())),
        (
            "LIST (SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE) \"\" *",
            list(
                ListSelect { subscribed: true, remote: true, recursive_match: true, special_use: true },
                &["*"],
                ListReturn { subscribed: true, special_use: true, ..ListReturn::default() },
            ),
        ),
        (
            "LIST \"\" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES SIZE))",
            list(none, &["*"], ListReturn { subscribed: true, children: true, special_use: true, status }),
        ),
    ]);
}

fn section(part: &[u32], text: Option<SectionText>) -> Section {
    Section { part: part.to_vec(), text }
}

#[test]
fn fetch_with_every_item() {
    use FetchItem as F;
    let body = |part: &[u32], text, partial, peek, name| {
        F::Section(BodyItem { section: section(part, text), partial, peek, name })
    };
    let fields = |not| SectionText::HeaderFields { names: vec!["From".into(), "X-Y".into()], not };
    let partial = Some(Partial { offset: 0, length: 1024 });
    let fast = vec![F::Flags, F::InternalDate, F::Rfc822Size];
    let items = vec![
        ("FAST", fast.clone()),
        ("ALL", [&fast[..], &[F::Envelope]].concat()),
        ("FULL", [&fast[..], &[F::Envelope, F::Body]].concat()),
        ("UID", vec![F::Uid]),
        ("(FLAGS INTERNALDATE RFC822.SIZE)", fast),
        ("(ENVELOPE BODYSTRUCTURE BODY)", vec![F::Envelope, F::BodyStructure, F::Body]),
        ("(MODSEQ EMAILID THREADID SAVEDATE)", vec![F::ModSeq, F::EmailId, F::ThreadId, F::SaveDate]),
        ("(PREVIEW PREVIEW (LAZY))", vec![F::Preview { lazy: false }, F::Preview { lazy: true }]),
        ("BODY[]", vec![body(&[], None, None, false, BodyName::Body)]),
        ("body.peek[]<0.1024>", vec![body(&[], None, partial, true, BodyName::Body)]),
        ("BODY[1.2]", vec![body(&[1, 2], None, None, false, BodyName::Body)]),
        ("BODY[1.MIME]", vec![body(&[1], Some(SectionText::Mime), None, false, BodyName::Body)]),
        ("BODY[2.header]", vec![body(&[2], Some(SectionText::Header), None, false, BodyName::Body)]),
        ("BODY[TEXT]", vec![body(&[], Some(SectionText::Text), None, false, BodyName::Body)]),
        ("BODY.PEEK[HEADER.FIELDS (From \"X-Y\")]", vec![body(&[], Some(fields(false)), None, true, BodyName::Body)]),
        ("BODY[4.HEADER.FIELDS.NOT (From X-Y)]", vec![body(&[4], Some(fields(true)), None, false, BodyName::Body)]),
        ("RFC822", vec![body(&[], None, None, false, BodyName::Rfc822)]),
        ("RFC822.HEADER", vec![body(&[], Some(SectionText::Header), None, true, BodyName::Rfc822Header)]),
        ("RFC822.TEXT", vec![body(&[], Some(SectionText::Text), None, false, BodyName::Rfc822Text)]),
        ("BINARY[1]", vec![F::Binary { part: vec![1], partial: None, peek: false }]),
        ("BINARY.PEEK[]<0.1024>", vec![F::Binary { part: vec![], partial, peek: true }]),
        ("BINARY.SIZE[1.2]", vec![F::BinarySize { part: vec![1, 2] }]),
    ];
    for (text, items) in items {
        let fetch = Fetch { by: SEQ, set: set("1:*"), items, changed_since: None, vanished: false, partial: None };
        assert_eq!(parse(&format!("FETCH 1:* {text}")), CommandBody::Fetch(fetch), "{text}");
    }
    let range = PartialRange { first: 1.try_into().unwrap(), last: 5.try_into().unwrap(), from_end: true };
    assert_eq!(
        parse("UID FETCH $ (FLAGS) (CHANGEDSINCE 12345 VANISHED PARTIAL -1:-5)"),
        CommandBody::Fetch(Fetch {
            by: UID,
            set: MessageSet::Saved,
            items: vec![F::Flags],
            changed_since: Some(ModSeq(12345)),
            vanished: true,
            partial: Some(range),
        })
    );
}

#[test]
fn store_copy_move_expunge() {
    use CommandBody as C;
    let mut both = seen();
    both.insert(Flag::Keyword(Keyword::new("$Junk").unwrap()));
    let store = |by, action, silent, flags, unchanged_since| {
        C::Store(Store { by, set: set("2,4:7"), action, silent, flags, unchanged_since })
    };
    check(vec![
        ("STORE 2,4:7 FLAGS ()", store(SEQ, StoreAction::Replace, false, Flags::default(), None)),
        ("STORE 2,4:7 +FLAGS.SILENT (\\Seen $Junk)", store(SEQ, StoreAction::Add, true, both.clone(), None)),
        ("UID STORE 2,4:7 -flags \\Seen \\Recent", store(UID, StoreAction::Remove, false, seen(), None)),
        (
            "UID STORE 2,4:7 (UNCHANGEDSINCE 0) FLAGS.SILENT $Junk \\Seen",
            store(UID, StoreAction::Replace, true, both, Some(ModSeq(0))),
        ),
        ("COPY 1 a", C::Copy(Transfer { by: SEQ, set: set("1"), mailbox: mailbox("a") })),
        ("UID MOVE $ \"a b\"", C::Move(Transfer { by: UID, set: MessageSet::Saved, mailbox: mailbox("a b") })),
        ("EXPUNGE", C::Expunge(None)),
        ("UID EXPUNGE 3000:3002", C::Expunge(Some(set("3000:3002")))),
    ]);
}

#[test]
fn search_sort_thread() {
    let search = |by, returns, charset, key| CommandBody::Search(Search { by, returns, charset, key });
    let all = Some(SearchReturn { all: true, ..SearchReturn::default() });
    let most = SearchReturn { min: true, max: true, count: true, save: true, ..SearchReturn::default() };
    let range = PartialRange { first: 3.try_into().unwrap(), last: 9.try_into().unwrap(), from_end: false };
    let criterion = |key, reverse| SortCriterion { key, reverse };
    let subject = SearchKey::Subject("été".into());
    check(vec![
        ("SEARCH ALL", search(SEQ, None, Charset::Utf8, SearchKey::All)),
        ("UID SEARCH RETURN () ALL", search(UID, all, Charset::Utf8, SearchKey::All)),
        ("SEARCH RETURN (MIN MAX COUNT SAVE) ALL", search(SEQ, Some(most), Charset::Utf8, SearchKey::All)),
        (
            "SEARCH RETURN (PARTIAL 9:3) ALL",
            search(
                SEQ,
                Some(SearchReturn { partial: Some(range), ..SearchReturn::default() }),
                Charset::Utf8,
                SearchKey::All,
            ),
        ),
        ("SEARCH CHARSET utf-8 SUBJECT {5}\r\nété", search(SEQ, None, Charset::Utf8, subject.clone())),
        ("SEARCH CHARSET KOI8-R ALL", search(SEQ, None, Charset::Unsupported("KOI8-R".into()), SearchKey::All)),
        (
            "UID SORT RETURN (ALL) (REVERSE DATE DISPLAYFROM SUBJECT) UTF-8 SUBJECT été",
            CommandBody::Sort(Sort {
                by: UID,
                returns: all,
                criteria: vec![
                    criterion(SortKey::Date, true),
                    criterion(SortKey::DisplayFrom, false),
                    criterion(SortKey::Subject, false),
                ],
                charset: Charset::Utf8,
                key: subject,
            }),
        ),
        (
            "THREAD references US-ASCII UNSEEN",
            CommandBody::Thread(Thread {
                by: SEQ,
                algorithm: ThreadAlgorithm::References,
                charset: Charset::Utf8,
                key: SearchKey::Not(Box::new(SearchKey::Flag(Some(Flag::System(SystemFlags::SEEN))))),
            }),
        ),
    ]);
    for (name, key) in [
        ("ARRIVAL", SortKey::Arrival),
        ("CC", SortKey::Cc),
        ("DISPLAYTO", SortKey::DisplayTo),
        ("FROM", SortKey::From),
        ("SIZE", SortKey::Size),
        ("TO", SortKey::To),
    ] {
        let CommandBody::Sort(sort) = parse(&format!("SORT ({name}) UTF-8 ALL")) else { panic!("{name}") };
        assert_eq!(sort.criteria, [criterion(key, false)]);
    }
}

#[test]
fn every_search_key() {
    use SearchKey as K;
    let flag = |f| K::Flag(Some(Flag::System(f)));
    let keyword = |k: &str| K::Flag(Keyword::new(k).map(Flag::Keyword));
    let not = |key| K::Not(Box::new(key));
    let day = CivilDate::new(2026, 2, 1).unwrap();
    let text = || "x y".to_owned();
    for (wire, key) in [
        ("1:5,7", K::Sequence(set("1:5,7"))),
        ("*", K::Sequence(set("*"))),
        ("$", K::Sequence(MessageSet::Saved)),
        ("UID 4:*", K::Uid(set("4:*"))),
        ("UID $", K::Uid(MessageSet::Saved)),
        ("ANSWERED", flag(SystemFlags::ANSWERED)),
        ("UNANSWERED", not(flag(SystemFlags::ANSWERED))),
        ("DELETED", flag(SystemFlags::DELETED)),
        ("UNDELETED", not(flag(SystemFlags::DELETED))),
        ("DRAFT", flag(SystemFlags::DRAFT)),
        ("UNDRAFT", not(flag(SystemFlags::DRAFT))),
        ("FLAGGED", flag(SystemFlags::FLAGGED)),
        ("UNFLAGGED", not(flag(SystemFlags::FLAGGED))),
        ("SEEN", flag(SystemFlags::SEEN)),
        ("unseen", not(flag(SystemFlags::SEEN))),
        ("RECENT", K::Recent),
        ("OLD", not(K::Recent)),
        ("NEW", K::And(vec![K::Recent, not(flag(SystemFlags::SEEN))])),
        ("KEYWORD $Junk", keyword("$Junk")),
        ("UNKEYWORD $Junk", not(keyword("$Junk"))),
        ("BCC \"x y\"", K::Bcc(text())),
        ("CC \"x y\"", K::Cc(text())),
        ("FROM \"x y\"", K::From(text())),
        ("TO \"x y\"", K::To(text())),
        ("SUBJECT \"x y\"", K::Subject(text())),
        ("BODY {3}\r\nx y", K::Body(text())),
        ("TEXT \"x y\"", K::Text(text())),
        ("HEADER Message-ID \"\"", K::Header("Message-ID".into(), String::new())),
        ("BEFORE 1-Feb-2026", K::Before(day)),
        ("ON \"1-Feb-2026\"", K::On(day)),
        ("SINCE 1-Feb-2026", K::Since(day)),
        ("SENTBEFORE 1-Feb-2026", K::SentBefore(day)),
        ("SENTON 1-Feb-2026", K::SentOn(day)),
        ("SENTSINCE 1-Feb-2026", K::SentSince(day)),
        ("SAVEDBEFORE 1-Feb-2026", K::SavedBefore(day)),
        ("SAVEDON 1-Feb-2026", K::SavedOn(day)),
        ("SAVEDSINCE 1-Feb-2026", K::SavedSince(day)),
        ("SAVEDATESUPPORTED", K::SaveDateSupported),
        ("OLDER 60", K::Older(60)),
        ("YOUNGER 60", K::Younger(60)),
        ("LARGER 4294967296", K::Larger(4294967296)),
        ("SMALLER 0", K::Smaller(0)),
        ("MODSEQ 620162338", K::ModSeq(ModSeq(620162338))),
        ("MODSEQ \"/flags/\\\\draft\" all 620162338", K::ModSeq(ModSeq(620162338))),
        ("EMAILID M6d99ac3275bb4e", K::EmailId("M6d99ac3275bb4e".into())),
        ("THREADID T-_", K::ThreadId("T-_".into())),
        ("NOT NOT ALL", not(not(K::All))),
        ("OR ALL (RECENT ALL)", K::Or(Box::new(K::All), Box::new(K::And(vec![K::Recent, K::All])))),
        ("(ALL) RECENT", K::And(vec![K::All, K::Recent])),
    ] {
        let CommandBody::Search(search) = parse(&format!("SEARCH {wire}")) else { panic!("{wire}") };
        assert_eq!(search.key, key, "{wire}");
    }
    assert!(K::Or(Box::new(K::All), Box::new(not(K::Recent))).any(&|k| *k == K::Recent));
}

#[test]
fn notify_of_rfc5465() {
    let events = |message_new| Events { message_new, message_expunge: true, ..Events::default() };
    let group = |filter, events| EventGroup { filter, events };
    assert_eq!(parse("NOTIFY NONE"), CommandBody::Notify(Notify::None));
    assert_eq!(
        parse("NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge))"),
        CommandBody::Notify(Notify::Set {
            status: true,
            groups: vec![group(MailboxFilter::Selected, events(Some(vec![FetchItem::Uid, FetchItem::Flags])))],
        })
    );
    assert_eq!(
        parse(
            "NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange AnnotationChange)) (INBOXES NONE) \
             (personal (MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange)) \
             (subscribed (Foo)) (subtree a NONE) (mailboxes (a \"b c\") NONE)"
        ),
        CommandBody::Notify(Notify::Set {
            status: false,
            groups: vec![
                group(
                    MailboxFilter::SelectedDelayed,
                    Events { flag_change: true, annotation_change: true, ..events(Some(vec![])) }
                ),
                group(MailboxFilter::Inboxes, Events::default()),
                group(
                    MailboxFilter::Personal,
                    Events {
                        mailbox_name: true,
                        subscription_change: true,
                        mailbox_metadata_change: true,
                        server_metadata_change: true,
                        ..Events::default()
                    }
                ),
                group(MailboxFilter::Subscribed, Events { unknown: vec!["Foo".into()], ..Events::default() }),
                group(MailboxFilter::Subtree(vec![mailbox("a")]), Events::default()),
                group(MailboxFilter::Mailboxes(vec![mailbox("a"), mailbox("b c")]), Events::default()),
            ],
        })
    );
}

#[test]
fn append_and_replace_up_to_their_messages() {
    let date = sterna_core::DateTime::parse_imap(b" 7-Feb-1994 21:52:25 -0800").unwrap();
    let literal = |size, synchronizing, binary| LiteralHead { size, synchronizing, binary };
    let plain = MessageHead { flags: Flags::default(), date: None, literal: literal(310, true, false), utf8: false };
    for (wire, replaces, message) in [
        ("APPEND a {310}", None, plain.clone()),
        (
            "APPEND {1}\r\na (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" ~{4+}",
            None,
            MessageHead { flags: seen(), date: Some(date), literal: literal(4, false, true), utf8: false },
        ),
        ("APPEND a () UTF8 (~{9}", None, MessageHead { literal: literal(9, true, true), utf8: true, ..plain.clone() }),
        ("REPLACE 4 a {310}", Some((SEQ, 4)), plain.clone()),
        ("uid replace 4 \"a\" {310}", Some((UID, 4)), plain.clone()),
    ] {
        let head = AppendHead::parse(format!("t {wire}\r\n").as_bytes(), NameEncoding::ModifiedUtf7).unwrap();
        let replaces = replaces.map(|(by, n): (_, u32)| (by, n.try_into().unwrap()));
        assert_eq!(head, AppendHead { tag: "t".into(), replaces, mailbox: mailbox("a"), message }, "{wire}");
    }
    let utf8 = MessageHead { utf8: true, ..plain.clone() };
    assert_eq!(AppendTail::parse(b"\r\n", &plain, "t"), Ok(AppendTail::End));
    assert_eq!(AppendTail::parse(b")\r\n", &utf8, "t"), Ok(AppendTail::End));
    assert_eq!(AppendTail::parse(b" {310}\r\n", &plain, "t"), Ok(AppendTail::Next(plain.clone())));
    for (bytes, head) in [(&b")\r\n"[..], &plain), (b"\r\n", &utf8), (b" (\\*) {1}\r\n", &plain), (b"x\r\n", &plain)] {
        assert_eq!(AppendTail::parse(bytes, head, "t").unwrap_err().tag.as_deref(), Some("t"));
    }
}
