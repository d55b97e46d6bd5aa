//! What is refused, and with which tag; and that no input does worse.

use proptest::prelude::*;

use crate::codec::command::append::{AppendHead, AppendTail};
use crate::codec::command::{BadCommand, Command};
use crate::codec::mailbox::NameEncoding;

fn refusal(input: &[u8]) -> BadCommand {
    match Command::parse(input, NameEncoding::ModifiedUtf7) {
        Ok(command) => panic!("{}: {command:?}", input.escape_ascii()),
        Err(bad) => bad,
    }
}

#[test]
fn malformed_commands_give_a_tagged_bad() {
    for text in [
        "",
        "FOO",
        "NOOP x",
        "NOOP ",
        " NOOP",
        "UID NOOP",
        "UID",
        "LOGIN a",
        "LOGIN  a b",
        "AUTHENTICATE",
        "AUTHENTICATE PLAIN !",
        "AUTHENTICATE PLAIN AGE",
        "ENABLE",
        "ID (\"name\")",
        "SELECT",
        "SELECT a (FOO)",
        "SELECT a ()",
        "SELECT a (QRESYNC (0 1))",
        "SELECT a (QRESYNC (1 1 1:*))",
        "SELECT a (QRESYNC (1 1 (1:2 5)))",
        "CREATE a (USE \\Sent)",
        "LIST \"\"",
        "LIST (RECURSIVEMATCH) \"\" *",
        "LIST (RECURSIVEMATCH REMOTE) \"\" *",
        "LIST (FOO) \"\" *",
        "LIST \"\" * RETURN (FOO)",
        "LIST \"\" ()",
        "STATUS a ()",
        "STATUS a (FOO)",
        "APPEND a",
        "APPEND a \"text\"",
        "REPLACE 1 a x",
        "FETCH 1 ()",
        "FETCH 0 FLAGS",
        "FETCH 1 (ALL)",
        "FETCH 1 FLAGS UID",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "FETCH 1 BODY[]<1.0>",
        "FETCH 1 BODY.PEEK",
        "FETCH 1 BINARY[1.MIME]",
        "FETCH 1 FLAGS (VANISHED)",
        "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        "UID FETCH 1 FLAGS (VANISHED)",
        "FETCH 1 FLAGS (PARTIAL 1:2)",
        "FETCH 1 PREVIEW (EAGER)",
        "STORE 1 FLAGS",
        "STORE 1 FLAGS (\\Foo)",
        "STORE 1 FLAGS (\\*)",
        "STORE 1 +-FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE) FLAGS ()",
        "STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()",
        "COPY 1",
        "UID EXPUNGE",
        "SEARCH",
        "SEARCH FOO",
        "SEARCH ()",
        "SEARCH (ALL",
        "SEARCH NOT",
        "SEARCH OR ALL",
        "SEARCH ALL ",
        "SEARCH SINCE 31-Feb-2026",
        "SEARCH OLDER 0",
        "SEARCH RETURN (ALL PARTIAL 1:2) ALL",
        "SEARCH RETURN (FOO) ALL",
        "SEARCH SUBJECT {2}\r\n\u{e9}x",
        "SORT () UTF-8 ALL",
        "SORT (FOO) UTF-8 ALL",
        "SORT (DATE) ALL",
        "THREAD FOO UTF-8 ALL",
        "SETQUOTA r (FOO 1)",
        "NOTIFY SET",
        "NOTIFY SET (selected (FlagChange))",
        "NOTIFY SET (selected (MessageNew))",
        "NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
        "NOTIFY SET (selected (MailboxName))",
    ] {
        let bad = refusal(format!("t.1 {text}\r\n").as_bytes());
        assert_eq!(bad.tag.as_deref(), Some("t.1"), "{text}");
        assert!(!bad.to_string().contains(['\r', '\n']));
    }
    for text in ["\r\n", "+x NOOP\r\n", "(\r\n", " NOOP\r\n"] {
        assert_eq!(refusal(text.as_bytes()).tag, None, "{text}");
    }
    assert_eq!(refusal(b"tag\r\n").tag.as_deref(), Some("tag"));
    assert_eq!(refusal(b"a NOOP").tag.as_deref(), Some("a"));
}

#[test]
fn an_error_says_what_was_expected_and_where() {
    assert_eq!(refusal(b"a FETCH 1 FLAGZ\r\n").to_string(), "expected a data item at byte 10");
    assert_eq!(refusal(b"a SERCH ALL\r\n").to_string(), "expected a known command at byte 2");
}

#[test]
fn nesting_and_counts_are_bounded() {
    let deep = |n: usize, open: &str, close: &str| format!("a SEARCH {}ALL{}\r\n", open.repeat(n), close.repeat(n));
    for (open, close) in [("(", ")"), ("NOT ", ""), ("OR ALL ", "")] {
        let parses = |n| Command::parse(deep(n, open, close).as_bytes(), NameEncoding::Utf8).is_ok();
        assert!(parses(49) && !parses(50) && !parses(100_000), "{open}");
    }
    refusal(format!("a SEARCH ALL{}\r\n", " ALL".repeat(5_000)).as_bytes());
    refusal(format!("a FETCH 1 (UID{})\r\n", " UID".repeat(1_000)).as_bytes());
    refusal(format!("a FETCH 1 BODY[1{}]\r\n", ".1".repeat(128)).as_bytes());
}

/// Pieces of commands, so that random input gets past the first word.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "a",
        "UID",
        "FETCH",
        "SEARCH",
        "STORE",
        "LIST",
        "NOTIFY SET",
        "SELECT",
        "SORT",
        "APPEND",
        "ID",
        "STATUS",
        "1:*",
        "$",
        "(",
        ")",
        "[",
        "]",
        "\"x\"",
        "{3}\r\nabc",
        "{3+}\r\na",
        "~{1}\r\n\0",
        "BODY",
        "BODY.PEEK[",
        "HEADER.FIELDS",
        "1.2",
        "<0.1>",
        "NOT",
        "OR",
        "ALL",
        "KEYWORD",
        "RETURN",
        "MODSEQ",
        "FLAGS",
        "+FLAGS",
        "\\Seen",
        "\\",
        "QRESYNC",
        "CHANGEDSINCE",
        "UTF-8",
        "selected",
        "MessageNew",
        "NIL",
        "*",
        "&AOk-",
        "é",
        "\r\n",
        "UTF8 (",
        "REPLACE",
    ]);
    let piece = prop_oneof![
        8 => words.prop_map(|w| w.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec((piece, any::<bool>()), 0..14).prop_map(|pieces| {
        let spaced = pieces.into_iter().flat_map(|(piece, space)| [piece, if space { b" ".to_vec() } else { vec![] }]);
        [&b"a "[..], &spaced.collect::<Vec<_>>().concat(), b"\r\n"].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_a_command_or_an_error(input in command(), names in prop::sample::select(vec![NameEncoding::Utf8, NameEncoding::ModifiedUtf7])) {
        if let Err(bad) = Command::parse(&input, names) {
            prop_assert!(bad.error.at <= input.len());
        }
        let tail = input.get(2..).unwrap_or_default();
        if let Ok(head) = AppendHead::parse(&input, names) {
            let _ = AppendTail::parse(tail, &head.message, &head.tag);
        }
    }
}
