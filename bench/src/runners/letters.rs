//! Messages of one exact size for the measurements of APPEND and of delivery: each has a Message-ID and a text of its own, so that no server
//! finds a body that it has already, and all cost the same.

use crate::corpus::Rng;
use crate::{Corpus, Profile};

/// Bytes of a message of APPEND's.
pub const SIZE: usize = 4096;

/// The text that all messages are cut from.
#[derive(Debug)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bodies of some messages of the corpus, in a row.
    pub fn new() -> Text {
        let mut text = Vec::new();
        for message in Corpus::sized(Profile::Many, 400, 7) {
            let body = message.raw.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
            text.extend_from_slice(&message.raw[body..]);
        }
        assert!(text.len() > 4 * SIZE, "the corpus gives too little text");
        Text(text)
    }

    /// Whole lines from somewhere: `length` bytes, the last two of them the end of a line.
    fn piece(&self, rng: &mut Rng, length: usize) -> Vec<u8> {
        let start = rng.below((self.0.len() - 2 * SIZE) as u64) as usize;
        let line = self.0[start..].iter().position(|b| *b == b'\n').map_or(start, |at| start + at + 1);
        let mut piece = self.0[line..line + length].to_vec();
        // The cut may fall between CR and LF, or leave half a line.
        if let Some(last) = piece.len().checked_sub(4) {
            piece[last..].copy_from_slice(b"..\r\n");
            if let Some(cut @ b'\r') = last.checked_sub(1).and_then(|before| piece.get_mut(before)) {
                *cut = b'.';
            }
        }
        piece
    }
}

/// What one writer sends. Another series gives other messages.
#[derive(Debug)]
pub struct Letters<'t> {
    text: &'t Text,
    rng: Rng,
    series: String,
    size: usize,
    next: u64,
}

impl<'t> Letters<'t> {
    /// The messages of a series, of [`SIZE`] bytes.
    pub fn new(text: &'t Text, series: &str, seed: u64) -> Letters<'t> {
        Letters::sized(text, series, seed, SIZE)
    }

    /// The same of another size, of a KiB at least.
    pub fn sized(text: &'t Text, series: &str, seed: u64, size: usize) -> Letters<'t> {
        Letters { text, rng: Rng::new(seed), series: series.to_owned(), size, next: 0 }
    }
}

impl Iterator for Letters<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.next += 1;
        let (series, n) = (&self.series, self.next);
        let mut message = format!(
            "From: Writer {series} <writer@example.org>\r\nTo: bench@example.org\r\n\
             Date: Mon, 02 Nov 2026 09:30:00 +0100\r\nSubject: Letter {n} of {series}\r\n\
             Message-ID: <{series}.{n}.{:x}@example.org>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\n",
            self.rng.next_u64()
        )
        .into_bytes();
        while message.len() < self.size {
            // No piece so short that it could not end a line.
            let left = self.size - message.len();
            let length = if left > 2 * SIZE {
                SIZE
            } else if left > SIZE {
                left / 2
            } else {
                left
            };
            message.extend(self.text.piece(&mut self.rng, length));
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn letters_have_one_size_and_different_bytes() {
        let text = Text::new();
        let letters: Vec<Vec<u8>> = ["a", "b"].into_iter().flat_map(|s| Letters::new(&text, s, 1).take(200)).collect();
        assert!(letters.iter().all(|l| l.len() == SIZE && l.ends_with(b"\r\n")));
        assert_eq!(letters.iter().collect::<BTreeSet<_>>().len(), 400);
        for size in [1_024, 10_240, 102_400] {
            assert!(Letters::sized(&text, "c", 2, size).take(20).all(|l| l.len() == size && l.ends_with(b"\r\n")));
        }
    }
}
