//! POP3 through the front door.

use sterna_tests::{Certificate, DovecotOptions, python};

use crate::house::{House, PASSWORD, ask, trusting};

const FETCH: &str = r#"
import poplib, sys
m = poplib.POP3('127.0.0.1', int(sys.argv[1]), 60)
assert 'USER' in m.capa() and 'Sterna' in m.welcome.decode(), m.capa()
m.user(sys.argv[2]); m.pass_(sys.argv[3])
capa = m.capa()
assert 'UIDL' in capa and 'TOP' in capa and 'STLS' not in capa and 'SASL' not in capa and 'USER' not in capa, capa
count, size = m.stat()
uids = [line.split()[1].decode() for line in m.uidl()[1]]
assert len(set(uids)) == count == len(m.list()[1]), uids
subjects = set()
for n in range(1, count + 1):
    lines = m.retr(n)[1]
    assert sum(len(line) + 2 for line in lines) == int(m.list(n).split()[2]), n
    assert m.top(n, 0)[1][0] == lines[0], lines[0]
    subjects.add(lines[0])
assert subjects == {b'Subject: %d' % n for n in range(1, count + 1)}, subjects
m.dele(1)
m.quit()
print(count)
"#;

#[test]
fn a_client_reads_and_deletes_on_the_old_platform() {
    let mut house = House::new(DovecotOptions::default(), &[]);
    for n in 1..=30 {
        let body = ".dot\r\nline\r\n".repeat(n * 100);
        house.dovecot.deliver(&house.user.login, format!("Subject: {n}\r\n\r\n{body}").as_bytes());
    }
    let port = house.sterna.port_of("pop3").to_string();
    let told = python(FETCH, &[&port, &house.user.login, PASSWORD]).success().stdout;
    assert_eq!(told.trim(), "30");
    let mut wire = house.pop3();
    assert!(house.pass(&mut wire, PASSWORD).starts_with("+OK"));
    assert!(ask(&mut wire, "STAT").starts_with("+OK 29 "));
    // Without QUIT nothing is deleted.
    assert!(ask(&mut wire, "DELE 1").starts_with("+OK"));
    drop(wire);
    let mut wire = house.pop3();
    assert!(house.pass(&mut wire, PASSWORD).starts_with("+OK"));
    assert!(ask(&mut wire, "STAT").starts_with("+OK 29 "));
    house.sterna.check();
}

#[test]
fn guesses_are_counted_before_they_reach_the_platform() {
    let house = House::new(DovecotOptions::default(), &[]);
    let mut guesses: Vec<_> = (0..60).map(|_| house.pop3()).collect();
    for wire in &mut guesses {
        assert!(ask(wire, &format!("USER {}", house.user.login)).starts_with("+OK"));
    }
    // All at once: each answer is late on purpose, the later the more there are.
    guesses.iter_mut().for_each(|wire| wire.send("PASS wrong\r\n"));
    let logins = || house.dovecot.log().matches("pop3-login: Info: Login").count();
    let begun = std::time::Instant::now();
    loop {
        let (before, mut wire) = (logins(), house.pop3());
        let said = house.pass(&mut wire, PASSWORD);
        if said.starts_with("-ERR [SYS/TEMP] too many failed logins") {
            // Not even the right password is asked for there.
            assert_eq!(logins(), before);
            break;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(100), "nobody counts: {said}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn a_platform_that_is_down_is_a_temporary_error_and_no_wrong_password() {
    let mut house = House::new(DovecotOptions::default(), &[]);
    let mut open = house.pop3();
    assert!(house.pass(&mut open, PASSWORD).starts_with("+OK"));
    house.dovecot.kill_9();
    assert!(open.line().is_none_or(|line| line.starts_with("-ERR [SYS/TEMP]")));
    for _ in 0..30 {
        let mut wire = house.pop3();
        let said = house.pass(&mut wire, PASSWORD);
        assert!(said.starts_with("-ERR [SYS/TEMP]"), "{said}");
    }
    house.dovecot.restart();
    let mut wire = house.pop3();
    let said = house.pass(&mut wire, PASSWORD);
    assert!(said.starts_with("+OK"), "{said}");
}

#[test]
fn the_clients_address_reaches_a_platform_that_wants_it() {
    for tells in [true, false] {
        let options = trusting();
        let house = House::new(options, if tells { &["--tell-client"] } else { &[] });
        let mut wire = house.pop3();
        assert!(house.pass(&mut wire, PASSWORD).starts_with("+OK"));
        let port = wire.local_port();
        let log = house.dovecot.log_with("pop3-login: Info: Login", 1);
        let login = log.lines().find(|line| line.contains("pop3-login: Info: Login")).unwrap_or_default();
        // Both are on loopback here: only the port tells them apart.
        assert_eq!(login.contains(&format!("rport={port}")), tells, "{port}: {log}");
    }
}

#[test]
fn tls_to_the_platform_has_nothing_to_do_with_that_to_the_client() {
    let options = DovecotOptions { tls: Some(Certificate::Valid), ..DovecotOptions::default() };
    let mut house = House::new(options, &[]);
    house.dovecot.deliver(&house.user.login, b"Subject: x\r\n\r\nx\r\n");
    let ca = house.dovecot.ca_file();
    let url = format!("pop3://localhost:{}?tls=starttls&ca={}", house.dovecot.pop3_port(), ca.display());
    house.sterna.cli(&["platform", "set", "old", "--pop3", &url], "").success();
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let mut wire = house.pop3();
    let said = house.pass(&mut wire, PASSWORD);
    assert!(said.starts_with("+OK"), "{said} {}", house.sterna.log());
    assert!(ask(&mut wire, "STAT").starts_with("+OK 1 "));
    house.dovecot.log_with("TLS", 1);
}
