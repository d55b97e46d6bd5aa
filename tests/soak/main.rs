//! Random clients against a reference model, through the front door: what they were promised is there, each message once and
//! each UID with its one meaning, whatever goes wrong on the way.
//!
//! A minute of it is a test; `make soak` goes on for hours. A run is repeated by its seed, as far as the machine's timing lets
//! it: `STERNA_SOAK_SEED` and `STERNA_SOAK_SECONDS`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

mod client;
mod faults;
mod model;
mod operations;
mod phases;
mod random;
mod view;
mod wire;
mod world;

use std::time::{Duration, Instant};

use world::World;

/// What runs if nothing is said: the same in every run of the tests.
const SEED: u64 = 5;
const SECONDS: u64 = 30;

/// Mailboxes that move one after the other, at most.
const MAILBOXES: u64 = 1_000;

/// Operations between two looks at everything.
const ROUND: usize = 60;

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let seed = given("STERNA_SOAK_SEED").unwrap_or(SEED);
    eprintln!("seed {seed}: repeat with STERNA_SOAK_SEED={seed}");
    seed
}

/// Runs rounds until the time is over.
fn rounds(seconds: u64, mut round: impl FnMut(&mut World)) {
    let mut world = World::start(seed());
    let until = Instant::now() + Duration::from_secs(given("STERNA_SOAK_SECONDS").unwrap_or(seconds));
    let mut count = 0;
    while count == 0 || Instant::now() < until {
        round(&mut world);
        count += 1;
    }
    eprintln!("{count} rounds, {} operations", world.log.len());
    world.servers.borrow().sterna.check();
}

#[test]
fn clients_of_a_relayed_mailbox_get_what_they_were_promised() {
    rounds(SECONDS, |world| {
        world.operations(ROUND, world.messages > 0);
        world.verify();
    });
}

#[test]
fn clients_of_a_mailbox_that_moves_here_get_what_they_were_promised() {
    let until = Instant::now() + Duration::from_secs(given("STERNA_SOAK_SECONDS").unwrap_or(SECONDS));
    // Each mailbox moves once: as many as there is time for.
    let first = seed();
    for seed in first..first.saturating_add(MAILBOXES) {
        eprintln!("seed {seed}");
        let mut world = World::start(seed);
        world.operations(ROUND, false);
        world.follow();
        world.cut_over();
        world.operations(ROUND, true);
        world.verify();
        world.servers.borrow().sterna.check();
        if Instant::now() >= until {
            return;
        }
    }
}

#[test]
fn clients_of_a_mailbox_that_moves_there_and_back_get_what_they_were_promised() {
    let mut follows = false;
    rounds(SECONDS, |world| {
        if !std::mem::replace(&mut follows, true) {
            world.operations(ROUND, false);
            world.follow();
        }
        world.cut_over();
        world.operations(ROUND, true);
        world.verify();
        world.roll_back();
        world.operations(ROUND / 2, true);
        world.verify();
    });
}
