//! RFC 5293 (editheader).

use super::{Account, MAIL, run_on, short};
use crate::Action;

fn edited(script: &str, mail: &str) -> String {
    let script = format!("require [\"editheader\",\"body\",\"index\"]; {script}");
    match run_on(&script, mail, &Account::default()).unwrap().as_slice() {
        [Action::Keep { header: Some(header), .. }] => String::from_utf8(header.to_vec()).unwrap(),
        other => panic!("{script}: {other:?}"),
    }
}

#[test]
fn rfc5293_4_fields_are_added_first_or_last() {
    let header = MAIL.split_inclusive("\r\n\r\n").next().unwrap();
    assert_eq!(edited("addheader \"X-A\" \"b\";", MAIL), format!("X-A: b\r\n{header}"));
    let last = edited("addheader :last \"X-A\" \"b\"; if body :contains \"meet\" { stop; }", MAIL);
    assert_eq!(last, header.replace("\r\n\r\n", "\r\nX-A: b\r\n\r\n"));
}

#[test]
fn rfc5293_4_what_is_added_is_fit_for_a_header() {
    let header = edited("addheader \"X-A\" \"été\\\r\nBcc: x@y.z\";", MAIL);
    let first = header.lines().next().unwrap();
    assert!(first.starts_with("X-A: =?utf-8?B?") && header.is_ascii(), "{header}");
    assert!(!header.contains("\nBcc"));
    let long = edited(&format!("addheader \"X-A\" \"{}\";", "word ".repeat(500)), MAIL);
    assert!(long.lines().all(|line| line.len() < 100), "{long}");
}

#[test]
fn rfc5293_5_fields_are_deleted() {
    assert!(!edited("deleteheader \"subject\";", MAIL).contains("Subject"));
    assert!(!edited("deleteheader :matches \"subject\" \"* at *\";", MAIL).contains("Subject"));
    let many = MAIL.replace("X-Spam-Score: 7", "X-A: 1\r\nX-A: 2\r\nX-A: 3");
    assert!(edited("deleteheader :index 2 \"x-a\";", &many).contains("X-A: 1\r\nX-A: 3\r\n"));
    assert!(edited("deleteheader :index 1 :last \"x-a\";", &many).contains("X-A: 1\r\nX-A: 2\r\n\r\n"));
    let script = "require \"editheader\"; deleteheader :contains \"subject\" \"evening\"; deleteheader \"Received\";";
    assert_eq!(short(&run_on(script, MAIL, &Account::default()).unwrap()), ["keep"], "traces stay");
}

#[test]
fn rfc5293_6_edits_count_from_then_on() {
    let script = "require [\"editheader\",\"fileinto\"]; fileinto \"A\"; addheader \"X-A\" \"b\"; \
                  if header \"x-a\" \"b\" { fileinto \"B\"; } redirect \"x@x.org\";";
    assert_eq!(
        short(&run_on(script, MAIL, &Account::default()).unwrap()),
        ["file A", "file B *", "redirect x@x.org *"]
    );
}

#[test]
fn what_was_odd_stays_odd() {
    let odd = "Subject: caf\u{e9}\r\nNo colon here\r\nX-B:a\r\n\tb\r\n\r\n--x\r\n";
    let header = edited("addheader \"X-A\" \"b\";", odd);
    assert_eq!(header, "X-A: b\r\nSubject: caf\u{e9}\r\nX-B:a\r\n\tb\r\nNo colon here\r\n\r\n");
}
