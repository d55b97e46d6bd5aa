//! Cuts an mbox file into messages, as a stream: a message is begun by a `From ` line at the beginning of the file or
//! behind an empty line (RFC 4155 Appendix A).
//!
//! `>From ` loses one `>` (the mboxrd form; in the older mboxo form, too, no writer quoted anything else). The empty
//! line before the next `From ` belongs to the file, not to the message.

use std::io::{BufRead, Result};

/// Pieces of one line are handed over at this size, so that a line without end takes no memory.
const PIECE: usize = 64 << 10;

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'b> {
    /// A message begins: offset of its `From ` line, and that line without its end.
    Begin(u64, &'b [u8]),
    /// More of the message.
    Piece(&'b [u8]),
}

/// Reads to the end; `on` gets everything in order, and stops the reading by `false`.
pub(super) fn read(mut input: impl BufRead, mut on: impl FnMut(Item<'_>) -> bool) -> Result<()> {
    let mut line = Vec::with_capacity(PIECE);
    let (mut offset, mut begun) = (0u64, false);
    // An empty line is held back until it is known whether a `From ` line follows.
    let mut empty: Option<Vec<u8>> = Some(Vec::new());
    let mut at_start = true;
    loop {
        line.clear();
        let begins_at = offset;
        take_line(&mut input, &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        offset += line.len() as u64;
        let starts_line = std::mem::replace(&mut at_start, line.ends_with(b"\n"));
        if starts_line && line.starts_with(b"From ") && empty.is_some() {
            empty = None;
            begun = true;
            if !on(Item::Begin(begins_at, line.trim_ascii_end())) {
                return Ok(());
            }
            continue;
        }
        if !begun {
            // Text before the first message is none.
            empty = matches!(&line[..], b"\n" | b"\r\n").then(Vec::new);
            continue;
        }
        if let Some(held) = empty.take()
            && !held.is_empty()
            && !on(Item::Piece(&held))
        {
            return Ok(());
        }
        if starts_line && matches!(&line[..], b"\n" | b"\r\n") {
            empty = Some(line.clone());
            continue;
        }
        let quoted = starts_line && {
            let marks = line.iter().take_while(|b| **b == b'>').count();
            marks > 0 && line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "))
        };
        if !on(Item::Piece(line.get(usize::from(quoted)..).unwrap_or_default())) {
            return Ok(());
        }
    }
}

/// The next line with its end, or the next piece of a long one.
fn take_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<()> {
    while line.len() < PIECE {
        let buffer = input.fill_buf()?;
        let buffer = buffer.get(..buffer.len().min(PIECE - line.len())).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(());
        }
        let (taken, ended) = match buffer.iter().position(|b| *b == b'\n') {
            Some(newline) => (newline + 1, true),
            None => (buffer.len(), false),
        };
        line.extend_from_slice(buffer.get(..taken).unwrap_or_default());
        input.consume(taken);
        if ended {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages(mbox: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut all: Vec<(u64, Vec<u8>)> = Vec::new();
        read(mbox, |item| {
            match item {
                Item::Begin(offset, _) => all.push((offset, Vec::new())),
                Item::Piece(piece) => all.last_mut().unwrap().1.extend_from_slice(piece),
            }
            true
        })
        .unwrap();
        all
    }

    #[test]
    fn messages_are_cut_at_from_lines_behind_empty_lines() {
        let mbox = b"From a Sun Feb  1 09:30:00 2026\nSubject: 1\n\nbody\nFrom here on\n>From x\n>>From y\n\nFrom b\nSubject: 2\n\n\n";
        let found = messages(mbox);
        assert_eq!(found[0], (0, b"Subject: 1\n\nbody\nFrom here on\nFrom x\n>From y\n".to_vec()));
        assert_eq!(found[1].1, b"Subject: 2\n\n".to_vec());
        assert_eq!(found.len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = messages(&bytes);
        }

        #[test]
        fn near_mboxes_lose_no_bytes(text in "(From \n|>From \n|x\n|\n|\r\n){0,30}") {
            let total: usize = messages(text.as_bytes()).iter().map(|(_, m)| m.len()).sum();
            prop_assert!(total <= text.len());
        }
    }
}
