//! The measurements of `make bench`: Sterna's peers, and Sterna as one more contender, on one machine in one run.
//!
//! Every measurement takes a [`Contender`] and gives figures; the report puts them side by side. Absolute figures depend
//! on the machine and on what else it does: only ratios within one run mean anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be taken stops the run with the reason; there is nothing to go on with"
)]

mod append;
mod contender;
mod delivery;
mod idle;
mod letters;
pub mod live;
mod load;
mod machine;
mod reading;
mod report;
mod seeding;
mod shared;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

pub use contender::{Contender, DovecotContender, SternaContender};
pub use report::{Better, Report};
pub use shared::SharedServers;

use crate::Profile;

/// What to measure and how thoroughly.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of [`SECTIONS`]; empty for all.
    pub only: Vec<String>,
    /// How often each measurement is repeated; the report shows the median.
    pub runs: usize,
    /// A hundredth of the mail and of the time: proves the runners, measures nothing.
    pub quick: bool,
    /// Lists on standard error what PostgreSQL was asked in each measurement.
    pub statements: bool,
    /// Where the report goes; standard output if absent.
    pub out: Option<PathBuf>,
}

/// The groups of measurements, in the order in which they run.
pub const SECTIONS: [&str; 6] = ["seeding", "reading", "load", "idle", "append", "delivery"];

/// Runs the measurements and writes the report.
pub fn run(options: &Options) -> std::io::Result<()> {
    for name in &options.only {
        assert!(SECTIONS.contains(&name.as_str()), "no section {name}: there are {SECTIONS:?}");
    }
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|o| o == name);
    let mut report = Report::default();
    let started = Instant::now();
    let before = machine::durable_write();
    let shared = Rc::new(SharedServers::start(options.statements));
    report.note(&shared.describe());
    if wanted("seeding") {
        seeding::measure(&shared, options, &mut report);
    }
    if SECTIONS[1..5].iter().any(|s| wanted(s)) {
        others(&wanted, &shared, options, &mut report);
    }
    if wanted("delivery") {
        delivery::measure(&shared, options, &mut report);
    }
    if options.quick {
        report.note("Taken with --quick: too little mail and time to mean anything.");
    }
    let text = report.markdown(&machine::describe(before, machine::durable_write()), started.elapsed());
    match &options.out {
        Some(file) => std::fs::write(file, text),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// Everything that is measured on servers which hold a mailbox of 100,000 messages: each contender through each group.
fn others(wanted: &dyn Fn(&str) -> bool, shared: &Rc<SharedServers>, options: &Options, report: &mut Report) {
    let corpus = wanted("reading");
    let messages = scaled(options, Profile::Many.messages());
    let dovecot = if corpus { DovecotContender::filled(Profile::Many, messages) } else { DovecotContender::empty() };
    let sternas = [SternaContender::embedded(), SternaContender::shared(shared)];
    if corpus {
        sternas.iter().for_each(|sterna| sterna.move_from(&dovecot));
    }
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(dovecot)];
    contenders.extend(sternas.map(|sterna| Box::new(sterna) as Box<dyn Contender>));
    for contender in &mut contenders {
        if wanted("reading") {
            reading::measure(contender.as_mut(), messages, options, report);
        }
        if wanted("load") {
            load::measure(contender.as_mut(), options, report);
        }
        if wanted("idle") {
            idle::measure(contender.as_mut(), options, report);
        }
    }
    if wanted("append") {
        contenders.insert(1, Box::new(DovecotContender::safest()));
        append::measure(&mut contenders, options, report);
    }
}

/// A number of messages, or a hundredth of it when only the runners are to be proved.
fn scaled(options: &Options, number: usize) -> usize {
    if options.quick { (number / 100).max(20) } else { number }
}

/// Seconds that a piece of work takes.
fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}
