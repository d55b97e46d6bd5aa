//! Malformed messages as real mailboxes hold them: none fails, no byte is lost, and what can be read is.

use super::{cut, in_chunks, parse, scan};
use crate::StructureRef;

#[test]
fn no_bytes_at_all_is_a_message() {
    let s = scan(b"");
    let s = s.view();
    assert_eq!((s.size(), s.header_len(), s.lines(), s.preview()), (0, 0, 0, ""));
    assert_eq!(s.root().media_type(), b"text");
    assert_eq!(s.envelope().message_id(), None);
    assert!(s.thread_keys().is_empty());
}

#[test]
fn nul_bytes_eight_bit_headers_and_bare_line_ends_are_kept_and_flagged() {
    let raw = b"Subject: caf\xe9\0\rx\nX: y\n\na\0b\rc\nd";
    let s = scan(raw);
    let s = s.view();
    assert!(s.has_nul() && s.has_bare_lf() && s.has_eight_bit_header());
    assert_eq!(s.envelope().subject(), Some(&b"caf\xe9\0\rx"[..]));
    assert_eq!(cut(raw, s.root().body_range()), b"a\0b\rc\nd");
    assert_eq!((s.lines(), s.root().lines()), (4, 1));
    let clean = parse(b"Subject: a\r\n\r\nb\r\n");
    assert!(!clean.view().has_nul() && !clean.view().has_bare_lf() && !clean.view().has_eight_bit_header());
}

#[test]
fn header_that_never_ends_and_lines_that_are_no_fields() {
    let s = scan(b"rubbish\r\nSubject: x\r\nmore rubbish");
    assert_eq!(s.view().envelope().subject(), Some(&b"x"[..]));
    assert_eq!(s.view().header_len(), 33);
    assert_eq!(s.view().root().size(), 0);
    let mbox = scan(b"From a@b Fri Jul  8 12:08:34 2011\nFrom: c@d\n\nx");
    assert_eq!(mbox.view().sort_from(), b"c");
}

#[test]
fn lines_of_megabytes_and_headers_beyond_the_cap_keep_offsets_right() {
    let mut raw = b"Subject: x\r\nX-Long: ".to_vec();
    raw.extend(std::iter::repeat_n(b'y', 3_000_000));
    raw.extend_from_slice(b"\r\nTo: lost@x\r\n\r\nbody ");
    raw.extend(std::iter::repeat_n(b'-', 3_000_000));
    let s = parse(&raw);
    assert_eq!(s, in_chunks(&raw, &[65_536, 7]));
    let s = s.view();
    assert_eq!(s.envelope().subject(), Some(&b"x"[..]));
    assert!(s.is_limited() && s.envelope().to().is_empty());
    assert!(cut(&raw, s.root().body_range()).starts_with(b"body --"));
}

#[test]
fn multipart_without_boundary_parameter_or_without_parts_is_text() {
    for raw in [
        &b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\na\r\n--x--\r\n"[..],
        b"Content-Type: multipart/mixed; boundary=never\r\n\r\nonly text\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--\r\n",
        b"Content-Type: rubbish\r\n\r\ntext",
        b"Content-Type: text\r\n\r\ntext",
    ] {
        let s = scan(raw);
        let root = s.view().root();
        assert_eq!((root.media_type(), root.subtype(), root.is_multipart()), (&b"text"[..], &b"plain"[..], false));
        assert_eq!(root.params().get(b"CHARSET"), Some(&b"us-ascii"[..]));
        assert_eq!(root.whole_range(), 0..raw.len() as u64);
    }
}

#[test]
fn missing_closing_boundary_and_missing_empty_line() {
    let raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n--x\r\n\r\nlast";
    let s = scan(raw);
    let parts: Vec<_> = s.view().root().children().collect();
    assert_eq!(parts.len(), 2);
    assert_eq!((cut(raw, parts[0].header_range()), parts[0].size()), (&b"Content-Type: text/html"[..], 0));
    assert_eq!(cut(raw, parts[1].body_range()), b"last");
}

#[test]
fn outer_boundary_ends_an_inner_multipart_that_has_just_begun() {
    let raw = b"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n--o\n\nx\n--o--";
    let s = scan(raw);
    let parts: Vec<_> = s.view().root().children().collect();
    assert_eq!((parts.len(), parts[0].children().count()), (2, 1));
    assert_eq!(cut(raw, parts[1].body_range()), b"x");
}

#[test]
fn digest_parts_are_messages_by_default() {
    let raw = b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: one\r\n\r\n1\r\n--d\r\nContent-Type: text/plain\r\n\r\n2\r\n--d--\r\n";
    let s = scan(raw);
    let parts: Vec<_> = s.view().root().children().collect();
    assert_eq!(parts[0].message().unwrap().envelope().unwrap().subject(), Some(&b"one"[..]));
    assert!(parts[1].is_text());
}

#[test]
fn boundaries_compare_by_prefix_and_the_longest_counts() {
    let raw = b"Content-Type: multipart/mixed; boundary=\"a\"\r\n\r\n--a trailing rubbish\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n--ab  \r\n\r\nx\r\n--ab--\r\n--a--";
    let s = scan(raw);
    let outer: Vec<_> = s.view().root().children().collect();
    assert_eq!(outer.len(), 1);
    let inner = outer[0].children().next().unwrap();
    assert_eq!((cut(raw, inner.body_range()), inner.lines()), (&b"x"[..], 0));
}

#[test]
fn invalid_date_and_missing_message_id_leave_the_raw_value_and_no_moment() {
    let s = scan(b"Date: Sat, 32 Foo 2026 99:99:99 +9999\r\nFrom: a@b\r\n\r\nx");
    let s = s.view();
    assert_eq!((s.sent_at(), s.envelope().date()), (None, Some(&b"Sat, 32 Foo 2026 99:99:99 +9999"[..])));
    assert_eq!((s.envelope().message_id(), s.thread_keys().len()), (None, 0));
}

#[test]
fn absent_and_empty_fields_differ_and_the_last_of_a_name_counts() {
    let s = scan(b"Subject: first\r\nSubject:\r\nTo: a@b\r\nTo: c@d\r\nSender: \r\nFrom: f@x\r\n\r\n");
    let e = s.view().envelope();
    assert_eq!((e.subject(), e.in_reply_to()), (Some(&b""[..]), None));
    assert_eq!((e.to().iter().count(), e.sender().sort_key()), (2, &b"f"[..]));
}

#[test]
fn stored_bytes_of_another_version_or_cut_short_are_refused() {
    let s = parse(super::NESTED);
    assert!(StructureRef::from_bytes(s.as_bytes()).is_ok());
    assert!(StructureRef::from_bytes(b"").is_err());
    assert!(StructureRef::from_bytes(&s.as_bytes()[..40]).is_err());
    let mut other = s.as_bytes().to_vec();
    other[0] = 200;
    assert!(StructureRef::from_bytes(&other).is_err());
}
