//! Any bytes are a message: scanned alike in any chunking, every range inside it, everything readable back; what IMAP
//! writes from it parses; a damaged structure reads as something, never as a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna_imap::codec::write::{body, body_structure, envelope};
use sterna_message::{PartRef, Scanner, SearchScope, StructureRef, parse, search_text, text_of};

fn visit(part: &PartRef<'_>, raw: &[u8]) {
    let whole = part.whole_range();
    assert!(whole.start <= whole.end && whole.end <= raw.len() as u64);
    let body = part.body_range();
    assert!(whole.start <= body.start && body.start <= body.end && body.end <= whole.end);
    if part.is_text() {
        let _ = text_of(part, &raw[body.start as usize..body.end as usize]);
    }
    let _ = (part.file_name(), part.params().iter().count(), part.languages().count(), part.encoding());
    part.children().for_each(|child| visit(&child, raw));
}

fn read_all(view: &StructureRef<'_>) -> Vec<u8> {
    let _ = (view.thread_keys(), view.base_subject(), view.preview(), view.sent_at(), view.display_from());
    let mut out = Vec::new();
    envelope(&mut out, &view.envelope());
    body_structure(&mut out, view);
    body(&mut out, view);
    out
}

fuzz_target!(|raw: &[u8]| {
    let scanned = parse(raw);
    let mut scanner = Scanner::new();
    raw.chunks(3).for_each(|chunk| scanner.feed(chunk));
    assert_eq!(scanned, scanner.finish());

    let view = scanned.view();
    assert_eq!(view.size(), raw.len() as u64);
    visit(&view.root(), raw);
    read_all(&view);
    let mut read = |range: std::ops::Range<u64>| raw[range.start as usize..range.end as usize].into();
    let text = search_text(&view, SearchScope::Text, 100_000, &mut read);
    assert!(text.len() <= 100_004);

    // The message's own bytes as a stored structure: damage that a disk could do.
    if let Ok(damaged) = StructureRef::from_bytes(raw) {
        read_all(&damaged);
    }
});
