//! NOTIFY (RFC 5465): what the client wants to be told of without asking.
//!
//! Events of the open mailbox are those of [`super::sync`]; for all others the account's mailboxes are compared with
//! what was told last ([`super::notify_events`]).

use std::collections::HashSet;

use sterna_core::{ModSeq, Role};
use sterna_store::{Account, Mailbox, MailboxTree};
use tokio::sync::watch;
use tokio::time::Instant;

use super::names::find;
use super::notify_events::{Known, Snapshot};
use super::problem::{Problem, Reply, ReplyCode};
use super::session::{Session, at, tell_again};
use crate::codec::command::Addressing;
use crate::codec::command::fetch::{Fetch, FetchItem};
use crate::codec::command::notify::{EventGroup, Events, MailboxFilter, Notify};
use crate::codec::mailbox::MailboxName;
use crate::codec::sequence::{MessageSet, NumberSet, SequenceSet};

/// The events that can be told of.
const SUPPORTED: [&str; 5] = ["MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange"];

/// What the client asked to be told; nothing is kept before its first NOTIFY.
#[derive(Default)]
pub(super) struct Notifications(Option<Box<Registered>>);

/// A NOTIFY that is in force.
pub(super) struct Registered {
    pub groups: Vec<Group>,
    changes: watch::Receiver<ModSeq>,
    /// When events that could not be told are tried again.
    again: Option<Instant>,
    /// What the client was told of each mailbox.
    pub told: Snapshot,
}

/// Events for some mailboxes.
pub(super) struct Group {
    filter: Filter,
    pub events: Events,
}

enum Filter {
    Selected,
    SelectedDelayed,
    Inboxes,
    Personal,
    Subscribed,
    Subtree(HashSet<String>),
    Mailboxes(HashSet<String>),
}

/// What is told of the open mailbox.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// New and expunged messages. Without them nothing at all is told (RFC 5465 §5).
    pub messages: bool,
    /// Changes of flags.
    pub flags: bool,
    /// What is fetched of new messages.
    pub items: Vec<FetchItem>,
    /// Without any command (RFC 5465 §6.1).
    at_once: bool,
    /// Expunges without any command, too.
    expunges_at_once: bool,
}

impl Notifications {
    /// What is told of the open mailbox. Before the first NOTIFY: everything, behind commands and in IDLE.
    pub fn selected(&self) -> Wanted {
        let Some(registered) = &self.0 else {
            return Wanted { messages: true, flags: true, ..Wanted::default() };
        };
        let group = registered.groups.iter().find(|g| matches!(g.filter, Filter::Selected | Filter::SelectedDelayed));
        let Some(group) = group else { return Wanted::default() };
        Wanted {
            messages: group.events.message_new.is_some(),
            flags: group.events.flag_change,
            items: group.events.message_new.clone().unwrap_or_default(),
            at_once: true,
            expunges_at_once: matches!(group.filter, Filter::Selected),
        }
    }

    /// Waits for a change that may be worth telling; for ever without NOTIFY SET.
    pub async fn changed(&mut self) {
        if let Some(registered) = self.registered() {
            tokio::select! {
                Ok(()) = registered.changes.changed() => return,
                () = at(registered.again) => return,
            }
        }
        std::future::pending().await
    }

    /// The NOTIFY SET in force.
    pub fn registered(&mut self) -> Option<&mut Registered> {
        self.0.as_deref_mut().filter(|r| !r.groups.is_empty())
    }
}

impl Registered {
    /// The events of a mailbox: those of the first group that covers it (RFC 5465 §3.1).
    pub fn events(&self, delimiter: char, path: &str, inbox: bool, subscribed: bool) -> Option<&Events> {
        let covers = |filter: &Filter| match filter {
            Filter::Selected | Filter::SelectedDelayed => false,
            Filter::Inboxes => inbox,
            Filter::Personal => true,
            Filter::Subscribed => subscribed,
            Filter::Mailboxes(paths) => paths.contains(path),
            Filter::Subtree(tops) => {
                let above = path.match_indices(delimiter).filter_map(|(i, _)| path.get(..i));
                above.chain([path]).any(|p| tops.contains(p))
            }
        };
        self.groups.iter().find(|g| covers(&g.filter)).map(|g| &g.events)
    }

    /// The same for a mailbox that was told.
    pub fn events_of(&self, delimiter: char, known: &Known) -> Option<&Events> {
        self.events(delimiter, &known.path, known.role == Some(Role::Inbox), known.mailbox.subscribed)
    }
}

/// Answers NOTIFY.
pub(super) async fn handle(session: &mut Session, command: Notify) -> Result<Reply, Problem> {
    let account = session.account()?.clone();
    let (groups, status) = match command {
        Notify::None => (Vec::new(), false),
        Notify::Set { status, groups } => (groups, status),
    };
    if groups.iter().any(|g| has_unsupported(&g.events)) {
        return Err(Problem::no_code(ReplyCode::BadEvent(&SUPPORTED), "not all events are supported"));
    }
    let registered = register(&account, groups).await?;
    // Up to here the old rules hold.
    session.sync(true).await?;
    session.notify = Notifications(Some(Box::new(registered)));
    if status {
        session.tell_all_states().await?;
    }
    Ok(Reply::ok("NOTIFY completed"))
}

/// Goes on with a NOTIFY that another server has answered: what changes from now on is told.
pub(super) async fn take_over(session: &mut Session, command: Notify) -> Result<(), Problem> {
    let Notify::Set { groups, .. } = command else { return Ok(()) };
    let account = session.account()?.clone();
    session.notify = Notifications(Some(Box::new(register(&account, groups).await?)));
    Ok(())
}

async fn register(account: &Account, groups: Vec<EventGroup>) -> Result<Registered, Problem> {
    // Subscribed before the mailboxes are read: no change falls between.
    let changes = account.changes();
    let (groups, told) = account
        .read(move |tx| {
            let tree = tx.mailbox_tree()?;
            let groups: Vec<Group> = groups.into_iter().map(|g| group(&tree, g)).collect();
            Ok((groups, Snapshot::new(&tree)))
        })
        .await?;
    Ok(Registered { groups, changes, again: None, told })
}

fn has_unsupported(events: &Events) -> bool {
    events.annotation_change
        || events.mailbox_metadata_change
        || events.server_metadata_change
        || !events.unknown.is_empty()
}

fn group(tree: &MailboxTree, group: EventGroup) -> Group {
    let paths = |names: Vec<MailboxName>| {
        let path = |name: &MailboxName| {
            let found = find(tree, name).and_then(|m: &Mailbox| tree.path(m.id));
            found.unwrap_or(name.as_str()).to_owned()
        };
        names.iter().map(path).collect::<HashSet<_>>()
    };
    let filter = match group.filter {
        MailboxFilter::Selected => Filter::Selected,
        MailboxFilter::SelectedDelayed => Filter::SelectedDelayed,
        MailboxFilter::Inboxes => Filter::Inboxes,
        MailboxFilter::Personal => Filter::Personal,
        MailboxFilter::Subscribed => Filter::Subscribed,
        MailboxFilter::Subtree(names) => Filter::Subtree(paths(names)),
        MailboxFilter::Mailboxes(names) => Filter::Mailboxes(paths(names)),
    };
    Group { filter, events: group.events }
}

impl Session {
    /// Tells what happened, outside of any command.
    pub(super) async fn tell_events(&mut self) -> Result<(), Problem> {
        let wanted = self.notify.selected();
        let told = match wanted.at_once {
            true => Box::pin(self.sync(wanted.expunges_at_once)).await,
            false => Ok(()),
        };
        let told = match told {
            Ok(()) => Box::pin(self.tell_mailbox_events()).await,
            Err(problem) => Err(problem),
        };
        let again = match told {
            Err(over @ (Problem::Bye { .. } | Problem::Io(_))) => return Err(over),
            Err(problem) => {
                tracing::warn!(?problem, "cannot tell of events");
                tell_again()
            }
            Ok(()) => None,
        };
        if let Some(registered) = self.notify.registered() {
            registered.again = again;
        }
        Ok(())
    }

    /// FETCH responses for the last `added` messages of the view (RFC 5465 §5.2).
    pub(super) async fn fetch_new(&mut self, added: usize, items: Vec<FetchItem>) -> Result<(), Problem> {
        let known = self.selected()?.view.known();
        let first = known.get(known.len().saturating_sub(added) + 1).map(|e| e.uid.get());
        let (Some(first), Some(last)) = (first, known.last().map(|e| e.uid.get())) else { return Ok(()) };
        let set = MessageSet::Numbers(SequenceSet::from(&NumberSet::range(first, last)));
        let fetch = Fetch { by: Addressing::Uid, set, items, changed_since: None, vanished: false, partial: None };
        super::fetch::handle(self, fetch).await.map(|_| ())
    }
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
