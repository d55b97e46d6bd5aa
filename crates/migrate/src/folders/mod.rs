//! The source's folders as the account will hold them: paths, special uses, subscriptions, what is odd about them.

pub(crate) mod apply;
pub(crate) mod gone;
pub(crate) mod names;
mod roles;

use std::collections::{BTreeMap, HashSet};

use sterna_core::Role;
use sterna_imap::client::{Connection, Folder};
use sterna_imap::codec::mailbox::MailboxName;
use sterna_imap::codec::response_parser::{MailboxStatus, Response};

use crate::error::{Error, Result};
use names::FolderPath;

/// One folder of the source.
#[derive(Clone, Debug)]
pub(crate) struct SourceFolder {
    /// To name it to the source.
    pub name: MailboxName,
    /// The same as bytes: the key of its cursor.
    pub wire: Vec<u8>,
    /// Where it goes.
    pub path: FolderPath,
    /// It holds messages.
    pub selectable: bool,
    /// In the list of subscriptions.
    pub subscribed: bool,
    /// The special use it will have.
    pub role: Option<Role>,
    /// Counts, if the source told them.
    pub status: Option<MailboxStatus>,
}

impl SourceFolder {
    /// As a person reads it.
    pub fn shown(&self) -> &str {
        self.name.as_str()
    }

    pub fn is_inbox(&self) -> bool {
        matches!(&self.path.components[..], [only] if only.name == "INBOX")
    }
}

/// All folders of the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// INBOX first, mere copies of everything and what people look at least last.
    pub folders: Vec<SourceFolder>,
    /// Subscribed names that no folder has.
    pub dangling: Vec<FolderPath>,
    /// Odd things, by the name on the wire (empty: the account).
    pub remarks: Vec<(Vec<u8>, String)>,
    /// The separator that clients of the source see, and the personal namespace.
    pub delimiter: Option<char>,
    pub prefix: String,
    /// The source offers UTF8=ACCEPT, so that its clients may know names in that spelling.
    pub utf8_accept: bool,
}

impl Listing {
    /// Asks the source. `delimiter` is the account's, if it is settled already.
    pub async fn read(connection: &mut Connection, delimiter: Option<char>) -> Result<Listing> {
        // Of the mailbox that is open, STATUS tells what this session has seen of it so far (RFC 9051 §6.3.11 warns of it), and LIST
        // lets no server look again: a change would pass unnoticed.
        connection.noop().await?;
        let folders = connection.folders().await?;
        let lsub = subscriptions(connection).await?;
        let (namespace, prefix) = match delimiter {
            Some(_) => (None, String::new()),
            None => {
                let personal = connection.namespace().await?.personal.into_iter().next();
                personal.map_or((None, String::new()), |n| (n.delimiter, n.prefix.into_string()))
            }
        };
        if !folders.iter().any(|f| f.entry.name.as_str().eq_ignore_ascii_case("INBOX")) {
            // RFC 9051 §5.1: INBOX always exists. A list without it is not the list of this mailbox.
            let at = connection.at();
            return Err(Error::Doubtful(format!("{at}: the list of folders has no INBOX; it will be asked for again")));
        }
        let offers_roles = connection.capabilities().has("SPECIAL-USE");
        Ok(Listing::new(folders, lsub, connection, delimiter, namespace, prefix, offers_roles))
    }

    fn new(
        folders: Vec<Folder>,
        lsub: Vec<MailboxName>,
        connection: &Connection,
        account: Option<char>,
        namespace: Option<char>,
        prefix: String,
        offers_roles: bool,
    ) -> Listing {
        let encoding = connection.encoding();
        let delimiter = namespace.or_else(|| folders.iter().find_map(|f| f.entry.delimiter));
        let account = account.or(delimiter).unwrap_or('/');
        let utf8_accept = connection.capabilities().has("UTF8=ACCEPT");
        let mut listing = Listing { delimiter, prefix, utf8_accept, ..Listing::default() };
        let mut paths: HashSet<String> = HashSet::new();
        let mut claims: BTreeMap<Role, Vec<usize>> = BTreeMap::new();
        let known: HashSet<MailboxName> =
            folders.iter().filter(|f| !f.entry.has("\\NonExistent")).map(|f| f.entry.name.clone()).collect();
        let one_delimiter = delimiter;
        let lost =
            folders.iter().filter(|f| f.entry.has("\\NonExistent") && f.subscribed).map(|f| f.entry.name.clone());
        let mut dangling: Vec<MailboxName> = lost.chain(lsub).filter(|name| !known.contains(name)).collect();
        dangling.sort();
        dangling.dedup();
        for folder in folders.into_iter().filter(|f| known.contains(&f.entry.name)) {
            let wire = folder.entry.name.to_wire(encoding);
            let mut path = names::path(&wire, encoding, folder.entry.delimiter.or(one_delimiter), account);
            if !paths.insert(path.join(account)) {
                // Two names that are one here: of INBOX that is the rule, else the second gets a name of its own.
                if matches!(&path.components[..], [only] if only.name == "INBOX") {
                    listing
                        .remarks
                        .push((wire, "is another spelling of INBOX; its messages are those of INBOX".into()));
                    continue;
                }
                names::make_distinct(&mut path, &wire, |p| paths.contains(&p.join(account)));
                paths.insert(path.join(account));
            }
            if let Some(why) = &path.replaced {
                listing.remarks.push((wire.clone(), why.clone()));
            }
            for role in folder.entry.roles() {
                claims.entry(role).or_default().push(listing.folders.len());
            }
            if let Some(text) = &folder.refused {
                listing.remarks.push((wire.clone(), format!("the source refuses its STATUS: {text}")));
            }
            listing.folders.push(SourceFolder {
                selectable: !folder.entry.no_select(),
                subscribed: folder.subscribed,
                status: folder.status,
                name: folder.entry.name,
                wire,
                path,
                role: None,
            });
        }
        listing.dangling = dangling
            .iter()
            .map(|name| names::path(&name.to_wire(encoding), encoding, one_delimiter, account))
            .filter(|path| !paths.contains(&path.join(account)))
            .collect();
        if claims.is_empty() && !offers_roles {
            roles::guess(&mut listing.folders);
        }
        roles::settle(&mut listing, &claims);
        listing.folders.sort_by_key(|f| (rank(f), f.wire.clone()));
        listing
    }
}

/// New mail first, then what people read, then what holds copies or refuse.
fn rank(folder: &SourceFolder) -> u8 {
    match folder.role {
        _ if folder.is_inbox() => 0,
        Some(Role::Drafts) => 1,
        Some(Role::Sent) => 2,
        Some(Role::Archive) => 4,
        Some(Role::Junk | Role::Trash) => 5,
        Some(Role::All | Role::Flagged | Role::Important) => 6,
        _ => 3,
    }
}

/// LSUB finds subscriptions without a folder, which LIST does not show (RFC 3501 §6.3.9).
async fn subscriptions(connection: &mut Connection) -> Result<Vec<MailboxName>> {
    let mut names = Vec::new();
    let command = connection.command("LSUB").text(" \"\" \"*\"");
    let result = connection
        .run(command, |response| match response {
            // With \Noselect the name itself is not subscribed, only one below it.
            Response::Lsub(entry) if !entry.has("\\Noselect") => names.push(entry.name),
            _ => {}
        })
        .await;
    match result {
        // IMAP4rev2 has no LSUB; a server may keep no subscriptions.
        Err(e) if !e.is_refusal() => Err(e.into()),
        _ => Ok(names),
    }
}
