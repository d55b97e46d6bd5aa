//! The sessions of a user while the mailbox moves, and what each of them sees. As mail clients do, they connect again when
//! they are thrown out: how long that leaves them without an answer is the figure that a user feels.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sterna_tests::User;

use super::client::Client;

/// Between two commands of a polling session.
const TICK: Duration = Duration::from_millis(20);

/// Between two looks of an idling session at whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Waits in IDLE.
    Idle,
    /// Says NOOP every 20 ms, and is between commands else.
    Polling,
    /// Reads bodies, twenty messages at a time, without a pause.
    Fetching,
}

/// The five sessions of one user.
pub const FIVE: [Role; 5] = [Role::Idle, Role::Idle, Role::Polling, Role::Polling, Role::Fetching];

/// What one session saw.
#[derive(Debug)]
pub struct Seen {
    /// What it did.
    pub role: Role,
    /// Why it lost its connection, each time.
    pub dropped: Vec<String>,
    /// When it asked for something, and how long it took until it was answered, new connections included.
    pub waits: Vec<(Instant, Duration)>,
    /// When it was told how many messages there are.
    pub exists: Vec<(Instant, u64)>,
    /// What else it was told about the mailbox, though nothing else happened there.
    pub odd: Vec<String>,
}

impl Seen {
    /// The longest wait for an answer that came after one moment, to what was asked before the other; in milliseconds.
    pub fn longest(&self, from: Instant, to: Instant) -> f64 {
        let within = self.waits.iter().filter(|(asked, took)| *asked + *took >= from && *asked <= to);
        within.map(|(_, took)| took.as_secs_f64() * 1e3).fold(0.0, f64::max)
    }
}

/// Sessions at work.
pub struct Sessions {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

struct Session {
    port: u16,
    user: User,
    client: Client,
    seen: Seen,
    next: u64,
    messages: u64,
}

impl Sessions {
    /// Opens sessions with INBOX selected, one for each role.
    pub fn open(port: u16, user: &User, roles: &[Role]) -> Sessions {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = roles.iter().map(|role| {
            let session = Session::open(port, user, *role).expect("open a session");
            let stop = stop.clone();
            std::thread::spawn(move || session.run(&stop))
        });
        let threads = threads.collect();
        Sessions { stop, threads }
    }

    /// Lets each do one thing more, which shows that it lives, and ends it.
    pub fn end(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().map(|thread| thread.join().expect("the end of a session")).collect()
    }
}

impl Session {
    fn open(port: u16, user: &User, role: Role) -> io::Result<Session> {
        let mut client = Client::login(port, user)?;
        let selected = client.ok("SELECT INBOX")?;
        let messages = selected.iter().find_map(|line| exists(line)).unwrap_or(0);
        let seen = Seen { role, dropped: Vec::new(), waits: Vec::new(), exists: Vec::new(), odd: Vec::new() };
        Ok(Session { port, user: user.clone(), client, seen, next: 1, messages })
    }

    fn run(mut self, stop: &AtomicBool) -> Seen {
        let mut waiting = None;
        while !stop.load(Ordering::SeqCst) {
            let asked = *waiting.get_or_insert_with(Instant::now);
            match self.once(stop) {
                Ok(()) => {
                    self.seen.waits.push((asked, asked.elapsed()));
                    waiting = None;
                    if self.seen.role == Role::Polling {
                        std::thread::sleep(TICK.saturating_sub(asked.elapsed()));
                    }
                }
                Err(error) => {
                    self.seen.dropped.push(error.to_string());
                    self.connect(stop);
                }
            }
        }
        // Where it was thrown out and is not back yet, this is one more failure.
        if let Err(error) = self.client.ok("NOOP") {
            self.seen.dropped.push(error.to_string());
        }
        self.seen
    }

    /// Connects until a server lets it in, as a client does that shows a spinning wheel.
    fn connect(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::SeqCst) {
            match Session::open(self.port, &self.user, self.seen.role) {
                Ok(session) => {
                    self.client = session.client;
                    self.messages = session.messages;
                    return;
                }
                Err(_) => std::thread::sleep(TICK),
            }
        }
    }

    fn once(&mut self, stop: &AtomicBool) -> io::Result<()> {
        match self.seen.role {
            Role::Idle => self.idle(stop),
            Role::Polling => {
                let told = self.client.ok("NOOP")?;
                told.iter().for_each(|line| self.told(line));
                Ok(())
            }
            Role::Fetching => {
                let first = if self.next > self.messages { 1 } else { self.next };
                let last = (first + 19).min(self.messages.max(1));
                self.next = last + 1;
                self.client.ok(&format!("FETCH {first}:{last} BODY.PEEK[]")).map(|_| ())
            }
        }
    }

    /// From IDLE to its end, which comes when all is over.
    fn idle(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let tag = self.client.start("IDLE")?;
        self.client.set_read_timeout(LOOK)?;
        while !stop.load(Ordering::SeqCst) {
            match self.client.line() {
                Ok(line) if line.starts_with("* BYE") => return Err(io::Error::other(line)),
                Ok(line) => self.told(&line),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        self.client.set_read_timeout(super::client::PATIENCE)?;
        self.client.send(b"DONE\r\n")?;
        self.client.finish(&tag).map(|_| ())
    }

    fn told(&mut self, line: &str) {
        match exists(line) {
            Some(number) => self.seen.exists.push((Instant::now(), number)),
            None if line.starts_with('+') || line.starts_with("* OK") || line.ends_with(" RECENT") => {}
            None => self.seen.odd.push(line.to_owned()),
        }
    }
}

fn exists(line: &str) -> Option<u64> {
    line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok()
}
