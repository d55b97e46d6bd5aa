use proptest::prelude::*;

use super::*;
use crate::codec::write::search::thread;

/// A message: number and sent date in one, Message-ID, references, subject.
fn message(number: u32, id: &str, references: &[&str], subject: &str) -> Message {
    let base = subject.strip_prefix("re: ");
    Message {
        number,
        sent: i64::from(number),
        subject: base.unwrap_or(subject).to_owned(),
        reply: base.is_some(),
        id: (!id.is_empty()).then(|| id.as_bytes().to_vec()),
        references: references.iter().map(|r| r.as_bytes().to_vec()).collect(),
    }
}

fn threads(messages: impl IntoIterator<Item = Message>) -> String {
    let mut threads = References::default();
    messages.into_iter().for_each(|m| threads.add(m));
    let mut out = Vec::new();
    thread(&mut out, &threads.finish());
    let line = String::from_utf8(out).unwrap();
    line.trim_end().strip_prefix("* THREAD").unwrap().trim_start().to_owned()
}

#[test]
fn replies_stand_below_what_they_reply_to() {
    let told = threads([
        message(1, "a", &[], "x"),
        message(2, "b", &["a"], "re: x"),
        message(3, "c", &["a", "b"], "re: x"),
        message(4, "d", &["a"], "re: x"),
        message(5, "e", &[], "y"),
    ]);
    assert_eq!(told, "(1 (2 3)(4))(5)");
}

#[test]
fn a_missing_parent_with_several_children_is_told_as_a_place_without_a_number() {
    let told = threads([message(1, "b", &["a"], "x"), message(2, "c", &["a"], "y"), message(3, "z", &[], "z")]);
    assert_eq!(told, "((1)(2))(3)");
}

#[test]
fn a_missing_parent_with_one_child_is_left_out() {
    let told = threads([message(1, "c", &["a", "b"], "x"), message(2, "d", &["b", "c"], "re: x")]);
    assert_eq!(told, "(1 2)");
    // Missing ones in between are left out, too: both replies are children of what holds them together.
    let told = threads([message(1, "a", &[], "x"), message(2, "d", &["a", "b", "c"], "re: x")]);
    assert_eq!(told, "(1 2)");
}

#[test]
fn links_that_close_a_loop_are_ignored() {
    let told = threads([message(1, "a", &["b"], "x"), message(2, "b", &["a"], "y"), message(3, "c", &["c"], "z")]);
    assert_eq!(told, "(2 1)(3)");
    let told =
        threads([message(1, "c", &["a", "b"], ""), message(2, "a", &["c", "b"], ""), message(3, "b", &["a"], "")]);
    assert_eq!(told.matches(char::is_numeric).count(), 3);
}

#[test]
fn the_last_reference_of_a_message_outweighs_what_others_say_of_it() {
    // 3 claims that b is a reply to a; b itself says c.
    let told = threads([
        message(1, "a", &[], "1"),
        message(2, "c", &[], "2"),
        message(3, "d", &["a", "b"], "3"),
        message(4, "b", &["c"], "4"),
    ]);
    assert_eq!(told, "(1)(2 4 3)");
}

#[test]
fn a_message_id_belongs_to_the_first_message_that_has_it() {
    let told = threads([message(1, "a", &[], "x"), message(2, "a", &[], "y"), message(3, "b", &["a"], "z")]);
    assert_eq!(told, "(1 3)(2)");
}

#[test]
fn threads_of_one_subject_are_merged() {
    // A reply goes below the message that is none.
    assert_eq!(threads([message(1, "a", &[], "re: x"), message(2, "b", &[], "x")]), "(2 1)");
    // Two that are no replies, or both replies, become siblings below a place without a message.
    assert_eq!(
        threads([message(1, "a", &[], "x"), message(2, "b", &[], "x"), message(3, "c", &[], "x")]),
        "((1)(2)(3))"
    );
    assert_eq!(threads([message(1, "", &[], "re: x"), message(2, "", &[], "re: x")]), "((1)(2))");
    // An empty subject joins nothing.
    assert_eq!(threads([message(1, "a", &[], ""), message(2, "b", &[], "")]), "(1)(2)");
    // What a dummy holds takes in messages of its subject, and other dummies.
    let dummy = [message(1, "b", &["a"], "x"), message(2, "c", &["a"], "x")];
    let other = [message(4, "e", &["d"], "x"), message(5, "f", &["d"], "x")];
    let told = threads(dummy.into_iter().chain([message(3, "z", &[], "x")]).chain(other));
    assert_eq!(told, "((1)(2)(3)(4)(5))");
}

#[test]
fn siblings_and_threads_go_by_sent_date() {
    let dated = |number, sent, id: &str, references: &[&str]| Message { sent, ..message(number, id, references, id) };
    let told = threads([
        dated(1, 90, "late", &[]),
        dated(2, 30, "second", &["root"]),
        dated(3, 20, "first", &["root"]),
        dated(4, 40, "root", &[]),
        dated(5, 10, "x", &["gone"]),
        dated(6, 95, "y", &["gone"]),
    ]);
    assert_eq!(told, "((5)(6))(4 (3)(2))(1)");
}

#[test]
fn a_thread_may_be_as_deep_as_the_mailbox_is_long() {
    let id = |n: u32| n.to_string();
    for reverse in [false, true] {
        let chain = (1..30_000u32).map(|n| if reverse { 30_000 - n } else { n });
        let told = threads(chain.map(|n| message(n, &id(n), &[&id(n - 1)], "")));
        assert_eq!(told.matches(' ').count(), 29_998);
    }
}

proptest! {
    #[test]
    fn every_message_is_told_once_whatever_it_refers_to(
        messages in prop::collection::vec((0u8..12, prop::collection::vec(0u8..12, 0..4), 0u8..4, any::<bool>(), 0i64..9), 0..40)
    ) {
        let mut all = References::default();
        for (n, (id, references, subject, reply, sent)) in (1..).zip(&messages) {
            let id = (*id > 0).then(|| vec![*id]);
            let references = references.iter().map(|r| vec![*r]).collect();
            let subject = if *subject == 0 { String::new() } else { subject.to_string() };
            all.add(Message { number: n, sent: *sent, subject, reply: *reply, id, references });
        }
        let nodes = all.finish();
        let mut numbers: Vec<u32> = nodes.iter().filter_map(|n| n.number).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=messages.len() as u32).collect::<Vec<_>>());
        // Each node is at most one deeper than the one before it, and a place without a message is a root.
        prop_assert!(nodes.windows(2).all(|w| w[1].depth <= w[0].depth + 1));
        prop_assert!(nodes.iter().all(|n| n.number.is_some() || n.depth == 0));
    }
}
