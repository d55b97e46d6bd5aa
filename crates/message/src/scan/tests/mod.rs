//! What the scanner makes of good, bad and hostile messages, real bytes each. Here: the helpers that all of them use.

mod limits;
mod malformed;
mod properties;
mod reading;

use std::ops::Range;

use super::*;
use crate::limits::MAX_DEPTH;
use crate::{PartRef, StructureRef};

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

fn cut(raw: &[u8], range: Range<u64>) -> &[u8] {
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
