//! Carries unique ids and their order over: reads the listing, finds for each message the one in INBOX, writes.
//!
//! Repeatable and cheap to repeat: what was carried over before is recognised by its id, and a listing that is the same
//! as last time costs two commands.

use std::collections::HashMap;

use sterna_pop3::client::{Connection, Part};

use super::fingerprint::Fingerprint;
use super::here::{self, Inbox};
use super::matching::{Here, Matching, Remote};
use super::note;
use super::remote::{self, Listing};
use crate::error::Result;
use crate::session::Pop3Login;
use crate::transfer::Context;

/// Ids that are written in one transaction.
const WRITTEN: usize = 5_000;

/// Headers that are read to believe a form that may fit by chance.
const SAMPLES: usize = 25;

/// What one run remembers between its looks at the POP3 side.
#[derive(Default)]
pub(crate) struct Memory {
    listing: Option<Listing>,
    here: Vec<Here>,
    /// Of listed messages that have no partner yet: by id and size.
    headers: HashMap<Remote, Fingerprint>,
    reasons: Option<Vec<String>>,
}

/// One look at the POP3 side, after a pass over INBOX.
pub(crate) async fn carry(context: &Context, login: &Pop3Login, memory: &mut Memory) -> Result<()> {
    let account = &context.account;
    let Some(inbox) = account.read(Inbox::read).await? else { return Ok(()) };
    let mut connection = login.open().await?;
    let listing = Listing::read(&mut connection).await?;
    if memory.listing.as_ref() == Some(&listing) && memory.here == inbox.messages {
        // Only a courtesy: the answers are in.
        let _ = connection.quit().await;
        return Ok(());
    }
    let mut reasons = Vec::new();
    let mut matching = Matching::new(&listing.messages, &inbox.messages);
    if listing.has_uidls {
        matching.by_known();
        let mut look = Look { context, connection: &mut connection, inbox: &inbox, listing: &listing, memory };
        look.by_form(&mut matching).await?;
        look.by_content(&mut matching).await?;
        reasons.extend(matching.open_remotes().into_iter().filter_map(|r| Some(why_open(listing.messages.get(r)?))));
        let odd = matching.pairs().filter(|(remote, _)| remote.uidl.is_none());
        reasons.extend(odd.map(|(remote, _)| {
            format!("the unique id of POP3 message {} cannot be served again; it has one of ours", remote.number)
        }));
    } else {
        reasons.push(format!("{} has no unique ids (UIDL): there are none to carry over", login.at()));
    }
    // Only a courtesy: everything was read.
    let _ = connection.quit().await;
    let changes = if listing.has_uidls { matching.changes() } else { Vec::new() };
    let count = changes.len();
    for chunk in changes.chunks(WRITTEN) {
        let (mailbox, chunk) = (inbox.mailbox, chunk.to_vec());
        account.write(move |tx| tx.set_uidls(mailbox, &chunk)).await?;
    }
    if memory.reasons.as_ref() != Some(&reasons) {
        let noted = reasons.clone();
        account.write(move |tx| note(tx, &noted)).await?;
        memory.reasons = Some(reasons);
    }
    tracing::info!(listed = listing.messages.len(), written = count, "unique ids of POP3 carried over");
    memory.here = account.read(Inbox::read).await?.map(|inbox| inbox.messages).unwrap_or_default();
    memory.listing = Some(listing);
    Ok(())
}

/// Notes that the POP3 side could not be read, for a reason that somebody must see to.
pub(crate) async fn refused(context: &Context, memory: &mut Memory, reason: String) -> Result<()> {
    let reasons = vec![format!("unique ids of POP3 were not carried over: {reason}")];
    if memory.reasons.as_ref() != Some(&reasons) {
        let noted = reasons.clone();
        context.account.write(move |tx| note(tx, &noted)).await?;
        memory.reasons = Some(reasons);
    }
    Ok(())
}

fn why_open(remote: &Remote) -> String {
    let uidl = remote.uidl.as_deref().unwrap_or("that cannot be served again");
    format!(
        "POP3 lists message {} (unique id {uidl}), and INBOX has no such message over IMAP; it was not copied and is still \
         at the source",
        remote.number
    )
}

/// What the steps share.
struct Look<'l> {
    context: &'l Context,
    connection: &'l mut Connection,
    inbox: &'l Inbox,
    listing: &'l Listing,
    memory: &'l mut Memory,
}

impl Look<'_> {
    /// Ids that name the UID settle a large mailbox without another command.
    async fn by_form(&mut self, matching: &mut Matching<'_>) -> Result<()> {
        let validity = self.inbox.validity;
        let Some(form) = matching.form(validity) else { return Ok(()) };
        let pairs = matching.by_form(form, validity);
        let believed: Vec<&(usize, usize, bool)> = pairs.iter().filter(|(.., agrees)| *agrees).collect();
        if !form.is_certain() {
            let step = believed.len().div_ceil(SAMPLES).max(1);
            let samples: Vec<(usize, usize)> = believed.iter().step_by(step).map(|(r, h, _)| (*r, *h)).collect();
            let (places, ours): (Vec<usize>, Vec<usize>) = samples.iter().copied().unzip();
            let theirs = self.headers(&places).await?;
            let ours = here::headers(&self.context.account, &self.inbox.messages, &ours).await?;
            let same = |(r, h): &(usize, usize)| theirs.get(r).is_some_and(|print| ours.get(h) == Some(&print.header));
            if believed.len() < pairs.len() || !samples.iter().all(same) {
                return Ok(());
            }
        }
        matching.believe(&pairs);
        Ok(())
    }

    /// What remains is compared: headers, sizes, bodies.
    async fn by_content(&mut self, matching: &mut Matching<'_>) -> Result<()> {
        let (open, ours) = (matching.open_remotes(), matching.open_here());
        if open.is_empty() || ours.is_empty() {
            return Ok(());
        }
        let account = &self.context.account;
        let ours = here::headers(account, &self.inbox.messages, &ours).await?;
        let mut theirs = self.headers(&open).await?;
        if theirs.is_empty() {
            // No TOP: nothing less than the whole messages tells which they are.
            theirs = self.whole(&open).await?;
        }
        let headers = theirs.iter().map(|(r, print)| (*r, print.header)).collect();
        let (shared, among) = matching.by_header(&headers, &ours);
        if !shared.is_empty() {
            let theirs = self.whole(&shared).await?;
            let ours = here::fingerprints(account, &self.inbox.messages, &among).await?;
            matching.by_body(&theirs, &ours);
        }
        // Asked for again only when they have changed.
        self.memory.headers = matching
            .open_remotes()
            .into_iter()
            .filter_map(|r| Some((self.listing.messages.get(r)?.clone(), *theirs.get(&r)?)))
            .collect();
        Ok(())
    }

    /// Headers of listed messages, by their places.
    async fn headers(&mut self, places: &[usize]) -> Result<HashMap<usize, Fingerprint>> {
        let known = |p: &usize| Some((*p, *self.memory.headers.get(self.listing.messages.get(*p)?)?));
        let mut prints: HashMap<usize, Fingerprint> = places.iter().filter_map(known).collect();
        let unknown: Vec<usize> = places.iter().copied().filter(|p| !prints.contains_key(p)).collect();
        if let Some((first, rest)) = unknown.split_first() {
            // A server that tells no capabilities may not know TOP, and may not like to be asked a thousand times.
            let told = self.connection.capabilities().known();
            let offered = self.connection.capabilities().has("TOP");
            if !told || offered {
                prints.extend(self.read(&[*first], Part::Top(0)).await?);
            }
            if offered || prints.contains_key(first) {
                prints.extend(self.read(rest, Part::Top(0)).await?);
            }
        }
        Ok(prints)
    }

    /// Listed messages whole, by their places.
    async fn whole(&mut self, places: &[usize]) -> Result<HashMap<usize, Fingerprint>> {
        self.read(places, Part::Whole).await
    }

    async fn read(&mut self, places: &[usize], part: Part) -> Result<HashMap<usize, Fingerprint>> {
        let number = |p: &usize| self.listing.messages.get(*p).map(|remote| (remote.number, *p));
        let by_number: HashMap<u32, usize> = places.iter().filter_map(number).collect();
        let mut numbers: Vec<u32> = by_number.keys().copied().collect();
        numbers.sort_unstable();
        let prints = remote::fingerprints(self.connection, numbers, part).await?;
        Ok(prints.into_iter().filter_map(|(number, print)| Some((*by_number.get(&number)?, print))).collect())
    }
}
