//! The same mailbox, moved in three ways: what its user notices of each. Two sessions in IDLE, two that poll and one that
//! fetches are connected; mbsync has synchronised before, and does so again afterwards.

mod copied;
mod dsync;
mod sterna;

use std::time::{Duration, Instant};

use sterna_tests::{Dovecot, DovecotOptions, ImapWire, Mbsync, MbsyncOptions, Tap, User};

use super::mailboxes::{self, Content, Master};
use super::page::{Page, Table, figure, grouped};
use super::sessions::{FIVE, Role, Seen, Sessions};

/// How long sessions work before the move and after it.
const AROUND: Duration = Duration::from_secs(1);

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// The front door and the cutover of Sterna
    Sterna,
    /// dsync behind a Dovecot proxy
    Dsync,
    /// A copy by IMAP APPEND and a change of address
    Append,
}

impl Which {
    /// All of them.
    pub const ALL: [Which; 3] = [Which::Sterna, Which::Dsync, Which::Append];

    fn start<'d>(self, old: &'d Dovecot, user: &User) -> Box<dyn Way + 'd> {
        match self {
            Which::Sterna => Box::new(sterna::Moved::start(old, user)),
            Which::Dsync => Box::new(dsync::Synchronised::start(old, user)),
            Which::Append => Box::new(copied::Copied::start(old, user)),
        }
    }
}

/// How an operator moves a mailbox under its user's connections.
trait Way {
    /// As the table says it.
    fn name(&self) -> String;
    /// Where clients connect, all the time.
    fn port(&self) -> u16;
    /// The first copy, while the user works on the old platform.
    fn copy(&mut self);
    /// From then on until the mailbox is served by the new platform alone.
    fn cut_over(&mut self);
}

/// Moves mailboxes of these sizes, each in these ways, so often.
pub fn measure(sizes: &[usize], runs: usize, ways: &[Which], page: &mut Page) {
    let mut table = Table::new(
        "What the user of a mailbox sees of its move",
        &[
            "messages",
            "moved by",
            "first copy (s)",
            "longest without an answer (ms)",
            "of 5 sessions dropped",
            "UIDVALIDITY of INBOX",
            "UIDs of INBOX",
            "bodies mbsync downloads again",
            "bytes of those",
            "mbsync's complaints",
        ],
    );
    for size in sizes {
        let old = &mut mailboxes::platform(DovecotOptions::default());
        let users = mailboxes::users(old, "beside", 1 + ways.len() * runs);
        let (first, users) = users.split_first().expect("a user");
        let master = Master::fill(old, first, Content::Many(*size));
        for (user, way) in users.iter().zip(ways.iter().cycle()) {
            master.copy(old, user);
            one(way.start(old, user).as_mut(), *size, user, &mut table);
        }
    }
    page.add(table);
    page.note(dsync::WHAT_IS_DONE);
    page.note(copied::WHAT_IS_DONE);
    page.note(
        "The longest time without an answer is that of the polling sessions, which connect again at once and every 20 ms where \
         they are thrown out, as no mail client does: a user waits until the client tries again. Where mbsync refuses to go on, \
         the bodies are those of a new synchronisation without its memory, which is what it asks for.",
    );
}

/// What a client knows a folder by.
#[derive(PartialEq, Eq)]
struct Identity {
    uid_validity: Option<String>,
    uids: Vec<String>,
}

impl Identity {
    fn of(port: u16, user: &User) -> Identity {
        let mut wire = ImapWire::login(port, &user.login, &user.password);
        let uid_validity = wire.ok("EXAMINE INBOX").code("UIDVALIDITY");
        let found = wire.ok("UID SEARCH ALL");
        let text = found.untagged.iter().find_map(|r| r.strip("* SEARCH ")).map(String::from_utf8_lossy);
        Identity { uid_validity, uids: text.unwrap_or_default().split(' ').map(str::to_owned).collect() }
    }
}

fn one(way: &mut dyn Way, size: usize, user: &User, table: &mut Table) {
    let port = way.port();
    let client = Mbsync::new(port, user, MbsyncOptions::default());
    assert!(client.run().success, "mbsync before the move by {}", way.name());
    let before = Identity::of(port, user);
    let started = Instant::now();
    way.copy();
    let copying = started.elapsed().as_secs_f64();
    let sessions = Sessions::open(port, user, &FIVE);
    std::thread::sleep(AROUND);
    let begun = Instant::now();
    way.cut_over();
    std::thread::sleep(AROUND);
    let seen = sessions.end();
    let after = Identity::of(port, user);
    let polling = seen.iter().filter(|seen| seen.role == Role::Polling);
    let longest = polling.map(|seen| seen.longest(begun, Instant::now())).fold(0.0, f64::max);
    let dropped = seen.iter().filter(|seen: &&Seen| !seen.dropped.is_empty()).count();
    let (bodies, bytes, complaints) = synchronise(&client, port, user);
    let same = |same: bool| if same { "kept" } else { "changed" };
    table.row(&[
        &grouped(size as u64),
        &way.name(),
        &figure(copying),
        &figure(longest),
        &dropped.to_string(),
        same(before.uid_validity == after.uid_validity),
        same(before.uids == after.uids),
        &grouped(bodies),
        &grouped(bytes),
        &complaints.to_string(),
    ]);
}

/// What mbsync does after the move: bodies, their bytes, and what it complained about.
fn synchronise(client: &Mbsync, port: u16, user: &User) -> (u64, u64, usize) {
    let report = client.run();
    if report.success {
        return (report.fetched, report.fetched_bytes, report.errors.len());
    }
    let again = Mbsync::new(port, user, MbsyncOptions::default()).run();
    assert!(again.success, "a new synchronisation: {again:?}");
    (report.fetched + again.fetched, report.fetched_bytes + again.fetched_bytes, report.errors.len().max(1))
}

/// A host's name: what it stands for can be changed.
fn host(server: &Dovecot) -> Tap {
    Tap::start(server.port())
}
