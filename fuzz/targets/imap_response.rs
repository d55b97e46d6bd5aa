//! A server's bytes: read alike however they arrive, never a panic, never without bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna_imap::codec::response_parser::{Limits, parse_all};

fuzz_target!(|wire: &[u8]| {
    let whole = parse_all(wire, &[wire.len().max(1)], Limits::default());
    assert_eq!(whole, parse_all(wire, &[1, 7, 3], Limits::default()));
});
