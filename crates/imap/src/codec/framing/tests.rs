//! Framing: the same commands come out however the bytes are cut, and no command can cost the session.

use proptest::prelude::*;

use super::super::command::append::{AppendHead, AppendTail};
use super::super::mailbox::NameEncoding;
use super::*;

const LIMITS: Limits = Limits { line: 100, literal: 50, command: 200 };

/// What a session saw.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Command(String),
    Continue,
    Head(String),
    Message(String),
    Reject(Option<String>, FrameErrorKind),
}

/// Plays a session over `input`, which arrives in pieces of the sizes given; refuses messages above 40 bytes.
fn play(input: &[u8], mut pieces: impl Iterator<Item = usize>) -> Vec<Event> {
    let mut framer = Framer::new(LIMITS);
    let (mut buffer, mut rest, mut events) = (Vec::new(), input, Vec::new());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut message: Option<(String, append::MessageHead)> = None;
    loop {
        match framer.next(&buffer) {
            Step::NeedMore => {
                if rest.is_empty() {
                    return events;
                }
                let (piece, after) = rest.split_at(pieces.next().unwrap_or(1).clamp(1, rest.len()));
                buffer.extend_from_slice(piece);
                rest = after;
            }
            Step::SendContinuation => events.push(Event::Continue),
            Step::Command { len } => {
                let command: Vec<u8> = buffer.drain(..len).collect();
                events.push(Event::Command(text(&command)));
            }
            Step::Reject(error) => events.push(Event::Reject(error.tag, error.kind)),
            Step::Discard { len } => {
                assert!(len > 0 && len <= buffer.len());
                buffer.drain(..len);
            }
            step @ (Step::AppendHead { len } | Step::AppendTail { len }) => {
                let bytes: Vec<u8> = buffer.drain(..len).collect();
                let (tag, head) = match (step, message.take()) {
                    (Step::AppendTail { .. }, Some((tag, head))) => match AppendTail::parse(&bytes, &head, &tag) {
                        Ok(AppendTail::End) => continue,
                        Ok(AppendTail::Next(head)) => (tag, head),
                        Err(_) => {
                            framer.refuse_message();
                            continue;
                        }
                    },
                    _ => match AppendHead::parse(&bytes, NameEncoding::Utf8) {
                        Ok(head) => (head.tag, head.message),
                        Err(_) => {
                            framer.refuse_message();
                            continue;
                        }
                    },
                };
                events.push(Event::Head(text(&bytes)));
                if head.literal.size > 40 {
                    framer.refuse_message();
                    continue;
                }
                let size = head.literal.size as usize;
                while buffer.len() < size && !rest.is_empty() {
                    let (piece, after) = rest.split_at(pieces.next().unwrap_or(1).clamp(1, rest.len()));
                    buffer.extend_from_slice(piece);
                    rest = after;
                }
                if buffer.len() < size {
                    return events;
                }
                events.push(Event::Message(buffer.drain(..size).map(char::from).collect()));
                framer.message_read();
                message = Some((tag, head));
            }
        }
    }
}

fn whole(input: &[u8]) -> Vec<Event> {
    play(input, std::iter::repeat(usize::MAX))
}

fn command(text: &str) -> Event {
    Event::Command(text.to_owned())
}

#[test]
fn literals_belong_to_their_command() {
    assert_eq!(
        whole(b"a LOGIN {3}\r\na\nb {2+}\r\ncd\r\nb NOOP\r\n"),
        [Event::Continue, command("a LOGIN {3}\r\na\nb {2+}\r\ncd\r\n"), command("b NOOP\r\n")]
    );
    assert_eq!(
        whole(b"a NOOP\nb SEARCH TEXT \"{3}\"\r\n"),
        [command("a NOOP\n"), command("b SEARCH TEXT \"{3}\"\r\n")]
    );
}

#[test]
fn messages_are_handed_over_at_their_literal() {
    assert_eq!(
        whole(b"a APPEND {3+}\r\nfoo (\\Seen) {4}\r\nM\r\nx {2+}\r\nhi\r\nb UID REPLACE 4 foo {1+}\r\nM\r\nc NOOP\r\n"),
        [
            Event::Head("a APPEND {3+}\r\nfoo (\\Seen) {4}\r\n".into()),
            Event::Message("M\r\nx".into()),
            Event::Head(" {2+}\r\n".into()),
            Event::Message("hi".into()),
            Event::Head("b UID REPLACE 4 foo {1+}\r\n".into()),
            Event::Message("M".into()),
            command("c NOOP\r\n"),
        ]
    );
    assert_eq!(
        whole(b"a APPEND x UTF8 (~{2+}\r\nhi)\r\nc NOOP\r\n"),
        [Event::Head("a APPEND x UTF8 (~{2+}\r\n".into()), Event::Message("hi".into()), command("c NOOP\r\n")]
    );
}

#[test]
fn a_refused_message_is_skipped_only_if_it_comes() {
    let head = |text: &str| Event::Head(text.to_owned());
    assert_eq!(whole(b"a APPEND x {41}\r\nb NOOP\r\n"), [head("a APPEND x {41}\r\n"), command("b NOOP\r\n")]);
    let body = "z".repeat(41);
    let input = format!("a APPEND x {{41+}}\r\n{body} {{41+}}\r\n{body}\r\nb NOOP\r\n");
    assert_eq!(whole(input.as_bytes()), [head("a APPEND x {41+}\r\n"), command("b NOOP\r\n")]);
    // The second one waits for a continuation request that never comes.
    let input = format!("a APPEND x {{41+}}\r\n{body} {{41}}\r\nb NOOP\r\n");
    assert_eq!(whole(input.as_bytes()), [head("a APPEND x {41+}\r\n"), command("b NOOP\r\n")]);
}

#[test]
fn what_is_too_long_is_refused_with_its_tag_and_skipped() {
    let reject = |kind| Event::Reject(Some("a".into()), kind);
    let long = "z".repeat(101);
    let cases = [
        (format!("a NOOP {long}\r\nb NOOP\r\n"), FrameErrorKind::LineTooLong),
        (format!("a NOOP {long} {{3+}}\r\nx\ny\r\nb NOOP\r\n"), FrameErrorKind::LineTooLong),
        ("a LOGIN {51}\r\nb NOOP\r\n".to_owned(), FrameErrorKind::LiteralTooBig),
        (format!("a LOGIN {{101+}}\r\n{long} {{1+}}\r\n\n\r\nb NOOP\r\n"), FrameErrorKind::LiteralTooBig),
        (
            format!("a {{50+}}\r\n{0} {{50+}}\r\n{0} {{50+}}\r\n{0} {{50+}}\r\n{0}\r\nb NOOP\r\n", "z".repeat(50)),
            FrameErrorKind::CommandTooBig,
        ),
    ];
    for (input, kind) in cases {
        assert_eq!(whole(input.as_bytes()), [reject(kind), command("b NOOP\r\n")], "{input}");
    }
    assert!(matches!(whole(format!("{long}\r\n").as_bytes())[..], [Event::Reject(None, _)]));
}

#[test]
fn lines_that_are_no_commands() {
    assert_eq!(plain_line(b"DONE\r\nx", 10), LineStep::Line { len: 6 });
    assert_eq!(plain_line(b"DONE", 10), LineStep::NeedMore);
    assert_eq!(plain_line(b"0123456789\n", 10), LineStep::TooLong);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("a NOOP\r\n".to_owned()),
        Just("a LOGIN {3}\r\na\nb {2+}\r\ncd\r\n".to_owned()),
        Just("a APPEND x (\\Seen) {3+}\r\nabc {0+}\r\n UTF8 (~{1+}\r\nx)\r\n".to_owned()),
        Just("a UID REPLACE 3 {1}\r\nx {45+}\r\n".to_owned()),
        (0usize..130).prop_map(|n| "z".repeat(n)),
        "[a {}+~()\\r\\n0-9]{0,20}",
        Just("\r\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_commands(input in stream(), pieces in prop::collection::vec(1usize..9, 1..50)) {
        prop_assert_eq!(play(&input, pieces.iter().copied().cycle()), whole(&input));
    }
}
