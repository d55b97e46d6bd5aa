//! The disk is full: a refusal for the moment, nothing that was acknowledged is lost, and life goes on when there is room.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sterna_tests::dns::DnsServer;
use sterna_tests::{LineWire, SternaServer, User, peer, run};

use crate::site::{configuration, letter, messages};

/// Names the small file system to the second run of the test, which is inside of its namespaces.
const DISK: &str = "STERNA_TEST_SMALL_DISK";

/// Runs in namespaces of its own, where it may mount a file system without being root.
#[test]
fn a_full_disk_refuses_for_the_moment_and_loses_nothing() {
    if let Some(disk) = std::env::var_os(DISK) {
        return with_small_disk(&PathBuf::from(disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size=12m,mode=700 tmpfs \"${DISK}\" && exec \"$@\"");
    let mut command = Command::new(peer::require("unshare", "util-linux"));
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["full::a_full_disk_refuses_for_the_moment_and_loses_nothing", "--exact", "--nocapture"]);
    command.env(DISK, disk.path());
    let ran = run(&mut command, b"", Duration::from_secs(100)).success();
    assert!(ran.stdout.contains("1 passed"), "{}", ran.stdout);
}

fn with_small_disk(disk: &Path) {
    let dns = DnsServer::start();
    // It is about files: wherever this run's other mail is.
    let mut sterna = SternaServer::prepared(&configuration(&dns, 25, "\n[store]\nengine = \"sqlite\"\n"));
    std::os::unix::fs::symlink(disk, sterna.path().join("data")).unwrap();
    sterna.restart();
    sterna.cli(&["domain", "add", "here.test"], "").success();
    let anne: User = sterna.user("anne@here.test", "secret");
    let receive = |n: usize| {
        let mut wire = LineWire::hello(sterna.port_of("smtp"), "EHLO mx.there.test");
        let message = [letter("bob@there.test", "anne@here.test", &format!("number {n}")), noise(n as u64)].concat();
        wire.mail("bob@there.test", &["anne@here.test"], message.as_bytes())
    };
    let mut taken = 0;
    let refused = loop {
        let reply = receive(taken);
        if reply.code != 250 {
            break reply;
        }
        taken += 1;
        assert!(taken < 100, "the disk never fills");
    };
    assert!(taken > 3, "{taken}");
    assert_eq!((refused.code, &refused.lines[0][..5]), (452, "4.3.1"), "{refused:?}");
    assert_eq!(messages(&mut sterna.login(&anne), "INBOX").len(), taken);
    let remount = Command::new("mount").args(["-o", "remount,size=200m"]).arg(disk).status().unwrap();
    assert!(remount.success());
    assert_eq!(receive(taken).code, 250);
    assert_eq!(messages(&mut sterna.login(&anne), "INBOX").len(), taken + 1);
    sterna.check();
}

/// Half a megabyte of lines that nothing compresses well.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_add(1);
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:016x}", state ^ (state >> 29))
    };
    (0..8_000).map(|_| [word(), word(), word(), word(), "\r\n".to_owned()].concat()).collect()
}
