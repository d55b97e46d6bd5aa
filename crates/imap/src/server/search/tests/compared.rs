//! SEARCH gives what a plain evaluation of its key over plain messages gives.

use base64::Engine as _;
use proptest::prelude::*;
use sterna_core::{CivilDate, DateTime, Flag, Flags, Keyword, SystemFlags, Uid};
use sterna_store::UidRange;

use super::search;
use crate::server::testing::Client;

const WORDS: [&str; 6] = ["ann", "BOB", "été", "Straße", "zz", "ΣΟΣ"];

/// A message in plain words.
#[derive(Clone, Debug)]
struct Plain {
    subject: Option<usize>,
    from: usize,
    tag: Option<usize>,
    body: Vec<usize>,
    base64: bool,
    seen: bool,
    keyword: bool,
    arrived: i64,
    sent: Option<i64>,
    expunged: bool,
}

/// A key.
#[derive(Clone, Debug)]
enum Key {
    All,
    Seen,
    Keyword,
    Numbers(u32, u32),
    Uids(u32, u32),
    Subject(usize),
    From(usize),
    Tag(usize),
    Body(usize),
    Text(usize),
    Larger(u64),
    Smaller(u64),
    Before(i64),
    On(i64),
    SentSince(i64),
    Not(Box<Key>),
    Or(Box<Key>, Box<Key>),
    And(Vec<Key>),
}

fn word() -> impl Strategy<Value = usize> {
    0..WORDS.len()
}

fn plain() -> impl Strategy<Value = Plain> {
    let texts = (prop::option::of(word()), word(), prop::option::of(word()), prop::collection::vec(word(), 0..4));
    let dates = (0i64..6, prop::option::of(0i64..6));
    (texts, any::<[bool; 4]>(), dates).prop_map(|((subject, from, tag, body), flags, (arrived, sent))| {
        let [base64, seen, keyword, expunged] = flags;
        Plain { subject, from, tag, body, base64, seen, keyword, arrived, sent, expunged }
    })
}

fn key() -> impl Strategy<Value = Key> {
    let leaf = prop_oneof![
        Just(Key::All),
        Just(Key::Seen),
        Just(Key::Keyword),
        (1u32..8, 1u32..8).prop_map(|(a, b)| Key::Numbers(a, b)),
        (1u32..16, 1u32..16).prop_map(|(a, b)| Key::Uids(a, b)),
        word().prop_map(Key::Subject),
        word().prop_map(Key::From),
        word().prop_map(Key::Tag),
        word().prop_map(Key::Body),
        word().prop_map(Key::Text),
        (100u64..260).prop_map(Key::Larger),
        (100u64..260).prop_map(Key::Smaller),
        (0i64..6).prop_map(Key::Before),
        (0i64..6).prop_map(Key::On),
        (0i64..6).prop_map(Key::SentSince),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|k| Key::Not(Box::new(k))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Key::Or(Box::new(a), Box::new(b))),
            prop::collection::vec(inner, 1..4).prop_map(Key::And),
        ]
    })
}

fn day(n: i64) -> CivilDate {
    CivilDate::from_days(20_000 + n).unwrap()
}

/// Late in the evening west of Greenwich, so that the day in UTC is another one.
fn moment(n: i64) -> DateTime {
    DateTime::from_civil(day(n), 22, 30, 0, -300).unwrap()
}

impl Plain {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("From", format!("{} <x{}@example.org>", WORDS[self.from], self.from))];
        fields.extend(self.subject.map(|w| ("Subject", format!("on {}", WORDS[w]))));
        fields.extend(self.tag.map(|w| ("X-Tag", WORDS[w].to_owned())));
        let date = |n| {
            let d = day(n);
            format!("{} {} {} 22:30:00 -0500", d.day, d.month_name(), d.year)
        };
        fields.extend(self.sent.map(|n| ("Date", date(n))));
        fields.push(("Content-Type", "text/plain; charset=utf-8".to_owned()));
        fields.push(("Content-Transfer-Encoding", if self.base64 { "base64" } else { "8bit" }.to_owned()));
        fields
    }

    fn body(&self) -> String {
        self.body.iter().map(|w| format!("<{}> ", WORDS[*w])).collect()
    }

    fn raw(&self) -> Vec<u8> {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let value = |text: &str| match text.is_ascii() {
            true => text.to_owned(),
            // One encoded word for each word.
            false => text
                .split(' ')
                .map(|w| if w.is_ascii() { w.into() } else { format!("=?utf-8?b?{}?=", encode(w)) })
                .collect::<Vec<_>>()
                .join(" "),
        };
        let header: String = self.fields().iter().map(|(n, v)| format!("{n}: {}\r\n", value(v))).collect();
        let body = if self.base64 { encode(&self.body()) } else { self.body() };
        format!("{header}\r\n{body}\r\n").into_bytes()
    }

    fn matches(&self, key: &Key, number: u32, uid: u32) -> bool {
        let has = |text: &str, w: usize| {
            text.to_lowercase().replace('ς', "σ").contains(&WORDS[w].to_lowercase().replace('ς', "σ"))
        };
        let field = |name: &str, w: usize| self.fields().iter().any(|(n, v)| *n == name && has(v, w));
        let within = |n: u32, a: u32, b: u32| (a.min(b)..=a.max(b)).contains(&n);
        let size = self.raw().len() as u64;
        match key {
            Key::All => true,
            Key::Seen => self.seen,
            Key::Keyword => self.keyword,
            Key::Numbers(a, b) => within(number, *a, *b),
            Key::Uids(a, b) => within(uid, *a, *b),
            Key::Subject(w) => field("Subject", *w),
            Key::From(w) => field("From", *w),
            Key::Tag(w) => field("X-Tag", *w),
            Key::Body(w) => has(&self.body(), *w),
            Key::Text(w) => has(&self.body(), *w) || self.fields().iter().any(|(n, v)| has(&format!("{n}: {v}"), *w)),
            Key::Larger(n) => size > *n,
            Key::Smaller(n) => size < *n,
            Key::Before(n) => self.arrived < *n,
            Key::On(n) => self.arrived == *n,
            Key::SentSince(n) => self.sent.unwrap_or(self.arrived) >= *n,
            Key::Not(k) => !self.matches(k, number, uid),
            Key::Or(a, b) => self.matches(a, number, uid) || self.matches(b, number, uid),
            Key::And(keys) => keys.iter().all(|k| self.matches(k, number, uid)),
        }
    }
}

fn wire(key: &Key) -> String {
    let string = |w: &usize| format!("{{{}+}}\r\n{}", WORDS[*w].len(), WORDS[*w]);
    let date = |n: &i64| format!("{}-{}-{}", day(*n).day, day(*n).month_name(), day(*n).year);
    match key {
        Key::All => "ALL".into(),
        Key::Seen => "SEEN".into(),
        Key::Keyword => "KEYWORD $Label".into(),
        Key::Numbers(a, b) => format!("{a}:{b}"),
        Key::Uids(a, b) => format!("UID {a}:{b}"),
        Key::Subject(w) => format!("SUBJECT {}", string(w)),
        Key::From(w) => format!("FROM {}", string(w)),
        Key::Tag(w) => format!("HEADER X-Tag {}", string(w)),
        Key::Body(w) => format!("BODY {}", string(w)),
        Key::Text(w) => format!("TEXT {}", string(w)),
        Key::Larger(n) => format!("LARGER {n}"),
        Key::Smaller(n) => format!("SMALLER {n}"),
        Key::Before(n) => format!("BEFORE {}", date(n)),
        Key::On(n) => format!("ON {}", date(n)),
        Key::SentSince(n) => format!("SENTSINCE {}", date(n)),
        Key::Not(k) => format!("NOT {}", wire(k)),
        Key::Or(a, b) => format!("OR {} {}", wire(a), wire(b)),
        Key::And(keys) => format!("({})", keys.iter().map(wire).collect::<Vec<_>>().join(" ")),
    }
}

async fn client(messages: &[Plain]) -> Client {
    let mut c = Client::start().await;
    let account = c.account();
    for message in messages.iter().cloned() {
        let email = sterna_message::Ingest::whole(&account.blobs(), &message.raw(), moment(message.arrived)).unwrap();
        let seen = message.seen.then_some(Flag::System(SystemFlags::SEEN));
        let keyword = Keyword::new("$label").filter(|_| message.keyword).map(Flag::Keyword);
        let flags: Flags = seen.into_iter().chain(keyword).collect();
        let append = move |tx: &sterna_store::Tx<'_>| {
            let id = tx.mailbox_tree()?.find("INBOX").map(|m| m.id).unwrap();
            let uid: Uid = tx.append(id, &email, &flags)?.uid;
            if message.expunged { tx.expunge(id, &[UidRange::one(uid)]).map(|_| ()) } else { Ok(()) }
        };
        account.write(append).await.unwrap();
    }
    c.ok("SELECT INBOX").await;
    c
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn search_finds_what_a_plain_evaluation_finds(
        messages in prop::collection::vec(plain(), 0..14),
        keys in prop::collection::vec(key(), 30),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut c = client(&messages).await;
            let kept: Vec<(u32, &Plain)> = (1u32..).zip(&messages).filter(|(_, m)| !m.expunged).collect();
            for key in &keys {
                let matching = (1u32..).zip(&kept).filter(|(number, (uid, m))| m.matches(key, *number, *uid));
                let expected = matching.map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(" ");
                let found = search(&mut c, &format!("CHARSET UTF-8 {}", wire(key))).await;
                prop_assert_eq!(&found, &expected, "{:?}", key);
            }
            Ok(())
        })?;
    }
}
