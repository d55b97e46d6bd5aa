//! The way back to a real Dovecot: every kind of change, twice, broken off anywhere, and what both sides have afterwards.

mod raise;

use std::collections::BTreeSet;

use sterna_core::{Flag, Keyword, MailboxId, Role, SystemFlags, Uid};
use sterna_imap::client::Connection;
use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_store::{FlagChange, NewMailbox, Tx};
use sterna_tests::{Dovecot, DovecotOptions, Folder, Ignore, Mailboxes, Message, User, snapshot};

use super::*;
use crate::back::{self, Carried, Raise};
use crate::progress::Reporter;
use crate::session::Login as SourceLogin;
use crate::transfer::Context;

/// UIDNEXT is higher where numbers were used up, and a folder made there has a UIDVALIDITY of its own.
const IGNORE: Ignore = Ignore { uid_next: true, mod_seq: true, delimiter: false, uid_validity: true };

struct Moved {
    dovecot: Dovecot,
    user: User,
    target: Target,
    account: Account,
    context: Arc<Context>,
    login: SourceLogin,
}

fn message(n: u32) -> Vec<u8> {
    format!("Message-ID: <{n}@example.org>\r\nSubject: {n}\r\n\r\nbody {n}\r\n").into_bytes()
}

/// One pass; what it carried.
async fn one_pass(
    context: &Arc<Context>,
    login: &SourceLogin,
    connection: &mut Connection,
    raise: Raise,
) -> Result<Carried> {
    let mut carried = Carried::default();
    back::pass(context, login, connection, raise, &mut carried).await?;
    Ok(carried)
}

impl Moved {
    /// A mailbox with five messages in INBOX and two in Work, moved; the sides have just changed.
    async fn new() -> Moved {
        Moved::with(DovecotOptions::default()).await
    }

    async fn with(options: DovecotOptions) -> Moved {
        let mut dovecot = Dovecot::with(options);
        let user = dovecot.user("anne@example.org", "secret");
        let mut wire = dovecot.login(&user);
        for n in 1..=5 {
            assert!(wire.append(b"INBOX", "\\Seen", Some("01-Feb-2024 10:00:00 +0530"), &message(n)).is_ok());
        }
        wire.ok("CREATE Work");
        wire.ok("SUBSCRIBE Work");
        for n in 6..=7 {
            assert!(wire.append(b"Work", "", Some("02-Feb-2024 10:00:00 -0800"), &message(n)).is_ok());
        }
        let target = Target::new().await;
        let mover = target.mover(PATIENCE);
        let spec = SourceSpec::parse(&format!("imap://127.0.0.1:{}?tls=none", dovecot.port()), &user.login).unwrap();
        let secret = Secret::Password(user.password.clone());
        mover.start(target.account, spec.clone(), secret.clone(), MoveOptions::default()).await.unwrap();
        assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
        let account = target.store.account(target.account).await.unwrap();
        account.write(back::begin).await.unwrap();
        let context = Arc::new(Context::new(account.clone(), Arc::new(Reporter::new(watch::Sender::default()))));
        Moved { dovecot, user, target, account, context, login: SourceLogin::new(&spec, secret) }
    }

    async fn try_pass(&self) -> Result<Carried> {
        let mut connection = self.login.open().await?;
        one_pass(&self.context, &self.login, &mut connection, Raise::Nothing).await
    }

    /// A pass, and another that must find nothing.
    async fn pass(&self) -> Carried {
        let mut carried = self.try_pass().await.unwrap();
        let again = self.try_pass().await.unwrap();
        assert!(again.is_nothing(), "{again:?} after {carried:?}");
        carried.differing.extend(again.differing);
        carried.left = again.left;
        carried.remarks.extend(again.remarks);
        carried
    }

    async fn mailbox(&self, path: &'static str) -> MailboxId {
        self.account.read(move |tx| Ok(tx.mailbox_tree()?.find(path).unwrap().id)).await.unwrap()
    }

    async fn append(&self, path: &'static str, body: &[u8], flags: &str) -> Uid {
        let mailbox = self.mailbox(path).await;
        let date = DateTime { unix: 1_720_000_000, offset: -210 };
        let email = Ingest::whole(&self.account.blobs(), body, date).unwrap();
        let flags: Flags = flags.split_whitespace().map(flag).collect();
        self.account.write(move |tx| Ok(tx.append(mailbox, &email, &flags)?.uid)).await.unwrap()
    }

    async fn write<T: Send + 'static>(&self, f: impl FnOnce(&Tx<'_>) -> sterna_store::Result<T> + Send + 'static) -> T {
        self.account.write(f).await.unwrap()
    }

    /// What an IMAP client would be shown here, without special uses: Dovecot tells none. It shows dates in its own zone.
    async fn here(&self) -> Mailboxes {
        let read = |tx: &Tx<'_>| {
            let (tree, keysets) = (tx.mailbox_tree()?, tx.keysets()?);
            let mut all = Mailboxes::default();
            for (path, mailbox) in tree.iter() {
                let mut folder = Folder { subscribed: mailbox.subscribed, ..Folder::default() };
                folder.delimiter = tree.delimiter().to_string().into_bytes();
                let mut found = Vec::new();
                let _ = tx.emails(mailbox.id, UidRange::ALL, |m, e| {
                    found.push((m.uid.get(), keysets.flags(m.flags), e.internaldate, e.blob));
                    Ok(ControlFlow::Continue(()))
                })?;
                for (uid, flags, date, blob) in found {
                    let shown =
                        Message::new(&flags.to_string(), &DateTime::utc(date.unix).imap().to_string(), &tx.blob(blob)?);
                    folder.messages.insert(uid, shown);
                }
                all.0.insert(MailboxName::from_text(path).to_wire(NameEncoding::ModifiedUtf7), folder);
            }
            Ok(all)
        };
        self.account.read(read).await.unwrap()
    }

    fn there(&self) -> Mailboxes {
        let mut there = snapshot(&mut self.dovecot.login(&self.user));
        there.0.retain(|_, f| !f.attributes.contains("\\nonexistent"));
        for folder in there.0.values_mut() {
            folder.attributes.retain(|a| Role::from_imap_attribute(a).is_none());
        }
        there
    }

    /// Both sides have the same, UID by UID, and the store is sound.
    async fn assert_same(&self) {
        self.there().assert_same(&self.here().await, IGNORE);
        self.target.assert_sound().await;
    }

    /// The same without UIDs: each message as often as on the other side.
    async fn assert_same_but_uids(&self) {
        let bare = |all: Mailboxes| -> Vec<(Vec<u8>, Vec<String>)> {
            let messages = |f: Folder| {
                let mut shown: Vec<_> = f.messages.into_values().map(|m| format!("{m:?}")).collect();
                shown.sort();
                shown
            };
            all.0.into_iter().map(|(name, folder)| (name, messages(folder))).collect()
        };
        assert_eq!(bare(self.there()), bare(self.here().await));
        self.target.assert_sound().await;
    }
}

fn flag(text: &str) -> Flag {
    match SystemFlags::from_name(text) {
        Some(bit) => Flag::System(bit),
        None => Flag::Keyword(Keyword::new(text).unwrap()),
    }
}

fn uid(n: u32) -> Uid {
    Uid::new(n).unwrap()
}

fn one(n: u32) -> [UidRange; 1] {
    [UidRange::one(uid(n))]
}

#[tokio::test]
async fn nothing_changed_and_nothing_is_carried() {
    let m = Moved::new().await;
    assert_eq!(m.pass().await, Carried::default());
    m.assert_same().await;
}

#[tokio::test]
async fn new_messages_keep_bytes_dates_flags_and_uids() {
    let m = Moved::new().await;
    let large: Vec<u8> = b"Subject: large\r\n\r\n"
        .iter()
        .copied()
        .chain((0..20 << 20).map(|n: u32| match n % 80 {
            78 => b'\r',
            79 => b'\n',
            c => b'!' + ((c * 31 + n / 80) % 90) as u8,
        }))
        .collect();
    m.append("INBOX", &message(20), "\\Seen \\Flagged $Forwarded Projet.X").await;
    m.append("INBOX", &large, "\\Draft").await;
    m.append("INBOX", b"", "").await;
    m.append("INBOX", &message(21), "").await;
    m.append("Work", &message(22), "\\Answered \\Deleted").await;
    let carried = m.pass().await;
    // An empty message is none to Dovecot.
    let refused = carried.left.len() as u64;
    assert_eq!(carried.appended + refused, 5, "{carried:?}");
    if refused > 0 {
        let inbox = m.mailbox("INBOX").await;
        m.write(move |tx| tx.expunge(inbox, &one(8))).await;
    }
    assert!(m.pass().await.left.is_empty());
    m.assert_same_but_uids().await;
    for uid in [6, 7] {
        assert!(m.there().folder("INBOX").messages.contains_key(&uid));
    }
}

#[tokio::test]
async fn numbers_that_came_and_went_are_used_up_there() {
    let m = Moved::new().await;
    let inbox = m.mailbox("INBOX").await;
    for n in 0..70 {
        m.append("INBOX", &message(100 + n), "").await;
    }
    m.write(move |tx| tx.expunge(inbox, &[UidRange { first: uid(6), last: uid(65) }, UidRange::one(uid(70))])).await;
    let carried = m.pass().await;
    assert_eq!((carried.appended, carried.differing.len()), (9, 0), "{carried:?}");
    m.assert_same().await;

    // Too many: the messages arrive, under other UIDs, and that is told.
    for n in 0..300 {
        m.append("INBOX", &message(1000 + n), "").await;
    }
    m.write(move |tx| tx.expunge(inbox, &[UidRange { first: uid(76), last: uid(374) }])).await;
    let carried = m.pass().await;
    assert_eq!(carried.appended, 1);
    assert_eq!((carried.differing[0].here, carried.differing[0].there), (uid(375), uid(76)));
    m.assert_same_but_uids().await;
    // It is found under its UID there.
    m.write(move |tx| tx.change_flags(inbox, &one(375), &FlagChange::Add(Flags::system(SystemFlags::SEEN)), None))
        .await;
    assert_eq!(m.pass().await.flags, 1);
    m.assert_same_but_uids().await;
    m.write(move |tx| tx.expunge(inbox, &one(375))).await;
    assert_eq!(m.pass().await.expunged, 1);
    m.assert_same().await;
}

#[tokio::test]
async fn flags_removals_moves_and_copies_follow() {
    let m = Moved::new().await;
    let (inbox, work) = (m.mailbox("INBOX").await, m.mailbox("Work").await);
    let keywords: Flags = ["\\Answered", "$Junk", "étoile"]
        .iter()
        .filter_map(|k| {
            Some(match SystemFlags::from_name(k) {
                Some(bit) => Flag::System(bit),
                None => Flag::Keyword(Keyword::new(k)?),
            })
        })
        .collect();
    m.write(move |tx| {
        tx.change_flags(inbox, &one(1), &FlagChange::Set(keywords.clone()), None)?;
        tx.change_flags(inbox, &one(2), &FlagChange::Set(Flags::default()), None)?;
        tx.expunge(inbox, &one(3))?;
        tx.move_messages(inbox, &[UidRange { first: uid(4), last: uid(5) }], work)?;
        tx.copy(work, &one(1), inbox)
    })
    .await;
    let carried = m.pass().await;
    assert_eq!((carried.appended, carried.moved, carried.expunged), (0, 3, 3), "{carried:?}");
    assert!(carried.left.is_empty() && carried.differing.is_empty(), "{carried:?}");
    m.assert_same().await;
    // What was carried is moved on and changed.
    m.write(move |tx| {
        tx.change_flags(work, &one(3), &FlagChange::Add(Flags::system(SystemFlags::FLAGGED)), None)?;
        tx.move_messages(work, &one(3), inbox)
    })
    .await;
    let carried = m.pass().await;
    assert_eq!((carried.appended, carried.moved, carried.expunged), (0, 1, 1), "{carried:?}");
    m.assert_same().await;
}

#[tokio::test]
async fn mailboxes_are_made_renamed_subscribed_and_deleted() {
    let m = Moved::new().await;
    let work = m.mailbox("Work").await;
    let new = m
        .write(|tx| Ok(tx.create_mailbox(&NewMailbox { subscribed: true, ..NewMailbox::named("Été & Co") })?.id))
        .await;
    m.write(move |tx| tx.create_mailbox(&NewMailbox { parent: Some(new), ..NewMailbox::named("Below") })).await;
    m.append("Été & Co", &message(30), "\\Seen").await;
    m.append("Été & Co/Below", &message(31), "").await;
    m.append("Work", &message(32), "").await;
    m.write(move |tx| tx.set_subscribed(work, false)).await;
    let carried = m.pass().await;
    assert_eq!((carried.created, carried.subscriptions, carried.appended), (2, 2, 3), "{carried:?}");
    m.assert_same().await;

    // Renamed with what is below; two exchange their names.
    m.write(move |tx| {
        tx.rename_mailbox(new, None, "between")?;
        tx.rename_mailbox(work, None, "Été & Co")?;
        tx.rename_mailbox(new, None, "Work")
    })
    .await;
    let carried = m.pass().await;
    assert!(carried.renamed >= 2 && carried.left.is_empty() && carried.appended == 0, "{carried:?}");
    m.assert_same().await;

    // Deleted, and another takes the name.
    m.write(move |tx| {
        tx.set_subscribed(work, false)?;
        tx.delete_mailbox(work)?;
        tx.create_mailbox(&NewMailbox::named("Été & Co"))
    })
    .await;
    m.append("Été & Co", &message(33), "").await;
    let carried = m.pass().await;
    assert_eq!((carried.deleted, carried.created, carried.appended), (1, 1, 1), "{carried:?}");
    assert!(carried.left.is_empty(), "{carried:?}");
    m.assert_same().await;
}

#[tokio::test]
async fn what_came_to_the_old_side_meanwhile_is_never_touched() {
    let m = Moved::new().await;
    let (inbox, work) = (m.mailbox("INBOX").await, m.mailbox("Work").await);
    let mut wire = m.dovecot.login(&m.user);
    // A straggler takes the UID that the next message here has; flags changed there by others, too.
    assert!(wire.append(b"INBOX", "", None, &message(40)).is_ok());
    assert!(wire.append(b"Work", "", None, &message(41)).is_ok());
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 1 +FLAGS (\\Flagged theirs)");
    wire.ok("UID STORE 2 +FLAGS (\\Flagged)");
    let here = m.append("INBOX", &message(42), "").await;
    m.write(move |tx| {
        tx.change_flags(inbox, &one(1), &FlagChange::Add(Flags::system(SystemFlags::ANSWERED)), None)?;
        tx.delete_mailbox(work)
    })
    .await;
    let carried = m.pass().await;
    assert_eq!((carried.appended, carried.deleted, here), (1, 0, uid(6)), "{carried:?}");
    assert_eq!((carried.differing[0].here, carried.differing[0].there), (uid(6), uid(7)));
    assert!(carried.left.iter().any(|l| l.contains("it was deleted here and stays")), "{carried:?}");
    let there = m.there();
    let flags = |uid: u32| there.folder("INBOX").messages[&uid].flags.clone();
    let set = |all: &[&str]| all.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(flags(1), set(&["\\seen", "\\answered", "\\flagged", "theirs"]));
    assert_eq!(flags(2), set(&["\\seen", "\\flagged"]));
    assert_eq!((there.folder("INBOX").messages.len(), there.folder("Work").messages.len()), (7, 3));
    m.target.assert_sound().await;
}

#[tokio::test]
async fn a_mover_does_not_bring_back_what_was_carried_back() {
    let m = Moved::new().await;
    m.append("INBOX", &message(50), "").await;
    let mut wire = m.dovecot.login(&m.user);
    assert!(wire.append(b"INBOX", "", None, &message(51)).is_ok());
    m.pass().await;
    // 6 here is 7 there, and 6 there is news.
    let mut connection = m.login.open().await.unwrap();
    crate::pass::Pass::new(&m.context, &m.login, 1).run(&mut connection).await.unwrap();
    assert_eq!(m.target.uids().await.len(), 7);
    assert!(m.pass().await.is_nothing());
    m.assert_same_but_uids().await;
}

#[tokio::test]
async fn a_pass_that_is_broken_off_anywhere_neither_loses_nor_repeats() {
    let m = Moved::new().await;
    let (inbox, work) = (m.mailbox("INBOX").await, m.mailbox("Work").await);
    let mut n = 1000;
    // Steps of a linear generator: each run breaks off elsewhere.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..8 {
        for _ in 0..12 {
            n += 1;
            m.append(if n % 3 == 0 { "Work" } else { "INBOX" }, &message(n), "\\Seen kept").await;
        }
        let gone = m.append("INBOX", &message(n + 10_000), "").await;
        m.append("INBOX", &message(n + 20_000), "").await;
        m.write(move |tx| {
            tx.expunge(inbox, &[UidRange::one(gone)])?;
            let last = tx.mailbox(work)?.uid_next as u32 - 1;
            tx.move_messages(work, &one(last), inbox)?;
            let name = format!("New {round}");
            let new = tx.create_mailbox(&NewMailbox::named(&name))?.id;
            tx.copy(inbox, &one(1), new)?;
            tx.rename_mailbox(new, None, &format!("Newer {round}"))
        })
        .await;
        for _ in 0..6 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pause = Duration::from_micros((state >> 33) % 60_000);
            let _ = tokio::time::timeout(pause, m.try_pass()).await;
            // The next run begins when the server is through with what the broken connection had brought.
            tokio::time::sleep(Duration::from_millis(200)).await;
            m.target.clock.advance(10);
        }
    }
    // At once after the last break: the pass itself waits.
    m.append("INBOX", &message(1), "").await;
    let _ = tokio::time::timeout(Duration::from_millis(25), m.try_pass()).await;
    let carried = m.pass().await;
    assert!(carried.left.is_empty(), "{carried:?}");
    m.assert_same_but_uids().await;
}

#[tokio::test]
async fn dates_are_given_with_their_zones() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(2).await;
    let mover = target.mover(PATIENCE);
    target.plan(&mover, &source, MoveOptions::default()).await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    let account = target.store.account(target.account).await.unwrap();
    account.write(back::begin).await.unwrap();
    let date = DateTime { unix: 1_720_000_000, offset: -210 };
    let email = Ingest::whole(&account.blobs(), &message(3), date).unwrap();
    account.write(move |tx| tx.append(tx.mailboxes()?[0].id, &email, &Flags::default()).map(drop)).await.unwrap();
    let (spec, secret) = spec(&source);
    let login = SourceLogin::new(&spec, secret);
    let context = Arc::new(Context::new(account, Arc::new(Reporter::new(watch::Sender::default()))));
    let mut connection = login.open().await.unwrap();
    let carried = one_pass(&context, &login, &mut connection, Raise::Nothing).await.unwrap();
    assert_eq!((carried.appended, carried.differing.len()), (1, 0), "{carried:?}");
    assert!(one_pass(&context, &login, &mut connection, Raise::Nothing).await.unwrap().is_nothing());
    let read = |tx: &Tx<'_>| {
        let mut dates = Vec::new();
        let _ = tx.emails(tx.mailboxes()?[0].id, UidRange::ALL, |m, e| {
            dates.push((m.uid.get(), e.internaldate));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(dates)
    };
    assert_eq!(source.account.read(read).await.unwrap()[2], (3, date));
    target.assert_sound().await;
}

#[tokio::test]
async fn without_uidplus_nothing_that_others_marked_is_expunged() {
    let extra = "protocol imap {\n  imap_capability = IMAP4rev1 LITERAL+ NAMESPACE ENABLE CONDSTORE\n}\n".to_owned();
    let m = Moved::with(DovecotOptions { extra, ..DovecotOptions::default() }).await;
    let (inbox, work) = (m.mailbox("INBOX").await, m.mailbox("Work").await);
    let mut wire = m.dovecot.login(&m.user);
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 5 +FLAGS (\\Deleted)");
    m.write(move |tx| {
        tx.expunge(inbox, &one(1))?;
        tx.move_messages(work, &one(1), inbox)
    })
    .await;
    let carried = m.pass().await;
    assert_eq!((carried.appended, carried.moved), (1, 0), "{carried:?}");
    let there = m.there();
    assert_eq!(there.folder("INBOX").messages.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(there.folder("INBOX").messages[&1].flags.contains("\\deleted"));
    assert_eq!(there.folder("Work").messages.keys().copied().collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_folder_that_was_made_anew_there_is_left_alone_and_one_that_is_gone_is_made_again() {
    let m = Moved::new().await;
    let work = m.mailbox("Work").await;
    let mut wire = m.dovecot.login(&m.user);
    wire.ok("DELETE Work");
    m.append("Work", &message(60), "\\Seen").await;
    m.write(move |tx| tx.expunge(work, &one(2))).await;
    let carried = m.pass().await;
    assert_eq!((carried.created, carried.appended, carried.expunged), (1, 1, 0), "{carried:?}");
    // What the move had brought stays gone there: that was the old side's own doing.
    assert_eq!(m.there().folder("Work").messages.len(), 1);
    m.write(move |tx| tx.change_flags(work, &one(1), &FlagChange::Add(Flags::system(SystemFlags::FLAGGED)), None))
        .await;
    assert!(m.pass().await.is_nothing());

    std::thread::sleep(Duration::from_millis(1100));
    wire.ok("DELETE Work");
    wire.ok("CREATE Work");
    assert!(wire.append(b"Work", "", None, &message(61)).is_ok());
    m.write(move |tx| tx.expunge(work, &one(3))).await;
    let carried = m.try_pass().await.unwrap();
    assert!(carried.is_nothing() && carried.left[0].contains("UIDVALIDITY"), "{carried:?}");
    assert_eq!(m.there().folder("Work").messages.len(), 1);
    m.target.assert_sound().await;
}
