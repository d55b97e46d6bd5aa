//! APPEND: each message durable before its OK. So many writers with a connection each, into one mailbox or each into an
//! account of its own, one message at a time and synchronising literals; then one writer that does not wait (RFC 7888).

use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sterna_tests::{ImapWire, User};

use super::letters::{Letters, Text};
use super::report::{Better, Report};
use super::{Contender, Options, scaled, seconds};

const SECTION: &str = "APPEND of messages of 4 KiB, each durable before its OK (messages per second, all writers)";
const WRITERS: [usize; 3] = [1, 16, 64];
/// How many commands may wait for their answer when pipelining, and how many there are.
const WINDOW: usize = 64;
const PIPELINED: usize = 2_000;

/// Where the writers write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    OneMailbox,
    AccountEach,
}

/// When a measurement ends: with so many commits, but neither before the one time nor after the other.
struct Limits {
    commits: u64,
    least: Duration,
    most: Duration,
}

impl Limits {
    fn of(options: &Options) -> Limits {
        match options.quick {
            true => Limits { commits: 20, least: Duration::ZERO, most: Duration::from_secs(1) },
            false => Limits { commits: 2_000, least: Duration::from_secs(2), most: Duration::from_secs(5) },
        }
    }

    fn reached(&self, elapsed: Duration, commits: u64) -> bool {
        elapsed >= self.most || (elapsed >= self.least && commits >= self.commits)
    }
}

/// Every contender in every way, one contender right after the other.
pub fn measure(contenders: &mut [Box<dyn Contender>], options: &Options, report: &mut Report) {
    let most = WRITERS.into_iter().max().unwrap_or(1);
    let users: Vec<Vec<User>> = contenders.iter_mut().map(|c| c.empty_users(most)).collect();
    let text = Text::new();
    report.note(
        "APPEND: Dovecot's default is mail_fsync=optimized, which waits for the disk with each message but not with its \
         index; mail_fsync=always waits with both.",
    );
    for run in 0..options.runs {
        for (writers, shape) in WRITERS.into_iter().flat_map(|n| [(n, Shape::OneMailbox), (n, Shape::AccountEach)]) {
            let measure = match (writers, shape) {
                // One writer is the same in both.
                (1, Shape::OneMailbox) => "1 writer".to_owned(),
                (1, Shape::AccountEach) => continue,
                (n, Shape::OneMailbox) => format!("{n} writers, one mailbox"),
                (n, Shape::AccountEach) => format!("{n} writers, an account each"),
            };
            for (contender, users) in contenders.iter().zip(&users) {
                let users: Vec<&User> = match shape {
                    Shape::OneMailbox => users.iter().take(1).cycle().take(writers).collect(),
                    Shape::AccountEach => users.iter().take(writers).collect(),
                };
                contender.settle();
                let mailbox = format!("w{writers}-{run}-{shape:?}");
                let (commits, time) = write(contender.port(), &users, &mailbox, &text, &Limits::of(options));
                contender.tell_statements(&measure, commits);
                let name = contender.name();
                report.add(SECTION, &measure, "/s", Better::Higher, &name, commits as f64 / time.as_secs_f64());
            }
        }
        let number = scaled(options, PIPELINED);
        for (contender, users) in contenders.iter().zip(&users) {
            let letters: Vec<Vec<u8>> = Letters::new(&text, "pipelined", run as u64).take(number).collect();
            let mut wire = ImapWire::login(contender.port(), &users[0].login, &users[0].password);
            let mailbox = format!("pipelined-{run}");
            wire.ok(&format!("CREATE {mailbox}"));
            contender.settle();
            let time = seconds(|| pipelined(&mut wire, &mailbox, &letters));
            contender.tell_statements("pipelined", number as u64);
            let rate = number as f64 / time;
            report.add(SECTION, "1 writer, pipelined", "/s", Better::Higher, &contender.name(), rate);
        }
    }
}

/// Lets each user write into a new mailbox of that name; how many were durable, and the time from the first to the last.
fn write(port: u16, users: &[&User], mailbox: &str, text: &Text, limits: &Limits) -> (u64, Duration) {
    let mut wires: Vec<ImapWire> = users.iter().map(|u| ImapWire::login(port, &u.login, &u.password)).collect();
    let mut made: Vec<&str> = Vec::new();
    for (wire, user) in wires.iter_mut().zip(users) {
        if !made.contains(&user.login.as_str()) {
            wire.ok(&format!("CREATE {mailbox}"));
            made.push(&user.login);
        }
    }
    let (commits, ready) = (AtomicU64::new(0), Barrier::new(users.len() + 1));
    let mut started = Instant::now();
    std::thread::scope(|scope| {
        for (at, wire) in wires.iter_mut().enumerate() {
            let (commits, ready) = (&commits, &ready);
            scope.spawn(move || {
                let mut letters = Letters::new(text, &format!("{mailbox}.{at}"), at as u64);
                // The first of a connection loads what the others find.
                letters.by_ref().take(1).for_each(|letter| append(wire, mailbox, &letter));
                ready.wait();
                let started = Instant::now();
                for letter in letters {
                    append(wire, mailbox, &letter);
                    if limits.reached(started.elapsed(), commits.fetch_add(1, Ordering::Relaxed) + 1) {
                        break;
                    }
                }
            });
        }
        ready.wait();
        started = Instant::now();
    });
    (commits.load(Ordering::Relaxed), started.elapsed())
}

fn append(wire: &mut ImapWire, mailbox: &str, message: &[u8]) {
    let answer = wire.append(mailbox.as_bytes(), "\\Seen", None, message);
    assert!(answer.is_ok(), "{}", answer.tagged);
}

fn pipelined(wire: &mut ImapWire, mailbox: &str, messages: &[Vec<u8>]) {
    let mut waiting = VecDeque::new();
    for (at, message) in messages.iter().enumerate() {
        let tag = format!("p{at}");
        let mut command = format!("{tag} APPEND {mailbox} (\\Seen) {{{}+}}\r\n", message.len()).into_bytes();
        command.extend_from_slice(message);
        command.extend_from_slice(b"\r\n");
        wire.raw(&command);
        waiting.push_back(tag);
        if waiting.len() >= WINDOW {
            finish_one(wire, &mut waiting);
        }
    }
    while !waiting.is_empty() {
        finish_one(wire, &mut waiting);
    }
}

fn finish_one(wire: &mut ImapWire, waiting: &mut VecDeque<String>) {
    if let Some(tag) = waiting.pop_front() {
        let answer = wire.finish(&tag);
        assert!(answer.is_ok(), "{}", answer.tagged);
    }
}
