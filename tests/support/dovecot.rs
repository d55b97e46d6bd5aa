//! Dovecot starts in every variant that the suites use, and shows what was put into it.

use sterna_tests::{Certificate, Dovecot, DovecotOptions, Ignore, ImapWire, Storage, imaplib, python, snapshot};

use crate::sample;

#[test]
fn a_snapshot_is_what_was_put_in() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret word");
    let mut wire = dovecot.login(&user);
    sample::fill(&mut wire);
    let account = snapshot(&mut wire);
    for folder in sample::FOLDERS {
        let seen = account.folder(folder);
        assert_eq!(seen.messages, sample::expected(folder), "{folder}");
        assert_eq!(seen.subscribed, folder != "INBOX");
        assert_eq!((seen.uid_next, &seen.delimiter[..]), (5, &b"/"[..]));
        assert!(seen.uid_validity > 0 && seen.highest_mod_seq > 0);
    }
    assert_eq!(account.0.len(), sample::FOLDERS.len());
    assert_eq!(account.messages(), 12);
    wire.ok("EXAMINE INBOX");
    let bytes: u64 = account.folder("INBOX").messages.values().map(|m| m.octets).sum();
    assert!((bytes + 1..bytes + 1_000).contains(&wire.discard("FETCH 1:* BODY.PEEK[]")));
    // A second look, after a restart, sees the same; a change is seen.
    dovecot.restart();
    let mut wire = dovecot.login(&user);
    snapshot(&mut wire).assert_same(&account, Ignore::default());
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 2 +FLAGS ($Label1)");
    let found = snapshot(&mut wire).differences(&account, Ignore { mod_seq: true, ..Ignore::default() });
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn an_internaldate_is_shown_in_the_zone_of_the_server() {
    let options = DovecotOptions { time_zone: "CET-1CEST,M3.5.0,M10.5.0/3".to_owned(), ..DovecotOptions::default() };
    let mut dovecot = Dovecot::with(options);
    let user = dovecot.user("anne@example.org", "secret");
    let mut wire = dovecot.login(&user);
    for date in [" 1-Feb-2024 09:00:00 +0000", " 1-Jul-2024 09:00:00 -0500"] {
        assert!(wire.append(b"INBOX", "", Some(date), b"Subject: x\r\n\r\nx\r\n").is_ok());
    }
    let account = snapshot(&mut wire);
    let dates: Vec<_> = account.folder("INBOX").messages.values().map(|m| m.internal_date.as_str()).collect();
    assert_eq!(dates, [" 1-Feb-2024 10:00:00 +0100", " 1-Jul-2024 16:00:00 +0200"]);
}

#[test]
fn every_storage_keeps_the_sample() {
    for storage in [Storage::MaildirFs, Storage::Sdbox, Storage::Mdbox] {
        let mut dovecot = Dovecot::with(DovecotOptions { storage, ..DovecotOptions::default() });
        let user = dovecot.user("anne@example.org", "secret");
        let mut wire = dovecot.login(&user);
        sample::fill(&mut wire);
        let account = snapshot(&mut wire);
        for folder in sample::FOLDERS {
            assert_eq!(account.folder(folder).messages, sample::expected(folder), "{storage:?} {folder}");
        }
    }
}

#[test]
fn the_separator_and_prefix_of_courier_are_imitated() {
    let options = DovecotOptions {
        separator: '.',
        prefix: "INBOX.".to_owned(),
        special_use: true,
        condstore: false,
        ..DovecotOptions::default()
    };
    let mut dovecot = Dovecot::with(options);
    let user = dovecot.user("anne@example.org", "secret");
    let mut wire = dovecot.login(&user);
    let capability = wire.ok("CAPABILITY");
    assert!(!capability.untagged[0].text().contains("CONDSTORE"), "{capability:?}");
    wire.ok("CREATE INBOX.a.b");
    let account = snapshot(&mut wire);
    assert!(account.folder("INBOX.Sent").attributes.contains("\\sent"));
    assert!(account.folder("INBOX.Trash").subscribed);
    assert!(account.folder("INBOX.a").attributes.contains("\\noselect"));
    assert_eq!(account.folder("INBOX.a.b").delimiter, b".");
}

#[test]
fn the_master_user_opens_any_account() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    let mut own = dovecot.login(&user);
    assert!(own.append(b"INBOX", "", None, b"Subject: mine\r\n\r\nx\r\n").is_ok());
    let mut master = ImapWire::login(dovecot.port(), "anne@example.org*master", Dovecot::MASTER_PASSWORD);
    assert_eq!(snapshot(&mut master).messages(), 1);
    let mut stranger = ImapWire::connect(dovecot.port());
    assert!(!stranger.command("LOGIN anne@example.org*master wrong").is_ok());
    assert!(!stranger.command("LOGIN nobody@example.org*master \"master secret\"").is_ok());
}

#[test]
fn a_quota_refuses_what_is_too_much() {
    let mut dovecot = Dovecot::with(DovecotOptions { quota: Some(20_000), ..DovecotOptions::default() });
    let user = dovecot.user("anne@example.org", "secret");
    let mut wire = dovecot.login(&user);
    let message = format!("Subject: big\r\n\r\n{}\r\n", "x".repeat(12_000));
    assert!(wire.append(b"INBOX", "", None, message.as_bytes()).is_ok());
    let refused = wire.append(b"INBOX", "", None, message.as_bytes());
    assert!(refused.tagged.contains("OVERQUOTA"), "{}", refused.tagged);
}

#[test]
fn certificates_are_right_or_wrong_as_asked() {
    let script = "import imaplib, ssl, sys\ncontext = ssl.create_default_context(cafile=sys.argv[2])\n\
                  try:\n  m = imaplib.IMAP4_SSL('localhost', int(sys.argv[1]), ssl_context=context)\n  print('good')\n\
                  except ssl.SSLCertVerificationError as e:\n  print(e.verify_message)\n";
    for (certificate, verdict) in [
        (Certificate::Valid, "good"),
        (Certificate::WrongName, "Hostname mismatch"),
        (Certificate::Expired, "certificate has expired"),
    ] {
        let dovecot = Dovecot::with(DovecotOptions { tls: Some(certificate), ..DovecotOptions::default() });
        let port = dovecot.tls_port().to_string();
        let outcome = python(script, &[&port, dovecot.ca_file().to_str().unwrap()]).success();
        assert!(outcome.stdout.starts_with(verdict), "{certificate:?}: {}", outcome.stdout);
    }
}

#[test]
fn a_connection_is_upgraded_by_starttls() {
    let mut dovecot = Dovecot::with(DovecotOptions { tls: Some(Certificate::Valid), ..DovecotOptions::default() });
    let user = dovecot.user("anne@example.org", "secret");
    let script = "import imaplib, ssl, sys\nm = imaplib.IMAP4('localhost', int(sys.argv[1]))\n\
                  m.starttls(ssl.create_default_context(cafile=sys.argv[2]))\nm.login(*sys.argv[3:5])\nprint(m.sock.version())\n";
    let port = dovecot.port().to_string();
    let outcome = python(script, &[&port, dovecot.ca_file().to_str().unwrap(), &user.login, &user.password]).success();
    assert!(outcome.stdout.starts_with("TLSv1"), "{}", outcome.stdout);
}

#[test]
fn files_doveadm_and_imaplib_see_the_same_account() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    dovecot.deliver(&user.login, b"Subject: one\n\nbody\n");
    dovecot.deliver(&user.login, b"Subject: NUL\n\na\0b\n");
    let status = dovecot.doveadm(&["mailbox", "status", "-u", &user.login, "messages", "INBOX"]).success();
    assert_eq!(status.stdout.trim(), "INBOX messages=2");
    let seen = imaplib(dovecot.port(), &user.login, &user.password, "print(m.select('INBOX')[1][0].decode())");
    assert_eq!(seen.trim(), "2");
    let memory = dovecot.memory();
    assert!(memory.processes >= 3 && memory.pss > 1_000_000, "{memory:?}");
}

#[test]
fn idle_reports_a_message_that_another_session_appends() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    let mut watcher = dovecot.login(&user);
    watcher.ok("SELECT INBOX");
    let tag = watcher.idle();
    assert!(dovecot.login(&user).append(b"INBOX", "", None, b"Subject: new\r\n\r\nx\r\n").is_ok());
    let told = loop {
        let response = watcher.read().unwrap();
        if response.0.ends_with(b" EXISTS") {
            break response.text();
        }
    };
    assert_eq!(told, "* 1 EXISTS");
    assert!(watcher.done(&tag).is_ok());
}
