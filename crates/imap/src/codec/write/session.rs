//! Responses about the server and the account: CAPABILITY, ENABLED, ID, NAMESPACE, QUOTA.

use super::status::{sp_astring, words};
use super::{nstring, number, quoted_or_literal, utf8_string};
use crate::codec::command::quota::QuotaResource;
use crate::codec::mailbox::{MailboxName, NameEncoding, write_text};

/// Appends `* CAPABILITY …` (RFC 9051 §7.2.2).
pub fn capability(out: &mut Vec<u8>, names: &[&str]) {
    out.extend_from_slice(b"* CAPABILITY ");
    words(out, names);
    out.extend_from_slice(b"\r\n");
}

/// Appends `* ENABLED …` (RFC 9051 §7.2.1); with no names too, as the RFC demands.
pub fn enabled(out: &mut Vec<u8>, names: &[&str]) {
    out.extend_from_slice(b"* ENABLED");
    for name in names {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `* ID (…)`, or `* ID NIL` without fields (RFC 2971 §3.2).
pub fn id(out: &mut Vec<u8>, fields: &[(&str, Option<&str>)]) {
    out.extend_from_slice(b"* ID ");
    if fields.is_empty() {
        out.extend_from_slice(b"NIL");
    } else {
        for (i, (field, value)) in fields.iter().enumerate() {
            out.push(if i == 0 { b'(' } else { b' ' });
            quoted_or_literal(out, field.as_bytes());
            out.push(b' ');
            nstring(out, value.map(str::as_bytes));
        }
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// A namespace: its prefix and its separator.
pub type Namespace<'a> = (&'a str, Option<char>);

/// Appends `* NAMESPACE personal others shared` (RFC 2342 §5, RFC 9051 §7.3.3); an empty slice is NIL.
pub fn namespace(
    out: &mut Vec<u8>,
    personal: &[Namespace<'_>],
    others: &[Namespace<'_>],
    shared: &[Namespace<'_>],
    names: NameEncoding,
) {
    out.extend_from_slice(b"* NAMESPACE");
    for spaces in [personal, others, shared] {
        out.push(b' ');
        if spaces.is_empty() {
            out.extend_from_slice(b"NIL");
            continue;
        }
        out.push(b'(');
        for (prefix, separator) in spaces {
            out.push(b'(');
            // A string by the grammar, never an atom.
            match names {
                NameEncoding::Utf8 => utf8_string(out, prefix),
                NameEncoding::ModifiedUtf7 => quoted_or_literal(out, &MailboxName::from_text(prefix).to_wire(names)),
            }
            out.push(b' ');
            super::mailbox::separator(out, *separator);
            out.push(b')');
        }
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `* QUOTA root (STORAGE 10 512)`: each resource with usage and limit (RFC 9208 §4.2.1).
pub fn quota(out: &mut Vec<u8>, root: &[u8], resources: &[(QuotaResource, u64, u64)]) {
    out.extend_from_slice(b"* QUOTA");
    sp_astring(out, root);
    out.extend_from_slice(b" (");
    for (i, (resource, usage, limit)) in resources.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(resource.name().as_bytes());
        for n in [usage, limit] {
            out.push(b' ');
            number(out, *n);
        }
    }
    out.extend_from_slice(b")\r\n");
}

/// Appends `* QUOTAROOT mailbox root…` (RFC 9208 §4.2.2).
pub fn quota_root(out: &mut Vec<u8>, mailbox: &str, roots: &[&[u8]], names: NameEncoding) {
    out.extend_from_slice(b"* QUOTAROOT ");
    write_text(out, mailbox, names);
    for root in roots {
        sp_astring(out, root);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_about_server_and_account() {
        let names = NameEncoding::ModifiedUtf7;
        let mut out = Vec::new();
        capability(&mut out, &["IMAP4rev1", "IDLE"]);
        enabled(&mut out, &[]);
        enabled(&mut out, &["CONDSTORE", "QRESYNC"]);
        id(&mut out, &[]);
        id(&mut out, &[("name", Some("Sterna")), ("os", None)]);
        namespace(&mut out, &[("", Some('/'))], &[("Other Users/", Some('/')), ("é", None)], &[], names);
        quota(&mut out, b"", &[(QuotaResource::Storage, 10, 512), (QuotaResource::Message, 1, 2)]);
        quota_root(&mut out, "Été", &[b"", b"a b"], names);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* CAPABILITY IMAP4rev1 IDLE\r\n\
             * ENABLED\r\n\
             * ENABLED CONDSTORE QRESYNC\r\n\
             * ID NIL\r\n\
             * ID (\"name\" \"Sterna\" \"os\" NIL)\r\n\
             * NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")(\"&AOk-\" NIL)) NIL\r\n\
             * QUOTA \"\" (STORAGE 10 512 MESSAGE 1 2)\r\n\
             * QUOTAROOT &AMk-t&AOk- \"\" \"a b\"\r\n"
        );
    }
}
