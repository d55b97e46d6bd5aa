//! The parser of commands, over anything.

use proptest::prelude::*;

use crate::server::command::Command;
use crate::server::framing::{Step, Word, scan};

const MAX: u64 = 1000;

fn word() -> impl Strategy<Value = Word> {
    let text = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof!["[A-Za-z0-9+.-]{1,20}".prop_map(|s| Word::Atom(s.into_bytes())), text.prop_map(Word::Text)]
}

/// A command as a client writes it.
fn written(words: &[Word], quoted: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        match word {
            Word::Atom(atom) => out.extend_from_slice(atom),
            Word::Text(text) if quoted && !text.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) => {
                out.push(b'"');
                for byte in text {
                    if matches!(byte, b'"' | b'\\') {
                        out.push(b'\\');
                    }
                    out.push(*byte);
                }
                out.push(b'"');
            }
            Word::Text(text) => {
                out.extend_from_slice(format!("{{{}+}}\r\n", text.len()).as_bytes());
                out.extend_from_slice(text);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Bytes that look like commands more often than chance would have it.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"{3+}\r\nabc".to_vec()),
        Just(b"{99999999999999999999}\r\n".to_vec()),
        Just(b"{".to_vec()),
        Just(b"PUTSCRIPT ".to_vec()),
        Just(b"\\".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read(words in proptest::collection::vec(word(), 1..5), quoted: bool, more: Vec<u8>) {
        let mut bytes = written(&words, quoted);
        let len = bytes.len();
        bytes.extend_from_slice(&more);
        prop_assert_eq!(scan(&bytes, MAX), Step::Whole { len, words: Ok(words) });
    }

    #[test]
    fn it_makes_no_difference_how_the_bytes_come(bytes in soup()) {
        let whole = scan(&bytes, MAX);
        for end in 0..bytes.len() {
            match scan(&bytes[..end], MAX) {
                Step::More(wanted) => prop_assert!(wanted > end),
                decided => {
                    prop_assert_eq!(&decided, &whole);
                    if let Step::Whole { len, .. } | Step::Oversize { len, .. } = decided {
                        prop_assert!(len > 0 && len <= end);
                    }
                }
            }
        }
    }

    #[test]
    fn no_words_make_a_command_panic(words in proptest::collection::vec(word(), 0..6), name in "[A-Z]{4,12}") {
        let _ = Command::from_words(words.clone());
        for known in ["AUTHENTICATE", "HAVESPACE", "PUTSCRIPT", "SETACTIVE", "NOOP", "RENAMESCRIPT", name.as_str()] {
            let mut words = words.clone();
            words.insert(0, Word::Atom(known.into()));
            let _ = Command::from_words(words);
        }
    }

    #[test]
    fn no_text_makes_the_language_panic(text in "\\PC{0,60}", pieces in proptest::collection::vec(
        proptest::sample::select(vec!["if ", "true", "{", "}", "(", ")", "[", "]", "\"", ";", ",", ":is ", "header ", "\"a\" ",
            "require ", "\"variables\"", "set ", "keep", "text:\n", "\n.\n", "/*", "#", "${", "5K", "not ", "anyof"]), 0..25)) {
        let limits = crate::Limits::default();
        let _ = crate::check(&text, &limits);
        let _ = crate::check(&pieces.concat(), &limits);
        let _ = crate::check(&format!("require [\"variables\",\"encoded-character\"]; set \"a\" \"{text}\";"), &limits);
    }
}
