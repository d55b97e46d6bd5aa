//! The envelope of a message (RFC 9051 §7.5.2): collected from a header by the scanner, read back without a copy by
//! FETCH, SORT and THREAD.

use std::borrow::Cow;

use crate::headers::address::{GROUP_END, GROUP_START, MAILBOX, display_name, encode_addresses};
use crate::headers::{message_ids, unfold};
use crate::limits::MAX_REFERENCES;
use crate::wire::{Reader, put_opt, put_slice};

/// Which address list of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
}

const LISTS: [List; 6] = [List::From, List::Sender, List::ReplyTo, List::To, List::Cc, List::Bcc];

/// Raw values of the fields that make an envelope. Of a field that may stand once, the last counts, as in JMAP (RFC 8621
/// §4.1.3), so that both protocols tell the same; address lists of one name are joined.
#[derive(Default)]
pub(crate) struct EnvelopeFields<'h> {
    pub(crate) date: Option<&'h [u8]>,
    subject: Option<&'h [u8]>,
    in_reply_to: Option<&'h [u8]>,
    message_id: Option<&'h [u8]>,
    references: Option<&'h [u8]>,
    lists: Vec<(List, &'h [u8])>,
}

impl<'h> EnvelopeFields<'h> {
    /// Takes a field if the envelope has it.
    pub(crate) fn take(&mut self, name: &[u8], value: &'h [u8]) {
        let mut lower = [0u8; 11];
        let Some(lower) = lower.get_mut(..name.len()) else { return };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let slot = match &*lower {
            b"date" => &mut self.date,
            b"subject" => &mut self.subject,
            b"in-reply-to" => &mut self.in_reply_to,
            b"message-id" => &mut self.message_id,
            b"references" => &mut self.references,
            b"from" => return self.lists.push((List::From, value)),
            b"sender" => return self.lists.push((List::Sender, value)),
            b"reply-to" => return self.lists.push((List::ReplyTo, value)),
            b"to" => return self.lists.push((List::To, value)),
            b"cc" => return self.lists.push((List::Cc, value)),
            b"bcc" => return self.lists.push((List::Bcc, value)),
            _ => return,
        };
        *slot = Some(value);
    }

    /// Appends the stored form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let value = |v: Option<&'h [u8]>| v.map(unfold);
        put_opt(out, value(self.date).as_deref());
        put_opt(out, value(self.subject).as_deref());
        let mut list = Vec::new();
        for kind in LISTS {
            list.clear();
            for (_, raw) in self.lists.iter().filter(|(k, _)| *k == kind) {
                encode_addresses(&unfold(raw), &mut list);
            }
            put_slice(out, &list);
        }
        put_opt(out, value(self.in_reply_to).as_deref());
        put_opt(out, value(self.message_id).as_deref());
        list.clear();
        let references = value(self.references).unwrap_or_default();
        let count = message_ids(&references).count();
        for (i, id) in message_ids(&references).enumerate() {
            if i == 0 || count - i < MAX_REFERENCES {
                put_slice(&mut list, &id);
            }
        }
        put_slice(out, &list);
    }
}

/// An envelope, read from the stored structure. Texts are the raw bytes of the header, unfolded; they may be 8-bit, may
/// hold encoded words and, in broken mail, NUL or bare CR.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    date: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    lists: [Addresses<'a>; 6],
    in_reply_to: Option<&'a [u8]>,
    message_id: Option<&'a [u8]>,
    references: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Envelope<'a> {
        let mut r = Reader::new(bytes);
        Envelope {
            date: r.opt(),
            subject: r.opt(),
            lists: std::array::from_fn(|_| Addresses(r.slice())),
            in_reply_to: r.opt(),
            message_id: r.opt(),
            references: r.slice(),
        }
    }

    /// The Date value as written.
    pub fn date(&self) -> Option<&'a [u8]> {
        self.date
    }

    /// The Subject value as written.
    pub fn subject(&self) -> Option<&'a [u8]> {
        self.subject
    }

    /// From.
    pub fn from(&self) -> Addresses<'a> {
        self.lists[0]
    }

    /// Sender; From where it is absent or empty (RFC 9051 §7.5.2).
    pub fn sender(&self) -> Addresses<'a> {
        if self.lists[1].is_empty() { self.from() } else { self.lists[1] }
    }

    /// Reply-To; From where it is absent or empty (RFC 9051 §7.5.2).
    pub fn reply_to(&self) -> Addresses<'a> {
        if self.lists[2].is_empty() { self.from() } else { self.lists[2] }
    }

    /// To.
    pub fn to(&self) -> Addresses<'a> {
        self.lists[3]
    }

    /// Cc.
    pub fn cc(&self) -> Addresses<'a> {
        self.lists[4]
    }

    /// Bcc.
    pub fn bcc(&self) -> Addresses<'a> {
        self.lists[5]
    }

    /// The In-Reply-To value as written.
    pub fn in_reply_to(&self) -> Option<&'a [u8]> {
        self.in_reply_to
    }

    /// The Message-ID value as written, with its brackets.
    pub fn message_id(&self) -> Option<&'a [u8]> {
        self.message_id
    }

    /// The normalised identifier of the message: the first one in Message-ID (RFC 5256 §3).
    pub fn message_id_normal(&self) -> Option<Cow<'a, [u8]>> {
        message_ids(self.message_id.unwrap_or_default()).next()
    }

    /// The normalised identifiers of In-Reply-To, at most [`MAX_REFERENCES`].
    pub fn in_reply_to_ids(&self) -> impl Iterator<Item = Cow<'a, [u8]>> + use<'a> {
        message_ids(self.in_reply_to.unwrap_or_default()).take(MAX_REFERENCES)
    }

    /// The normalised identifiers of References, oldest first, at most [`MAX_REFERENCES`]: the first and the last ones.
    pub fn references(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut r = Reader::new(self.references);
        std::iter::from_fn(move || {
            if r.is_empty() {
                return None;
            }
            let id = r.slice();
            (!r.is_corrupt()).then_some(id)
        })
    }
}

/// One entry of an address list, as ENVELOPE sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// `(name route mailbox host)`. A missing host is empty, not NIL, because NIL would say "group".
    Mailbox {
        /// Display name without quotes; encoded words untouched.
        name: Option<&'a [u8]>,
        /// Obsolete source route: `@a,@b`.
        route: Option<&'a [u8]>,
        /// Left of the `@`, without quotes.
        mailbox: &'a [u8],
        /// Right of the `@`; empty where the message has none.
        host: &'a [u8],
    },
    /// `(NIL NIL name NIL)`.
    GroupStart(&'a [u8]),
    /// `(NIL NIL NIL NIL)`.
    GroupEnd,
}

/// An address list of the stored structure.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a>(pub(crate) &'a [u8]);

impl<'a> Addresses<'a> {
    /// Whether the field is absent or has no address: IMAP's NIL.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = Address<'a>> + use<'a> {
        let mut r = Reader::new(self.0);
        std::iter::from_fn(move || {
            if r.is_empty() {
                return None;
            }
            let entry = match r.byte() {
                MAILBOX => Address::Mailbox { name: r.opt(), route: r.opt(), mailbox: r.slice(), host: r.slice() },
                GROUP_START => Address::GroupStart(r.slice()),
                GROUP_END => Address::GroupEnd,
                _ => return None,
            };
            (!r.is_corrupt()).then_some(entry)
        })
    }

    /// SORT FROM, TO and CC (RFC 5256 §3): the mailbox of the first entry (a group's name if that comes first), empty
    /// if there is none. Case and charset are the collation's affair.
    pub fn sort_key(&self) -> &'a [u8] {
        match self.iter().next() {
            Some(Address::Mailbox { mailbox, .. }) => mailbox,
            Some(Address::GroupStart(name)) => name,
            Some(Address::GroupEnd) | None => b"",
        }
    }

    /// SORT=DISPLAY (RFC 5957 §3): the decoded display name of the first entry, else its `mailbox@host`, else nothing.
    pub fn display_key(&self) -> Cow<'a, str> {
        match self.iter().next() {
            Some(Address::Mailbox { name: Some(name), .. }) if !name.is_empty() => display_name(name),
            Some(Address::Mailbox { mailbox, host, .. }) => {
                let at = if host.is_empty() { "" } else { "@" };
                Cow::Owned(format!("{}{at}{}", String::from_utf8_lossy(mailbox), String::from_utf8_lossy(host)))
            }
            Some(Address::GroupStart(name)) => display_name(name),
            Some(Address::GroupEnd) | None => Cow::Borrowed(""),
        }
    }
}
