//! Properties of every byte sequence, whether it looks like mail or not.

use proptest::prelude::*;

use super::{cut, in_chunks, parse, scan};
use crate::limits::MAX_DEPTH;
use crate::{PartRef, StructureRef};

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
