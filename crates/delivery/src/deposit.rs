//! One mail into one mailbox of ours: the bytes are made and scanned, then everything that belongs to the delivery is one
//! transaction of the account.
//!
//! A user's script, if there is one, takes over before anything is written ([`crate::scripted`]).

use sterna_core::{Flags, MailboxId};
use sterna_store::{Account, Error, NewEmail, Result, Tx};

use crate::letter::Letter;
use crate::notice::Notice;
use crate::place::Kept;
use crate::resolve::Place;
use crate::send::delivered_to;
use crate::service::Inner;
use crate::{Mail, Refusal, place};

/// How often the user is told that his mailbox is nearly full, seconds.
const QUOTA_NOTICE: i64 = 7 * 86_400;

/// The part of the limit at which he is told.
const WARN_PERCENT: u128 = 90;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deposit {
    Done,
    Refused(Refusal),
    Deferred(Refusal),
}

/// What an error of the store means for a recipient.
pub(crate) fn failure(error: &Error) -> Deposit {
    match error {
        Error::OverQuota { .. } => Deposit::Refused(Refusal::new(552, "5.2.2", "the mailbox is full")),
        Error::DiskFull => Deposit::Deferred(Refusal::new(452, "4.3.1", "no space left, try again later")),
        _ => Deposit::Deferred(Refusal::new(451, "4.3.0", "the mailbox cannot be written now, try again later")),
    }
}

/// A delivery that happens once, however often the queue's runner is killed behind it.
pub(crate) struct Once {
    key: Vec<u8>,
    seconds: i64,
}

impl Once {
    /// It was done.
    fn is_done(&self, tx: &Tx<'_>) -> Result<bool> {
        tx.remembered("queued", &self.key)
    }

    /// Remembers it in the transaction that does it; `false`: it was done.
    pub fn begin(&self, tx: &Tx<'_>) -> Result<bool> {
        tx.remember("queued", &self.key, tx.now().saturating_add(self.seconds))
    }
}

/// What the first transaction of a delivery came to.
enum First {
    /// The limits of a mailbox that is nearly full.
    Done(Option<(u64, u64)>),
    /// The account has a script, and nothing was written. The message comes back.
    Script { name: String, text: String, email: Box<NewEmail> },
}

impl Inner {
    /// Delivers a mail into a mailbox.
    pub async fn deposit(&self, mail: &Mail, place: &Place) -> Deposit {
        self.try_deposit(mail, place).await.unwrap_or_else(|error| {
            let address = place.account.address.as_str();
            match failure(&error) {
                Deposit::Deferred(_) => tracing::warn!(%error, address, "a delivery failed for the moment"),
                _ => tracing::info!(%error, address, "a delivery was refused"),
            }
            failure(&error)
        })
    }

    async fn try_deposit(&self, mail: &Mail, place: &Place) -> Result<Deposit> {
        let account = self.store.account(place.account.id).await?;
        let kept = match mail.quarantine {
            true => Kept::Junk,
            false => Kept::Inbox(self.inbox(&account).await?),
        };
        let trace = [return_path(&mail.envelope.sender), delivered_to(place.account.address.as_str())].concat();
        let email = Letter::new(trace, mail).ingest(account.blobs(), mail.received).await?;
        let limited = place.account.quota_bytes.is_some();
        let once = self.once(mail, place);
        let first = account.write(move |tx| {
            if let Some((name, text)) = tx.active_sieve()? {
                if once.map_or(Ok(false), |once| once.is_done(tx))? {
                    return Ok(First::Done(None));
                }
                return Ok(First::Script { name, text, email: Box::new(email) });
            }
            if !once.map_or(Ok(true), |once| once.begin(tx))? {
                return Ok(First::Done(None));
            }
            tx.append(kept.mailbox(tx)?, &email, &Flags::default())?;
            Ok(First::Done(if limited { nearly_full(tx)? } else { None }))
        });
        match first.await? {
            First::Done(full) => {
                self.warn(place, full).await;
                Ok(Deposit::Done)
            }
            First::Script { name, text, email } => self.filter(mail, place, &account, kept, (name, text), *email).await,
        }
    }

    /// Under what a mailbox remembers a message of the queue.
    pub(crate) fn once(&self, mail: &Mail, place: &Place) -> Option<Once> {
        let queued = mail.queued.as_deref()?;
        let key = [queued, b" ", place.reached.as_bytes()].concat();
        Some(Once { key, seconds: (i64::from(self.config.queue_days) + 1) * 86_400 })
    }

    /// INBOX of an account. It never changes, so that it is asked for once.
    async fn inbox(&self, account: &Account) -> Result<MailboxId> {
        if let Some(known) = self.inboxes.get(account.id()) {
            return Ok(known);
        }
        let inbox = account.read(place::inbox).await?;
        self.inboxes.put(account.id(), inbox);
        Ok(inbox)
    }

    pub(crate) async fn warn(&self, place: &Place, full: Option<(u64, u64)>) {
        if let Some((used, limit)) = full {
            self.tell(place, &Notice::QuotaWarning { used, limit }).await;
        }
    }

    /// A notice that may fail: the mail itself is delivered.
    pub(crate) async fn tell(&self, place: &Place, notice: &Notice) {
        if let Err(error) = self.notify_account(&place.account, notice).await {
            tracing::info!(%error, address = place.account.address.as_str(), "a notice could not be delivered");
        }
    }
}

/// Use and limit of a mailbox that is nearly full, if its user was not told lately.
pub(crate) fn nearly_full(tx: &Tx<'_>) -> Result<Option<(u64, u64)>> {
    let state = tx.account_state()?;
    let Some(limit) = state.quota_bytes else { return Ok(None) };
    let (used, limit_percent) = (u128::from(state.used_bytes) * 100, u128::from(limit) * WARN_PERCENT);
    if used < limit_percent || !tx.remember("notice", b"quota", tx.now() + QUOTA_NOTICE)? {
        return Ok(None);
    }
    Ok(Some((state.used_bytes, limit)))
}

/// RFC 5321 §4.4: made by the final delivery. An address that could end the line has been refused long before.
pub(crate) fn return_path(sender: &str) -> Vec<u8> {
    format!("Return-Path: <{}>\r\n", sender.replace(char::is_control, "")).into_bytes()
}
