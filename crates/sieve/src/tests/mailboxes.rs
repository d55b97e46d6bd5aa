//! RFC 5490 (mailbox), RFC 8579 (special-use), RFC 7352 (duplicate).

use sterna_core::Role;

use super::{Account, MAIL, run_on, short};
use crate::{Action, RunError};

fn account() -> Account {
    let mailboxes = [("A", None), ("Spam", Some(Role::Junk)), ("Old", Some(Role::Archive))];
    Account { mailboxes: mailboxes.into(), ..Account::default() }
}

fn acts(script: &str) -> Vec<String> {
    let script = format!("require [\"mailbox\",\"special-use\",\"fileinto\",\"duplicate\",\"variables\"]; {script}");
    short(&run_on(&script, MAIL, &account()).unwrap())
}

#[test]
fn rfc5490_a_mailbox_is_looked_for_and_created() {
    assert_eq!(acts("if mailboxexists \"A\" { discard; }"), [""; 0]);
    assert_eq!(acts("if mailboxexists [\"A\", \"B\"] { discard; }"), ["keep"]);
    assert_eq!(acts("fileinto :create \"B\";"), ["file B create"]);
    let script = "require \"mailbox\"; if mailboxexists \"broken\" { keep; }";
    assert!(
        matches!(run_on(script, MAIL, &account()), Err(RunError::Host(_))),
        "a store that fails is no script error"
    );
}

#[test]
fn rfc8579_a_mailbox_is_found_by_its_role() {
    assert_eq!(acts("if specialuse_exists \"\\\\Junk\" { discard; }"), [""; 0]);
    assert_eq!(acts("if specialuse_exists [\"\\\\Junk\", \"\\\\Sent\"] { discard; }"), ["keep"]);
    assert_eq!(acts("if specialuse_exists \"Spam\" \"\\\\JUNK\" { discard; }"), [""; 0]);
    assert_eq!(acts("if specialuse_exists \"Old\" \"\\\\Junk\" { discard; }"), ["keep"]);
    assert_eq!(acts("if specialuse_exists \"\\\\Nonsense\" { discard; }"), ["keep"]);
    assert_eq!(acts("fileinto :specialuse \"\\\\Junk\" :create \"Junk\";"), ["file Junk as junk create"]);
}

#[test]
fn rfc7352_a_message_is_new_once() {
    let account = account();
    let run = |script: &str| {
        let script = format!("require [\"duplicate\",\"variables\"]; if {script} {{ discard; }}");
        let actions = run_on(&script, MAIL, &account).unwrap();
        for action in &actions {
            if let Action::Remember(remember) = action {
                account.memory.borrow_mut().insert(remember.key.clone());
            }
        }
        short(&actions)
    };
    assert_eq!(run("duplicate"), ["remember 604800", "keep"]);
    assert_eq!(run("duplicate"), [""; 0]);
    assert_eq!(run("duplicate :last"), ["remember 604800"], "the time starts anew");
    assert_eq!(run("duplicate :handle \"x\" :seconds 60"), ["remember 60", "keep"]);
    assert_eq!(run("duplicate :handle \"x\""), [""; 0]);
    assert_eq!(run("duplicate :uniqueid \"same\""), ["remember 604800", "keep"]);
    assert_eq!(run("duplicate :uniqueid \"same\""), [""; 0]);
    assert_eq!(run("duplicate :handle \"sa\" :uniqueid \"me\""), ["remember 604800", "keep"]);
    assert_eq!(run("duplicate :header \"message-id\""), [""; 0]);
    assert_eq!(run("duplicate :header \"subject\""), ["remember 604800", "keep"]);
    assert_eq!(run("duplicate :header \"subject\""), [""; 0]);
    assert_eq!(run("duplicate :header \"x-none\""), ["keep"], "nothing is no identifier");
}
