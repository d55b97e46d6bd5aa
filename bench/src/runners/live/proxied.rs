//! The memory of the front door with thousands of sessions that it passes on to an old platform and that wait in IDLE.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sterna_tests::{Dovecot, DovecotOptions, SternaConfig};

use super::client::Client;
use super::mailboxes::{self, Content, Master};
use super::page::{Page, Table, figure, grouped};
use super::stage::Stage;

/// Sessions of one process of the old platform.
const PER_PROCESS: u32 = 500;

/// Sockets of a session in Sterna, which has the most open.
const FILES_EACH: u64 = 2;

/// What Sterna has open beside those: the files of an account's database, and for listeners and the like.
const FILES_OF_ACCOUNT: u64 = 4;
const OTHER_FILES: u64 = 500;

/// Messages of each mailbox.
const MESSAGES: usize = 100;

/// Opens so many sessions of so many accounts.
pub fn measure(sessions: usize, accounts: usize, page: &mut Page) {
    let asked = sessions;
    let sessions = permitted(asked, accounts);
    let options = DovecotOptions { imap_client_limit: Some(PER_PROCESS), ..DovecotOptions::default() };
    let old = &mut mailboxes::platform(options);
    let users = mailboxes::users(old, "idle", accounts.max(1));
    let (first, others) = users.split_first().expect("a user");
    let master = Master::fill(old, first, Content::Many(MESSAGES));
    let stage = Stage::start(old, false, &SternaConfig::default());
    stage.account(first);
    for user in others {
        master.copy(old, user);
        stage.account(user);
    }
    let open = |at: usize| {
        let user = &users[at % users.len()];
        let idling = || {
            let mut client = Client::login(stage.sterna.port(), user)?;
            client.ok("SELECT INBOX")?;
            client.start("IDLE")?;
            let line = client.line()?;
            assert!(line.starts_with('+'), "IDLE: {line}");
            std::io::Result::Ok(client)
        };
        idling().unwrap_or_else(|e| panic!("session {at}: {e}"))
    };
    // The first sessions load what all share; they do not count.
    let _first: Vec<Client> = (0..5).map(open).collect();
    std::thread::sleep(Duration::from_millis(500));
    let (before, platform) = (stage.sterna.memory(), old.memory());
    let started = Instant::now();
    let mut held = Vec::with_capacity(sessions);
    for at in 0..sessions {
        held.push(open(at));
        if (at + 1) % 1_000 == 0 {
            eprintln!("{} sessions in {:.0} s", at + 1, started.elapsed().as_secs_f64());
        }
    }
    std::thread::sleep(Duration::from_secs(3));
    let after = stage.sterna.memory();
    let alive = all_awake(&mut held);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut table = Table::new(
        "Sessions in IDLE that the front door passes on to the old platform",
        &["sessions", "accounts", "RSS before (MiB)", "RSS with all (MiB)", "each (KiB)", "answered DONE"],
    );
    table.row(&[
        &grouped(sessions as u64),
        &grouped(users.len() as u64),
        &figure(mib(before.rss)),
        &figure(mib(after.rss)),
        &figure(after.rss.saturating_sub(before.rss) as f64 / 1024.0 / sessions as f64),
        &format!("{} of {}", grouped(alive as u64), grouped(held.len() as u64)),
    ]);
    page.add(table);
    if sessions < asked {
        let each = after.rss.saturating_sub(before.rss) / sessions.max(1) as u64;
        page.note(&format!(
            "Proxied sessions: {} instead of {}, for a process may not open more files on this machine; at the same memory \
             each, {} would have {} MiB.",
            grouped(sessions as u64),
            grouped(asked as u64),
            grouped(asked as u64),
            figure(mib(before.rss + each * asked as u64)),
        ));
    }
    let now = old.memory();
    page.note(&format!(
        "Proxied sessions: the old platform is Dovecot {} with {PER_PROCESS} sessions in a process; it grew from {} to {} MiB \
         (PSS) and has {} processes. Nothing is encrypted: a TLS session has buffers of its own.",
        Dovecot::version(),
        figure(mib(platform.pss)),
        figure(mib(now.pss)),
        now.processes
    ));
}

/// Every session comes out of IDLE: none was lost in silence. How many did.
fn all_awake(held: &mut [Client]) -> usize {
    held.iter_mut().filter_map(|client| client.send(b"DONE\r\n").and_then(|()| client.line()).ok()).count()
}

/// How many of so many sessions this process and its children may have open files for, after raising the limit if need be.
fn permitted(sessions: usize, accounts: usize) -> usize {
    let others = OTHER_FILES + FILES_OF_ACCOUNT * accounts as u64;
    let needed = FILES_EACH * sessions as u64 + others;
    let now = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if enough(now.current) {
        return sessions;
    }
    let maximum = if enough(now.maximum) { now.maximum } else { Some(needed) };
    if setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).is_ok() {
        return sessions;
    }
    // Beyond the hard limit only a privileged process may go.
    let limit = now.maximum.unwrap_or(needed);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    usize::try_from(limit.saturating_sub(others) / FILES_EACH).unwrap_or(sessions)
}
