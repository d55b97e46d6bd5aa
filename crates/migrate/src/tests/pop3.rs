//! Unique ids against POP3 servers that do one thing each; real ones are in the black-box suite.

use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::*;
use crate::{Pop3Source, ReceiptOptions};

/// A listed message: its id, its bytes, and by how much its size is claimed wrongly.
#[derive(Clone)]
struct Listed(&'static str, String, u64);

/// What a POP3 server has and can do.
#[derive(Clone, Default)]
struct Pop3 {
    listed: Vec<Listed>,
    no_capa: bool,
    no_top: bool,
    no_uidl: bool,
    /// Logins so far, and messages read whole and by TOP.
    seen: (u32, u32, u32),
}

struct Pop3Server {
    port: u16,
    state: Arc<Mutex<Pop3>>,
}

impl Pop3Server {
    async fn start(state: Pop3) -> Pop3Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    stream.get_mut().write_all(b"+OK\r\n").await.unwrap();
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                        let answer = state.lock().unwrap().answer(line.trim_end());
                        line.clear();
                        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Pop3Server { port, state }
    }

    fn change(&self, change: impl FnOnce(&mut Pop3)) {
        change(&mut self.state.lock().unwrap());
    }

    fn seen(&self) -> (u32, u32, u32) {
        self.state.lock().unwrap().seen
    }
}

impl Pop3 {
    fn answer(&mut self, line: &str) -> String {
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        let message = || {
            let n: usize = argument.split(' ').next()?.parse().ok()?;
            self.listed.get(n - 1).map(|listed| listed.1.clone())
        };
        let lines = |each: &dyn Fn(&Listed) -> String| {
            let all: String =
                self.listed.iter().zip(1..).map(|(listed, n)| format!("{n} {}\r\n", each(listed))).collect();
            format!("+OK\r\n{all}.\r\n")
        };
        match command {
            "CAPA" if !self.no_capa => {
                let top = if self.no_top { "" } else { "TOP\r\n" };
                format!("+OK\r\nPIPELINING\r\n{top}.\r\n")
            }
            "USER" | "QUIT" => "+OK\r\n".into(),
            "PASS" => {
                self.seen.0 += 1;
                "+OK\r\n".into()
            }
            "STAT" => format!("+OK {} 0\r\n", self.listed.len()),
            "LIST" => lines(&|listed| (listed.1.len() as u64 + listed.2).to_string()),
            "UIDL" if !self.no_uidl => lines(&|listed| listed.0.to_owned()),
            "RETR" => match message() {
                Some(raw) => {
                    self.seen.1 += 1;
                    format!("+OK\r\n{raw}.\r\n")
                }
                None => "-ERR\r\n".into(),
            },
            "TOP" if !self.no_top => match message() {
                Some(raw) => {
                    self.seen.2 += 1;
                    format!("+OK\r\n{}\r\n\r\n.\r\n", raw.split_once("\r\n\r\n").unwrap().0)
                }
                None => "-ERR\r\n".into(),
            },
            _ => "-ERR what?\r\n".into(),
        }
    }
}

fn mail(subject: &str, body: &str) -> String {
    format!("Received: from a by b; Sun, 1 Feb 2026 09:30:00 +0100\r\nSubject: {subject}\r\n\r\n{body}\r\n")
}

impl Source {
    async fn append(&self, messages: &[&str]) {
        let blobs = self.account.blobs();
        let email = |raw: &&str| Ingest::whole(&blobs, raw.as_bytes(), DateTime::utc(1_790_000_000)).unwrap();
        let made: Vec<_> = messages.iter().map(email).collect();
        let add = move |tx: &sterna_store::Tx<'_>| {
            let inbox = tx.mailboxes()?[0].id;
            made.iter().try_for_each(|email| tx.append(inbox, email, &Flags::default()).map(drop))
        };
        self.account.write(add).await.unwrap();
    }
}

impl Target {
    async fn plan_with(&self, mover: &Mover, source: &Source, pop3: &Pop3Server, options: MoveOptions) {
        let (mut spec, secret) = spec(source);
        spec.pop3 = Some(Pop3Source::parse(&format!("pop3://127.0.0.1:{}?tls=none", pop3.port)).unwrap());
        mover.start(self.account, spec, secret, options).await.unwrap();
    }

    /// UID, unique id and order of each message in INBOX.
    async fn ids(&self) -> Vec<(u32, Option<String>, Option<u32>)> {
        let read = |tx: &sterna_store::Tx<'_>| {
            let (inbox, mut ids) = (tx.mailboxes()?[0].id, Vec::new());
            let _ = tx.messages(inbox, UidRange::ALL, |m| {
                ids.push((m.uid.get(), m.uidl.map(str::to_owned), m.pop_order));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(ids)
        };
        self.store.account(self.account).await.unwrap().read(read).await.unwrap()
    }

    async fn receipt(&self, mover: &Mover) -> crate::Comparison {
        mover.receipt(self.account, &ReceiptOptions { verify_bodies: true }).await.unwrap().comparison
    }
}

fn id(uid: u32, uidl: &str, order: u32) -> (u32, Option<String>, Option<u32>) {
    (uid, Some(uidl.to_owned()), Some(order))
}

#[tokio::test]
async fn ids_find_their_messages_however_they_are_listed() {
    let same = [mail("same", "one body"), mail("same", "2nd body"), mail("same", "a longer body")];
    let twin = mail("twin", "alike");
    for (no_capa, no_top, lies) in [(false, false, 0), (true, false, 3), (false, true, 0), (true, true, 5)] {
        let (source, target) = (Source::start().await, Target::new().await);
        source.append(&[&same[0], &same[1], &same[2], &twin, &twin, &mail("only here", "")]).await;
        let listed = vec![
            Listed("e", twin.clone(), lies),
            Listed("c", same[2].clone(), lies),
            Listed("a", same[1].clone(), 0),
            Listed("x", mail("elsewhere", ""), 0),
            Listed("d", twin.clone(), 0),
            Listed("b", same[0].clone(), lies),
        ];
        let pop3 = Pop3Server::start(Pop3 { listed, no_capa, no_top, ..Pop3::default() }).await;
        let mover = target.mover(Duration::from_secs(60));
        target.plan_with(&mover, &source, &pop3, MoveOptions::default()).await;
        assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
        let ids = target.ids().await;
        assert_eq!(ids[..3], [id(1, "b", 6), id(2, "a", 3), id(3, "c", 2)], "{no_capa} {no_top} {lies}");
        let mut twins = [ids[3].clone(), ids[4].clone()];
        twins.sort_by_key(|(.., order)| *order);
        assert_eq!(twins.map(|(_, id, order)| (id.unwrap(), order)), [("e".into(), Some(1)), ("d".into(), Some(5))]);
        assert_eq!(ids[5], (6, None, None));
        let receipt = target.receipt(&mover).await;
        let said = receipt.pop3.unwrap();
        assert_eq!((said.listed, said.carried, said.not_carried, said.not_listed), (6, 5, 1, 1));
        assert!(said.in_order && receipt.equal);
        assert_eq!(receipt.exceptions.len(), 1, "{:?}", receipt.exceptions);
        assert!(receipt.exceptions[0].reason.contains("message 4 (unique id x)"), "{:?}", receipt.exceptions);
        // Once more reads the listing, and no message that is known.
        let (_, whole, tops) = pop3.seen();
        assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
        assert_eq!(target.ids().await, ids);
        if lies == 0 {
            assert!(pop3.seen().1 <= whole + 1 && pop3.seen().2 <= tops + 1, "{:?}", pop3.seen());
        }
        target.assert_sound().await;
    }
}

#[tokio::test]
async fn ids_that_name_the_uid_need_no_header() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(50).await;
    let index = source.account.index(source.account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap()).await.unwrap();
    let validity = index.uid_validity().get();
    let listed = |n: u32| {
        let id: &'static str = format!("{n:08x}{validity:08x}").leak();
        Listed(id, format!("Subject: {}\r\n\r\nbody {}\r\n", n - 1, n - 1), 0)
    };
    let pop3 = Pop3Server::start(Pop3 { listed: (1..=50).rev().map(listed).collect(), ..Pop3::default() }).await;
    let mover = target.mover(Duration::from_secs(60));
    target.plan_with(&mover, &source, &pop3, MoveOptions::default()).await;
    target.run(&mover).end().await.unwrap();
    assert_eq!(pop3.seen(), (1, 0, 0));
    let ids = target.ids().await;
    assert_eq!((ids[0].clone(), ids[49].2), (id(1, listed(1).0, 50), Some(1)));
    assert!(target.receipt(&mover).await.exceptions.is_empty());
}

#[tokio::test]
async fn a_pop3_side_that_refuses_stops_no_move_and_is_told() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(2).await;
    let pop3 = Pop3Server::start(Pop3 { no_uidl: true, ..Pop3::default() }).await;
    let mover = target.mover(Duration::from_secs(60));
    target.plan_with(&mover, &source, &pop3, MoveOptions::default()).await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    let receipt = target.receipt(&mover).await;
    assert!(receipt.equal && receipt.exceptions[0].reason.contains("has no unique ids"), "{:?}", receipt.exceptions);
    // Not a POP3 server at all.
    let imap = Pop3Server { port: source.port, state: Arc::default() };
    target.plan_with(&mover, &source, &imap, MoveOptions::default()).await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    let receipt = target.receipt(&mover).await;
    assert!(receipt.pop3.unwrap().failure.unwrap().contains("not a POP3 server"));
    assert_eq!(receipt.exceptions.len(), 1);
    assert!(receipt.exceptions[0].reason.contains("were not carried over"), "{:?}", receipt.exceptions);
}

#[tokio::test]
async fn a_source_with_nothing_but_pop3_gives_its_inbox() {
    let target = Target::new().await;
    let large = mail("large", &"0123456789abcde\r\n".repeat(200_000));
    let listed = vec![
        Listed("one", mail("1", ".dots\r\n..").replace("\r\n.", "\r\n.."), 7),
        Listed("two", large.clone(), 0),
        Listed("three", mail("3", "x"), 0),
    ];
    let pop3 = Pop3Server::start(Pop3 { listed, ..Pop3::default() }).await;
    let mover = target.mover(Duration::from_secs(60));
    let plan = || async {
        let url = format!("pop3://127.0.0.1:{}?tls=none", pop3.port);
        let spec = SourceSpec::parse(&url, "anne@example.org").unwrap();
        mover.start(target.account, spec, Secret::Password("secret".into()), MoveOptions::default()).await.unwrap();
        assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    };
    // A commit that nobody knows the outcome of is neither lost nor repeated.
    mover.faults.lose_answers(1);
    plan().await;
    assert_eq!(mover.faults.left(), 0);
    assert_eq!(target.ids().await, [id(1, "one", 1), id(2, "two", 2), id(3, "three", 3)]);
    assert_eq!(pop3.seen().1, 3);
    let receipt = target.receipt(&mover).await;
    assert!(receipt.equal, "{receipt:#?}");
    let inbox = &receipt.folders[0];
    assert_eq!((inbox.messages, inbox.bodies_differ, inbox.sizes_claimed_wrongly), (3, 0, 1));
    assert!(receipt.exceptions[0].reason.contains("neither flags nor INTERNALDATE"));
    let account = target.store.account(target.account).await.unwrap();
    let read = |tx: &sterna_store::Tx<'_>| {
        let mut seen = Vec::new();
        let _ = tx.emails(tx.mailboxes()?[0].id, UidRange::ALL, |_, email| {
            seen.push((email.internaldate.to_string(), email.size));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(seen)
    };
    let seen = account.read(read).await.unwrap();
    assert_eq!(seen[1], (DateTime { unix: 1_769_934_600, offset: 60 }.to_string(), large.len() as u64));

    // What is new comes, what is gone goes, nothing comes twice.
    pop3.change(|state| {
        state.listed.remove(1);
        state.listed.insert(0, Listed("zero", mail("0", "new"), 0));
    });
    let read = pop3.seen().1;
    plan().await;
    assert_eq!(target.ids().await, [id(1, "one", 2), id(3, "three", 3), id(4, "zero", 1)]);
    assert_eq!(pop3.seen().1, read + 1);
    assert!(target.receipt(&mover).await.equal);
    pop3.change(|state| state.listed.clear());
    plan().await;
    assert!(target.ids().await.is_empty());
    target.assert_sound().await;
}

#[tokio::test]
async fn without_unique_ids_nothing_comes_twice_either() {
    let target = Target::new().await;
    let twin = mail("twin", "alike");
    let listed = vec![Listed("", twin.clone(), 0), Listed("", mail("3", "x"), 0), Listed("", twin, 0)];
    let pop3 = Pop3Server::start(Pop3 { listed, no_uidl: true, no_top: true, no_capa: true, ..Pop3::default() }).await;
    let mover = target.mover(Duration::from_secs(60));
    let spec = SourceSpec::parse(&format!("pop3://127.0.0.1:{}?tls=none", pop3.port), "anne@example.org").unwrap();
    mover.start(target.account, spec, Secret::Password("secret".into()), MoveOptions::default()).await.unwrap();
    mover.faults.lose_answers(1);
    for _ in 0..2 {
        assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
        assert_eq!(target.ids().await, [(1, None, None), (2, None, None), (3, None, None)]);
    }
    assert!(target.receipt(&mover).await.exceptions.iter().any(|e| e.reason.contains("no unique ids")));
    target.assert_sound().await;
}
