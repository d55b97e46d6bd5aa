//! What was said on a connection, with the time of each line: the first thing that a failed scenario needs.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Lines kept; a run of hours says more than anybody reads.
const KEPT: usize = 20_000;

/// Bytes shown of one line.
const SHOWN: usize = 2_000;

/// The lines of both sides.
#[derive(Debug)]
pub(super) struct Transcript {
    started: Instant,
    lines: VecDeque<(Duration, char, Vec<u8>, usize)>,
    forgotten: u64,
}

impl Transcript {
    pub(super) fn new() -> Transcript {
        Transcript { started: Instant::now(), lines: VecDeque::new(), forgotten: 0 }
    }

    /// Something that the client sent.
    pub(super) fn client(&mut self, bytes: &[u8]) {
        self.push('C', bytes);
    }

    /// Something that the server sent.
    pub(super) fn server(&mut self, bytes: &[u8]) {
        self.push('S', bytes);
    }

    fn push(&mut self, side: char, bytes: &[u8]) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        let shown = bytes[..bytes.len().min(SHOWN)].to_vec();
        self.lines.push_back((self.started.elapsed(), side, shown, bytes.len()));
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forgotten > 0 {
            writeln!(f, "… {} earlier lines", self.forgotten)?;
        }
        for (at, side, bytes, length) in &self.lines {
            write!(f, "{:9.3} {side}: {}", at.as_secs_f64(), bytes.escape_ascii())?;
            if bytes.len() < *length {
                write!(f, "… ({length} bytes)")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
