//! `with-peers` gives its command two servers, its signals and its exit code back, and leaves nothing, however it ends.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sterna_tests::{Process, run};

const PATIENCE: Duration = Duration::from_secs(60);

fn with_peers(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-peers"));
    command.args(["sh", "-c", script]);
    command
}

#[test]
fn the_command_finds_its_peers_and_its_exit_code_is_given_back() {
    let script = "psql -X -Atc 'SELECT 40 + 2' \"$STERNA_TEST_POSTGRES\" && echo \"$STERNA_TEST_S3\" && ls -d \"$STERNA_TEST_S3_ROOT\"/* && exit 7";
    let outcome = run(&mut with_peers(script), b"", PATIENCE);
    assert_eq!(outcome.status.code(), Some(7), "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines[0] == "42" && lines[1].starts_with("http://127.0.0.1:"), "{lines:?}");
    assert!(lines[2].ends_with("/sterna-mail") && !Path::new(lines[2]).exists(), "{lines:?}");
    let killed = run(&mut with_peers("kill -9 $$"), b"", PATIENCE);
    assert_eq!(killed.status.code(), Some(137));
}

#[test]
fn a_command_is_needed() {
    let outcome = run(&mut Command::new(env!("CARGO_BIN_EXE_with-peers")), b"", PATIENCE);
    assert!(outcome.status.code() == Some(2) && outcome.stderr.starts_with("usage:"));
}

#[test]
fn what_ended_processes_left_is_removed() {
    let script = "psql -X -qc 'CREATE DATABASE sterna_4294967295_0' \"$STERNA_TEST_POSTGRES\"\n\
        psql -X -qc \"CREATE DATABASE sterna_$$_0\" \"$STERNA_TEST_POSTGRES\"\n\
        mkdir -p \"$STERNA_TEST_S3_ROOT\"/sterna-mail/t4294967295-0/1 \"$STERNA_TEST_S3_ROOT\"/sterna-mail/t$$-0\n\
        for _ in 1 2 3 4 5 6 7 8 9 10; do\n\
          sleep 1\n\
          names=$(psql -X -Atc \"SELECT datname FROM pg_database WHERE datname LIKE 'sterna%'\" \"$STERNA_TEST_POSTGRES\" && ls \"$STERNA_TEST_S3_ROOT\"/sterna-mail)\n\
          [ \"$(echo $names)\" = \"sterna_$$_0 t$$-0\" ] && exit 0\n\
        done\n\
        echo $names; exit 1";
    run(&mut with_peers(script), b"", PATIENCE).success();
}

#[test]
fn a_signal_reaches_the_command() {
    for (signal, code) in [(Signal::TERM, 9), (Signal::INT, 8)] {
        let mut started = Started::new("trap 'exit 9' TERM; trap 'exit 8' INT");
        kill_process(Pid::from_raw(started.process.pid() as i32).unwrap(), signal).unwrap();
        let status = started.process.wait(PATIENCE).expect("with-peers ends");
        assert_eq!(status.code(), Some(code), "{}", started.process.log_tail());
        started.assert_nothing_left();
    }
}

#[test]
fn a_killed_one_leaves_nothing() {
    let mut started = Started::new("");
    // Only itself, not its group: everything else ends because it has.
    kill_process(Pid::from_raw(started.process.pid() as i32).unwrap(), Signal::KILL).unwrap();
    started.process.wait(PATIENCE).expect("with-peers ends");
    started.assert_nothing_left();
}

/// A `with-peers` whose command has started and waits.
struct Started {
    process: Process,
    tree: Vec<u32>,
    directories: [PathBuf; 2],
    segment: String,
    _log: tempfile::TempDir,
}

impl Started {
    fn new(prelude: &str) -> Started {
        let log = tempfile::tempdir().unwrap();
        let script = format!(
            "{prelude}\npsql -X -Atc 'SHOW data_directory' \"$STERNA_TEST_POSTGRES\"\necho \"$STERNA_TEST_S3_ROOT\"\necho ready\nwhile :; do sleep 0.1; done"
        );
        let process = Process::spawn(&mut with_peers(&script), &log.path().join("log"));
        let deadline = Instant::now() + PATIENCE;
        let shown = loop {
            let text = std::fs::read_to_string(process.log()).unwrap();
            if text.contains("ready\n") {
                break text;
            }
            assert!(Instant::now() < deadline, "{text}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut lines = shown.lines();
        let data = PathBuf::from(lines.next().unwrap());
        let lock = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let segment = lock.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
        let root = PathBuf::from(lines.next().unwrap());
        let directories = [&data, &root].map(|below| below.parent().unwrap().to_owned());
        let tree = children(process.pid());
        assert!(tree.len() >= 8 && directories.iter().all(|d| d.exists()), "{tree:?} {directories:?}");
        Started { process, tree, directories, segment, _log: log }
    }

    fn assert_nothing_left(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let alive: Vec<_> = self.tree.iter().filter(|pid| lives(**pid)).collect();
            let left: Vec<_> = self.directories.iter().filter(|d| d.exists()).collect();
            let shown = run(Command::new("ipcs").arg("-m"), b"", PATIENCE).success().stdout;
            let memory = shown.lines().any(|line| line.split_whitespace().nth(1) == Some(&self.segment));
            if alive.is_empty() && left.is_empty() && !memory {
                return;
            }
            assert!(Instant::now() < deadline, "processes {alive:?}, directories {left:?}, shared memory {memory}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The descendants of a process.
fn children(pid: u32) -> Vec<u32> {
    let arguments = ["--ppid", &pid.to_string(), "-o", "pid="];
    let shown = run(Command::new("ps").args(arguments), b"", PATIENCE).stdout;
    let direct: Vec<u32> = shown.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    let further: Vec<u32> = direct.iter().flat_map(|pid| children(*pid)).collect();
    [direct, further].concat()
}

fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}
