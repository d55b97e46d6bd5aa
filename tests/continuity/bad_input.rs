//! What goes wrong is said in a sentence that names what and where; nothing is lost and the next try works.

use sterna_tests::{Certificate, Dovecot, DovecotOptions, Ignore, SternaServer, User, snapshot};

use crate::sample;

fn start(server: &SternaServer, user: &User, from: &str, password: &str, more: &[&str]) -> sterna_tests::Outcome {
    let arguments = ["move", "start", &user.login, "--from", from, "--user", &user.login, "--password-stdin", "--wait"];
    server.cli(&[&arguments[..], more].concat(), &format!("{password}\n"))
}

#[test]
fn an_unreachable_source_a_wrong_password_and_a_wrong_word_are_explained() {
    let (dovecot, user) = sample::dovecot();
    let server = sample::sterna(&user);
    let free = sterna_tests::Port::free();
    let nobody = format!("imap://127.0.0.1:{}?tls=none", free.number());
    let refused = start(&server, &user, &nobody, &user.password, &[]);
    assert!(!refused.status.success());
    assert!(refused.stderr.contains(&format!("127.0.0.1:{}", free.number())), "{}", refused.stderr);
    let from = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    let wrong = start(&server, &user, &from, "wrong", &[]);
    assert!(!wrong.status.success() && wrong.stderr.to_lowercase().contains("password"), "{}", wrong.stderr);
    let status = server.json(&["move", "status", &user.login], "");
    assert!(status.to_string().to_lowercase().contains("password"), "{status}");
    for from in ["imap://", "http://127.0.0.1:1", "imap://127.0.0.1:1?tls=maybe", "imap://127.0.0.1:99999"] {
        let outcome = start(&server, &user, from, "x", &[]);
        assert!(!outcome.status.success() && !outcome.stderr.contains("panicked"), "{from}: {}", outcome.stderr);
    }
    let unknown = server.cli(&["move", "status", "nobody@example.org"], "");
    assert!(!unknown.status.success() && unknown.stderr.contains("nobody@example.org"), "{}", unknown.stderr);
    start(&server, &user, &from, &user.password, &[]).success();
    let (old, new) = (snapshot(&mut dovecot.login(&user)), snapshot(&mut server.login(&user)));
    old.assert_same(&new, Ignore::default());
    server.check();
}

#[test]
fn certificates_are_verified_and_a_private_ca_is_an_explicit_choice() {
    for (certificate, word) in [(Certificate::Expired, "expired"), (Certificate::WrongName, "name")] {
        let mut dovecot = Dovecot::with(DovecotOptions { tls: Some(certificate), ..DovecotOptions::default() });
        let user = dovecot.user("anne@example.org", sample::PASSWORD);
        let server = sample::sterna(&user);
        let from = format!("imap://localhost:{}?tls=implicit", dovecot.tls_port());
        let ca = dovecot.ca_file();
        let outcome = start(&server, &user, &from, &user.password, &["--ca", ca.to_str().unwrap()]);
        assert!(!outcome.status.success() && outcome.stderr.to_lowercase().contains(word), "{}", outcome.stderr);
    }
    let mut dovecot = Dovecot::with(DovecotOptions { tls: Some(Certificate::Valid), ..DovecotOptions::default() });
    let user = dovecot.user("anne@example.org", sample::PASSWORD);
    sample::fill(&mut dovecot.login(&user));
    let server = sample::sterna(&user);
    let implicit = format!("imap://localhost:{}?tls=implicit", dovecot.tls_port());
    assert!(!start(&server, &user, &implicit, &user.password, &[]).status.success(), "an unknown issuer was trusted");
    let ca = dovecot.ca_file();
    start(&server, &user, &implicit, &user.password, &["--ca", ca.to_str().unwrap()]).success();
    let starttls = format!("imap://localhost:{}?tls=starttls", dovecot.port());
    start(&server, &user, &starttls, &user.password, &["--ca", ca.to_str().unwrap()]).success();
    server.check();
}

#[test]
fn a_master_user_moves_a_mailbox_without_its_password() {
    let (dovecot, user) = sample::dovecot();
    let server = sample::sterna(&user);
    let from = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    let outcome = start(&server, &user, &from, Dovecot::MASTER_PASSWORD, &["--master", Dovecot::MASTER]);
    outcome.success();
    let (old, new) = (snapshot(&mut dovecot.login(&user)), snapshot(&mut server.login(&user)));
    old.assert_same(&new, Ignore::default());
}

#[test]
fn ctrl_c_stops_cleanly_and_the_same_command_goes_on() {
    let (dovecot, user) = sample::dovecot();
    let mut server = sample::sterna(&user);
    server.stop();
    let password = server.path().join("password");
    std::fs::write(&password, &user.password).unwrap();
    let from = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    let password = password.to_str().unwrap();
    let arguments =
        ["move", "start", &user.login, "--from", &from, "--user", &user.login, "--password-file", password, "--wait"];
    let mut mover = server.spawn(&arguments);
    std::thread::sleep(std::time::Duration::from_millis(150));
    mover.interrupt();
    assert!(mover.wait(std::time::Duration::from_secs(20)).is_some(), "Ctrl-C did not stop the move");
    server.check();
    server.cli(&arguments, "").success();
    server.restart();
    let (old, new) = (snapshot(&mut dovecot.login(&user)), snapshot(&mut server.login(&user)));
    old.assert_same(&new, Ignore::default());
    server.check();
}

/// Runs in namespaces of its own, where it may mount a file system of a few megabytes without being root.
const FULL_DISK: &str = r#"
set -eu
mount -t tmpfs -o size=4m tmpfs "$DATA"
"$STERNA" domain add example.org
echo "$PASSWORD" | "$STERNA" account add "$ADDRESS" --password-stdin
"$STERNA" serve &
server=$!
trap 'kill $server' EXIT
tries=0
until [ -S "$DATA/admin.sock" ]; do tries=$((tries + 1)); [ $tries -lt 300 ]; sleep 0.1; done
move() { echo "$PASSWORD" | "$STERNA" move start "$ADDRESS" --from "$FROM" --user "$ADDRESS" --password-stdin "$@"; }
move
tries=0
until "$STERNA" move status "$ADDRESS" 2>&1 | grep -i 'disk'; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo 'nothing was said of the full disk'; "$STERNA" move status "$ADDRESS"; exit 1; }
    sleep 0.1
done
mount -o remount,size=400m "$DATA"
move --wait
"$STERNA" check
"$STERNA" move receipt "$ADDRESS" | grep 'Both sides are equal'
"#;

#[test]
fn a_full_disk_is_said_and_the_move_goes_on_once_there_is_space() {
    let (mut dovecot, user) = sample::dovecot();
    let mut state = 3u64;
    for _ in 0..12 {
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + (state >> 58) as u8)
        });
        let body: String = noise.take(1_000_000).collect();
        dovecot.deliver(&user.login, format!("Subject: large\r\n\r\n{body}\r\n").as_bytes());
    }
    // The embedded store in any run: with a shared one it is not this disk that fills, but the database's.
    let embedded = "\n[store]\nengine = \"sqlite\"\n".to_owned();
    let server = SternaServer::prepared(&sterna_tests::SternaConfig { extra: embedded, ..Default::default() });
    let data = server.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let unshare = sterna_tests::peer::require("unshare", "util-linux");
    let mut command = std::process::Command::new(unshare);
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", FULL_DISK])
        .env("STERNA", sterna_tests::sterna_binary())
        .env("STERNA_CONFIG", server.configuration())
        .env("DATA", &data)
        .env("ADDRESS", &user.login)
        .env("PASSWORD", &user.password)
        .env("FROM", format!("imap://127.0.0.1:{}?tls=none", dovecot.port()));
    sterna_tests::run(&mut command, b"", std::time::Duration::from_secs(150)).success();
}
