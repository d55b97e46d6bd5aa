//! The malformed mail really gets into a Dovecot, so that the suites move real oddities and not imagined ones.

use sterna_tests::{Dovecot, DovecotOptions, Storage, malformed, snapshot};

#[test]
fn dovecot_serves_every_malformed_message() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("odd@example.org", "secret");
    let samples = malformed::all();
    for sample in &samples {
        dovecot.deliver(&user.login, &sample.raw);
    }
    let account = snapshot(&mut dovecot.login(&user));
    assert_eq!(account.folder("INBOX").messages.len(), samples.len());
    // The twins with equal headers stay two messages with two contents.
    let mut hashes: Vec<_> = account.folder("INBOX").messages.values().map(|m| m.hash.to_hex()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert!(hashes.len() >= samples.len() - 2, "{} of {}", hashes.len(), samples.len());
}

#[test]
fn dovecot_takes_most_malformed_messages_by_append() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("odd@example.org", "secret");
    let mut wire = dovecot.login(&user);
    for sample in malformed::all().iter().filter(|s| s.can_append()) {
        let answer = wire.append(b"INBOX", "", None, &sample.raw);
        assert!(answer.is_ok(), "{}: {}", sample.name, answer.tagged);
    }
}

#[test]
fn dovecot_takes_most_odd_names_and_keywords() {
    let mut dovecot = Dovecot::with(DovecotOptions { storage: Storage::MaildirFs, ..DovecotOptions::default() });
    let user = dovecot.user("odd@example.org", "secret");
    let mut wire = dovecot.login(&user);
    let names = malformed::folder_names();
    let refused: Vec<_> =
        names.iter().filter(|n| !wire.on_mailbox("CREATE", &n.wire).is_ok()).map(|n| n.what).collect();
    let valid_refused = names.iter().filter(|n| n.shown.is_some() && refused.contains(&n.what)).count();
    assert!(valid_refused <= 5, "{refused:?}");
    let keywords = malformed::keywords();
    assert!(wire.append(b"INBOX", "", None, b"Subject: x\r\n\r\nx\r\n").is_ok());
    wire.ok("SELECT INBOX");
    for keyword in &keywords {
        wire.ok(&format!("STORE 1 +FLAGS ({keyword})"));
    }
    let account = snapshot(&mut wire);
    assert!(account.0.len() >= names.len() - refused.len());
    let distinct: std::collections::BTreeSet<_> = keywords.iter().map(|k| k.to_ascii_lowercase()).collect();
    assert_eq!(account.folder("INBOX").messages[&1].flags, distinct);
    for keyword in malformed::refused_keywords() {
        let command = [b"STORE 1 +FLAGS (", keyword, b")"].concat();
        let answer = wire.parts(&[sterna_tests::wire::Part::Text(&command)]);
        // Dovecot takes some; what counts is that the session lives on.
        assert!(!answer.tagged.is_empty());
    }
    wire.ok("NOOP");
}
