//! The hold as clients see it: mailboxes of several sizes move, one after the other, each under five connected sessions.

use std::time::{Duration, Instant};

use sterna_tests::{DovecotOptions, LineWire, SternaConfig, User};

use super::mailboxes::{self, Content, Master};
use super::page::{Page, Table, figure, grouped, percentile};
use super::sessions::{FIVE, Role, Seen, Sessions};
use super::stage::Stage;

/// How long sessions work before the move and after it.
const AROUND: Duration = Duration::from_secs(1);

/// The longest that a message may take to a session that waits for it.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What the moves of one size gave.
#[derive(Default)]
struct Figures {
    before: Vec<f64>,
    during: Vec<f64>,
    receipt: Vec<f64>,
    arrival: Vec<f64>,
    /// Sessions that kept their connection, and all, in the order of [`ROLES`].
    survived: [(u64, u64); 3],
    odd: u64,
    reasons: Vec<String>,
}

const ROLES: [(Role, &str); 3] =
    [(Role::Idle, "IDLE"), (Role::Polling, "between commands"), (Role::Fetching, "fetching")];

/// Moves so many mailboxes in all, divided over the sizes.
pub fn measure(sizes: &[usize], moves: usize, page: &mut Page) {
    let old = &mut mailboxes::platform(DovecotOptions::default());
    let stage = Stage::start(old, false, &SternaConfig { listen: &["lmtp"], ..SternaConfig::default() });
    let mut waits = Table::new(
        "The hold, as five connected clients see it (milliseconds)",
        &["messages", "what", "p50", "p99", "longest", "how many"],
    );
    let mut survivors = Table::new(
        "Sessions that kept their connection through the move",
        &["messages", "moves", "IDLE", "between commands", "fetching", "unexplained responses"],
    );
    for (at, size) in sizes.iter().enumerate() {
        let share = moves / sizes.len() + usize::from(at < moves % sizes.len());
        let users = mailboxes::users(old, &format!("of{size}-"), share + 1);
        let (first, users) = users.split_first().expect("a user");
        let started = Instant::now();
        let master = Master::fill(old, first, Content::Many(*size));
        let mut figures = Figures::default();
        for user in users {
            master.copy(old, user);
            stage.account(user);
            stage.seed(user);
            one(&stage, user, *size, &mut figures);
        }
        eprintln!("{share} moves of {size} messages in {:.0} s", started.elapsed().as_secs_f64());
        figures.tell(*size, share, &mut waits, &mut survivors, page);
    }
    page.add(waits);
    page.add(survivors);
    page.note(
        "Hold: two sessions in IDLE, two that say NOOP every 20 ms, one that fetches bodies without a pause, all through the \
         front door with INBOX selected; moves one after the other, and the moved mailboxes stay followed for rollback. The \
         wait is the longest from sending NOOP to its answer in each polling session of each move; a hold shorter than 20 ms \
         may fall between two of them, and only the receipt's row has it. A message is handed over by LMTP as soon as `sterna \
         move cutover` has said that the mailbox is here, and its way ends with EXISTS in each session that is in IDLE.",
    );
}

fn one(stage: &Stage, user: &User, size: usize, figures: &mut Figures) {
    let sessions = Sessions::open(stage.sterna.port(), user, &FIVE);
    let mut lmtp = LineWire::hello(stage.sterna.port_of("lmtp"), "LHLO bench.test");
    let opened = Instant::now();
    std::thread::sleep(AROUND);
    let begun = Instant::now();
    stage.cut_over(user);
    let here = Instant::now();
    let message = "From: a@example.org\r\nSubject: right after\r\n\r\nx\r\n.\r\n";
    lmtp.send(format!("MAIL FROM:<a@example.org>\r\nRCPT TO:<{}>\r\nDATA\r\n", user.login));
    let codes = [lmtp.reply().code, lmtp.reply().code, lmtp.reply().code];
    lmtp.send(message);
    assert_eq!((codes, lmtp.reply().code), ([250, 250, 354], 250), "a delivery to {}", user.login);
    std::thread::sleep(AROUND);
    let seen = sessions.end();
    figures.hold(&stage.receipt(user));
    for session in &seen {
        figures.session(session, size as u64, (opened, begun, here));
    }
}

impl Figures {
    fn hold(&mut self, receipt: &serde_json::Value) {
        let millis = receipt.pointer("/receipt/cutover/flip/hold_millis").and_then(serde_json::Value::as_f64);
        self.receipt.push(millis.unwrap_or_else(|| panic!("no duration of the hold in {receipt}")));
    }

    fn session(&mut self, seen: &Seen, size: u64, (opened, begun, here): (Instant, Instant, Instant)) {
        let at = ROLES.iter().position(|(role, _)| *role == seen.role).unwrap_or_default();
        self.survived[at].0 += u64::from(seen.dropped.is_empty());
        self.survived[at].1 += 1;
        self.odd += seen.odd.len() as u64;
        self.reasons.extend(seen.dropped.iter().chain(&seen.odd).take(3).cloned());
        match seen.role {
            Role::Polling => {
                self.before.push(seen.longest(opened, begun - Duration::from_millis(100)));
                self.during.push(seen.longest(begun, here + AROUND));
            }
            Role::Idle => {
                let told = seen.exists.iter().find(|(_, number)| *number == size + 1);
                let took = told.map_or(ARRIVAL, |(at, _)| at.saturating_duration_since(here));
                self.arrival.push(took.as_secs_f64() * 1e3);
            }
            Role::Fetching => {}
        }
    }

    fn tell(&self, size: usize, moves: usize, waits: &mut Table, survivors: &mut Table, page: &mut Page) {
        let messages = grouped(size as u64);
        for (what, sample) in [
            ("NOOP to its answer, longest in a session, before the move", &self.before),
            ("NOOP to its answer, longest in a session, through the move", &self.during),
            ("hold, by the receipt", &self.receipt),
            ("message handed over right after the move, to EXISTS in IDLE", &self.arrival),
        ] {
            let of = |percent| figure(percentile(sample, percent));
            waits.row(&[&messages, what, &of(50), &of(99), &of(100), &grouped(sample.len() as u64)]);
        }
        let [idle, polling, fetching] = self.survived.map(|(kept, all)| format!("{kept} of {all}"));
        survivors.row(&[&messages, &grouped(moves as u64), &idle, &polling, &fetching, &self.odd.to_string()]);
        if self.arrival.iter().any(|took| *took >= ARRIVAL.as_secs_f64() * 1e3) {
            page.note(&format!(
                "{messages} messages: sessions in IDLE that were not told of the message count as 10 s."
            ));
        }
        for reason in self.reasons.iter().take(5) {
            page.note(&format!("{messages} messages: a session said: {reason}"));
        }
    }
}
