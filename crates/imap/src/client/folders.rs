//! All mailboxes with attributes, subscriptions and status, in as few round trips as the server allows.

use std::collections::{HashMap, HashSet};

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::response_parser::{ListEntry, MailboxStatus, Response, Status};

/// STATUS commands on their way at once.
const STATUS_AHEAD: usize = 50;

/// One mailbox of the server.
#[derive(Clone, Debug)]
pub struct Folder {
    /// What LIST said. A name that is only subscribed has the attribute `\NonExistent`.
    pub entry: ListEntry,
    /// In the list of subscriptions.
    pub subscribed: bool,
    /// Counts and validity; `None` if it cannot be selected or the server refused.
    pub status: Option<MailboxStatus>,
    /// Why there is no status, in the server's words.
    pub refused: Option<String>,
}

impl Connection {
    /// Every mailbox, in the server's order.
    ///
    /// One round trip with LIST-EXTENDED and LIST-STATUS (RFC 5258, RFC 5819); else LIST and LSUB together, then STATUS
    /// for all, pipelined. A mailbox that refuses STATUS is listed with the reason.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, Error> {
        let mut listing = Listing::default();
        let extended = self.capabilities().has("LIST-EXTENDED");
        let refused = match extended {
            true => match self.run(self.extended_list(), |r| listing.take(r)).await {
                Ok(_) => false,
                // Offered and then not understood: some servers do. The plain commands always work.
                Err(e) if e.is_refusal() => true,
                Err(e) => return Err(e),
            },
            false => true,
        };
        if refused {
            listing = Listing::default();
            self.plain_list(&mut listing).await?;
        }
        let mut folders = listing.folders(refused);
        self.missing_statuses(&mut folders).await?;
        Ok(folders)
    }

    /// The names of all mailboxes that can be opened, and nothing else of them: one LIST.
    pub async fn names(&mut self) -> Result<Vec<MailboxName>, Error> {
        let mut names = Vec::new();
        self.run(self.command("LIST").text(" \"\" \"*\""), |response| {
            if let Response::List(entry) = response
                && !entry.no_select()
            {
                names.push(entry.name);
            }
        })
        .await?;
        Ok(names)
    }

    /// STATUS of one mailbox.
    pub async fn status(&mut self, name: &MailboxName) -> Result<MailboxStatus, Error> {
        let mut found = None;
        let command = self.command("STATUS").mailbox(name).text(" ").text(&self.status_items());
        self.run(command, |response| {
            if let Response::MailboxStatus(status) = response {
                found = Some(status);
            }
        })
        .await?;
        found.ok_or_else(|| self.error(ErrorKind::Protocol(format!("no STATUS for {:?}", name.as_str()))))
    }

    /// Not MAILBOXID (RFC 8474 §4.2): Cyrus 3.6 answers with bytes of memory that it has freed, and they can be anything.
    fn status_items(&self) -> String {
        let optional = [("CONDSTORE", " HIGHESTMODSEQ"), ("STATUS=SIZE", " SIZE")];
        let more: String = optional.iter().filter(|(c, _)| self.capabilities().has(c)).map(|(_, item)| *item).collect();
        format!("(MESSAGES UIDNEXT UIDVALIDITY UNSEEN{more})")
    }

    fn extended_list(&self) -> super::command::Command {
        let special = if self.capabilities().has("SPECIAL-USE") { " SPECIAL-USE" } else { "" };
        let status = match self.capabilities().has("LIST-STATUS") {
            true => format!(" STATUS {}", self.status_items()),
            false => String::new(),
        };
        self.command("LIST").text(&format!(" \"\" \"*\" RETURN (SUBSCRIBED CHILDREN{special}{status})"))
    }

    async fn plain_list(&mut self, listing: &mut Listing) -> Result<(), Error> {
        self.must_be_free()?;
        let list = self.send(self.command("LIST").text(" \"\" \"*\""));
        let lsub = self.send(self.command("LSUB").text(" \"\" \"*\""));
        self.finish(list, |r| listing.take(r)).await?;
        match self.finish(lsub, |r| listing.take(r)).await {
            // A server without subscriptions.
            Err(e) if !e.is_refusal() => Err(e),
            _ => Ok(()),
        }
    }

    async fn missing_statuses(&mut self, folders: &mut [Folder]) -> Result<(), Error> {
        self.must_be_free()?;
        let items = self.status_items();
        let mut asked: HashMap<Tag, usize> = HashMap::new();
        let wanted = |f: &Folder| f.status.is_none() && !f.entry.no_select();
        let mut waiting: Vec<usize> =
            folders.iter().enumerate().filter(|(_, f)| wanted(f)).map(|(i, _)| i).rev().collect();
        let by_name: HashMap<Wire, usize> = folders.iter().enumerate().map(|(i, f)| (wire(&f.entry.name), i)).collect();
        loop {
            while asked.len() < STATUS_AHEAD
                && let Some(index) = waiting.pop()
                && let Some(folder) = folders.get(index)
            {
                let command = self.command("STATUS").mailbox(&folder.entry.name).text(" ").text(&items);
                asked.insert(self.send(command), index);
            }
            if asked.is_empty() {
                return Ok(());
            }
            match self.next().await? {
                Event::Response(Response::MailboxStatus(status)) => {
                    if let Some(folder) = by_name.get(&wire(&status.name)).and_then(|i| folders.get_mut(*i)) {
                        folder.status = Some(status);
                    }
                }
                Event::Done { tag, command, status } => {
                    let folder = asked.remove(&tag).and_then(|index| folders.get_mut(index));
                    if matches!(status.status, Status::No | Status::Bad) {
                        let kind = ErrorKind::refused(command, &status);
                        if matches!(kind, ErrorKind::Throttled { .. }) {
                            return Err(self.error(kind));
                        }
                        if let Some(folder) = folder {
                            folder.refused = Some(status.text);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// A name as the server knows it: two folders may have one text, one in modified UTF-7 and one in bare UTF-8.
type Wire = Vec<u8>;

fn wire(name: &MailboxName) -> Wire {
    name.to_wire(NameEncoding::ModifiedUtf7)
}

#[derive(Default)]
struct Listing {
    entries: Vec<ListEntry>,
    subscribed: Vec<ListEntry>,
    statuses: HashMap<Wire, MailboxStatus>,
}

impl Listing {
    fn take(&mut self, response: Response) {
        match response {
            Response::List(entry) => self.entries.push(entry),
            Response::Lsub(entry) => self.subscribed.push(entry),
            Response::MailboxStatus(status) => drop(self.statuses.insert(wire(&status.name), status)),
            _ => {}
        }
    }

    /// Each name once; names that are only subscribed come last.
    fn folders(mut self, plain: bool) -> Vec<Folder> {
        // An LSUB entry with \Noselect is not subscribed itself, only a name below it is (RFC 3501 §6.3.9).
        self.subscribed.retain(|entry| !entry.has("\\Noselect"));
        let names: HashSet<Wire> = self.subscribed.iter().map(|e| wire(&e.name)).collect();
        let mut seen = HashSet::new();
        let mut folders = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            if seen.insert(wire(&entry.name)) {
                let subscribed = if plain { names.contains(&wire(&entry.name)) } else { entry.has("\\Subscribed") };
                let status = self.statuses.remove(&wire(&entry.name));
                folders.push(Folder { entry, subscribed, status, refused: None });
            }
        }
        for mut entry in self.subscribed {
            if seen.insert(wire(&entry.name)) {
                entry.attributes.push("\\NonExistent".to_owned());
                folders.push(Folder { entry, subscribed: true, status: None, refused: None });
            }
        }
        folders
    }
}
