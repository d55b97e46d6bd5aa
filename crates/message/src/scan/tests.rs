//! What the scanner makes of good, bad and hostile messages, real bytes each.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_DEPTH, MAX_PARTS};
use crate::{Address, PartRef, SearchScope, Section, StructureRef, search_text};

/// Everything that can be read, and every offset checked against what holds it.
fn visit(s: &StructureRef<'_>) -> usize {
    fn envelope(part: &PartRef<'_>) {
        let Some(e) = part.envelope() else { return };
        for list in [e.from(), e.sender(), e.reply_to(), e.to(), e.cc(), e.bcc()] {
            let _ = (list.iter().count(), list.sort_key(), list.display_key());
        }
        let _ = (e.references().count(), e.in_reply_to_ids().count(), e.message_id_normal());
    }
    fn part(p: &PartRef<'_>) -> usize {
        envelope(p);
        let _ = (p.file_name(), p.params().iter().count(), p.languages().count(), p.is_attachment(), p.encoding());
        let (header, body) = (p.header_range(), p.body_range());
        assert!(header.start <= header.end && header.end == body.start && body.start <= body.end);
        assert!(p.depth() <= MAX_DEPTH);
        let mut at = body.start;
        let mut count = 1;
        for c in p.children() {
            let whole = c.whole_range();
            assert!(whole.start >= at && whole.end <= body.end, "{whole:?} outside {at}..{}", body.end);
            at = whole.end;
            count += part(&c);
        }
        count
    }
    let root = s.root();
    assert!(root.whole_range().end <= s.size());
    let _ = (s.thread_keys(), s.base_subject(), s.has_attachments(), s.preview(), s.sent_at(), s.display_from());
    part(&root)
}

fn cut(raw: &[u8], range: std::ops::Range<u64>) -> &[u8] {
    &raw[range.start as usize..range.end as usize]
}

fn in_chunks(raw: &[u8], sizes: &[usize]) -> Structure {
    let mut scanner = Scanner::new();
    let (mut at, mut i) = (0, 0);
    while at < raw.len() {
        let n = if sizes.is_empty() { 1 } else { sizes[i % sizes.len()].max(1) };
        let end = (at + n).min(raw.len());
        scanner.feed(&raw[at..end]);
        (at, i) = (end, i + 1);
    }
    scanner.finish()
}

/// Scans in one piece and byte by byte, and visits.
fn scan(raw: &[u8]) -> Structure {
    let s = parse(raw);
    assert_eq!(s, in_chunks(raw, &[]), "chunking changes {:?}", String::from_utf8_lossy(raw));
    visit(&s.view());
    assert_eq!(s.view().size(), raw.len() as u64);
    assert_eq!(s.view().root().whole_range(), 0..raw.len() as u64);
    s
}

const NESTED: &[u8] = b"From: \"A B\" <a@x>\r\nTo: b@y, c@z\r\nSubject: =?utf-8?Q?caf=C3=A9?=\r\n =?utf-8?Q?_x?=\r\n\
Date: Sun, 1 Feb 2026 09:30:00 +0100\r\nMessage-ID: <m@x>\r\nReferences: <r1@x>\r\n <r2@x>\r\nIn-Reply-To: <r2@x>\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"out\"\r\n\r\npreamble\r\n\
--out\r\nContent-Type: multipart/alternative; boundary=outin\r\n\r\n\
--outin\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHello =C3=A9\r\n  world\r\n\
--outin\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n\
--outin--\r\nepilogue\r\n\
--out\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename*=utf-8''caf%C3%A9.eml\r\n\r\n\
Subject: inner\r\nFrom: in@x\r\nContent-Type: multipart/mixed; boundary=zz\r\n\r\n--zz\r\n\r\nsecret text\r\n--zz\r\nContent-Type: image/png\r\n\
Content-ID: <i@x>\r\nContent-Language: fr, en\r\nContent-Transfer-Encoding: BASE64\r\n\r\nQUJD\r\n--zz--\r\n\
--out--\r\nlast\r\n";

#[test]
fn section_numbers_and_ranges_of_rfc9051_6_4_5_1() {
    let s = scan(NESTED);
    let s = s.view();
    let at = |number: &[u32], section| s.section(number, section).map(|r| cut(NESTED, r));
    assert_eq!(at(&[], Section::Content), Some(NESTED));
    assert!(at(&[], Section::Header).unwrap().ends_with(b"boundary=\"out\"\r\n\r\n"));
    assert!(at(&[], Section::Text).unwrap().starts_with(b"preamble\r\n--out\r\n"));
    assert_eq!(at(&[1, 1], Section::Content), Some(&b"Hello =C3=A9\r\n  world"[..]));
    assert_eq!(at(&[1, 2], Section::Mime), Some(&b"Content-Type: text/html\r\n\r\n"[..]));
    assert_eq!(at(&[1, 2], Section::Header), None);
    assert_eq!(at(&[], Section::Mime), None);
    assert!(at(&[2], Section::Header).unwrap().starts_with(b"Subject: inner\r\n"));
    assert!(at(&[2], Section::Text).unwrap().starts_with(b"--zz\r\n"));
    assert!(at(&[2], Section::Mime).unwrap().starts_with(b"Content-Type: message/rfc822"));
    assert_eq!(at(&[2, 1], Section::Content), Some(&b"secret text"[..]));
    assert_eq!(at(&[2, 2], Section::Content), Some(&b"QUJD"[..]));
    for none in [&[3][..], &[0], &[1, 3], &[1, 1, 1], &[2, 2, 1]] {
        assert_eq!(at(none, Section::Content), None, "{none:?}");
    }
    assert_eq!(s.root().children().next().unwrap().size(), {
        let r = s.section(&[1], Section::Content).unwrap();
        r.end - r.start
    });
    assert!(at(&[1], Section::Content).unwrap().ends_with(b"--outin--\r\nepilogue"));
}

#[test]
fn part_one_of_a_message_without_parts_is_its_body() {
    let raw = b"Subject: x\r\n\r\nbody\r\n";
    let s = scan(raw);
    assert_eq!(cut(raw, s.view().section(&[1], Section::Content).unwrap()), b"body\r\n");
    assert_eq!(cut(raw, s.view().section(&[1], Section::Mime).unwrap()), b"Subject: x\r\n\r\n");
    assert!(s.view().part(&[2]).is_none() && s.view().part(&[1, 1]).is_none());
    let raw = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntext";
    let s = scan(raw);
    assert_eq!(cut(raw, s.view().section(&[1], Section::Text).unwrap()), b"text");
    assert_eq!(cut(raw, s.view().section(&[1, 1], Section::Content).unwrap()), b"text");
    assert_eq!(s.view().section(&[1, 1], Section::Text), None);
}

#[test]
fn envelope_threading_and_preview_come_from_the_structure() {
    let s = scan(NESTED);
    assert!(s.as_bytes().len() < 1024, "{}", s.as_bytes().len());
    let s = s.view();
    let e = s.envelope();
    assert_eq!(e.subject(), Some(&b"=?utf-8?Q?caf=C3=A9?= =?utf-8?Q?_x?="[..]));
    let from = Address::Mailbox { name: Some(b"A B"), route: None, mailbox: b"a", host: b"x" };
    for list in [e.from(), e.sender(), e.reply_to()] {
        assert_eq!(list.iter().collect::<Vec<_>>(), [from]);
    }
    assert_eq!(
        (e.to().iter().count(), e.cc().is_empty(), s.sort_to(), s.display_from().as_ref()),
        (2, true, &b"b"[..], "A B")
    );
    assert_eq!(s.base_subject(), ("café x".to_owned(), false));
    assert_eq!(s.sent_at().unwrap().to_string(), "2026-02-01T09:30:00+01:00");
    assert_eq!(e.references().collect::<Vec<_>>(), [&b"r1@x"[..], b"r2@x"]);
    let fnv = crate::headers::msgid::fnv1a;
    assert_eq!(s.thread_keys(), [fnv(b"m@x"), fnv(b"r2@x"), fnv(b"r1@x")]);
    assert_eq!(s.preview(), "Hello é world");
    assert!(s.has_attachments());
    assert_eq!(s.part(&[2]).unwrap().file_name().as_deref(), Some("café.eml"));
    let inner = s.part(&[2]).unwrap().message().unwrap();
    assert_eq!(inner.envelope().unwrap().subject(), Some(&b"inner"[..]));
    let png = s.part(&[2, 2]).unwrap();
    assert_eq!((png.transfer_encoding(), png.content_id()), (&b"base64"[..], Some(&b"<i@x>"[..])));
    assert_eq!(png.languages().collect::<Vec<_>>(), [&b"fr"[..], b"en"]);
}

#[test]
fn search_text_holds_what_search_looks_at() {
    let s = scan(NESTED);
    let mut read = |r: std::ops::Range<u64>| Cow::Borrowed(cut(NESTED, r));
    let text = search_text(&s.view(), SearchScope::Text, 100_000, &mut read);
    for piece in ["Subject: café x\n", "Hello é", "secret text", "Subject: inner", "café.eml"] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
    let body = search_text(&s.view(), SearchScope::Body, 100_000, &mut read);
    assert!(!body.contains("Subject: café") && body.contains("Subject: inner") && !body.contains("QUJD"));
    assert!(search_text(&s.view(), SearchScope::Text, 10, &mut read).len() <= 10);
}

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
fn nesting_ten_thousand_deep_is_bounded() {
    let mut multiparts = Vec::new();
    for i in 0..10_000 {
        multiparts
            .extend_from_slice(format!("Content-Type: multipart/mixed; boundary=b{i}x\r\n\r\n--b{i}x\r\n").as_bytes());
    }
    let messages = b"Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    let digests = b"Content-Type: multipart/digest; boundary=d\n\n--d\n\n".repeat(10_000);
    for raw in [multiparts, messages] {
        let s = parse(&raw);
        assert_eq!(s, in_chunks(&raw, &[1000, 13]));
        assert!(s.view().is_limited());
        assert_eq!(visit(&s.view()), MAX_DEPTH + 1);
        let mut part = s.view().root();
        while let Some(child) = part.children().last() {
            part = child;
        }
        assert_eq!((part.media_type(), part.body_range().end), (&b"application"[..], raw.len() as u64));
    }
    // One boundary for all of them: what is too deep to nest is a row of leaves at the deepest level.
    let s = parse(&digests);
    assert!(s.view().is_limited() && visit(&s.view()) <= MAX_PARTS);
}

#[test]
fn a_million_parts_are_bounded_and_the_rest_is_one_leaf() {
    let mut raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n".to_vec();
    raw.extend(b"--x\r\n\r\n\r\n".repeat(1_000_000));
    let s = parse(&raw);
    assert_eq!(visit(&s.view()), MAX_PARTS);
    let last = s.view().root().children().last().unwrap();
    assert_eq!((last.subtype(), last.body_range().end), (&b"octet-stream"[..], raw.len() as u64));
    assert!(s.as_bytes().len() < 1_000_000);
}

#[test]
fn ten_thousand_large_part_headers_stay_within_the_budget() {
    let mut raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n".to_vec();
    let part = format!("--x\r\nContent-Type: text/plain; name=\"{}\"\r\n\r\ntext\r\n", "n".repeat(2_000));
    raw.extend(part.as_bytes().repeat(9_000));
    let s = parse(&raw);
    assert!(s.view().is_limited() && s.as_bytes().len() < 2 * 1024 * 1024, "{}", s.as_bytes().len());
    assert_eq!(visit(&s.view()), 9_001);
    assert!(s.view().root().children().last().unwrap().is_text());
}

#[test]
fn references_keep_the_root_and_the_nearest() {
    let ids: String = (0..500).map(|i| format!("<{i}@x>\r\n ")).collect();
    let s = parse(format!("References: {ids}\r\n\r\n").as_bytes());
    let kept: Vec<_> = s.view().envelope().references().collect();
    assert_eq!((kept.len(), kept[0], kept[1], kept[99]), (100, &b"0@x"[..], &b"401@x"[..], &b"499@x"[..]));
}

#[test]
fn preview_of_html_and_of_the_next_part_when_the_first_is_blank() {
    let html = scan(b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<style>x</style><p>caf\xe9 &amp; th\xe9</p>");
    assert_eq!(html.view().preview(), "café & thé");
    let s = scan(b"Content-Type: multipart/alternative; boundary=x\n\n--x\n\n \n--x\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+\nSGk8L2I+\n--x--");
    assert_eq!(s.view().preview(), "Hi");
    let long = parse(format!("\r\n{}", "é ".repeat(1000)).as_bytes());
    assert_eq!(long.view().preview().chars().count(), 199);
}

#[test]
fn stored_bytes_of_another_version_or_cut_short_are_refused() {
    let s = parse(NESTED);
    assert!(StructureRef::from_bytes(s.as_bytes()).is_ok());
    assert!(StructureRef::from_bytes(b"").is_err());
    assert!(StructureRef::from_bytes(&s.as_bytes()[..40]).is_err());
    let mut other = s.as_bytes().to_vec();
    other[0] = 200;
    assert!(StructureRef::from_bytes(&other).is_err());
}

/// Pieces of which hostile messages are made.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"Content-Type: multipart/mixed; boundary=a\r\n"[..],
        b"Content-Type: multipart/digest; boundary=ab\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/html\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Subject: x\r\n",
        b"From: a <b@c>\r\n",
        b"--a\r\n",
        b"--a--\r\n",
        b"--ab\n",
        b"--ab--",
        b"--a",
        b"-",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\xff",
        b"text\r\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_chunking_gives_the_same_structure(raw in pieces(), sizes in prop::collection::vec(1usize..20, 1..5)) {
        let s = scan(&raw);
        prop_assert_eq!(&s, &in_chunks(&raw, &sizes));
    }

    #[test]
    fn any_bytes_are_a_message(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        scan(&raw);
    }

    #[test]
    fn lines_are_the_line_ends_of_the_body(raw in pieces()) {
        fn check(raw: &[u8], p: &PartRef<'_>) {
            assert_eq!(p.lines(), cut(raw, p.body_range()).iter().filter(|b| **b == b'\n').count() as u64);
            p.children().for_each(|c| check(raw, &c));
        }
        let s = parse(&raw);
        check(&raw, &s.view().root());
    }

    #[test]
    fn corrupt_stored_bytes_never_panic_and_never_leave_the_message(
        raw in pieces(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = parse(&raw).as_bytes().to_vec();
        for (at, b) in changes {
            *at.get_mut(&mut bytes[..]) = b;
        }
        bytes.truncate(cut.index(bytes.len() * 2).min(bytes.len()));
        if let Ok(s) = StructureRef::from_bytes(&bytes) {
            visit_corrupt(&s.root(), s.size());
        }
    }

    #[test]
    fn random_stored_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(b) = bytes.first_mut() {
            *b = crate::VERSION;
        }
        if let Ok(s) = StructureRef::from_bytes(&bytes) {
            visit_corrupt(&s.root(), s.size());
            let _ = (s.thread_keys(), s.base_subject(), s.part(&[1, 1, 1]), s.preview());
        }
    }
}

/// Children of a corrupt structure may overlap, but they stay inside their parent.
fn visit_corrupt(p: &PartRef<'_>, size: u64) {
    assert!(p.whole_range().end <= size && p.header_range().start <= p.body_range().start && p.depth() <= MAX_DEPTH);
    let _ = (p.file_name(), p.params().iter().count(), p.languages().count(), p.is_attachment());
    if let Some(e) = p.envelope() {
        let _ = (e.from().iter().count(), e.references().count(), e.to().display_key());
    }
    p.children().for_each(|c| visit_corrupt(&c, size));
}
