//! Well-formed messages: everything the structure says of them.

use std::borrow::Cow;
use std::ops::Range;

use super::{NESTED, cut, parse, scan};
use crate::headers::msgid::fnv1a;
use crate::{Address, SearchScope, Section, UnknownEncoding, search_text, text_of};

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
    assert_eq!(s.thread_keys(), [fnv1a(b"m@x"), fnv1a(b"r2@x"), fnv1a(b"r1@x")]);
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
    let mut read = |r: Range<u64>| Cow::Borrowed(cut(NESTED, r));
    let text = search_text(&s.view(), SearchScope::Text, 100_000, &mut read);
    for piece in ["Subject: café x\n", "Hello é", "secret text", "Subject: inner", "café.eml"] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
    let body = search_text(&s.view(), SearchScope::Body, 100_000, &mut read);
    assert!(!body.contains("Subject: café") && body.contains("Subject: inner") && !body.contains("QUJD"));
    assert!(search_text(&s.view(), SearchScope::Text, 10, &mut read).len() <= 10);
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
fn long_boundary_may_come_in_pieces_of_rfc2231() {
    let raw = b"Content-Type: multipart/mixed; boundary*0=ab; boundary*1=cd\r\n\r\n--abcd\r\n\r\nx\r\n--abcd--";
    let s = scan(raw);
    assert_eq!(cut(raw, s.view().section(&[1], Section::Content).unwrap()), b"x");
}

#[test]
fn attachments_are_what_people_call_so() {
    for (header, want) in [
        ("Content-Type: text/plain", false),
        ("Content-Type: text/plain; name*=utf-8''a.txt", true),
        ("Content-Disposition: attachment", true),
        ("Content-Type: application/pdf", true),
        ("Content-Type: application/pgp-signature; name=signature.asc", false),
        ("Content-Type: image/png\nContent-ID: <logo@x>\nContent-Disposition: inline", false),
        ("Content-Type: image/png\nContent-Disposition: inline; filename=a.png", true),
        ("Content-Type: message/rfc822", true),
    ] {
        let raw = format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{header}\n\nx\n--b--\n");
        assert_eq!(scan(raw.as_bytes()).view().has_attachments(), want, "{header}");
    }
}

#[test]
fn text_of_a_part_undoes_encoding_charset_and_markup() {
    let raw = b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<meta charset=3Diso-8859-1>caf=E9<br>&lt;3";
    let s = scan(raw);
    let root = s.view().root();
    assert_eq!(text_of(&root, cut(raw, root.body_range())).trim(), "caf\u{e9}\n<3");
    let s = scan(b"Content-Transfer-Encoding: x-uue\n\nbegin");
    assert_eq!((s.view().root().encoding(), s.view().preview()), (Err(UnknownEncoding), ""));
    assert_eq!(text_of(&s.view().root(), b"begin"), "");
}

#[test]
fn sort_and_display_keys_of_groups_and_bare_addresses() {
    let s = scan(b"From: plain@x.org\nTo: Team: a@b;\nCc: =?utf-8?Q?=C3=89l=C3=A9a?= <e@x>\n\n");
    let s = s.view();
    assert_eq!((s.sort_from(), s.sort_to(), s.sort_cc()), (&b"plain"[..], &b"Team"[..], &b"e"[..]));
    assert_eq!((s.display_from().as_ref(), s.display_to().as_ref()), ("plain@x.org", "Team"));
    assert_eq!(s.envelope().cc().display_key(), "\u{c9}l\u{e9}a");
}

#[test]
fn content_fields_are_kept_as_imap_sends_them() {
    let s = scan(
        b"Content-Type: TEXT/Plain; Format=Flowed (x)\nContent-Description: a\n b\nContent-MD5: Q2hlY2s=\n\
Content-Location: http://x/\n long\nContent-Disposition: ; filename=\"a;b\"\n\nx",
    );
    let root = s.view().root();
    assert_eq!((root.media_type(), root.subtype()), (&b"text"[..], &b"plain"[..]));
    assert_eq!(root.params().iter().collect::<Vec<_>>(), [(&b"Format"[..], &b"Flowed"[..])]);
    assert_eq!((root.description(), root.md5()), (Some(&b"a b"[..]), Some(&b"Q2hlY2s="[..])));
    assert_eq!((root.location(), root.transfer_encoding()), (Some(&b"http://x/long"[..]), &b"7bit"[..]));
    let (kind, params) = root.disposition().unwrap();
    assert_eq!((kind, params.get(b"FILENAME")), (&b"attachment"[..], Some(&b"a;b"[..])));
}

#[test]
fn layout_of_version_1_is_fixed() {
    // Stored structures outlive the program: whoever changes these bytes raises VERSION.
    let bytes = parse(NESTED);
    assert_eq!((crate::VERSION, fnv1a(bytes.as_bytes())), (1, 3_621_898_117_123_641_373));
}
