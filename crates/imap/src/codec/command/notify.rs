//! NOTIFY (RFC 5465): which events a client wants to hear of, in which mailboxes.

use super::fetch::{FetchItem, fetch_att};
use crate::codec::lexer::{Cursor, Parsed, SyntaxError};
use crate::codec::mailbox::{MailboxName, NameEncoding};

/// The most event groups, and the most mailboxes of one group.
const GROUPS_MAX: usize = 1_000;

/// NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// NOTIFY NONE: no event at all, not even for the selected mailbox (§3.2).
    None,
    /// NOTIFY SET.
    Set {
        /// STATUS: tell the state of every mailbox named, except the selected one, at once (§3.1).
        status: bool,
        /// The first group that covers a mailbox counts for it (§8: `SELECTED` overrides).
        groups: Vec<EventGroup>,
    },
}

/// Events for some mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventGroup {
    /// Which mailboxes.
    pub filter: MailboxFilter,
    /// Which events.
    pub events: Events,
}

/// Which mailboxes (RFC 5465 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxFilter {
    /// SELECTED: expunges and other events are told at once.
    Selected,
    /// SELECTED-DELAYED: expunges wait for a command that allows them.
    SelectedDelayed,
    /// INBOXES: where mail is delivered.
    Inboxes,
    /// PERSONAL: the personal namespace.
    Personal,
    /// SUBSCRIBED
    Subscribed,
    /// SUBTREE: these and all below.
    Subtree(Vec<MailboxName>),
    /// MAILBOXES: these.
    Mailboxes(Vec<MailboxName>),
}

/// Which events (RFC 5465 §5); all off for NONE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// MessageNew; the items that a FETCH response tells of a new message in the selected mailbox, maybe none.
    pub message_new: Option<Vec<FetchItem>>,
    /// MessageExpunge
    pub message_expunge: bool,
    /// FlagChange
    pub flag_change: bool,
    /// AnnotationChange
    pub annotation_change: bool,
    /// MailboxName: created, deleted, renamed.
    pub mailbox_name: bool,
    /// SubscriptionChange
    pub subscription_change: bool,
    /// MailboxMetadataChange
    pub mailbox_metadata_change: bool,
    /// ServerMetadataChange
    pub server_metadata_change: bool,
    /// Events nobody knows: `NO [BADEVENT (…)]`.
    pub unknown: Vec<String>,
}

/// `notify = "NOTIFY" SP (notify-set / "NONE")`, `notify-set = "SET" [SP "STATUS"] SP event-group *(SP event-group)`
pub(super) fn notify(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<Notify> {
    c.sp()?;
    if c.take(b"NONE") {
        return Ok(Notify::None);
    }
    c.expect("SET")?;
    let status = c.take(b" STATUS");
    let mut groups = Vec::new();
    while c.take(b" ") {
        if groups.len() == GROUPS_MAX {
            return Err(c.error("at most 1000 event groups"));
        }
        groups.push(event_group(c, names)?);
    }
    if groups.is_empty() { Err(c.error("an event group")) } else { Ok(Notify::Set { status, groups }) }
}

/// `event-group = "(" filter-mailboxes SP events ")"`
fn event_group(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<EventGroup> {
    c.expect("(")?;
    let at = c.clone();
    let filter = match c.atom()?.to_ascii_uppercase().as_str() {
        "SELECTED" => MailboxFilter::Selected,
        "SELECTED-DELAYED" => MailboxFilter::SelectedDelayed,
        "INBOXES" => MailboxFilter::Inboxes,
        "PERSONAL" => MailboxFilter::Personal,
        "SUBSCRIBED" => MailboxFilter::Subscribed,
        "SUBTREE" => MailboxFilter::Subtree(mailboxes(c, names)?),
        "MAILBOXES" => MailboxFilter::Mailboxes(mailboxes(c, names)?),
        _ => return Err(at.error("a mailbox filter")),
    };
    c.sp()?;
    let events = events(c, &filter)?;
    c.expect(")")?;
    Ok(EventGroup { filter, events })
}

/// `SP one-or-more-mailbox`, `one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"`
fn mailboxes(c: &mut Cursor<'_>, names: NameEncoding) -> Parsed<Vec<MailboxName>> {
    c.sp()?;
    let one = |c: &mut Cursor<'_>| c.mailbox().map(|name| MailboxName::from_wire(&name, names));
    let all = if c.looking_at(b"(") { c.list(one)? } else { vec![one(c)?] };
    if all.len() > GROUPS_MAX { Err(c.error("at most 1000 mailboxes")) } else { Ok(all) }
}

/// `events = ("(" event *(SP event) ")") / "NONE"`
fn events(c: &mut Cursor<'_>, filter: &MailboxFilter) -> Parsed<Events> {
    let mut events = Events::default();
    if c.take(b"NONE") {
        return Ok(events);
    }
    let start = c.clone();
    c.list(|c| event(c, &mut events))?;
    check(&events, filter, &start)?;
    Ok(events)
}

/// `message-event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / "MessageExpunge" / "FlagChange" /
/// "AnnotationChange"`, `mailbox-event = "MailboxName" / "SubscriptionChange" / "MailboxMetadataChange"`
fn event(c: &mut Cursor<'_>, events: &mut Events) -> Parsed<()> {
    let name = c.atom()?;
    match name.to_ascii_lowercase().as_str() {
        "messagenew" if c.take(b" (") => {
            let mut items = vec![fetch_att(c)?];
            while !c.take(b")") {
                c.sp()?;
                items.push(fetch_att(c)?);
            }
            events.message_new = Some(items);
        }
        "messagenew" => events.message_new = Some(Vec::new()),
        "messageexpunge" => events.message_expunge = true,
        "flagchange" => events.flag_change = true,
        "annotationchange" => events.annotation_change = true,
        "mailboxname" => events.mailbox_name = true,
        "subscriptionchange" => events.subscription_change = true,
        "mailboxmetadatachange" => events.mailbox_metadata_change = true,
        "servermetadatachange" => events.server_metadata_change = true,
        _ => events.unknown.push(name.to_owned()),
    }
    Ok(())
}

/// The combinations that RFC 5465 calls a BAD.
fn check(events: &Events, filter: &MailboxFilter, at: &Cursor<'_>) -> Result<(), SyntaxError> {
    let message_new = events.message_new.is_some();
    // §5: the two come together, and flag changes only with both.
    if message_new != events.message_expunge {
        return Err(at.error("MessageNew and MessageExpunge together"));
    }
    if (events.flag_change || events.annotation_change) && !message_new {
        return Err(at.error("MessageNew and MessageExpunge with FlagChange"));
    }
    let selected = matches!(filter, MailboxFilter::Selected | MailboxFilter::SelectedDelayed);
    // §5.2: items are for the selected mailbox; §6.1: which has message events only.
    if !selected && events.message_new.as_ref().is_some_and(|items| !items.is_empty()) {
        return Err(at.error("data items for the selected mailbox only"));
    }
    let mailbox_event = events.mailbox_name
        || events.subscription_change
        || events.mailbox_metadata_change
        || events.server_metadata_change;
    if selected && mailbox_event {
        return Err(at.error("message events only for the selected mailbox"));
    }
    Ok(())
}
