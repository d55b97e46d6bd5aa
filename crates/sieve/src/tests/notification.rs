//! RFC 5435 (enotify), RFC 5436 (mailto).

use super::{Account, MAIL, holds, run_on, short};
use crate::{Action, RunError};

#[test]
fn rfc5436_2_a_notification_is_a_mail() {
    let script =
        "require \"enotify\"; notify :importance \"1\" :message \"New mail\" \"mailto:me@example.com?body=Look\";";
    let actions = run_on(script, MAIL, &Account::default()).unwrap();
    let [Action::Notify { to, message }, Action::Keep { .. }] = actions.as_slice() else { panic!("{actions:?}") };
    let message = String::from_utf8(message.clone()).unwrap();
    assert_eq!(to, &["me@example.com"]);
    for line in [
        "From: <anne@example.org>",
        "To: <me@example.com>",
        "Subject: New mail",
        "Importance: high",
        "Auto-Submitted: auto-notified; owner-email=\"anne@example.org\"",
    ] {
        assert!(message.lines().any(|l| l == line), "{line} is missing in\n{message}");
    }
    assert!(message.ends_with("\r\n\r\nLook\r\n"));
}

#[test]
fn rfc5436_2_7_1_robots_are_not_announced() {
    let script = "require \"enotify\"; notify \"mailto:me@example.com\";";
    let mail = format!("Auto-Submitted: auto-notified\r\n{MAIL}");
    assert_eq!(short(&run_on(script, &mail, &Account::default()).unwrap()), ["keep"]);
}

#[test]
fn notifications_have_a_limit() {
    let script = format!("require \"enotify\"; {}", "notify \"mailto:me@example.com\";".repeat(10));
    assert!(matches!(run_on(&script, MAIL, &Account::default()), Err(RunError::Limit("notifications"))));
}

#[test]
fn rfc5435_4_methods_are_known_or_not() {
    assert!(holds("\"enotify\"", "valid_notify_method \"mailto:a@example.org\""));
    assert!(!holds("\"enotify\"", "valid_notify_method [\"mailto:a@example.org\", \"xmpp:a@example.org\"]"));
    assert!(!holds("\"enotify\"", "valid_notify_method \"mailto:nonsense\""));
    assert!(holds("\"enotify\"", "notify_method_capability \"mailto:a@example.org\" \"online\" \"maybe\""));
}
