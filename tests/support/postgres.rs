//! PostgreSQL starts, keeps what it committed through `kill -9`, and leaves nothing behind.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sterna_tests::{Fault, PostgresOptions, PostgresServer, Process, Tap, backend, psql, run};

#[test]
fn a_fresh_database_is_empty_and_nobody_elses() {
    let server = PostgresServer::start();
    let (one, other) = (server.create_database(), server.create_database());
    psql(&one, "CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y');");
    assert_eq!(psql(&one, "SELECT * FROM t ORDER BY a"), "1|x\n2|y\n");
    assert_eq!(psql(&other, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0\n");
    assert_eq!(psql(&one, "SHOW server_encoding; SELECT 'a' < 'B' AND 'B' < 'c'"), "UTF8\nt\n");
    assert_eq!(psql(&one, "SHOW fsync; SHOW synchronous_commit"), "off\non\n");
}

#[test]
fn a_database_is_there_soon() {
    let server = PostgresServer::start();
    let mut times: Vec<Duration> = (0..9)
        .map(|_| {
            let started = Instant::now();
            server.create_database();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("a fresh database takes {:?}, at most {:?}", times[4], times[8]);
    assert!(times[4] < Duration::from_secs(1), "{times:?}");
}

#[test]
fn what_was_committed_survives_kill_9() {
    for fsync in [false, true] {
        let mut server = PostgresServer::with(PostgresOptions { fsync, ..PostgresOptions::default() });
        let url = server.create_database();
        psql(&url, "CREATE TABLE t (a BIGINT); INSERT INTO t SELECT generate_series(1, 1000)");
        let log = server.path().join("client.log");
        let mut open = client(&url, "BEGIN; INSERT INTO t VALUES (0); SELECT pg_sleep(60), 'never'", &log);
        wait(|| server.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1\n");
        let processes = server.processes();
        server.kill_9();
        assert!(processes.len() > 5 && processes.iter().all(|pid| !lives(*pid)), "{processes:?}");
        assert!(!open.wait(Duration::from_secs(10)).unwrap().success(), "{}", open.log_tail());
        server.restart();
        assert_eq!(psql(&url, "SELECT count(*), min(a), max(a) FROM t"), "1000|1|1000\n");
        assert!(server.log().contains("was not properly shut down"), "{}", server.log());
        server.stop();
        server.restart();
        assert_eq!(psql(&url, "SELECT count(*) FROM t"), "1000\n");
    }
}

#[test]
fn a_dropped_server_leaves_nothing() {
    for killed in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let options = PostgresOptions { directory: Some(place.path().to_owned()), ..PostgresOptions::default() };
        let mut server = PostgresServer::with(options);
        // A backend that computes looks at nothing, its dead postmaster included.
        let mut busy = client(
            &server.url("postgres"),
            "SELECT count(*) FROM generate_series(1, 100000000000)",
            &place.path().join("log"),
        );
        wait(|| server.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%100000000000%'") == "2\n");
        let (processes, path) = (server.processes(), server.path().to_owned());
        let segment = segment(&place.path().join("data"));
        assert!(segments().contains(&segment), "{segment}");
        if killed {
            server.kill_9();
        }
        drop(server);
        assert!(processes.iter().all(|pid| !lives(*pid)), "{processes:?}");
        assert!(!segments().contains(&segment), "{segment}");
        assert!(!path.exists() && !place.path().join("data").exists());
        assert!(busy.wait(Duration::from_secs(10)).is_some());
    }
}

#[test]
fn a_frozen_server_answers_when_it_is_thawed() {
    let mut server = PostgresServer::start();
    let log = server.path().join("client.log");
    server.freeze(true);
    let mut waiting = client(&server.url("postgres"), "SELECT 1", &log);
    assert_eq!(waiting.wait(Duration::from_millis(300)), None);
    server.freeze(false);
    assert!(waiting.wait(Duration::from_secs(10)).unwrap().success(), "{}", waiting.log_tail());
}

#[test]
fn settings_and_connections_are_as_asked() {
    let options = PostgresOptions {
        max_connections: 17,
        settings: "deadlock_timeout = '123ms'".to_owned(),
        ..PostgresOptions::default()
    };
    assert_eq!(PostgresServer::with(options).psql("SHOW max_connections; SHOW deadlock_timeout"), "17\n123ms\n");
}

#[test]
fn a_commit_whose_answer_is_lost_is_a_commit() {
    let server = PostgresServer::start();
    let url = server.create_database();
    psql(&url, "CREATE TABLE t (a BIGINT)");
    let tap = Tap::start(backend::port_of(&url));
    let through = backend::through(&url, tap.port());
    assert_eq!(psql(&through, "SELECT 7"), "7\n");
    // The greeting of a new connection is more than 300 bytes and passes in one turn; the answer to this query is longer.
    tap.fault(Fault::CutAnswer(2_000));
    let log = server.path().join("client.log");
    let mut client = client(&through, "INSERT INTO t VALUES (1) RETURNING repeat('x', 3000)", &log);
    assert!(!client.wait(Duration::from_secs(10)).unwrap().success());
    assert_eq!((tap.met(), psql(&url, "SELECT a FROM t").as_str()), (1, "1\n"));
    tap.pass();
    assert_eq!(psql(&through, "SELECT a FROM t"), "1\n");
}

#[test]
fn every_fixture_of_a_process_gets_a_database() {
    let (one, other) = (backend::fresh_database(), backend::fresh_database());
    assert_ne!(one, other);
    psql(&one, "CREATE TABLE t (a BIGINT)");
    psql(&other, "CREATE TABLE t (a BIGINT)");
}

#[test]
fn its_memory_is_its_own() {
    let server = PostgresServer::start();
    let maps = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let all: String = server.processes().iter().map(maps).collect();
    assert!(all.contains("/bin/postgres") && !all.contains("/dev/shm"), "{all}");
}

fn client(url: &str, sql: &str, log: &Path) -> Process {
    Process::spawn(Command::new("psql").args(["-X", "-v", "ON_ERROR_STOP=1", "-c", sql, url]), log)
}

#[track_caller]
fn wait(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it does not come to pass");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}

/// The System V segment of a server, from its lock file.
fn segment(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

fn segments() -> Vec<String> {
    let shown = run(Command::new("ipcs").arg("-m"), b"", Duration::from_secs(10)).success().stdout;
    shown.lines().filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect()
}
