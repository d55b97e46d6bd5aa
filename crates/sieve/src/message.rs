//! A message as a script sees it.

/// The most bytes of a message that are worth handing over: of a larger one its header and the first MiB of its body.
pub const WHOLE: u64 = 32 << 20;

/// A message and its envelope.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The header and the body, or of a message larger than [`WHOLE`] the header and the beginning of the body.
    pub bytes: &'m [u8],
    /// The size of the whole message, for the `size` test.
    pub size: u64,
    /// The reverse-path without brackets; empty: `<>`.
    pub sender: &'m str,
    /// The recipient as the envelope has it now, with its detail: `anne+lists@example.org`.
    pub recipient: &'m str,
    /// The addresses of the account: its own first, then those of its aliases. A reply goes out only if the message is
    /// addressed to one of them (RFC 5230 §4.5); the first is its sender.
    pub identities: &'m [String],
    /// The account's user as replies name him, if that is known.
    pub full_name: Option<&'m str>,
    /// This server's name: Message-IDs of replies end with it, and `environment "host"` tells it.
    pub hostname: &'m str,
    /// Further items of the environment (RFC 5183): `remote-ip`, `vnd.sterna.external` (`yes` or empty), …
    pub environment: &'m [(&'static str, String)],
    /// What the sender's domain is allowed to be answered: `false` for a message whose sender is not authentic, so that
    /// nobody is made to receive replies to what he never sent.
    pub may_reply: bool,
    /// Seconds since 1970, for the dates of replies.
    pub now: i64,
}
