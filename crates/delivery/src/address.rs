//! The mailbox of an envelope (RFC 5321 §4.1.2, RFC 6531 §3.3): taken apart, unquoted, its domain folded.
//!
//! The directory knows addresses in their plain form; this is what stands between a peer's spelling and the directory's.

use sterna_core::Address;

/// Bytes of an address at most. RFC 5321 §4.5.3.1 asks for 256 with brackets; rewritten senders (SRS) are longer than
/// its limits and have to be taken.
const MAX: usize = 512;

/// `local@domain` as an envelope has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    /// Without quotes and backslashes, in the peer's case.
    pub local: String,
    /// In lower case, A-labels for what is not ASCII; or an address literal with its brackets.
    pub domain: String,
}

impl Mailbox {
    /// `None` for what is no address.
    pub fn parse(text: &str) -> Option<Mailbox> {
        if text.len() > MAX || text.chars().any(char::is_control) {
            return None;
        }
        let (local, domain) = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (local, domain) = text.split_once('@')?;
                local.split('.').all(is_atom).then(|| (local.to_owned(), domain))?
            }
        };
        Some(Mailbox { local, domain: fold_domain(domain)? })
    }

    /// The spellings under which the directory may know it: with A-labels and with U-labels. Empty if its local part is
    /// one that no account can have.
    pub fn spellings(&self) -> Vec<Address> {
        let addresses = self.domain_spellings().into_iter().map(|domain| format!("{}@{domain}", self.local));
        addresses.filter_map(|address| Address::parse(&address).ok()).collect()
    }

    /// The same for its domain.
    pub fn domain_spellings(&self) -> Vec<String> {
        let mut all = vec![self.domain.clone()];
        if self.domain.contains("xn--") {
            all.extend(Some(idna::domain_to_unicode(&self.domain).0).filter(|unicode| *unicode != self.domain));
        }
        all
    }
}

impl std::fmt::Display for Mailbox {
    /// As an envelope has it, the local part quoted where it must be.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", quote(&self.local), self.domain)
    }
}

/// RFC 5322 §3.2.3 atext, RFC 6532 §3.2.
fn is_atom(text: &str) -> bool {
    let special = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"!#$%&'*+-/=?^_`{|}~".contains(c);
    !text.is_empty() && !text.contains(special) && !text.contains(char::is_whitespace)
}

/// Reads a quoted local part behind its first quote; gives it plain, with the domain.
fn unquote(text: &str) -> Option<(String, &str)> {
    let (mut local, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => local.push(chars.next()?.1),
            '"' => return Some((local, text.get(at + 1..)?.strip_prefix('@')?)).filter(|(local, _)| !local.is_empty()),
            c => local.push(c),
        }
    }
    None
}

/// A local part as an envelope has it.
fn quote(local: &str) -> std::borrow::Cow<'_, str> {
    if local.split('.').all(is_atom) {
        return local.into();
    }
    let mut quoted = String::from("\"");
    for c in local.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted.into()
}

/// A domain in lower case and A-labels, so that two spellings of one domain are equal; `None` if it is none.
pub(crate) fn fold_domain(domain: &str) -> Option<String> {
    if domain.starts_with('[') && domain.ends_with(']') {
        return (domain.len() <= 100 && domain.is_ascii()).then(|| domain.to_ascii_lowercase());
    }
    let folded = if domain.is_ascii() { domain.to_ascii_lowercase() } else { idna::domain_to_ascii(domain).ok()? };
    let folded = folded.strip_suffix('.').unwrap_or(&folded);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (folded.len() <= 253 && folded.split('.').all(label)).then(|| folded.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        Mailbox::parse(text).map(|m| m.to_string())
    }

    #[test]
    fn quotes_that_are_not_needed_go() {
        assert_eq!(shown("\"anne\"@Example.ORG").as_deref(), Some("anne@example.org"));
        assert_eq!(shown("\"a\\nne\"@example.org").as_deref(), Some("anne@example.org"));
        assert_eq!(shown("\"a b\\\"@\"@example.org").as_deref(), Some("\"a b\\\"@\"@example.org"));
        assert_eq!(shown("\"..\"@example.org").as_deref(), Some("\"..\"@example.org"));
    }

    #[test]
    fn a_domain_is_the_same_in_a_labels_and_u_labels() {
        let (a, b) = (Mailbox::parse("é@xn--mller-kva.example"), Mailbox::parse("é@MÜLLER.example"));
        assert_eq!(a, b);
        let spellings: Vec<String> = a.unwrap().spellings().iter().map(ToString::to_string).collect();
        assert_eq!(spellings, ["é@xn--mller-kva.example", "é@müller.example"]);
    }

    #[test]
    fn what_is_no_address_is_told() {
        let long = format!("{}@x.org", "a".repeat(MAX));
        for bad in [
            "",
            "anne",
            "@x.org",
            "anne@",
            "a..b@x.org",
            ".a@x.org",
            "a.@x.org",
            "a b@x.org",
            "a,b@x.org",
            "a<b@x.org",
            "\"a@x.org",
            "\"a\"b@x.org",
            "\"\"@x.org",
            "a\"b\"@x.org",
            "a@x..org",
            "a@-x.org",
            "a@x org",
            "a@x\r\ny",
            "a\0@x.org",
            "a@b@c",
            long.as_str(),
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
        for good in ["a@[192.0.2.1]", "o'neil+x/y@x.org", "anne@localhost", "用户@例子.example"] {
            assert!(shown(good).is_some(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(local in "[a-z \"\\\\.@é]{1,20}", domain in "[a-z]{1,9}\\.[a-z]{2,5}") {
            let mailbox = Mailbox { local, domain };
            prop_assert_eq!(Mailbox::parse(&mailbox.to_string()), Some(mailbox));
        }

        #[test]
        fn any_text_is_read_without_harm(text in any::<String>()) {
            if let Some(mailbox) = Mailbox::parse(&text) {
                prop_assert!(Mailbox::parse(&mailbox.to_string()).is_some());
                mailbox.spellings();
            }
        }
    }
}
