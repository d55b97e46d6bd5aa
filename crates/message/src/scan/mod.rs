//! The one pass over a message: a push parser that takes the bytes as they arrive and ends with the [`Structure`].
//!
//! Delivery, APPEND and the mover call it once per message. It never fails, never changes a byte, holds one header
//! block and at most one line's beginning, and gives the same result however the bytes are cut into chunks. Lines end
//! with LF; the CR before it belongs to the end. In bodies only lines that begin with "--" are looked at.

mod preview;
mod tree;

use memchr::{memchr, memchr_iter};

use crate::limits::{MAX_BOUNDARY, MAX_HEADER};
use crate::structure::{BARE_LF, EIGHT_BIT_HEADER, HAS_NUL, LIMITED, Structure};
use preview::PreviewMaker;
use tree::{Content, Tree};

/// Bytes of a line that decide whether it is a boundary: two hyphens, the boundary, two hyphens.
const DECISIVE: usize = MAX_BOUNDARY + 4;

/// Scans a whole message at once.
pub fn parse(raw: &[u8]) -> Structure {
    let mut scanner = Scanner::new();
    scanner.feed(raw);
    scanner.finish()
}

/// What the bytes at hand belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Header,
    Body,
    /// The rest of a boundary line; then a new part of this frame begins.
    BeforePart(usize),
    /// The rest of a closing boundary line; then text that belongs to nobody.
    BeforeEpilogue,
}

/// A part that has not ended yet.
struct Frame {
    part: usize,
    /// Empty if none is looked for.
    boundary: Vec<u8>,
    digest: bool,
    /// Line ends before its body.
    lines: u64,
}

/// The push parser: [`Scanner::feed`] any number of times, then [`Scanner::finish`].
pub struct Scanner {
    mode: Mode,
    /// Offset of the next byte, and of the line it is in.
    at: u64,
    line_start: u64,
    /// Line ends seen.
    lines: u64,
    /// Length of the line end before `line_start`: 0 at the start of the message, else 1 or 2.
    eol: u64,
    /// The byte before `at`.
    last: u8,
    flags: u8,
    header: Vec<u8>,
    /// The beginning of a line that may be a boundary and is not decided yet.
    held: Vec<u8>,
    /// Parts that are open, outermost first; the last is the one that bytes belong to.
    frames: Vec<Frame>,
    /// Frames that have a boundary.
    boundaries: usize,
    tree: Tree,
    preview: PreviewMaker,
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::new()
    }
}

impl Scanner {
    /// At the start of a message.
    pub fn new() -> Scanner {
        let mut tree = Tree::default();
        let root = tree.add(0, 0);
        Scanner {
            mode: Mode::Header,
            at: 0,
            line_start: 0,
            lines: 0,
            eol: 0,
            last: 0,
            flags: 0,
            header: Vec::new(),
            held: Vec::new(),
            frames: vec![Frame { part: root, boundary: Vec::new(), digest: false, lines: 0 }],
            boundaries: 0,
            tree,
            preview: PreviewMaker::default(),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.flags & HAS_NUL == 0 && memchr(0, chunk).is_some() {
            self.flags |= HAS_NUL;
        }
        let mut rest = chunk;
        while !rest.is_empty() {
            let taken = match self.candidate(rest) {
                Some(taken) => taken,
                None => match self.mode {
                    Mode::Header => self.header_lines(rest),
                    Mode::Body => self.body_lines(rest),
                    Mode::BeforePart(frame) => self.rest_of_line(rest, Some(frame)),
                    Mode::BeforeEpilogue => self.rest_of_line(rest, None),
                },
            };
            rest = &rest[taken..];
        }
    }

    /// Ends the message where the bytes end.
    pub fn finish(mut self) -> Structure {
        if !self.held.is_empty() {
            self.decide_held();
        }
        while self.mode == Mode::Header {
            self.end_header(self.at, self.lines);
        }
        self.close_frames(0, self.at, self.lines);
        let limited = if self.tree.limited { LIMITED } else { 0 };
        let preview = self.preview.finish();
        Structure::from_scan(self.tree.encode(self.flags | limited, self.at, self.lines, &preview))
    }

    /// Bytes that belong to no decision any more.
    fn advance(&mut self, bytes: &[u8]) {
        self.at += bytes.len() as u64;
        if let Some(b) = bytes.last() {
            self.last = *b;
        }
    }

    /// A line end at this offset.
    fn line_end(&mut self, offset: u64, crlf: bool) {
        self.lines += 1;
        self.line_start = offset + 1;
        self.eol = 1 + u64::from(crlf);
        if !crlf {
            self.flags |= BARE_LF;
        }
    }

    /// Looks whether the line is a boundary, if it can be one. Gives back how many bytes that took, or none if they are
    /// ordinary.
    fn candidate(&mut self, rest: &[u8]) -> Option<usize> {
        if self.boundaries == 0 || !matches!(self.mode, Mode::Header | Mode::Body) {
            return None;
        }
        if self.held.is_empty() {
            if self.at != self.line_start || rest[0] != b'-' {
                return None;
            }
            let window = &rest[..rest.len().min(DECISIVE)];
            let line = &window[..memchr(b'\n', window).unwrap_or(window.len())];
            if line.len() == rest.len() && line.len() < DECISIVE && line.get(1).is_none_or(|b| *b == b'-') {
                self.held.extend_from_slice(line);
                return Some(line.len());
            }
            let (frame, closing) = self.match_boundary(line)?;
            self.boundary(frame, closing);
            self.advance(line);
            return Some(line.len());
        }
        let window = &rest[..rest.len().min(DECISIVE - self.held.len())];
        let end = memchr(b'\n', window);
        let taken = end.unwrap_or(window.len());
        self.held.extend_from_slice(&window[..taken]);
        if end.is_some() || self.held.len() == DECISIVE {
            self.decide_held();
        }
        Some(taken)
    }

    fn decide_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        match self.match_boundary(&held) {
            Some((frame, closing)) => self.boundary(frame, closing),
            None if self.mode == Mode::Header => self.keep_header(&held),
            None => self.preview.push(&held),
        }
        self.advance(&held);
        self.held = held;
        self.held.clear();
    }

    /// The frame whose boundary the line begins with, and whether it is the closing one. RFC 2046 §5.1.1 compares the
    /// beginning of the line only; where several fit, the longest does, and of equal ones the innermost.
    fn match_boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = line.strip_prefix(b"--")?;
        let fits = |f: &Frame| !f.boundary.is_empty() && text.starts_with(&f.boundary);
        let (index, frame) =
            self.frames.iter().enumerate().filter(|(_, f)| fits(f)).max_by_key(|(_, f)| f.boundary.len())?;
        Some((index, text[frame.boundary.len()..].starts_with(b"--")))
    }

    /// A boundary line begins at `line_start`: everything inside its frame ends before the line end that precedes it.
    fn boundary(&mut self, frame: usize, closing: bool) {
        let end = self.line_start - self.eol;
        let lines = self.lines - u64::from(self.eol > 0);
        while self.mode == Mode::Header {
            self.end_header(end, lines);
        }
        self.close_frames(frame + 1, end, lines);
        if closing {
            if let Some(f) = self.frames.get_mut(frame) {
                f.boundary.clear();
            }
            self.boundaries -= 1;
            self.mode = Mode::BeforeEpilogue;
        } else {
            self.mode = Mode::BeforePart(frame);
        }
    }

    /// Ends all frames from this one inward. A part that began after `end` ends where it began, and what holds it with
    /// it.
    fn close_frames(&mut self, from: usize, end: u64, lines: u64) {
        self.preview.end();
        let mut end = end;
        while self.frames.len() > from {
            let Some(frame) = self.frames.pop() else { break };
            self.boundaries -= usize::from(!frame.boundary.is_empty());
            // Only the line end before the boundary can lie between.
            let lines = if end >= self.line_start { self.lines } else { lines };
            end = self.tree.close(frame.part, end, lines.saturating_sub(frame.lines));
        }
    }

    /// The rest of a boundary line, and what begins after it.
    fn rest_of_line(&mut self, rest: &[u8], frame: Option<usize>) -> usize {
        let Some(p) = memchr(b'\n', rest) else {
            self.advance(rest);
            return rest.len();
        };
        let crlf = if p == 0 { self.last } else { rest[p - 1] } == b'\r';
        self.line_end(self.at + p as u64, crlf);
        self.advance(&rest[..=p]);
        match frame.and_then(|f| self.frames.get(f)).map(|f| f.part) {
            Some(parent) => self.begin_part(parent),
            None => self.mode = Mode::Body,
        }
        p + 1
    }

    /// A part begins at `at`.
    fn begin_part(&mut self, parent: usize) {
        let last = self.tree.is_full();
        let part = self.tree.add(parent, self.at);
        self.frames.push(Frame { part, boundary: Vec::new(), digest: false, lines: self.lines });
        if last {
            // Nothing is looked for any more: this leaf takes the rest of the message.
            self.tree.describe_rest(part);
            self.frames.iter_mut().for_each(|f| f.boundary.clear());
            self.boundaries = 0;
            self.mode = Mode::Body;
        } else {
            self.mode = Mode::Header;
        }
    }

    fn keep_header(&mut self, bytes: &[u8]) {
        if !bytes.is_ascii() {
            self.flags |= EIGHT_BIT_HEADER;
        }
        let room = MAX_HEADER - self.header.len().min(MAX_HEADER);
        if bytes.len() > room {
            self.tree.limited = true;
        }
        self.header.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Header lines up to the empty one, or to a line that may be a boundary.
    fn header_lines(&mut self, rest: &[u8]) -> usize {
        let base = self.at;
        for p in memchr_iter(b'\n', rest) {
            let crlf = if p == 0 { self.last } else { rest[p - 1] } == b'\r';
            let length = base + p as u64 - self.line_start;
            let empty = length == u64::from(crlf);
            self.line_end(base + p as u64, crlf);
            let stop = empty || (self.boundaries > 0 && rest.get(p + 1) == Some(&b'-'));
            if stop {
                self.keep_header(&rest[..=p]);
                self.advance(&rest[..=p]);
                if empty {
                    self.end_header(self.at, self.lines);
                }
                return p + 1;
            }
        }
        self.keep_header(rest);
        self.advance(rest);
        rest.len()
    }

    /// The header of the innermost part ended: its body starts here.
    fn end_header(&mut self, body_start: u64, lines: u64) {
        let digest = self.frames.iter().rev().nth(1).is_some_and(|f| f.digest);
        let Some(frame) = self.frames.last_mut() else { return };
        let part = frame.part;
        let body_start = self.tree.body_start(part, body_start);
        let (content, is_digest) = self.tree.describe(part, &self.header, body_start, digest);
        self.header.clear();
        frame.lines = lines;
        frame.digest = is_digest;
        self.mode = Mode::Body;
        match content {
            Content::Multipart(boundary) => {
                frame.boundary = boundary;
                self.boundaries += 1;
            }
            Content::Message => {
                let part = self.tree.add(part, body_start);
                self.frames.push(Frame { part, boundary: Vec::new(), digest: false, lines });
                self.mode = Mode::Header;
            }
            Content::Text { html, charset, encoding } => self.preview.begin(html, charset, &encoding),
            Content::Leaf => {}
        }
    }

    /// Body lines up to one that may be a boundary.
    fn body_lines(&mut self, rest: &[u8]) -> usize {
        let base = self.at;
        let looking = self.boundaries > 0;
        let (mut lines, mut bare, mut last_end) = (0u64, false, None);
        let mut taken = rest.len();
        let mut before = self.last;
        for p in memchr_iter(b'\n', rest) {
            if p > 0 {
                before = rest[p - 1];
            }
            lines += 1;
            bare |= before != b'\r';
            last_end = Some((p, before == b'\r'));
            if looking && rest.get(p + 1) == Some(&b'-') && rest.get(p + 2).is_none_or(|b| *b == b'-') {
                taken = p + 1;
                break;
            }
        }
        if let Some((p, crlf)) = last_end {
            self.lines += lines - 1;
            self.line_end(base + p as u64, crlf);
            if bare {
                self.flags |= BARE_LF;
            }
        }
        self.preview.push(&rest[..taken]);
        self.advance(&rest[..taken]);
        taken
    }
}

#[cfg(test)]
mod tests;
