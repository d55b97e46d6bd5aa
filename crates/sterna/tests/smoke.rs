//! The binary from outside: init, accounts with and without a running server, serve, a login, check.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot do its work fails")]

mod platform;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use platform::Platform;

/// Sends a command and reads until its tagged answer.
fn imap(stream: &mut BufReader<TcpStream>, command: &str) -> String {
    stream.get_mut().write_all(format!("a {command}\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    while !line.starts_with("a ") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "closed during {command}");
    }
    line
}

fn connect(port: u16) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = BufReader::new(stream);
    let mut greeting = String::new();
    stream.read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("* OK"), "{greeting}");
    stream
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn commands_work_without_a_server_and_beside_one() {
    let mut platform = Platform::init();
    let error = platform.fails("account add anne@example.org --password-stdin", "secret\n");
    assert!(error.contains("sterna domain add example.org"), "{error}");
    platform.ok("domain add Example.ORG", "");
    platform.ok("account add anne@example.org --password-stdin --quota 5G", "secret word\n");
    assert_eq!(mode(&platform.data()), 0o700);

    let port = platform.serve();
    assert_eq!(mode(&platform.data().join("admin.sock")), 0o600);
    let mut session = connect(port);
    assert!(imap(&mut session, "LOGIN anne@example.org wrong").starts_with("a NO"));
    assert!(imap(&mut session, "LOGIN anne@example.org \"secret word\"").starts_with("a OK"));

    // Beside the server, through its socket; both see the same.
    platform.ok("account add bob@example.org", "");
    let accounts: serde_json::Value = serde_json::from_str(&platform.ok("account list --json", "")).unwrap();
    assert_eq!(accounts[0]["quota_bytes"], 5_u64 << 30);
    assert_eq!(accounts[1]["address"], "bob@example.org");
    assert_eq!(accounts[1]["has_password"], false);
    platform.ok("account set anne@example.org --quota none", "");
    platform.ok("account passwd bob@example.org --password-stdin", "new\n");
    assert!(imap(&mut connect(port), "LOGIN bob@example.org new").starts_with("a OK"));
    platform.ok("account suspend bob@example.org", "");
    assert!(!imap(&mut connect(port), "LOGIN bob@example.org new").starts_with("a OK"));
    platform.ok("account resume bob@example.org", "");
    assert!(platform.ok("check", "").contains("sound"));
    assert!(platform.fails("domain remove example.org", "").contains("still has accounts"));

    // An open session is told goodbye.
    platform.stop();
    let mut rest = String::new();
    session.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("* BYE"), "{rest}");

    assert!(platform.fails("account remove bob@example.org", "").contains("--yes"));
    platform.ok("account remove bob@example.org --yes", "");
    assert!(!platform.ok("account list", "").contains("bob"));
    assert!(platform.fails("account show bob@example.org", "").contains("bob@example.org does not exist"));
    platform.ok("check anne@example.org --json", "");
}

#[test]
fn errors_are_one_sentence_that_says_what_to_do() {
    let platform = Platform::init();
    let error = platform.fails("domain list -c /nonexistent.toml", "");
    assert!(error.contains("sterna init") && error.lines().count() == 1, "{error}");
    std::fs::write(platform.file(), "data = \"d\"\nlisten.imapz = \"x\"\n").unwrap();
    assert!(platform.fails("serve", "").contains("did you mean \"listen.imap"));
    std::fs::write(platform.file(), "data = \"d\"\n").unwrap();
    assert!(platform.fails("serve", "").contains("[listen]"));
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org", "");
    let start = "move start anne@example.org --from imap://127.0.0.1:1?tls=none --password-stdin";
    assert!(platform.fails(start, "secret\n").contains("--wait"));
    assert!(platform.fails("move status anne@example.org", "").contains("has no move"));
    assert!(platform.fails("account passwd anne@example.org --password-stdin", "").contains("empty"));
}

#[test]
fn mail_comes_in_from_files_and_goes_out_again() {
    let mut platform = Platform::init();
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org", "");
    platform.ok("account add bob@example.org", "");
    let directory = platform.directory.path().to_owned();
    let mbox = directory.join("old");
    std::fs::write(&mbox, "From a Sun Feb  1 09:30:00 2026\nSubject: one\n\nbody\n").unwrap();
    let import = format!("import --format mbox --folder Old/Mail anne@example.org {} --json", mbox.display());
    let report = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(report(&platform.ok(&import, ""))["messages"], 1);
    assert_eq!(report(&platform.ok(&import, ""))["known"], 1);

    // Beside the server too; out as mbox files, and by their names into the other account.
    platform.serve();
    let out = directory.join("out");
    platform.ok(&format!("export --format mbox anne@example.org {}", out.display()), "");
    assert!(out.join("Old.Mail.mbox").exists());
    platform.ok(&format!("import --format mbox bob@example.org {}", out.display()), "");
    let bob = report(&platform.ok("account show bob@example.org --json", ""));
    assert_eq!((&bob["messages"], &bob["mailboxes"]), (&1.into(), &3.into()));
    let maildir = directory.join("maildir");
    platform.ok(&format!("export --format maildir bob@example.org {}", maildir.display()), "");
    platform.ok(&format!("import --format maildir anne@example.org {}", maildir.display()), "");
    platform.ok("check", "");
    platform.stop();
    let missing = platform.fails("import --format maildir anne@example.org /nonexistent", "");
    assert!(missing.contains("/nonexistent"), "{missing}");
}

#[test]
fn the_server_waits_for_a_command_that_has_the_store_open() {
    let mut platform = Platform::init();
    platform.ok("domain list", "");
    let lock = std::fs::File::open(platform.data().join("lock")).unwrap();
    lock.lock().unwrap();
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        drop(lock);
    });
    assert_ne!(platform.serve(), 0);
    release.join().unwrap();
    platform.stop();
}

#[test]
fn a_database_that_is_away_is_waited_for_by_the_server_and_told_by_a_command() {
    let mut platform = Platform::init();
    // Nobody listens there, and nobody but root could.
    let postgres = "engine = \"postgres\"\nurl = \"postgres://sterna:geheim@127.0.0.1:1/sterna\"";
    let text = std::fs::read_to_string(platform.file()).unwrap().replace("engine = \"sqlite\"", postgres);
    std::fs::write(platform.file(), text).unwrap();
    let error = platform.fails("domain list", "");
    assert!(error.contains("PostgreSQL at 127.0.0.1:1 cannot be reached") && error.lines().count() == 1, "{error}");
    assert!(!error.contains("geheim"), "{error}");

    std::fs::set_permissions(platform.file(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let warning = platform.serve_until("chmod o-r");
    assert!(warning.contains("store.url in") && !warning.contains("geheim"), "{warning}");
    platform.stop();
    platform.serve_until("waiting for the store");
    platform.stop();
}

#[test]
fn a_store_is_copied_to_another_and_the_other_serves_it() {
    let mut platform = Platform::init();
    platform.ok("domain add example.org", "");
    platform.ok("domain add empty.example", "");
    for name in ["anne", "bob"] {
        platform.ok(&format!("account add {name}@example.org --password-stdin"), "secret\n");
    }
    let mbox = platform.directory.path().join("mail.mbox");
    let body = "0123456789abcdef".repeat(64);
    let mail: String = (0..200)
        .map(|n| format!("From a Sun Feb  1 09:30:00 2026\nSubject: {n}\n\n{}\n\n", body.repeat(n / 4 + 1)))
        .collect();
    std::fs::write(&mbox, mail).unwrap();
    platform.ok(&format!("import --format mbox anne@example.org {}", mbox.display()), "");

    let target = Platform::init();
    let to = target.file().display().to_string();
    platform.serve();
    assert!(platform.fails(&format!("store copy --to {to}"), "").contains("stop it first"));
    platform.stop();
    assert!(platform.fails(&format!("store copy --to {to} carl@example.org"), "").contains("does not exist"));
    assert!(platform.fails(&format!("store copy --to {}", platform.file().display()), "").contains("data directory"));

    let lines = platform.ok(&format!("store copy --to {to} anne@example.org"), "");
    assert!(lines.starts_with("anne@example.org  copied and verified  200 messages"), "{lines}");
    assert!(lines.lines().last().unwrap().starts_with("1 of 1 accounts verified"), "{lines}");
    let report = platform.ok(&format!("store copy --to {to} --json"), "");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["asked"], &report["verified"]), (&2.into(), &2.into()));
    assert_eq!(report["accounts"][0]["rows_copied"], 0);
    assert_ne!(report["accounts"][1]["rows_copied"], 0);

    let mut target = target;
    assert!(target.ok("domain list", "").contains("empty.example"));
    assert!(target.ok("check", "").contains("sound"));
    let mut session = connect(target.serve());
    assert!(imap(&mut session, "LOGIN anne@example.org secret").starts_with("a OK"));
    target.stop();
    // The target goes its own way: it is told, and left alone.
    target.ok("account passwd bob@example.org --password-stdin", "new\n");
    let output = platform.run(&format!("store copy --to {to}"), "");
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.contains("bob@example.org  NOT EQUAL") && lines.contains("directory differs"), "{lines}");
}

/// Starts the copy and sends it a signal as soon as a second large body lies in the target; whether it was still at work.
fn copy_until_signal(platform: &Platform, to: &Path, bodies: &Path, signal: rustix::process::Signal) -> Option<i32> {
    let count = || std::fs::read_dir(bodies).map_or(0, Iterator::count);
    let before = count();
    let mut copy = Command::new(env!("CARGO_BIN_EXE_sterna"))
        .args(["store", "copy", "-c"])
        .arg(platform.file())
        .arg("--to")
        .arg(to)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while count() < before + 2 {
        assert!(copy.try_wait().unwrap().is_none(), "the copy ended before it could be interrupted");
        assert!(Instant::now() < deadline, "no body comes over");
        std::thread::sleep(Duration::from_millis(1));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&copy), signal).unwrap();
    copy.wait().unwrap().code()
}

#[test]
fn a_copy_that_is_killed_or_interrupted_goes_on_with_the_same_command() {
    let platform = Platform::init();
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org --password-stdin", "secret\n");
    let mbox = platform.directory.path().join("mail.mbox");
    let mut state = 1u64;
    let mut mail = String::new();
    for n in 0..30 {
        mail += &format!("From a Sun Feb  1 09:30:00 2026\nSubject: {n}\n\n");
        // 1.2 MB that halve at best: large bodies, 18 MB in all.
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            mail += &format!("{state:016x}{:016x}{n:028}\n", state.rotate_left(29).wrapping_mul(state));
        }
        mail.push('\n');
    }
    std::fs::write(&mbox, mail).unwrap();
    platform.ok(&format!("import --format mbox anne@example.org {}", mbox.display()), "");
    let target = Platform::init();
    let bodies = target.data().join("accounts/01/1/blobs");
    assert_eq!(copy_until_signal(&platform, &target.file(), &bodies, rustix::process::Signal::KILL), None);
    assert!(!target.ok("account list", "").contains("anne"), "half a copy is served");
    assert_eq!(copy_until_signal(&platform, &target.file(), &bodies, rustix::process::Signal::INT), Some(130));
    let lines = platform.ok(&format!("store copy --to {}", target.file().display()), "");
    assert!(lines.starts_with("anne@example.org  copied and verified  30 messages"), "{lines}");
    assert!(target.ok("check", "").contains("sound"));
}
