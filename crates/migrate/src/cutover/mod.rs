//! The end of a move: the account is held, the last changes are carried over, and the route changes.
//!
//! [`Mover::cutover`](crate::Mover::cutover) and [`Mover::rollback`](crate::Mover::rollback) write a wish; the run that follows
//! the source reads it and does it. All that happens is told in [`Cutover`], a part of the move's record. A crash before the
//! route has changed leaves a move that follows, one after it a move that is flipped: the flip is one transaction.

mod after;
mod ask;
mod back_sync;
mod flip;
mod hold;
mod prepare;
mod rollback;
mod step;
mod stragglers;
mod told;
mod wish;

pub(crate) use back_sync::BackSyncing;
pub use told::{BackSync, CarriedBack, Cutover, CutoverOptions, Flipped, FlippedFolder, Undone};
pub(crate) use wish::{Wish, Wishes};
