//! One page of FETCH responses: read in one transaction, bounded in bytes, messages and time, then sent.

use std::ops::ControlFlow;

use sterna_core::Uid;
use sterna_store::{Result, Tx};

use super::flags::FlagNames;
use super::plan::Plan;
use super::stream::Hole;
use super::walk::Walk;
use crate::server::view::View;

/// A page ends at so many bytes.
pub(super) const PAGE_BYTES: usize = 256 * 1024;

/// A page ends at so many messages.
const PAGE_MESSAGES: usize = 2_000;

/// Responses ready to be sent, but for the bytes that go into the holes.
#[derive(Default)]
pub(super) struct Page {
    pub bytes: Vec<u8>,
    /// Ascending by place.
    pub holes: Vec<Hole>,
    /// Where the present response begins.
    pub response: usize,
    /// A part was left out because nobody knows its encoding.
    pub unknown_encoding: bool,
    /// A buffer for a later page.
    spare: Vec<u8>,
}

impl Page {
    /// A page to fill while this one is sent.
    pub fn take_spare(&mut self) -> Page {
        Page { bytes: std::mem::take(&mut self.spare), ..Page::default() }
    }

    /// Keeps the buffer of a page that was sent.
    pub fn keep_spare(&mut self, sent: Page) {
        self.spare = sent.bytes;
        self.spare.clear();
    }

    /// Whether further bytes of bodies should wait for their turn to be sent.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= PAGE_BYTES || !self.holes.is_empty()
    }
}

/// A FETCH on its way.
pub(super) struct Job {
    pub walk: Walk,
    /// Flags as the client was told them, or is about to be.
    pub view: View,
    pub flags: FlagNames,
    pub plan: Plan,
    /// Messages whose flags this command changed, ascending.
    pub seen: Vec<Uid>,
}

impl Job {
    /// Fills one page; at least one message, if there is one left.
    pub fn page(mut self, tx: &Tx<'_>, mut page: Page) -> Result<(Job, Page)> {
        let Job { walk, view, flags, plan, seen } = &mut self;
        let mut count = 0;
        walk.page(tx, |step| {
            let entry = view.entry_told(step.entry);
            let seen = seen.binary_search(&entry.uid).is_ok();
            plan.message(tx, &mut page, &step, &entry, (&mut *flags, seen))?;
            count += 1;
            let full = page.is_full() || count >= PAGE_MESSAGES;
            Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok((self, page))
    }
}
