//! Rules that hold for every response: no input panics, chunking changes nothing, unknown things are kept.

use super::*;
use proptest::prelude::*;

fn read(wire: &'static [u8]) -> Response {
    parse(&Bytes::from_static(wire), &[], NameEncoding::ModifiedUtf7)
}

#[test]
fn what_is_not_understood_is_kept() {
    for wire in
        [&b"* XFOO bar\r\n"[..], b"* 3 XBAR\r\n", b"\r\n", b"garbage\r\n", b"* LIST\r\n", b"HTTP/1.1 400 Bad\r\n"]
    {
        assert_eq!(read(wire), Response::Unknown(Bytes::from_static(wire)));
    }
}

#[test]
fn tagged_and_untagged_statuses_differ_from_data() {
    let Response::Tagged { tag, status } = read(b"A7 NO [THROTTLED] slow down\r\n") else { panic!() };
    assert_eq!((tag.as_str(), status.code_name()), ("A7", Some("THROTTLED")));
    assert!(matches!(read(b"* bye\r\n"), Response::Status(StatusText { status: Status::Bye, .. })));
    assert_eq!(read(b"+\r\n"), Response::Continuation(Bytes::new()));
    assert_eq!(read(b"+ idling\r\n"), Response::Continuation(Bytes::from_static(b"idling")));
}

#[test]
fn sets_come_from_search_esearch_and_vanished() {
    let Response::Search { numbers, modseq } = read(b"* SEARCH 9 2  3 (MODSEQ 917)\r\n") else { panic!() };
    assert_eq!((numbers.to_string().as_str(), modseq), ("2:3,9", Some(ModSeq(917))));
    assert!(matches!(read(b"* SEARCH\r\n"), Response::Search { numbers, .. } if numbers.is_empty()));
    let Response::Esearch(e) = read(b"* ESEARCH (TAG \"A1\") UID MIN 2 COUNT 3 ALL 2,10:11\r\n") else { panic!() };
    assert_eq!((e.tag.as_deref(), e.uid, e.min, e.count), (Some("A1"), true, Some(2), Some(3)));
    assert_eq!(e.all.map(|s| s.len()), Some(3));
    let vanished = read(b"* VANISHED (EARLIER) 41,43:116\r\n");
    assert_eq!(vanished, Response::Vanished { earlier: true, uids: NumberSet::parse(b"41,43:116", 9).unwrap() });
}

#[test]
fn capabilities_know_what_includes_what() {
    let Response::Capability(caps) = read(b"* CAPABILITY imap4rev2  LITERAL+ AUTH=PLAIN QRESYNC APPENDLIMIT=9\r\n")
    else {
        panic!()
    };
    assert!(caps.has("IDLE") && caps.has("LITERAL-") && caps.has("CONDSTORE") && caps.auth("PLAIN"));
    assert!(!caps.has("NOTIFY"));
    assert_eq!(caps.append_limit(), Some(9));
}

#[test]
fn id_keeps_its_order_and_its_nils() {
    let fields = vec![("name".to_owned(), Some("Zimbra".to_owned())), ("version".to_owned(), None)];
    assert_eq!(read(b"* ID (\"name\" \"Zimbra\" \"version\" NIL)\r\n"), Response::Id(fields));
    assert_eq!(read(b"* ID NIL\r\n"), Response::Id(Vec::new()));
}

#[test]
fn a_streamed_body_is_told_apart() {
    let limits = Limits { response: 1000, literal: 4 };
    let wire = b"* 1 FETCH (UID 5 BODY[] {9}\r\n123456789 FLAGS ())\r\n";
    let (responses, error) = parse_all(wire, &[7], limits);
    let [Response::Fetch(fetch)] = &responses[..] else { panic!("{responses:?}") };
    assert_eq!((&fetch.body, error), (&Body::Streamed(9), None));
    assert!(fetch.flags.is_some() && !fetch.damaged);
}

/// Bytes that look like responses more often than random ones do.
fn nearly_imap() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "* ",
        "1 FETCH (",
        "UID 3 ",
        "FLAGS (",
        ")",
        "(",
        "\"",
        "\\",
        "{3}\r\n",
        "{12+}\r\n",
        "~{1}\r\n",
        "BODY[] ",
        "BODY[",
        "]",
        "NIL",
        " ",
        "\r\n",
        "\r",
        "\n",
        "LIST ",
        "STATUS ",
        "ESEARCH ",
        "VANISHED (EARLIER) 1:3",
        "OK [",
        "CAPABILITY ",
        "NAMESPACE ",
        "ID ",
        "ENVELOPE ",
        "MODSEQ (",
        "INTERNALDATE ",
        "+ ",
        "A1 ",
        "SEARCH 1 ",
        "99999999999999999999",
        "-1",
    ]);
    let word =
        prop_oneof![8 => words.prop_map(|w| w.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..4)];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_chunks_give_the_same_responses(
        wire in prop_oneof![nearly_imap(), prop::collection::vec(any::<u8>(), 0..200)],
        chunks in prop::collection::vec(1usize..20, 1..5),
        literal in 0usize..20,
    ) {
        let limits = Limits { response: 300, literal };
        let whole = parse_all(&wire, &[], limits);
        prop_assert_eq!(parse_all(&wire, &chunks, limits), whole);
    }

    #[test]
    fn any_bytes_are_a_response(wire in nearly_imap()) {
        let _ = parse(&Bytes::from(wire.clone()), &[], NameEncoding::Utf8);
        let _ = Value::parse(&Bytes::from(wire));
    }
}
