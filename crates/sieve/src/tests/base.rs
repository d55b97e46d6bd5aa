//! RFC 5228, RFC 3894 (copy), RFC 5429 (reject), RFC 5232 (imap4flags).

use super::{Account, MAIL, done, holds, run_on, short};
use crate::{RunError, compile};

#[test]
fn rfc5228_2_10_2_without_an_action_a_message_is_kept() {
    assert_eq!(done(""), ["keep"]);
    assert_eq!(done("if false { discard; }"), ["keep"]);
    assert_eq!(done("stop; discard;"), ["keep"]);
    assert!(done("discard;").is_empty());
    assert_eq!(done("require \"fileinto\"; fileinto \"A\";"), ["file A"]);
    assert_eq!(done("redirect \"x@example.com\";"), ["redirect x@example.com"]);
}

#[test]
fn rfc5228_4_3_an_explicit_keep_is_cancelled_by_nothing() {
    assert_eq!(done("keep; discard;"), ["keep"]);
    assert_eq!(done("discard; keep;"), ["keep"]);
    assert_eq!(done("require \"fileinto\"; keep; fileinto \"A\";"), ["keep", "file A"]);
    assert_eq!(done("keep; redirect \"x@example.com\";"), ["keep", "redirect x@example.com"]);
}

#[test]
fn rfc5228_2_10_3_an_action_is_done_once() {
    assert_eq!(done("require \"fileinto\"; fileinto \"A\"; fileinto \"A\"; fileinto \"B\";"), ["file A", "file B"]);
    assert_eq!(done("keep; keep; redirect \"a@x.org\"; redirect \"A@x.org\";"), ["keep", "redirect a@x.org"]);
    assert_eq!(done("require \"fileinto\"; fileinto \"inbox\"; keep;"), ["keep"]);
}

#[test]
fn rfc5228_3_1_one_branch_is_taken() {
    let script =
        "require \"fileinto\"; if false { fileinto \"A\"; } elsif true { fileinto \"B\"; } else { fileinto \"C\"; }";
    assert_eq!(done(script), ["file B"]);
    assert_eq!(done(&script.replace("true", "not true")), ["file C"]);
}

#[test]
fn rfc5228_5_tests_hold_as_they_should() {
    for (test, expected) in [
        ("header \"subject\" \"Café at noon\"", true),
        ("header :is \"Subject\" \"CAFé AT NOON\"", true),
        ("header :comparator \"i;octet\" \"subject\" \"café at noon\"", false),
        ("header :contains [\"x-none\", \"subject\"] [\"z\", \"noon\"]", true),
        ("header :contains \"x-none\" \"\"", false),
        ("header :contains \"subject\" \"\"", true),
        ("header :matches \"subject\" \"caf? at *\"", true),
        ("header :matches \"subject\" \"caf?\"", false),
        ("address :is \"from\" \"BOB@example.net\"", true),
        ("address :localpart \"from\" \"bob\"", true),
        ("address :domain [\"to\", \"cc\"] \"example.com\"", true),
        ("address :is \"from\" \"Bob Martin\"", false),
        ("exists [\"from\", \"date\"]", true),
        ("exists [\"from\", \"x-none\"]", false),
        ("size :over 100", true),
        ("size :under 100", false),
        ("size :over 1M", false),
        ("allof(true, not false, anyof(false, true))", true),
        ("anyof(false, allof(true, false))", false),
    ] {
        assert_eq!(holds("", test), expected, "{test}");
    }
}

#[test]
fn rfc5228_5_4_the_envelope_is_not_the_header() {
    for (test, expected) in [
        ("envelope \"from\" \"bob@example.net\"", true),
        ("envelope :localpart \"to\" \"anne+lists\"", true),
        ("envelope :domain :is \"TO\" \"example.org\"", true),
        ("envelope \"to\" \"anne@example.org\"", false),
    ] {
        assert_eq!(holds("\"envelope\"", test), expected, "{test}");
    }
    let script = "require \"envelope\"; if envelope \"from\" \"\" { discard; }";
    assert!(super::run_from(script, MAIL, "", &Account::default()).unwrap().is_empty());
    let script = "require \"envelope\"; if envelope \"from\" \"été@exemple.fr\" { discard; }";
    assert!(super::run_from(script, MAIL, "été@exemple.fr", &Account::default()).unwrap().is_empty());
}

#[test]
fn rfc5228_2_4_strings_mean_what_is_written() {
    let header = |value: &str| MAIL.replace("X-Spam-Score: 7", &format!("X-A: {value}"));
    for (value, script) in [
        (r#"a\b"#, r#"header "x-a" "a\\b""#),
        (r#"end\"#, r#"header "x-a" "end\\""#),
        (r#"a"b"#, r#"header "x-a" "a\"b""#),
        ("${b}", r#"header "x-a" "${b}""#),
        ("n", r#"header "x-a" "\n""#),
        ("*a", r#"header :matches "x-a" "\\*a""#),
        ("%{b}", r#"header "x-a" "%{b}""#),
        ("007", r#"header "x-a" "007""#),
        ("${hex:40}", r#"header "x-a" "${hex:40}""#),
    ] {
        let script = format!("if {script} {{ discard; }}");
        assert!(run_on(&script, &header(value), &Account::default()).unwrap().is_empty(), "{script}");
    }
    let script = "if header :is \"x-a\" text:\r\na\r\n.\r\n{ discard; }";
    assert_eq!(short(&run_on(script, &header("a"), &Account::default()).unwrap()), ["keep"], "the text ends with CRLF");
    assert!(holds("\"encoded-character\"", "header :contains \"from\" \"bob${hex:40}example${unicode:2e}net\""));
    assert!(!holds("", "header :matches \"subject\" \"\\\\*\""));
}

#[test]
fn rfc3894_a_copy_leaves_the_rest_as_it_was() {
    assert_eq!(done("require [\"copy\",\"fileinto\"]; fileinto :copy \"A\";"), ["file A", "keep"]);
    assert_eq!(done("require \"copy\"; redirect :copy \"x@x.org\";"), ["redirect x@x.org", "keep"]);
}

#[test]
fn rfc5429_a_message_is_refused_or_delivered_not_both() {
    assert_eq!(done("require \"reject\"; reject \"No.\\nNever.\";"), ["reject No.nNever."]);
    assert_eq!(done("require \"ereject\"; ereject text:\nNo.\nNever.\n.\n;"), ["ereject No.\r\nNever."]);
    for other in ["keep;", "redirect \"x@x.org\";", "vacation \"x\";"] {
        let script = format!("require [\"reject\",\"vacation\"]; {other} reject \"no\";");
        assert!(matches!(run_on(&script, MAIL, &Account::default()), Err(RunError::Script(_))), "{other}");
    }
}

#[test]
fn rfc5232_flags_go_with_the_message() {
    let flags = |script: &str| done(&format!("require [\"imap4flags\",\"fileinto\",\"variables\"]; {script}"));
    assert_eq!(flags("keep :flags [\"\\\\Seen\", \"$Work\"];"), ["keep [\\Seen $Work]"]);
    assert_eq!(flags("setflag \"\\\\seen\"; addflag \"$A $B\"; removeflag \"$a\";"), ["keep [\\Seen $B]"]);
    assert_eq!(flags("addflag \"$A\"; fileinto \"X\"; addflag \"$B\"; keep;"), ["file X [$A]", "keep [$A $B]"]);
    assert_eq!(flags("addflag \"$A\"; fileinto :flags \"$Z\" \"X\";"), ["file X [$Z]"]);
    assert_eq!(flags("setflag \"mine\" \"$A $B\"; keep :flags \"${mine}\";"), ["keep [$A $B]"]);
    assert_eq!(flags("addflag \"$A\"; if hasflag :contains \"$a\" { addflag \"$Has\"; }"), ["keep [$A $Has]"]);
    assert_eq!(flags("setflag \"\\\\Recent bad(flag\";"), ["keep"]);
}

#[test]
fn every_extension_that_is_announced_can_be_required() {
    for name in crate::extensions() {
        compile(&format!("require \"{name}\";"), &crate::Limits::default()).unwrap();
    }
}
