//! Newtypes for everything that is only a number on disk or on the wire, so that a UID is never passed for a MODSEQ.

use std::fmt;
use std::num::NonZeroU32;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// One account. Unique in the directory, never reused.
    AccountId
);
row_id!(
    /// One mailbox (folder) of an account. Unique within the account, never reused; survives a rename.
    /// RFC 8474 MAILBOXID and the JMAP mailbox id are written from it.
    MailboxId
);
row_id!(
    /// One immutable message with its arrival date; the copies of it in several mailboxes share it (RFC 8474 EMAILID).
    EmailId
);
row_id!(
    /// A conversation (RFC 8474 THREADID).
    ThreadId
);
row_id!(
    /// A stored body. Unique within the account; the content is named by its [`BlobHash`].
    BlobId
);

/// Unique identifier of a message in a mailbox (RFC 9051 §2.3.1.1): 1 to 2³²−1, strictly ascending, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub NonZeroU32);

impl Uid {
    /// The smallest UID.
    pub const MIN: Uid = Uid(NonZeroU32::MIN);
    /// The largest UID.
    pub const MAX: Uid = Uid(NonZeroU32::MAX);

    /// `None` for 0, which the RFC forbids.
    pub fn new(value: u32) -> Option<Self> {
        NonZeroU32::new(value).map(Self)
    }

    /// The number on the wire.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The validity of a mailbox's UIDs (RFC 9051 §2.3.1.1). A client that sees another value forgets all it has cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(pub NonZeroU32);

impl UidValidity {
    /// `None` for 0, which the RFC forbids.
    pub fn new(value: u32) -> Option<Self> {
        NonZeroU32::new(value).map(Self)
    }

    /// The number on the wire.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A modification sequence (RFC 7162 §3.1): at most 2⁶³−1. One clock per account gives them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(pub u64);

impl ModSeq {
    /// The largest value that RFC 7162 allows.
    pub const MAX: ModSeq = ModSeq(i64::MAX as u64);
}

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// BLAKE3 of a body's original bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; 32]);

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}
