//! One mail into a mailbox whose user has a script: the script decides over a snapshot, what it sends on is queued, and what
//! it files is one transaction with everything that has to be remembered.
//!
//! What is sent on is in the queue before the mailbox is written, so that a crash in between repeats and never loses.

use std::time::Duration;

use sterna_core::{Address, Flags, MailboxId};
use sterna_message::headers::fields;
use sterna_sieve::{Limits, Message};
use sterna_store::{Account, Error, NewEmail, Result, Tx, UidRange};

use crate::address::Mailbox;
use crate::deposit::{Deposit, nearly_full, return_path};
use crate::filter::{Decision, Reply, decide, merge};
use crate::letter::Letter;
use crate::notice::Notice;
use crate::place::{self, Kept};
use crate::resolve::Place;
use crate::send::delivered_to;
use crate::service::Inner;
use crate::{Mail, Refusal};

/// How often the user is told that his script cannot be used, seconds.
const SCRIPT_NOTICE: i64 = 86_400;

/// Characters of a script's reason that a sender is told.
const MAX_REASON: usize = 500;

/// Kilobytes of messages that scripts look at at a time, all together.
pub(crate) const SCRIPT_MEMORY: usize = 256 << 10;

/// How long a message waits for its turn, and for its share of the memory.
const WAIT: Duration = Duration::from_secs(60);

/// What is left to do after the transaction.
#[derive(Default)]
struct After {
    replies: Vec<Reply>,
    full: Option<(u64, u64)>,
    tell_broken: bool,
}

impl Inner {
    /// Runs the account's script and carries out what it decides.
    pub(crate) async fn filter(
        &self,
        mail: &Mail,
        place: &Place,
        account: &Account,
        kept: Kept,
        (name, text): (String, String),
        email: NewEmail,
    ) -> Result<Deposit> {
        let own = place.account.address.clone();
        let identities: Vec<String> =
            self.store.identities(place.account.id).await?.iter().map(Address::to_string).collect();
        let mut decision = self.decide(mail, place, account, text, identities.clone()).await?;
        decision.keep_own(|to| is_one_of(to, &identities));

        let mut emails = Vec::with_capacity(decision.versions.len());
        let mut unedited = Some(email);
        for version in &decision.versions {
            emails.push(match (version, unedited.take()) {
                (None, Some(email)) => email,
                (version, kept) => {
                    unedited = kept;
                    let letter = edited(mail, &own, version.as_deref(), decision.body_at, true);
                    letter.ingest(account.blobs(), mail.received).await?
                }
            });
        }
        if !decision.redirects.is_empty() {
            // A mailbox that is full refuses before anything is sent on.
            let wanted = decision.filings.iter().filter_map(|f| emails.get(f.version)).map(|e| e.blob.size).sum();
            account.read(move |tx| if wanted > 0 { tx.check_quota(wanted) } else { Ok(()) }).await?;
        }
        for (to, header) in &decision.redirects {
            let letter = edited(mail, &own, header.as_deref(), decision.body_at, false);
            self.redirect(letter, mail, &own, to).await?;
        }
        let (reject, broken) = (decision.reject.take(), decision.broken.clone());
        let once = self.once(mail, place);
        let after = account.write(move |tx| {
            // A second runner, beside one that is slow and not dead.
            if !once.map_or(Ok(true), |once| once.begin(tx))? {
                return Ok(After::default());
            }
            carry_out(tx, kept, decision, &emails)
        });
        let after = after.await?;
        if let Some(error) = broken.filter(|_| after.tell_broken) {
            self.tell(place, &Notice::BrokenScript { name, error }).await;
        }
        for reply in after.replies {
            if let Err(error) = self.reply(reply).await {
                tracing::warn!(%error, address = own.as_str(), "an automatic reply was lost");
            }
        }
        self.warn(place, after.full).await;
        Ok(match reject {
            Some(reason) => Deposit::Refused(Refusal::new(550, "5.7.1", shortened(&reason))),
            None => Deposit::Done,
        })
    }

    /// What the script wants.
    async fn decide(
        &self,
        mail: &Mail,
        place: &Place,
        account: &Account,
        text: String,
        identities: Vec<String>,
    ) -> Result<Decision> {
        let letter = Letter::new(delivered_to(place.account.address.as_str()), mail);
        let (size, most) = (letter.len(), letter.len().min(sterna_sieve::WHOLE));
        let before_body = letter.len() - mail.body.len();
        let kilobytes = u32::try_from(most >> 10).unwrap_or(u32::MAX).saturating_add(1);
        let room =
            async { (self.turns.take(place.account.id).await, self.script_memory.acquire_many(kilobytes).await) };
        let waited = tokio::time::timeout(WAIT, room).await;
        let _room = waited.map_err(|_| Error::Unavailable("too many scripts run at once".into()))?;
        let external = is_external(mail, &place.account.address);
        let environment = [("vnd.sterna.external", if external { "yes".to_owned() } else { String::new() })];
        let (hostname, now) = (self.config.hostname.clone(), self.store.clock().unix());
        let (sender, recipient, may_reply) = (mail.envelope.sender.clone(), place.reached.clone(), !mail.quarantine);
        let limits = Limits { redirects: self.config.max_redirects, ..Limits::default() };
        account
            // Nobody waits for a script that takes its time: a snapshot holds no writer up.
            .read(move |tx| {
                let bytes = letter.beginning(most)?;
                let message = Message {
                    bytes: &bytes,
                    size,
                    sender: &sender,
                    recipient: &recipient,
                    identities: &identities,
                    full_name: None,
                    hostname: &hostname,
                    environment: &environment,
                    // Whoever is named as the sender of a forgery wants no reply.
                    may_reply,
                    now,
                };
                let mut decision = decide(tx, &text, &message, &limits)?;
                decision.body_at = (header_len(&bytes) as u64).saturating_sub(before_body);
                Ok(decision)
            })
            .await
    }
}

/// The mail under another header, with what belongs before it; its body begins at `body_at`.
fn edited(mail: &Mail, own: &Address, header: Option<&[u8]>, body_at: u64, to_mailbox: bool) -> Letter {
    let mut head = if to_mailbox { return_path(&mail.envelope.sender) } else { Vec::new() };
    let Some(header) = header else {
        head.extend_from_slice(&delivered_to(own.as_str()));
        return Letter::new(head, mail);
    };
    // A script may take this field away; what keeps mail from going in circles is put back.
    let ours = fields(header).any(|f| f.is(b"Delivered-To") && f.unfolded().as_ref() == own.as_str().as_bytes());
    if !ours {
        head.extend_from_slice(&delivered_to(own.as_str()));
    }
    head.extend_from_slice(header);
    Letter { head, trace: bytes::Bytes::new(), body: mail.body.clone(), skip: body_at }
}

/// Everything that a decision changes in the account.
fn carry_out(tx: &Tx<'_>, kept: Kept, decision: Decision, emails: &[NewEmail]) -> Result<After> {
    let mut after = After::default();
    let mut placed: Vec<(MailboxId, usize, Flags)> = Vec::new();
    for filing in decision.filings {
        let mailbox = place::target(tx, kept, &filing.target)?;
        // Two names may lead to one mailbox: it gets one copy.
        match placed.iter_mut().find(|(known, ..)| *known == mailbox) {
            Some((.., flags)) => merge(flags, &filing.flags),
            None => placed.push((mailbox, filing.version, filing.flags)),
        }
    }
    // Copies of one version share their immutable part.
    let mut stored: Vec<Option<(MailboxId, UidRange, Flags)>> = vec![None; emails.len()];
    for (mailbox, version, flags) in placed {
        let (Some(email), Some(first)) = (emails.get(version), stored.get_mut(version)) else { continue };
        match first {
            Some((from, uid, same)) if *same == flags => {
                tx.copy(*from, &[*uid], mailbox)?;
            }
            _ => {
                let added = tx.append(mailbox, email, &flags)?;
                *first = Some((mailbox, UidRange::one(added.uid), flags));
            }
        }
    }
    for remember in decision.remember {
        let until = until(tx, remember.seconds);
        match remember.renew {
            true => tx.remember_until(remember.kind, &remember.key, until)?,
            false => tx.remember(remember.kind, &remember.key, until).map(drop)?,
        }
    }
    for reply in decision.replies {
        let fresh = match &reply.remember {
            Some(remember) if remember.seconds > 0 => {
                tx.remember(remember.kind, &remember.key, until(tx, remember.seconds))?
            }
            _ => true,
        };
        if fresh {
            after.replies.push(reply);
        }
    }
    if decision.broken.is_some() {
        after.tell_broken = tx.remember("notice", b"script", tx.now() + SCRIPT_NOTICE)?;
    }
    after.full = nearly_full(tx)?;
    Ok(after)
}

fn until(tx: &Tx<'_>, seconds: u64) -> i64 {
    tx.now().saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Bytes of a message's header with its empty line.
fn header_len(message: &[u8]) -> usize {
    let end = fields(message).last().map_or(0, |field| field.range.end);
    match message.get(end..) {
        Some([b'\r', b'\n', ..]) => end + 2,
        Some([b'\n', ..]) => end + 1,
        _ => end,
    }
}

/// Whether the sender is outside of the account's domain, or only says that he is inside.
fn is_external(mail: &Mail, own: &Address) -> bool {
    let domain = |address: &str| Mailbox::parse(address).map(|mailbox| mailbox.domain);
    let same = domain(&mail.envelope.sender).is_some_and(|theirs| Some(theirs) == domain(own.as_str()));
    !(same && mail.authenticated)
}

fn is_one_of(address: &str, identities: &[String]) -> bool {
    let fold = |text: &str| Mailbox::parse(text).map(|mailbox| mailbox.to_string().to_lowercase());
    let wanted = fold(address);
    wanted.is_some() && identities.iter().any(|identity| fold(identity) == wanted)
}

fn shortened(reason: &str) -> String {
    let reason = reason.trim();
    reason.chars().take(MAX_REASON).collect()
}
