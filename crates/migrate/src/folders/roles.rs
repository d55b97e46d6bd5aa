//! Special uses: what the source says, each given once; where it cannot say anything, the names people know.

use std::collections::BTreeMap;

use sterna_core::Role;

use super::{Listing, SourceFolder};

/// Names that servers and clients give these folders. Compared without regard to case, top level or below INBOX only.
const KNOWN: [(Role, &[&str]); 5] = [
    (
        Role::Sent,
        &[
            "sent",
            "sent items",
            "sent messages",
            "sent mail",
            "éléments envoyés",
            "envoyés",
            "messages envoyés",
            "gesendet",
            "gesendete objekte",
            "gesendete elemente",
            "enviados",
            "elementos enviados",
            "posta inviata",
            "inviata",
            "verzonden items",
        ],
    ),
    (Role::Drafts, &["drafts", "draft", "brouillons", "entwürfe", "borradores", "bozze", "concepten"]),
    (
        Role::Trash,
        &[
            "trash",
            "deleted items",
            "deleted messages",
            "bin",
            "corbeille",
            "éléments supprimés",
            "papierkorb",
            "gelöschte objekte",
            "gelöschte elemente",
            "papelera",
            "elementos eliminados",
            "cestino",
            "posta eliminata",
            "prullenbak",
        ],
    ),
    (
        Role::Junk,
        &[
            "junk",
            "junk e-mail",
            "junk email",
            "spam",
            "bulk mail",
            "courrier indésirable",
            "indésirables",
            "pourriel",
            "junk-e-mail",
            "correo no deseado",
            "posta indesiderata",
            "ongewenste e-mail",
        ],
    ),
    (Role::Archive, &["archive", "archives", "archiv", "archivo", "archivio"]),
];

/// For a source that has no special uses at all: by name.
pub(super) fn guess(folders: &mut [SourceFolder]) {
    for (role, names) in KNOWN {
        // In the order of the names: "Sent" before "Sent Messages", if both are there.
        let found = names.iter().find_map(|name| {
            folders.iter().position(|f| f.selectable && f.role.is_none() && leaf(f).is_some_and(|l| l == *name))
        });
        if let Some(folder) = found.and_then(|i| folders.get_mut(i)) {
            folder.role = Some(role);
        }
    }
}

fn leaf(folder: &SourceFolder) -> Option<String> {
    match &folder.path.components[..] {
        [only] => Some(only.name.to_lowercase()),
        [inbox, leaf] if inbox.name == "INBOX" => Some(leaf.name.to_lowercase()),
        _ => None,
    }
}

/// Gives each role to the first folder that claims it; the others are told of.
pub(super) fn settle(listing: &mut Listing, claims: &BTreeMap<Role, Vec<usize>>) {
    for (role, claimants) in claims {
        let mut holder: Option<String> = None;
        for index in claimants {
            let Some(folder) = listing.folders.get_mut(*index) else { continue };
            let attribute = role.imap_attribute().unwrap_or_default();
            if folder.is_inbox() {
                let remark = format!("has the special use {attribute} at the source, which INBOX cannot have");
                listing.remarks.push((folder.wire.clone(), remark));
            } else if let Some(holder) = &holder {
                let remark = format!("has the special use {attribute} at the source, but \"{holder}\" has it already");
                listing.remarks.push((folder.wire.clone(), remark));
            } else if folder.role.is_some() {
                let remark = format!("has several special uses at the source; {attribute} was left out");
                listing.remarks.push((folder.wire.clone(), remark));
            } else {
                folder.role = Some(*role);
                holder = Some(folder.shown().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::names;
    use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};

    fn folder(name: &str) -> SourceFolder {
        let name = MailboxName::from_text(name);
        let wire = name.to_wire(NameEncoding::ModifiedUtf7);
        let path = names::path(&wire, NameEncoding::ModifiedUtf7, Some('/'), '/');
        SourceFolder { name, wire, path, selectable: true, subscribed: false, role: None, status: None }
    }

    #[test]
    fn a_role_claimed_twice_is_given_once_and_told() {
        let mut listing = Listing { folders: vec![folder("A"), folder("B"), folder("INBOX")], ..Listing::default() };
        settle(&mut listing, &BTreeMap::from([(Role::Sent, vec![2, 1, 0]), (Role::Trash, vec![1])]));
        let roles: Vec<_> = listing.folders.iter().map(|f| f.role).collect();
        assert_eq!(roles, [None, Some(Role::Sent), None]);
        assert_eq!(listing.remarks.len(), 3, "{:?}", listing.remarks);
    }

    #[test]
    fn names_are_guessed_at_the_top_only() {
        let mut folders =
            vec![folder("Clients/Sent"), folder("Éléments envoyés"), folder("INBOX/Corbeille"), folder("Sent Items")];
        guess(&mut folders);
        let roles: Vec<_> = folders.iter().map(|f| f.role).collect();
        assert_eq!(roles, [None, None, Some(Role::Trash), Some(Role::Sent)]);
    }
}
