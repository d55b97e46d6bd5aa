//! Hostile messages: time stays linear, memory and depth bounded, offsets right.

use super::{Scanner, in_chunks, parse, visit};
use crate::limits::{MAX_DEPTH, MAX_PARTS};

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
fn offsets_beyond_four_gibibytes_are_right() {
    let chunk = vec![b'x'; 16 << 20];
    let mut scanner = Scanner::new();
    let head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";
    scanner.feed(head);
    for _ in 0..257 {
        scanner.feed(&chunk);
    }
    scanner.feed(b"\r\n--b\r\n\r\nlast\r\n--b--\r\n");
    let last = head.len() as u64 + 257 * (16 << 20) + b"\r\n--b\r\n\r\n".len() as u64;
    let s = scanner.finish();
    let parts: Vec<_> = s.view().root().children().collect();
    assert_eq!(parts[0].size(), 257 * (16 << 20));
    assert_eq!((parts[1].size(), parts[1].body_range().start), (4, last));
}
