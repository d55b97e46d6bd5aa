//! A client that works all the while in one mailbox, and a sender of mail. Whatever happens to a client's connection, it connects
//! again by itself and goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sterna_tests::wire::{fetch, quote};
use sterna_tests::{User, run, sterna_binary};

use crate::client::{Client, Mode};
use crate::look::message;
use crate::mail::{Delivery, Promise, Seen};
use crate::random::Random;
use crate::view::{FlagSet, Progress, flag_set};
use crate::wire::{HEADER, deliver, identity};

const FLAGS: [&str; 5] = ["\\Seen", "\\Answered", "\\Flagged", "$Forwarded", "Work"];

/// Between two operations: time for others on a small machine.
const PAUSE: Duration = Duration::from_millis(25);

/// Clients in the mailbox: what each enables, where it works, and whether it mostly waits for news.
pub const CLIENTS: [(Mode, &str, bool); 4] = [
    (Mode::Qresync, "INBOX", false),
    (Mode::Plain, "INBOX", false),
    (Mode::Condstore, "Work", false),
    (Mode::Qresync, "INBOX", true),
];

/// What clients and the test share.
pub struct Shared {
    pub user: User,
    /// Ports of IMAP and LMTP at the front door, and of LMTP at the old server.
    pub imap: u16,
    pub lmtp: u16,
    pub old_lmtp: u16,
    /// `sterna.toml`.
    pub configuration: PathBuf,
    pub ends: AtomicBool,
    /// Operations of each client that were answered OK.
    pub answered: [AtomicU64; CLIENTS.len()],
    /// What the receipt says of UIDs once the mailbox is on its old platform again.
    pub changed: Mutex<Vec<String>>,
    /// Somebody has asked for that.
    pub returns: AtomicBool,
}

impl Shared {
    /// The status of the move as the command line tells it; an error if no command can be run now.
    pub fn status(&self) -> Result<serde_json::Value, String> {
        let mut command = Command::new(sterna_binary());
        command.args(["move", "status", &self.user.login, "--json"]).env("STERNA_CONFIG", &self.configuration);
        let outcome = run(&mut command, b"", Duration::from_secs(60));
        if !outcome.status.success() {
            return Err(outcome.stderr);
        }
        let status: serde_json::Value = serde_json::from_str(&outcome.stdout).map_err(|e| e.to_string())?;
        Ok(status.as_array().and_then(|all| all.first()).cloned().unwrap_or(status))
    }

    /// Asks which UIDs have changed, once the mailbox may be on its old platform again.
    fn take_changed(&self) -> Result<Vec<String>, String> {
        if !self.returns.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        let status = self.status()?;
        if !rolled_back(&status) {
            return Ok(Vec::new());
        }
        let told = status["cutover"]["rollback"]["changed_uids"].as_array().into_iter().flatten();
        let told: Vec<String> = told.filter_map(|line| Some(line.as_str()?.to_owned())).collect();
        self.changed.lock().unwrap().clone_from(&told);
        Ok(told)
    }
}

/// The mailbox is here, and both sides were compared. (The state may be that something failed and is tried again.)
pub fn verified(status: &serde_json::Value) -> bool {
    status["cutover"]["flip"]["verified_at"].is_i64()
}

/// The mailbox is on its old platform again.
pub fn rolled_back(status: &serde_json::Value) -> bool {
    status["cutover"]["rollback"]["at"].is_i64()
}

pub struct Worker<'s> {
    shared: &'s Shared,
    number: usize,
    folder: &'static str,
    waits: bool,
    pub client: Client,
    random: Random,
    pub mail: BTreeMap<String, Promise>,
    /// Its UIDs were learnt anew after a rollback.
    anew: bool,
}

impl Worker<'_> {
    pub fn new(shared: &Shared, number: usize) -> Worker<'_> {
        let (mode, folder, waits) = CLIENTS[number];
        let (client, random) = (Client::new(number, mode), Random::new(number as u64));
        Worker { shared, number, folder, waits, client, random, mail: BTreeMap::new(), anew: false }
    }

    /// Works until the test says that it is enough.
    pub fn work(mut self) -> Self {
        while !self.shared.ends.load(Ordering::SeqCst) {
            let done = self.ready().and_then(|()| self.operate());
            if let Err(why) = done {
                // A reason that lasts is no reason to go on like this.
                let lasts =
                    ["UNAVAILABLE", "INUSE", "EXPUNGEISSUED", "onnection", "refused", "reset", "EOF", "end of file"];
                if !lasts.iter().any(|known| why.contains(known)) {
                    self.client.fails(&why);
                }
            }
            std::thread::sleep(PAUSE);
        }
        self
    }

    /// Connected, with its mailbox open.
    fn ready(&mut self) -> Result<(), String> {
        if !self.client.is_connected() {
            self.client.login(self.shared.imap, &self.shared.user.login, &self.shared.user.password)?;
            let changed = self.shared.take_changed().inspect_err(|_| self.client.drop_link());
            let changed = changed.map_err(|_| "no connection for a command")?;
            if !self.anew && changed.iter().any(|line| line.starts_with(self.folder)) {
                self.client.forget(self.folder);
                self.client.select(self.folder).ok()?;
                self.learn_anew()?;
                self.anew = true;
            }
        }
        if self.client.selected.is_none() {
            self.client.select(self.folder).ok()?;
        }
        Ok(())
    }

    /// Where its messages are now.
    fn learn_anew(&mut self) -> Result<(), String> {
        let all = self.client.command("FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])").ok()?;
        for (_, told) in all.untagged.iter().filter_map(fetch) {
            let id = told.get(HEADER).and_then(identity);
            let uid = told.get("UID").and_then(|uid| uid.number()).and_then(|uid| u32::try_from(uid).ok());
            if let (Some(uid), Some(promise)) = (uid, id.and_then(|id| self.mail.get_mut(&id)))
                && let Some((_, known)) = &mut promise.uid
            {
                let told = format!("{}: {known} is {uid}", self.folder);
                if *known != uid && !self.shared.changed.lock().unwrap().contains(&told) {
                    self.client.fails(&format!("the receipt does not say that {told}"));
                }
                *known = uid;
            }
        }
        Ok(())
    }

    fn operate(&mut self) -> Result<(), String> {
        let choice = self.random.below(10);
        match choice {
            _ if self.waits && choice > 1 => self.wait()?,
            0..4 => self.append()?,
            4..7 => self.flag()?,
            7 => self.expunge()?,
            _ => self.read()?,
        }
        self.shared.answered[self.number].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn wait(&mut self) -> Result<(), String> {
        if !self.client.is_idle() && !self.client.idle() {
            return Err("connection lost".into());
        }
        std::thread::sleep(PAUSE * 4);
        self.news()
    }

    /// Has the client hear of what others did.
    fn news(&mut self) -> Result<(), String> {
        self.client.command("NOOP").ok()?;
        self.client.fetch_unknown().ok().map(drop)
    }

    fn append(&mut self) -> Result<(), String> {
        let id = format!("c{}m{}", self.number, self.mail.len());
        let flags = self.random.some(&FLAGS, 2);
        let head = format!("APPEND {} ({})", quote(self.folder), flags.join(" "));
        let waits = self.random.one_in(2);
        let reply = self.client.append(&head, &message(&id), waits, &mut || {});
        let is = Some(lower(&flags));
        match reply.ok() {
            Ok(answer) => {
                let uid = answer.code("APPENDUID");
                let uid = uid
                    .as_deref()
                    .and_then(|code| code.split_once(' '))
                    .and_then(|(validity, uid)| Some((validity.parse().ok()?, uid.parse().ok()?)));
                self.mail.insert(id, Promise { folder: self.folder, uid, may_be: vec![is] });
                Ok(())
            }
            Err(why) => {
                self.mail.insert(id, Promise { folder: self.folder, uid: None, may_be: vec![None, is] });
                Err(why)
            }
        }
    }

    /// One of its messages of which everything is known.
    fn one(&mut self) -> Option<(String, u32, FlagSet)> {
        let all: Vec<_> = self.mail.iter().filter_map(|(id, promise)| Some((id, promise.certain()?))).collect();
        self.random.choose(&all).map(|(id, (uid, flags))| ((*id).clone(), *uid, (*flags).clone()))
    }

    /// A command that makes a message what it may be then.
    fn change(&mut self, id: &str, command: &str, is: Option<FlagSet>) -> Result<(), String> {
        let reply = self.client.run(command.as_bytes(), Progress::Other, &mut || {});
        let promise = self.mail.get_mut(id).expect("one of its messages");
        match reply.ok() {
            Ok(_) => {
                promise.may_be = vec![is];
                Ok(())
            }
            Err(why) => {
                promise.may_be.push(is);
                Err(why)
            }
        }
    }

    fn flag(&mut self) -> Result<(), String> {
        let Some((id, uid, mut now)) = self.one() else { return self.news() };
        let flags = self.random.some(&FLAGS, 2);
        let adds = self.random.one_in(2);
        match adds {
            true => now.extend(lower(&flags)),
            false => now.retain(|flag| !lower(&flags).contains(flag)),
        }
        let command = format!("UID STORE {uid} {}FLAGS ({})", if adds { "+" } else { "-" }, flags.join(" "));
        self.change(&id, &command, Some(now))
    }

    fn expunge(&mut self) -> Result<(), String> {
        let Some((id, uid, mut now)) = self.one() else { return self.news() };
        now.insert("\\deleted".into());
        self.change(&id, &format!("UID STORE {uid} +FLAGS (\\Deleted)"), Some(now))?;
        self.change(&id, &format!("UID EXPUNGE {uid}"), None)?;
        match self.client.view() {
            Some((_, view)) if view.has(uid) => self.client.fails(&format!("UID {uid} is expunged and was not told")),
            _ => Ok(()),
        }
    }

    /// A UID has the message that it always had, with the flags that it was given.
    fn read(&mut self) -> Result<(), String> {
        self.news()?;
        let Some((id, uid, flags)) = self.one() else { return Ok(()) };
        let answer =
            self.client.command(&format!("UID FETCH {uid} (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")).ok()?;
        let told =
            answer.untagged.iter().filter_map(fetch).find_map(|(_, told)| {
                Some((told.get(HEADER).and_then(identity)?, told.get("FLAGS").and_then(flag_set)?))
            });
        match told == Some((id.clone(), flags.clone())) {
            true => Ok(()),
            false => self.client.fails(&format!("UID {uid} must be {id} with {flags:?} and is {told:?}")),
        }
    }

    /// It knows of its mailbox what is there; an error says what it does not.
    pub fn knows(&mut self, seen: &Seen) -> Result<(), String> {
        self.ready()?;
        self.news()?;
        let Some((_, view)) = self.client.view() else { return Err("nothing is open".into()) };
        let there = seen.iter().filter(|((folder, _), _)| folder == self.folder).flat_map(|(_, all)| all);
        let there: BTreeMap<u32, &FlagSet> = there.map(|found| (found.uid.1, &found.flags)).collect();
        if view.messages.len() != there.len() {
            return Err(format!("client {} knows {} of {}", self.number, view.messages.len(), there.len()));
        }
        let wrong = view.messages.iter().find(|told| {
            let flags = told.uid.and_then(|uid| there.get(&uid));
            flags.is_none() || told.flags.as_ref().is_some_and(|told| Some(told) != flags.copied())
        });
        match wrong {
            Some(wrong) => Err(format!("client {} was told {wrong:?} of {there:?}", self.number)),
            None => Ok(()),
        }
    }
}

fn lower(flags: &[&str]) -> FlagSet {
    flags.iter().map(|flag| flag.to_ascii_lowercase()).collect()
}

/// Sends mail to both sides in turn until the test says that it is enough.
pub fn send(shared: &Shared) -> Vec<Delivery> {
    let mut sent: Vec<Delivery> = Vec::new();
    while !shared.ends.load(Ordering::SeqCst) {
        let id = format!("d{}", sent.len());
        let port = if sent.len().is_multiple_of(2) { shared.lmtp } else { shared.old_lmtp };
        let at = Instant::now();
        let taken = deliver(port, &shared.user.login, &message(&id)).unwrap_or(false);
        sent.push(Delivery { id, at, taken });
        std::thread::sleep(PAUSE * 6);
    }
    sent
}
