//! What a client says in SASL PLAIN (RFC 4616).

/// The fields of a PLAIN message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plain<'m> {
    /// Whom to act for; empty: the user.
    pub authzid: &'m [u8],
    /// Who logs in.
    pub user: &'m [u8],
    /// The password.
    pub password: &'m [u8],
}

impl Plain<'_> {
    /// The client wants to act for somebody else.
    pub fn for_another(&self) -> bool {
        !self.authzid.is_empty() && !self.authzid.eq_ignore_ascii_case(self.user)
    }
}

/// Reads `[authzid] NUL authcid NUL passwd` (RFC 4616 §2); `None` if it is not that.
pub fn plain(message: &[u8]) -> Option<Plain<'_>> {
    let mut fields = message.splitn(3, |b| *b == 0);
    Some(Plain { authzid: fields.next()?, user: fields.next()?, password: fields.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_message_has_three_fields() {
        let message = plain(b"\0ada\0pass\0word").unwrap();
        assert_eq!((message.user, message.password), (&b"ada"[..], &b"pass\0word"[..]));
        assert!(!message.for_another());
        assert!(plain(b"bob\0ada\0x").unwrap().for_another());
        assert!(!plain(b"ADA\0ada\0x").unwrap().for_another());
        assert!(plain(b"ada\0x").is_none());
    }
}
