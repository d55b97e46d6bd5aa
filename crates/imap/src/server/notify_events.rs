//! Events of mailboxes that are not open: STATUS for their messages, LIST for their names (RFC 5465 §5).

use std::collections::BTreeMap;

use sterna_core::{MailboxId, Role};
use sterna_store::{Mailbox, MailboxTree};

use super::names::{WireName, wire_name};
use super::problem::Problem;
use super::session::Session;
use crate::codec::command::mailbox::StatusItem;
use crate::codec::write::mailbox::{ListAttributes, ListEntry, StatusValue, list, status};

/// What the client was told of a mailbox.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub path: String,
    pub role: Option<Role>,
    pub mailbox: Mailbox,
    children: bool,
}

/// All mailboxes at one moment.
pub(super) struct Snapshot {
    pub delimiter: char,
    pub mailboxes: BTreeMap<MailboxId, Known>,
}

impl Snapshot {
    pub fn new(tree: &MailboxTree) -> Snapshot {
        let parents: std::collections::HashSet<_> = tree.iter().filter_map(|(_, m)| m.parent).collect();
        let known = |(path, m): (&str, &Mailbox)| {
            let children = parents.contains(&m.id);
            (m.id, Known { path: path.to_owned(), role: m.role, mailbox: m.clone(), children })
        };
        Snapshot { delimiter: tree.delimiter(), mailboxes: tree.iter().map(known).collect() }
    }
}

/// One thing to be told.
enum Event {
    Status(Known, WireName),
    /// The name, `None` for a mailbox that is no more, and the name before.
    List(WireName, Option<Known>, Option<String>),
}

impl Session {
    /// Tells what changed in the mailboxes that NOTIFY SET covers; nothing without it.
    pub(super) async fn tell_mailbox_events(&mut self) -> Result<(), Problem> {
        if self.notify.registered().is_none() {
            return Ok(());
        }
        let encoding = self.names();
        let (now, wire) = self
            .account()?
            .read(move |tx| {
                let tree = tx.mailbox_tree()?;
                let wire: BTreeMap<_, _> = tree.iter().map(|(_, m)| (m.id, wire_name(&tree, m.id, encoding))).collect();
                Ok((Snapshot::new(&tree), wire))
            })
            .await?;
        let open = self.selected.as_ref().map(|s| s.mailbox);
        let Some(registered) = self.notify.registered() else { return Ok(()) };
        let mut events = Vec::new();
        let delimiter = now.delimiter;
        for (id, old) in &registered.told.mailboxes {
            let named = registered.events_of(delimiter, old).is_some_and(|e| e.mailbox_name);
            if named && !now.mailboxes.contains_key(id) {
                events.push(Event::List(WireName { text: old.path.clone(), encoding }, None, None));
            }
        }
        for (id, new) in &now.mailboxes {
            let Some(name) = wire.get(id).cloned() else { continue };
            let old = registered.told.mailboxes.get(id);
            // A mailbox that moved into or out of what is covered is told, too.
            let asked = registered.events_of(delimiter, new).or(old.and_then(|o| registered.events_of(delimiter, o)));
            let Some(asked) = asked else { continue };
            let Some(old) = old else {
                if asked.mailbox_name {
                    events.push(Event::List(name, Some(new.clone()), None));
                }
                continue;
            };
            let (was, is) = (&old.mailbox, &new.mailbox);
            let renamed = asked.mailbox_name && old.path != new.path;
            let subscribed = asked.subscription_change && was.subscribed != is.subscribed;
            if renamed || subscribed {
                events.push(Event::List(name.clone(), Some(new.clone()), renamed.then(|| old.path.clone())));
            }
            let messages = asked.message_new.is_some()
                && (was.uid_next != is.uid_next || was.total != is.total || was.uid_validity != is.uid_validity);
            let flags = asked.flag_change && was.highest_modseq != is.highest_modseq;
            if open != Some(*id) && is.selectable && (messages || flags) {
                events.push(Event::Status(new.clone(), name));
            }
        }
        registered.told = now;
        for event in events {
            self.tell_event(event, delimiter);
            self.out.flush_if_full().await?;
        }
        Ok(())
    }

    /// The state of each mailbox whose messages are watched, but the open one (RFC 5465 §3.1, STATUS).
    pub(super) async fn tell_all_states(&mut self) -> Result<(), Problem> {
        let encoding = self.names();
        let open = self.selected.as_ref().map(|s| s.mailbox);
        let tree = self.account()?.read(|tx| tx.mailbox_tree()).await?;
        let Some(registered) = self.notify.registered() else { return Ok(()) };
        let delimiter = registered.told.delimiter;
        let watched = |known: &&Known| {
            let message_events = registered.events_of(delimiter, known).is_some_and(|e| e.message_new.is_some());
            message_events && known.mailbox.selectable && open != Some(known.mailbox.id)
        };
        let all: Vec<Known> = registered.told.mailboxes.values().filter(watched).cloned().collect();
        for known in all {
            let name = wire_name(&tree, known.mailbox.id, encoding);
            self.tell_event(Event::Status(known, name), delimiter);
            self.out.flush_if_full().await?;
        }
        Ok(())
    }

    fn tell_event(&mut self, event: Event, delimiter: char) {
        let condstore = self.enabled.condstore;
        let out = self.out.buffer();
        match event {
            Event::Status(known, name) => {
                let m = &known.mailbox;
                let number = StatusValue::Number;
                let mut items = vec![
                    (StatusItem::Messages, number(u64::from(m.total))),
                    (StatusItem::UidNext, number(m.uid_next.min(u64::from(u32::MAX)))),
                    (StatusItem::UidValidity, number(u64::from(m.uid_validity.get()))),
                    (StatusItem::Unseen, number(u64::from(m.unseen))),
                ];
                if condstore {
                    items.push((StatusItem::HighestModSeq, number(m.highest_modseq.0.max(1))));
                }
                status(out, &name.text, &items, name.encoding);
            }
            Event::List(name, known, old_name) => {
                let entry = ListEntry {
                    attributes: attributes(known.as_ref()),
                    role: known.as_ref().and_then(|k| k.role),
                    separator: Some(delimiter),
                    name: &name.text,
                    old_name: old_name.as_deref(),
                    ..ListEntry::default()
                };
                list(out, &entry, name.encoding);
            }
        }
    }
}

fn attributes(known: Option<&Known>) -> ListAttributes {
    let Some(known) = known else { return ListAttributes::NON_EXISTENT };
    let mut attributes = if known.children { ListAttributes::HAS_CHILDREN } else { ListAttributes::HAS_NO_CHILDREN };
    if !known.mailbox.selectable {
        attributes = attributes.union(ListAttributes::NO_SELECT);
    }
    if known.mailbox.subscribed {
        attributes = attributes.union(ListAttributes::SUBSCRIBED);
    }
    attributes
}
