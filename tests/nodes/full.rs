//! The disk of PostgreSQL is full: a temporary refusal, and nothing that was acknowledged is lost.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sterna_tests::{PostgresOptions, PostgresServer, peer, psql, run, snapshot};

use crate::platform::{Platform, appended, count, is_temporary, message};

/// Names the small file system to the second run of the test, which is inside of its namespaces.
const DISK: &str = "STERNA_TEST_SMALL_DISK";

/// Room for a database and little more.
const SIZE: &str = "160m";

/// Runs in namespaces of its own, where it may mount a file system without being root, and is not root: PostgreSQL does
/// not run as root. The ports and files of the test are seen as ever.
#[test]
fn a_full_database_disk_refuses_for_the_moment() {
    if let Some(disk) = std::env::var_os(DISK) {
        return with_small_disk(&PathBuf::from(disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size={SIZE},mode=700 tmpfs \"${DISK}\" && exec \"$@\"");
    let mut command = Command::new(peer::require("unshare", "util-linux"));
    command.args([
        "--user",
        "--map-user=1000",
        "--map-group=1000",
        "--keep-caps",
        "--mount",
        "sh",
        "-c",
        &script,
        "sh",
    ]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["full::a_full_database_disk_refuses_for_the_moment", "--exact", "--nocapture"]);
    command.env(DISK, disk.path());
    let ran = run(&mut command, b"", Duration::from_secs(100)).success();
    assert!(ran.stdout.contains("1 passed"), "{}", ran.stdout);
}

fn with_small_disk(disk: &Path) {
    let settings = "shared_buffers = '16MB'\nmax_wal_size = '64MB'\nautovacuum = off\n".to_owned();
    let postgres = PostgresServer::with(PostgresOptions {
        fsync: true,
        settings,
        directory: Some(disk.to_owned()),
        ..PostgresOptions::default()
    });
    let platform = Platform::on(postgres.create_database());
    let (node, user) = platform.first();
    let (mut wire, mut other) = (node.login(&user), node.login(&user));
    wire.ok("SELECT INBOX");
    let mut acknowledged = Vec::new();
    let mut append = |wire: &mut sterna_tests::ImapWire, n: usize| {
        let message = message(&format!("message {n}"), 100_000);
        let answer = wire.append(b"INBOX", "", None, &message);
        if answer.is_ok() {
            acknowledged.push(blake3::hash(&message));
        }
        answer
    };
    assert!(append(&mut wire, 0).is_ok());

    // A server that cannot write its log stops altogether, so the log gets a segment of 16 MB before the disk fills up:
    // what must fail is the growth of a table.
    psql(&platform.database, "CHECKPOINT; SELECT pg_switch_wal(); CREATE TABLE segment (a BIGINT); CHECKPOINT");
    let ballast = disk.join("ballast");
    fill(&ballast);
    let mut n = 0;
    let refused = loop {
        n += 1;
        assert!(n < 60, "the disk does not fill up");
        let answer = append(&mut wire, n);
        if !answer.is_ok() {
            break answer;
        }
    };
    assert!(is_temporary(&refused.tagged), "{}", refused.tagged);
    // Again and again, in any session; what is there can be read.
    for wire in [&mut wire, &mut other] {
        let answer = append(wire, 1_000);
        assert!(is_temporary(&answer.tagged), "{}", answer.tagged);
        assert_eq!(count(wire), n as u32);
    }
    let mut third = node.login(&user);
    assert_eq!(snapshot(&mut third).folder("INBOX").messages.len(), n);
    assert!(!postgres.log().contains("PANIC"), "{}", postgres.log());

    std::fs::remove_file(ballast).unwrap();
    for (n, wire) in [&mut wire, &mut other].into_iter().enumerate() {
        let answer = append(wire, 2_000 + n);
        assert!(answer.is_ok(), "{}", answer.tagged);
    }
    let seen = snapshot(&mut third);
    let seen: Vec<_> = seen.folder("INBOX").messages.values().map(|m| m.hash).collect();
    assert_eq!(seen, acknowledged);
    appended(&mut third, &message("the last", 1_000));
    node.check();
}

/// Writes a file until nothing fits on the disk any more.
fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    let mut size = 1 << 20;
    while size >= 1 {
        match file.write(&vec![b'x'; size]) {
            Ok(written) if written == size => {}
            _ => size /= 2,
        }
    }
}
