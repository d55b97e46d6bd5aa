//! What waits to be written to the server: bytes, and the points where the server must first say `+` (RFC 9051 §7.6).
//!
//! Commands are queued whole, so that many can be on their way at once; a literal that the server wants to be asked for
//! holds back only what is behind it.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};

use super::event::Tag;

/// Small commands are joined up to this size, to save system calls.
const JOIN: usize = 16 << 10;

enum Piece {
    Bytes { tag: Tag, bytes: BytesMut },
    AwaitContinuation(Tag),
}

#[derive(Default)]
pub(super) struct Output(VecDeque<Piece>);

impl Output {
    /// Queues bytes of a command.
    pub(super) fn push(&mut self, tag: Tag, more: &[u8]) {
        // Bytes behind a literal may have to be withdrawn with their command, so only one command's are joined there.
        let alone = self.0.iter().any(|p| matches!(p, Piece::AwaitContinuation(_)));
        match self.0.back_mut() {
            Some(Piece::Bytes { tag: t, bytes }) if bytes.len() + more.len() <= JOIN && (*t == tag || !alone) => {
                bytes.extend_from_slice(more);
                *t = tag;
            }
            _ => self.0.push_back(Piece::Bytes { tag, bytes: BytesMut::from(more) }),
        }
    }

    /// Queues a block without copying it.
    pub(super) fn push_block(&mut self, tag: Tag, bytes: BytesMut) {
        self.0.push_back(Piece::Bytes { tag, bytes });
    }

    /// Nothing behind this point goes out before a continuation.
    pub(super) fn await_continuation(&mut self, tag: Tag) {
        self.0.push_back(Piece::AwaitContinuation(tag));
    }

    /// What can be written now.
    pub(super) fn writable(&self) -> &[u8] {
        match self.0.front() {
            Some(Piece::Bytes { bytes, .. }) => bytes,
            _ => &[],
        }
    }

    /// So many bytes were written.
    pub(super) fn written(&mut self, count: usize) {
        if let Some(Piece::Bytes { bytes, .. }) = self.0.front_mut() {
            bytes.advance(count.min(bytes.len()));
            if bytes.is_empty() {
                self.0.pop_front();
            }
        }
    }

    /// A continuation came: whether somebody had waited for it.
    pub(super) fn continued(&mut self) -> bool {
        let waiting = matches!(self.0.front(), Some(Piece::AwaitContinuation(_)));
        if waiting {
            self.0.pop_front();
        }
        waiting
    }

    /// A command ended; if the server refused one of its literals, the rest of it must not be sent.
    pub(super) fn withdraw(&mut self, ended: Tag) {
        if matches!(self.0.front(), Some(Piece::AwaitContinuation(tag)) if *tag == ended) {
            self.0.retain(|piece| match piece {
                Piece::Bytes { tag, .. } | Piece::AwaitContinuation(tag) => *tag != ended,
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
