//! A client's bytes: the framer cuts them alike however they arrive, and every command parses or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna_imap::codec::command::Command;
use sterna_imap::codec::command::append::{AppendHead, AppendTail, MessageHead};
use sterna_imap::codec::framing::{Framer, Limits, Step};
use sterna_imap::codec::mailbox::NameEncoding;

/// What the session would see, as text: enough to compare two runs.
fn run(wire: &[u8], chunk: usize) -> Vec<String> {
    let mut framer = Framer::new(Limits { line: 2048, literal: 1024, command: 8192 });
    let (mut at, mut have, mut seen) = (0, 0, Vec::new());
    let mut message: Option<(String, MessageHead)> = None;
    loop {
        match framer.next(&wire[at..have]) {
            Step::NeedMore if have == wire.len() => return seen,
            Step::NeedMore => have = (have + chunk).min(wire.len()),
            Step::SendContinuation => seen.push("+".into()),
            Step::Command { len } => {
                let command = Command::parse(&wire[at..at + len], NameEncoding::ModifiedUtf7);
                seen.push(format!("{command:?}"));
                at += len;
            }
            Step::AppendHead { len } => {
                let head = AppendHead::parse(&wire[at..at + len], NameEncoding::ModifiedUtf7);
                seen.push(format!("{head:?}"));
                at += len;
                message = None;
                match head {
                    Ok(head) => {
                        let size = head.message.literal.size;
                        message = Some((head.tag.clone(), head.message));
                        at = skip(&mut framer, at, size, wire.len());
                    }
                    Err(_) => framer.refuse_message(),
                }
                have = have.max(at);
            }
            Step::AppendTail { len } => {
                let Some((tag, head)) = message.take() else { return seen };
                let tail = AppendTail::parse(&wire[at..at + len], &head, &tag);
                seen.push(format!("{tail:?}"));
                at += len;
                match tail {
                    Ok(AppendTail::Next(next)) => {
                        let size = next.literal.size;
                        message = Some((tag, next));
                        at = skip(&mut framer, at, size, wire.len());
                        have = have.max(at);
                    }
                    Ok(AppendTail::End) => {}
                    Err(_) => return seen,
                }
            }
            Step::Reject(error) => seen.push(format!("{error:?}")),
            Step::Discard { len } => at += len,
        }
    }
}

/// A message is streamed past the framer.
fn skip(framer: &mut Framer, at: usize, size: u64, end: usize) -> usize {
    framer.message_read();
    at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(end)
}

fuzz_target!(|wire: &[u8]| {
    let _ = Command::parse(wire, NameEncoding::Utf8);
    assert_eq!(run(wire, wire.len().max(1)), run(wire, 1));
});
