//! The strict client against a real Dovecot: it follows what Dovecot tells, and Dovecot breaks none of its rules.

use std::time::Duration;

use sterna_tests::live::Event;
use sterna_tests::{Dovecot, LiveClient, User};

const MESSAGE: &[u8] = b"Subject: new\r\n\r\nsome text\r\n";
const SOON: Duration = Duration::from_secs(20);

fn client(dovecot: &Dovecot, user: &User) -> LiveClient {
    LiveClient::login(dovecot.port(), &user.login, &user.password)
}

#[test]
fn an_idle_client_follows_another() {
    for extension in [None, Some("CONDSTORE"), Some("QRESYNC")] {
        let mut dovecot = Dovecot::start();
        let user = dovecot.user("anne@example.org", "secret");
        let (mut watcher, mut other) = (client(&dovecot, &user), client(&dovecot, &user));
        let port = watcher.local_port();
        if let Some(extension) = extension {
            watcher.enable(extension);
        }
        other.append("INBOX", "", MESSAGE);
        other.append("INBOX", "\\Seen", MESSAGE);
        watcher.select("INBOX");
        watcher.fetch_all();
        assert_eq!(watcher.view().uids(), [Some(1), Some(2)]);
        watcher.idle();
        assert_eq!(other.append("INBOX", "", MESSAGE), Some(3));
        assert_eq!(watcher.wait_for(SOON, |e| matches!(e, Event::Exists(_))), Event::Exists(3));
        other.select("INBOX");
        other.store("2", "+FLAGS", "\\Deleted Work");
        watcher.wait_for(SOON, |e| *e == Event::Fetch(2, Some(2)));
        other.expunge();
        let gone = watcher.wait_for(SOON, |e| matches!(e, Event::Expunge(..) | Event::Vanished(..)));
        let vanished = Event::Vanished(vec![2], false);
        assert_eq!(gone, if extension == Some("QRESYNC") { vanished } else { Event::Expunge(2, Some(2)) });
        watcher.done();
        watcher.assert_in_step();
        assert_eq!(watcher.view().uids(), [Some(1), Some(3)]);
        assert!(watcher.is_open() && watcher.local_port() == port);
        watcher.examine("INBOX");
        watcher.logout();
    }
}

#[test]
fn half_a_literal_waits_for_the_rest() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    let mut client = client(&dovecot, &user);
    client.select("INBOX");
    client.append_half("INBOX", "\\Flagged", MESSAGE, 5);
    client.silence(Duration::from_millis(200));
    assert!(client.append_rest().is_ok());
    client.fetch_all();
    assert!(client.view().message(1).unwrap().flags.as_ref().unwrap().contains("\\flagged"));
}

#[test]
fn a_dead_server_is_seen() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    let mut client = client(&dovecot, &user);
    assert!(client.is_open());
    dovecot.kill_9();
    assert!(!client.is_open());
}

#[test]
#[should_panic(expected = "S: * OK")]
fn a_failure_shows_the_transcript() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret");
    client(&dovecot, &user).ok("NONSENSE");
}
