//! The rules of delivery over a real store, by the room that they belong to.

mod accept;
mod addresses;
mod forwards;
mod junk;
mod moving;
mod queue;
mod quota;
mod scripts;
mod signatures;
