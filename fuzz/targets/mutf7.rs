//! A mailbox name comes back from the wire as it was, whatever its bytes; valid modified UTF-7 decodes and encodes alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_imap::codec::mutf7;

fuzz_target!(|name: &[u8]| {
    if let Ok(text) = mutf7::decode(name) {
        assert_eq!(mutf7::decode(mutf7::encode(&text).as_bytes()).as_deref(), Ok(text.as_str()));
    }
    for encoding in [NameEncoding::ModifiedUtf7, NameEncoding::Utf8] {
        let read = MailboxName::from_wire(name, encoding);
        if !read.is_inbox() {
            let again = MailboxName::from_wire(&read.to_wire(encoding), encoding);
            assert_eq!(again.as_str(), read.as_str());
        }
    }
    if let Ok(text) = std::str::from_utf8(name) {
        assert_eq!(mutf7::decode(mutf7::encode(text).as_bytes()).as_deref(), Ok(text));
    }
});
