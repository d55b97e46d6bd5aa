//! A copy by IMAP into a fresh server, and a change of the host's address: what imapsync does, which is not in Debian. Message
//! by message, FETCH and APPEND with date and flags; a second pass finds what is new by Message-ID and size.

use std::collections::HashMap;

use sterna_tests::wire::{Value, fetch};
use sterna_tests::{Dovecot, DovecotOptions, Fault, ImapWire, Tap, User};

use super::{Way, host};
use crate::runners::live::mailboxes;

pub(super) const WHAT_IS_DONE: &str = "Copy by IMAP APPEND (what imapsync does; imapsync itself is not in Debian): FETCH and APPEND of one \
    message after the other with its date and flags, then a pass by Message-ID and size; at the cutover the old address refuses \
    connections and loses the open ones, the last pass runs, and the address stands for the new server. A resolver's cache \
    (TTL) comes on top: here the change reaches everybody at once.";

pub(super) struct Copied {
    old: u16,
    new: Dovecot,
    host: Tap,
    user: User,
}

impl Copied {
    pub(super) fn start(old: &Dovecot, user: &User) -> Copied {
        let mut new = mailboxes::platform(DovecotOptions::default());
        new.user(&user.login, &user.password);
        Copied { old: old.port(), new, host: host(old), user: user.clone() }
    }

    /// Copies what the new server does not have yet.
    fn pass(&self) {
        let mut from = ImapWire::login(self.old, &self.user.login, &self.user.password);
        let mut to = self.new.login(&self.user);
        let mut here: HashMap<Key, u32> = HashMap::new();
        listed(&mut to).into_iter().for_each(|(_, key)| *here.entry(key).or_default() += 1);
        for (uid, key) in listed(&mut from) {
            // Of several alike, each there counts for one here.
            match here.get_mut(&key) {
                Some(left) if *left > 0 => *left -= 1,
                _ => copy(&mut from, &mut to, uid),
            }
        }
    }
}

/// What imapsync tells messages apart by: the Message-ID as its line says it, and the size.
type Key = (Vec<u8>, u64);

/// UID and key of everything in INBOX, which is selected from then on.
fn listed(wire: &mut ImapWire) -> Vec<(u64, Key)> {
    let mut found = Vec::new();
    if wire.ok("SELECT INBOX").number("EXISTS") == Some(0) {
        return found;
    }
    wire.each("UID FETCH 1:* (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])", |response| {
        let Some((_, items)) = fetch(&response) else { return };
        let number = |name: &str| items.get(name).and_then(Value::number);
        let header = items.iter().find(|(name, _)| name.starts_with("BODY[")).and_then(|(_, value)| value.bytes());
        let key = (header.unwrap_or_default().to_ascii_lowercase(), number("RFC822.SIZE").unwrap_or(0));
        found.push((number("UID").expect("a UID"), key));
    });
    found
}

fn copy(from: &mut ImapWire, to: &mut ImapWire, uid: u64) {
    let answer = from.ok(&format!("UID FETCH {uid} (FLAGS INTERNALDATE BODY.PEEK[])"));
    let (_, items) = answer.untagged.iter().find_map(fetch).expect("a message");
    let text = |name: &str| items.get(name).and_then(Value::text);
    let flags = items.get("FLAGS").and_then(Value::list).unwrap_or_default();
    let flags: Vec<String> = flags.iter().filter_map(Value::text).filter(|flag| flag != "\\Recent").collect();
    let body = items.get("BODY[]").and_then(Value::bytes).expect("a body");
    let answer = to.append(b"INBOX", &flags.join(" "), text("INTERNALDATE").as_deref(), body);
    assert!(answer.is_ok(), "{}", answer.tagged);
}

impl Way for Copied {
    fn name(&self) -> String {
        "copy by IMAP APPEND (what imapsync does), change of address".to_owned()
    }

    fn port(&self) -> u16 {
        self.host.port()
    }

    fn copy(&mut self) {
        self.pass();
    }

    fn cut_over(&mut self) {
        self.host.fault(Fault::Refuse);
        self.host.cut();
        self.pass();
        self.host.point_at(self.new.port());
        self.host.pass();
    }
}
