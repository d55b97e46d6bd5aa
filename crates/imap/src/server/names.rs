//! Mailbox names between the wire and the store: finding the mailbox that a client names, and naming one to a client.
//!
//! Every handler that takes a mailbox name uses [`find`], so that a mailbox is reached under the very bytes under which
//! LIST shows it, even if those were malformed at the source that it came from.

use sterna_core::MailboxId;
use sterna_store::{Mailbox, MailboxTree};

use super::problem::Problem;
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::write::status::names::{CANNOT, LIMIT};

/// The longest path that a client may make, bytes of UTF-8.
const PATH_MAX: usize = 1024;

/// The deepest path that a client may make, components.
const DEPTH_MAX: usize = 50;

/// A mailbox's name as one client is shown it: hand both to the codec's writers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireName {
    /// The text.
    pub text: String,
    /// How that text is written.
    pub encoding: NameEncoding,
}

/// The mailbox that a client means.
pub(crate) fn find<'t>(tree: &'t MailboxTree, name: &MailboxName) -> Option<&'t Mailbox> {
    let wanted = name.to_wire(NameEncoding::ModifiedUtf7);
    let by_bytes =
        tree.iter().find(|(path, mailbox)| kept_bytes(tree, mailbox, path).is_some_and(|kept| kept == wanted));
    by_bytes.map(|(_, mailbox)| mailbox).or_else(|| tree.find(name.as_str()))
}

/// How a mailbox is named to a client that reads names in `encoding`.
pub(crate) fn wire_name(tree: &MailboxTree, id: MailboxId, encoding: NameEncoding) -> WireName {
    let Some((path, mailbox)) = tree.path(id).zip(tree.get(id)) else {
        return WireName { text: String::new(), encoding };
    };
    // A client that reads UTF-8 gets the text: malformed bytes have no place in it.
    if encoding == NameEncoding::Utf8 {
        return WireName { text: path.to_owned(), encoding };
    }
    match kept_bytes(tree, mailbox, path).map(String::from_utf8) {
        None => WireName { text: path.to_owned(), encoding },
        // The source wrote UTF-8 where modified UTF-7 was due, and its clients took it: so it is written again.
        Some(Ok(utf8)) if !utf8.is_ascii() => WireName { text: utf8, encoding: NameEncoding::Utf8 },
        Some(Ok(ascii)) => {
            WireName { text: MailboxName::from_wire(ascii.as_bytes(), encoding).into_string(), encoding }
        }
        Some(Err(e)) => WireName { text: MailboxName::from_wire(e.as_bytes(), encoding).into_string(), encoding },
    }
}

/// The path's bytes in modified UTF-7, component by component, if they are not simply those of the path's text.
fn kept_bytes(tree: &MailboxTree, mailbox: &Mailbox, path: &str) -> Option<Vec<u8>> {
    let mut chain = vec![mailbox];
    // No path has more components than bytes; this bounds a damaged chain of parents.
    while let Some(above) = chain.last().and_then(|m| m.parent).and_then(|p| tree.get(p))
        && chain.len() <= path.len()
    {
        chain.push(above);
    }
    if !chain.iter().any(|m| m.raw_name.is_some() || m.name.contains(is_escape)) {
        return None;
    }
    let mut delimiter = [0; 4];
    let delimiter = tree.delimiter().encode_utf8(&mut delimiter).as_bytes();
    let components: Vec<Vec<u8>> = chain.iter().rev().map(|m| component_bytes(m)).collect();
    Some(components.join(delimiter))
}

fn component_bytes(mailbox: &Mailbox) -> Vec<u8> {
    match &mailbox.raw_name {
        Some(raw) => raw.clone(),
        // Below the top level a component of that name is not INBOX and keeps its case.
        None if mailbox.name.eq_ignore_ascii_case("INBOX") => mailbox.name.as_bytes().to_vec(),
        None => MailboxName::from_text(&mailbox.name).to_wire(NameEncoding::ModifiedUtf7),
    }
}

/// The private-use characters in which the codec keeps bytes that are not text.
fn is_escape(c: char) -> bool {
    ('\u{f000}'..='\u{f0ff}').contains(&c)
}

/// The path of a name that need not exist, INBOX in capitals.
pub(crate) fn path_of(name: &MailboxName, delimiter: char) -> String {
    match name.as_str().split_once(delimiter) {
        Some((first, rest)) if first.eq_ignore_ascii_case("INBOX") => format!("INBOX{delimiter}{rest}"),
        _ => name.as_str().to_owned(),
    }
}

/// The components of a name that a client wants to give to a mailbox. A trailing separator says that others will
/// follow below it and is not part of the name (RFC 9051 §6.3.4).
pub(crate) fn new_path(name: &MailboxName, encoding: NameEncoding, delimiter: char) -> Result<Vec<String>, Problem> {
    if name.to_wire(encoding) != MailboxName::from_text(name.as_str()).to_wire(encoding)
        || name.as_str().contains(is_escape)
    {
        return Err(Problem::no_code(CANNOT, "mailbox names are written in modified UTF-7, or in UTF-8 after ENABLE"));
    }
    let path = path_of(name, delimiter);
    let path = path.strip_suffix(delimiter).unwrap_or(&path);
    let path = if path.eq_ignore_ascii_case("INBOX") { "INBOX" } else { path };
    if path.chars().any(char::is_control) {
        return Err(Problem::no_code(CANNOT, "mailbox names cannot have control characters"));
    }
    let components: Vec<String> = path.split(delimiter).map(str::to_owned).collect();
    if components.iter().any(String::is_empty) {
        return Err(Problem::no_code(CANNOT, "no part of a mailbox name can be empty"));
    }
    refuse_too_deep(path.len(), components.len())?;
    Ok(components)
}

/// Holds a path to the limits.
pub(crate) fn refuse_too_deep(bytes: usize, depth: usize) -> Result<(), Problem> {
    if bytes > PATH_MAX {
        return Err(Problem::no_code(LIMIT, "mailbox names can have at most 1024 bytes"));
    }
    if depth > DEPTH_MAX {
        return Err(Problem::no_code(LIMIT, "mailboxes can be nested at most 50 deep"));
    }
    Ok(())
}
