//! RFC 5230 (vacation), RFC 6131 (vacation-seconds), RFC 3834.

use super::{Account, MAIL, run_from, run_on, short};
use crate::{Action, RunError};

const SCRIPT: &str = "require \"vacation\"; vacation \"I am away.\";";

fn replies(mail: &str, sender: &str) -> bool {
    match short(&run_from(SCRIPT, mail, sender, &Account::default()).unwrap()).as_slice() {
        [reply, keep] if reply.starts_with("reply ") && keep == "keep" => true,
        [keep] if keep == "keep" => false,
        other => panic!("{other:?}"),
    }
}

fn text(script: &str) -> (String, u64) {
    let script = format!("require [\"vacation\",\"vacation-seconds\",\"variables\"]; {script}");
    match run_on(&script, MAIL, &Account::default()).unwrap().as_slice() {
        [Action::Vacation { to, message, remember }, Action::Keep { .. }] => {
            assert_eq!(to, "bob@example.net");
            (String::from_utf8(message.clone()).unwrap(), remember.seconds)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc3834_2_nobody_answers_robots_and_lists() {
    assert!(replies(MAIL, "bob@example.net"));
    for sender in [
        "",
        "MAILER-DAEMON@example.net",
        "owner-list@x.org",
        "list-request@x.org",
        "anne@example.org",
        "sales+x@example.org",
    ] {
        assert!(!replies(MAIL, sender), "{sender}");
    }
    assert!(replies(MAIL, "noreply@example.net"));
    for field in [
        "Auto-Submitted: auto-generated",
        "auto-submitted: Auto-Replied (vacation)",
        "List-Id: <x.example.net>",
        "List-Unsubscribe: <mailto:x@y.z>",
        "Precedence: bulk",
        "Precedence: List",
        "X-Auto-Response-Suppress: DR, OOF",
    ] {
        assert!(!replies(&format!("{field}\r\n{MAIL}"), "bob@example.net"), "{field}");
    }
    assert!(replies(&format!("Auto-Submitted: no\r\n{MAIL}"), "bob@example.net"));
}

#[test]
fn rfc5230_4_5_only_mail_to_the_user_is_answered() {
    let to = |address: &str| MAIL.replace("anne@example.org", address);
    assert!(!replies(&to("undisclosed@example.org"), "bob@example.net"));
    for own in ["sales@example.org", "anne+lists@example.org", "ANNE@EXAMPLE.ORG", "sales+eu@example.org"] {
        assert!(replies(&to(own), "bob@example.net"), "{own}");
    }
    let resent = format!("Resent-To: anne@example.org\r\n{}", to("other@x.org"));
    assert!(replies(&resent, "bob@example.net"));
    let script = "require \"vacation\"; vacation :addresses [\"x@y.org\", \"Info <info@example.com>\"] \"away\";";
    let actions = run_on(script, &to("info@example.com"), &Account::default()).unwrap();
    assert_eq!(short(&actions), ["reply bob@example.net", "keep"]);
}

#[test]
fn rfc5230_4_2_a_sender_is_answered_once() {
    let account = Account::default();
    let run = |script: &str, sender: &str| {
        let actions = run_from(&format!("require \"vacation\"; {script}"), MAIL, sender, &account).unwrap();
        for action in &actions {
            if let Action::Vacation { remember, .. } = action {
                account.memory.borrow_mut().insert(remember.key.clone());
            }
        }
        actions.len() == 2
    };
    assert!(run("vacation \"a\";", "bob@example.net"));
    assert!(!run("vacation :days 3 \"a\";", "BOB@example.net"), "times make no other reply");
    assert!(run("vacation \"a\";", "eve@example.net"));
    assert!(run("vacation \"b\";", "bob@example.net"));
    assert!(run("vacation :subject \"s\" \"a\";", "bob@example.net"));
    assert!(run("vacation :handle \"h\" \"a\";", "bob@example.net"));
    assert!(!run("vacation :handle \"h\" \"other\";", "bob@example.net"));
}

#[test]
fn rfc5230_4_1_times_have_bounds() {
    assert_eq!(text("vacation \"a\";").1, 7 * 86_400);
    assert_eq!(text("vacation :days 0 \"a\";").1, 86_400);
    assert_eq!(text("vacation :days 100000 \"a\";").1, 366 * 86_400);
    assert_eq!(text("vacation :seconds 0 \"a\";").1, 0);
    assert_eq!(text("vacation :seconds 1800 \"a\";").1, 1800);
}

#[test]
fn rfc5230_5_a_reply_says_what_it_is() {
    let (reply, _) = text("vacation \"I am away.\";");
    for line in [
        "From: Anne Martin <anne@example.org>",
        "To: <bob@example.net>",
        "Subject: =?utf-8?B?QXV0bzogQ2Fmw6kgYXQgbm9vbg==?=",
        "In-Reply-To: <1@example.net>",
        "References: <1@example.net>",
        "Auto-Submitted: auto-replied (vacation)",
        "Date: 22 Nov 2026 11:00:00 +0000",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    ] {
        assert!(reply.lines().any(|l| l == line), "{line} is missing in\n{reply}");
    }
    assert!(reply.ends_with("\r\n\r\nI am away.\r\n"));
    let (reply, _) = text("vacation :subject \"Été\" :from \"Vente <sales@example.org>\" text:\nÀ bientôt\n.\n;");
    assert!(reply.contains("From: Vente <sales@example.org>\r\n") && reply.contains("Subject: =?utf-8?B?w4l0w6k=?="));
    assert!(reply.ends_with("base64\r\n\r\nw4AgYmllbnTDtHQNCg==\r\n"), "{reply}");
    let (reply, _) =
        text("if header :matches \"subject\" \"*\" { set \"s\" \"${1}\"; } vacation :subject \"Re: ${s}\" \"x\";");
    assert!(reply.contains("Subject: =?utf-8?B?UmU6IENhZsOpIGF0IG5vb24=?="), "{reply}");
}

#[test]
fn a_reply_speaks_in_no_other_name_and_smuggles_no_field() {
    let (reply, _) = text("vacation :from \"ceo@example.com\" :subject text:\na\nBcc: x@y.z\n.\n \"x\";");
    assert!(reply.contains("From: Anne Martin <anne@example.org>\r\n"), "{reply}");
    assert!(reply.contains("Subject: a Bcc: x@y.z\r\n"), "{reply}");
}

#[test]
fn rfc5230_4_3_a_reason_may_be_a_mime_entity() {
    let (reply, _) = text("vacation :mime text:\nContent-Type: text/html\nBcc: x@y.z\n\n<b>away</b>\n.\n;");
    assert!(reply.contains("MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<b>away</b>\r\n"), "{reply}");
    assert!(!reply.contains("Bcc"));
}

#[test]
fn rfc5230_4_7_vacation_is_done_once() {
    let twice = run_on("require \"vacation\"; vacation \"a\"; vacation \"b\";", MAIL, &Account::default());
    assert!(matches!(twice, Err(RunError::Script(_))));
}
