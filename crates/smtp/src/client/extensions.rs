//! What a server can do beyond RFC 5321: its answer to EHLO or LHLO.

use super::reply::Reply;

/// Extensions that this client knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870; `Some(0)`: it has a limit and does not say which.
    pub size: Option<u64>,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3030.
    pub binary: bool,
    /// RFC 6531.
    pub utf8: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 3207.
    pub start_tls: bool,
    /// RFC 8689.
    pub require_tls: bool,
    /// AUTH PLAIN (RFC 4616).
    pub auth_plain: bool,
    /// AUTH LOGIN, which some relays have and nothing else.
    pub auth_login: bool,
}

impl Extensions {
    pub(super) fn parse(reply: &Reply) -> Extensions {
        let mut all = Extensions::default();
        // The first line is the server's name.
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => all.pipelining = true,
                "SIZE" => all.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                "8BITMIME" => all.eight_bit = true,
                "CHUNKING" => all.chunking = true,
                "BINARYMIME" => all.binary = true,
                "SMTPUTF8" => all.utf8 = true,
                "DSN" => all.dsn = true,
                "STARTTLS" => all.start_tls = true,
                "REQUIRETLS" => all.require_tls = true,
                "AUTH" => all.auth(words),
                // How servers said it before RFC 2554.
                _ => {
                    if let Some(first) = keyword.strip_prefix("AUTH=") {
                        all.auth(std::iter::once(first).chain(words));
                    }
                }
            }
        }
        all
    }

    fn auth<'w>(&mut self, mechanisms: impl Iterator<Item = &'w str>) {
        for mechanism in mechanisms {
            self.auth_plain |= mechanism.eq_ignore_ascii_case("PLAIN");
            self.auth_login |= mechanism.eq_ignore_ascii_case("LOGIN");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read_in_any_case() {
        let lines = ["STARTTLS", "Pipelining", "size 1000", "STARTTLS", "AUTH=LOGIN", "auth plain XOAUTH2", "X-ODD"];
        let all = Extensions::parse(&Reply { code: 250, lines: lines.map(str::to_owned).to_vec() });
        assert_eq!(all.size, Some(1000));
        assert!(all.pipelining && all.start_tls && all.auth_login && all.auth_plain && !all.dsn);
        let named = Extensions::parse(&Reply { code: 250, lines: vec!["PIPELINING".to_owned()] });
        assert_eq!(named, Extensions::default());
    }
}
