//! Both servers, the links between them, and a move that is struck at one step.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use sterna_tests::{Dovecot, DovecotOptions, Fault, SternaConfig, SternaServer, Tap, User};

use crate::look::{look, message};
use crate::mail::{Broken, Promise, Promises, Seen};
use crate::worker::{CLIENTS, Shared, Worker, rolled_back, send, verified};

const ADDRESS: &str = "anne@example.org";
const PASSWORD: &str = "secret";

/// What is late by more than this does not come.
const PATIENCE: Duration = Duration::from_secs(40);

/// So long what was struck is away.
const AWAY: Duration = Duration::from_millis(300);

/// So long the old server hangs: longer than a session may take to come to a command boundary under a hold.
const FROZEN: Duration = Duration::from_secs(1);

/// Operations that each client must get done after all is over.
const AFTERWARDS: u64 = 3;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// `kill -9` of Sterna.
    KillSterna,
    /// `kill -9` of the old server.
    KillOld,
    /// The old server hangs for a while.
    FreezeOld,
    /// The links between the two.
    Cut,
}

/// Where the mailbox goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Here,
    /// Here and back again; what goes wrong goes wrong on the way back.
    Back,
    /// The same with the old side kept up to date; it goes wrong before anybody asks for the way back.
    Kept,
}

pub struct World {
    sterna: SternaServer,
    imap: Tap,
    lmtp: Tap,
    old: Dovecot,
    user: User,
    promises: Promises,
}

type Clients<'s, 'e> = Vec<ScopedJoinHandle<'s, Worker<'e>>>;

impl World {
    /// A move that is struck at a step, from its beginning to the last look.
    pub fn struck(way: Way, step: &str, strike: Strike) {
        let mut world = World::new();
        let shared = Shared {
            user: world.user.clone(),
            imap: world.sterna.port(),
            lmtp: world.sterna.port_of("lmtp"),
            old_lmtp: world.old.lmtp_port(),
            configuration: world.sterna.configuration(),
            ends: AtomicBool::new(false),
            answered: [const { AtomicU64::new(0) }; CLIENTS.len()],
            changed: Default::default(),
            returns: AtomicBool::new(false),
        };
        let (way, mut workers, seen) = std::thread::scope(|scope| {
            let clients: Clients<'_, '_> = (0..CLIENTS.len())
                .map(|n| {
                    scope.spawn({
                        let shared = &shared;
                        move || Worker::new(shared, n).work()
                    })
                })
                .collect();
            let sender = scope.spawn(|| send(&shared));
            // Whatever happens, nobody waits for threads that go on for ever.
            let _ends = Ends(&shared.ends);
            world.busy(&clients, &shared, AFTERWARDS);
            let way = world.go(way, step, strike, &clients, &shared);
            world.busy(&clients, &shared, AFTERWARDS);
            shared.ends.store(true, Ordering::SeqCst);
            let workers: Vec<Worker<'_>> =
                clients.into_iter().map(|client| client.join().unwrap_or_else(|why| resume_unwind(why))).collect();
            world.promises.deliveries = sender.join().unwrap_or_else(|why| resume_unwind(why));
            for worker in &workers {
                world.promises.mail.extend(worker.mail.clone());
            }
            let seen = world.kept(&shared);
            (way, workers, seen)
        });
        world.known(&mut workers, &seen);
        world.sides(way, &shared, &seen);
        drop(workers);
        world.sterna.check();
    }

    fn new() -> World {
        let mut old = Dovecot::with(DovecotOptions { lmtp: true, ..DovecotOptions::default() });
        let user = old.user(ADDRESS, PASSWORD);
        let (imap, lmtp) = (Tap::start(old.port()), Tap::start(old.lmtp_port()));
        let sterna = SternaServer::with(&SternaConfig { listen: &["lmtp"], ..SternaConfig::default() });
        sterna.cli(&["domain", "add", "example.org"], "").success();
        sterna.user(ADDRESS, PASSWORD);
        let at = |protocol: &str, tap: &Tap| format!("{protocol}://127.0.0.1:{}?tls=none", tap.port());
        let (from, deliver) = (at("imap", &imap), at("lmtp", &lmtp));
        sterna.cli(&["platform", "add", "old", "--imap", &from, "--deliver", &deliver], "").success();
        sterna.cli(&["account", "set", ADDRESS, "--platform", "old"], "").success();
        let mut promises = Promises::default();
        let mut wire = old.login(&user);
        wire.ok("CREATE Work");
        for n in 0..6 {
            let (id, folder) = (format!("old{n}"), if n < 4 { "INBOX" } else { "Work" });
            let answer = wire.append(folder.as_bytes(), "\\Flagged", None, &message(&id));
            let uid = answer.code("APPENDUID").and_then(|code| {
                let (validity, uid) = code.split_once(' ')?;
                Some((validity.parse().ok()?, uid.parse().ok()?))
            });
            let may_be = vec![Some(["\\flagged".to_owned()].into())];
            promises.mail.insert(id, Promise { folder, uid, may_be });
        }
        let start = ["move", "start", ADDRESS, "--from", &from, "--user", ADDRESS, "--password-stdin", "--follow"];
        sterna.cli(&start, &format!("{PASSWORD}\n")).success();
        World { sterna, imap, lmtp, old, user, promises }
    }

    /// The move goes its way, and is struck. Gives where it ends: behind the mirror the copy must be good for another cutover.
    fn go(&mut self, way: Way, step: &str, strike: Strike, clients: &Clients<'_, '_>, shared: &Shared) -> Way {
        self.until(clients, shared, "following", |status| status["state"] == "following");
        if way == Way::Here {
            self.sterna.stop_at(step);
        }
        self.ask("cutover", (way == Way::Kept).then_some("--back-sync"));
        if way != Way::Here {
            self.until(clients, shared, "verified", verified);
            // Something to carry back.
            self.busy(clients, shared, 2 * AFTERWARDS);
            self.sterna.stop_at(step);
        }
        if way == Way::Back {
            shared.returns.store(true, Ordering::SeqCst);
            self.ask("rollback", None);
        }
        self.wait(clients, PATIENCE, &format!("the step {step:?}"), |world| world.sterna.has_stopped());
        self.strike(strike);
        if way == Way::Kept {
            self.busy(clients, shared, AFTERWARDS);
            shared.returns.store(true, Ordering::SeqCst);
            self.ask("rollback", None);
        }
        if way != Way::Here {
            self.until(clients, shared, "rolled back", rolled_back);
            if step != "mirrored" {
                return way;
            }
            let mirrored = |status: &serde_json::Value| status["cutover"]["rollback"]["mirrored_at"].is_i64();
            self.until(clients, shared, "mirrored", mirrored);
            self.busy(clients, shared, AFTERWARDS);
            self.ask("cutover", None);
        }
        self.until(clients, shared, "verified", |status| verified(status) && !rolled_back(status));
        Way::Here
    }

    fn ask(&self, what: &str, more: Option<&str>) {
        let mut ask = vec!["move", what, ADDRESS, "--attempts", "1000", "--deadline", "10s", "--finish", "1s"];
        ask.extend(more);
        self.sterna.cli(&ask, "").success();
    }

    fn strike(&mut self, strike: Strike) {
        let from = Instant::now();
        match strike {
            Strike::KillSterna => {
                self.sterna.kill_9();
                self.sterna.go_on();
                self.sterna.restart();
            }
            Strike::KillOld => {
                self.old.kill_9();
                self.sterna.go_on();
                std::thread::sleep(AWAY);
                self.old.restart();
            }
            Strike::FreezeOld => {
                self.old.freeze(true);
                self.sterna.go_on();
                std::thread::sleep(FROZEN);
                self.old.freeze(false);
            }
            Strike::Cut => {
                for tap in [&self.imap, &self.lmtp] {
                    tap.fault(Fault::Refuse);
                    tap.cut();
                }
                self.sterna.go_on();
                std::thread::sleep(AWAY);
                self.imap.pass();
                self.lmtp.pass();
            }
        }
        self.promises.trouble = Some((from, Instant::now()));
    }

    /// Every client gets so many more operations done.
    fn busy(&self, clients: &Clients<'_, '_>, shared: &Shared, more: u64) {
        let count = |n: usize| shared.answered[n].load(Ordering::SeqCst);
        let goals: Vec<u64> = (0..CLIENTS.len()).map(|n| count(n) + more).collect();
        self.wait(clients, PATIENCE, "work of every client", |_| (0..CLIENTS.len()).all(|n| count(n) >= goals[n]));
    }

    fn until(
        &self,
        clients: &Clients<'_, '_>,
        shared: &Shared,
        what: &str,
        mut is: impl FnMut(&serde_json::Value) -> bool,
    ) {
        let mut last = String::new();
        self.wait(clients, PATIENCE, what, |_| match shared.status() {
            Ok(status) if is(&status) => true,
            Ok(status) => {
                let now = format!("{status:#}");
                if now != last {
                    last = now;
                    eprintln!("--- waiting for {what}\n{last}");
                }
                false
            }
            Err(why) => self.fails(&format!("no status: {why}")),
        });
    }

    fn wait(&self, clients: &Clients<'_, '_>, patience: Duration, what: &str, mut is: impl FnMut(&World) -> bool) {
        let deadline = Instant::now() + patience;
        while !is(self) {
            if Instant::now() >= deadline {
                self.fails(&format!("{what}: not after {patience:?}"));
            }
            if clients.iter().any(ScopedJoinHandle::is_finished) {
                self.fails(&format!("a client has failed while waiting for {what}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Looks until everything is there that was promised, and nothing else.
    fn kept(&mut self, shared: &Shared) -> Seen {
        let deadline = Instant::now() + PATIENCE;
        for n in 1u32.. {
            if n.is_multiple_of(10) {
                // What a dead server did not take waits for longer than this test does.
                self.sterna.cli(&["queue", "retry", "--all"], "").success();
            }
            self.promises.changed.clone_from(&shared.changed.lock().unwrap());
            let why = match look(self.sterna.port(), &self.user) {
                Err(why) => why,
                Ok(seen) => match self.promises.check(&seen) {
                    Ok(()) => return seen,
                    Err(Broken::Never(why)) => self.fails(&why),
                    Err(Broken::Late(why)) => why,
                },
            };
            if Instant::now() >= deadline {
                self.fails(&format!("not as promised after {PATIENCE:?}: {why}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.fails("no look")
    }

    /// Every client knows by its own connection what is there.
    fn known(&self, workers: &mut [Worker<'_>], seen: &Seen) {
        let deadline = Instant::now() + PATIENCE;
        for worker in workers {
            while let Err(why) = worker.knows(seen) {
                if Instant::now() >= deadline {
                    worker.client.fails(&why);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Both sides agree, as far as they must.
    fn sides(&self, way: Way, shared: &Shared, seen: &Seen) {
        let status = shared.status().unwrap_or_else(|why| self.fails(&why));
        let cutover = &status["cutover"];
        match way {
            Way::Here => {
                let differences = cutover["flip"]["differences"].as_array().map_or(0, Vec::len);
                let folders = cutover["flip"]["folders"].as_array().cloned().unwrap_or_default();
                let equal = folders.iter().all(|folder| folder["digest"] == folder["source_digest"]);
                if differences > 0 || folders.len() != 2 || !equal {
                    self.fails(&format!("the sides were not equal at the flip: {status:#}"));
                }
            }
            Way::Back | Way::Kept => {
                if cutover["rollback"]["left"].as_array().is_some_and(|left| !left.is_empty()) {
                    self.fails(&format!("something was not carried back: {status:#}"));
                }
                let there = look(self.old.port(), &self.user).unwrap_or_else(|why| self.fails(&why));
                if there != *seen {
                    self.fails(&format!("the front door shows {seen:#?}, and the old server has {there:#?}"));
                }
            }
        }
    }

    #[track_caller]
    fn fails(&self, why: &str) -> ! {
        let tail = |log: String| {
            log.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        panic!("--- Sterna's log\n{}\n--- Dovecot's log\n{}\n--- {why}", tail(self.sterna.log()), tail(self.old.log()))
    }
}

/// Tells everybody to end.
struct Ends<'s>(&'s AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
