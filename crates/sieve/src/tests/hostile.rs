//! Scripts and messages that want to do harm: they end soon, in an error or not, and never in a panic.

use std::time::{Duration, Instant};

use super::{Account, MAIL, run_on};
use crate::{Action, Limits, RunError, check, compile};

fn soon<T>(work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    result
}

#[test]
fn a_thousand_redirects_are_none() {
    let script: String = (0..1000).map(|n| format!("redirect \"u{n}@example.com\";")).collect();
    assert!(matches!(run_on(&script, MAIL, &Account::default()), Err(RunError::Limit("redirected messages"))));
    let warnings = check(&script, &Limits::default()).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn nested_blocks_and_tests_are_refused() {
    for script in [
        "if true {".repeat(110_000),
        format!("if {}true{} {{}}", "anyof(".repeat(80_000), ")".repeat(80_000)),
        format!("if {} true {{}}", "not ".repeat(250_000)),
    ] {
        assert!(soon(|| compile(&script, &Limits::default())).is_err());
    }
    assert!(compile(&"x".repeat(2 << 20), &Limits::default()).is_err());
}

#[test]
fn scripts_as_long_as_may_be_are_compiled_soon() {
    let bodies = ["keep;", "if true {} ", "/**/", "if header \"a\" \"b\" {discard;}", "#\n"];
    for body in bodies {
        let script = body.repeat((1 << 20) / body.len());
        let _ = soon(|| compile(&script, &Limits::default()));
    }
}

#[test]
fn scripts_that_include_each_other_many_times_run_out_of_something() {
    let inner = format!("require \"include\"; {}", "include \"b\";".repeat(100));
    let scripts = [("a", inner.clone()), ("b", inner.replace("\"b\"", "\"c\"")), ("c", "keep;".repeat(1000))];
    let account = Account { scripts: scripts.into(), ..Account::default() };
    let result = soon(|| run_on("require \"include\"; include \"a\";", MAIL, &account));
    assert!(matches!(result, Err(RunError::Limit(_))), "{result:?}");
}

#[test]
fn patterns_made_to_be_slow_are_bounded() {
    let stars = format!("*{}b", "a".repeat(60));
    let mail = MAIL.replace("Shall we meet?", &"a".repeat(3 << 20)).replace("Caf", &"a".repeat(60_000));
    for test in [
        format!("body :matches \"{stars}\""),
        format!("header :matches \"subject\" \"{}\"", "*a".repeat(500)),
        format!("body :contains [\"{}b\"]", "a".repeat(1000)),
    ] {
        let script = format!("require \"body\"; if {test} {{ discard; }}");
        soon(|| run_on(&script, &mail, &Account::default())).unwrap();
    }
    let grow = "set \"a\" \"${a}${a}x\";".repeat(2000);
    let script = format!("require \"variables\"; {grow} if string :matches \"${{a}}\" \"*${{a}}y\" {{ discard; }}");
    soon(|| run_on(&script, MAIL, &Account::default())).unwrap();
}

#[test]
fn what_takes_time_many_times_runs_out_of_it() {
    let header: String = (0..20_000).map(|n| format!("X-{n}: {}\r\n", "a".repeat(40))).collect();
    let mail = format!("{header}{MAIL}");
    for command in [
        "if header :matches \"x-1\" \"*a*a*a*a*a*a*a*b\" { discard; }",
        "if exists [\"a\",\"b\",\"c\"] { discard; }",
        "addheader \"X\" \"y\";",
        "addheader \"X\" \"y\"; deleteheader \"X\";",
        "addflag [\"a\",\"b\",\"c\"];",
    ] {
        let script = format!("require [\"editheader\",\"imap4flags\"];{}", command.repeat(1_000_000 / command.len()));
        let limits = Limits { time: Duration::from_secs(2), ..Limits::default() };
        let Ok(compiled) = compile(&script, &limits) else { panic!("{command}") };
        let started = Instant::now();
        let result = super::run_compiled(&compiled, &mail, &limits, &Account::default());
        assert!(started.elapsed() < Duration::from_secs(30), "{command}: {:?}", started.elapsed());
        assert!(matches!(result, Ok(_) | Err(RunError::Limit(_))), "{command}: {result:?}");
    }
}

#[test]
fn too_many_variables_or_actions_are_an_error() {
    let script: String = (0..300).map(|n| format!("set \"v{n}\" \"x\";")).collect();
    assert!(compile(&format!("require \"variables\"; {script}"), &Limits::default()).is_err());
    let script: String = (0..300).map(|n| format!("fileinto \"v{n}\";")).collect();
    let result = run_on(&format!("require \"fileinto\"; {script}"), MAIL, &Account::default());
    assert!(matches!(result, Err(RunError::Limit("actions"))));
}

#[test]
fn no_message_breaks_a_script() {
    let script = "require [\"body\",\"editheader\",\"date\",\"index\",\"vacation\",\"variables\",\"fileinto\"]; \
        addheader \"X\" \"y\"; deleteheader :index 1 \"received\"; deleteheader \"subject\"; \
        if anyof(header :matches \"x\" \"*\", address :contains \"from\" \"a\", body :text :contains \"a\", \
        date \"date\" \"hour\" \"1\") { fileinto \"A\"; } vacation \"x\"; keep;";
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(2000);
    let parts = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\n".repeat(10_000));
    for mail in ["", "\r\n", "\n\n", "x", ":", "\0", "From: \r\n", "Subject: =?x?", &nested, &parts, "a: b\r\n\r\n"] {
        let result = soon(|| run_on(script, mail, &Account::default()));
        assert!(result.is_ok(), "{mail:?}: {result:?}");
    }
}

#[test]
fn what_the_sender_writes_is_no_action() {
    // Names that this crate uses for itself cannot be known; neither can a message make the evaluator see others.
    let script =
        "require [\"fileinto\",\"variables\"]; if header :matches \"x-spam-score\" \"*\" { fileinto \"${1}\"; }";
    let mail = MAIL.replace("X-Spam-Score: 7", "X-Spam-Score: \u{1}0123456789abcdef redirect");
    match run_on(script, &mail, &Account::default()) {
        Ok(actions) => assert!(!actions.iter().any(|a| matches!(a, Action::Redirect { .. }))),
        Err(error) => assert!(matches!(error, RunError::Script(_))),
    }
}
