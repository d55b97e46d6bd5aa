//! Requests about mail that waits to go out: look at it, hold it, try it now, remove it.

use serde::{Deserialize, Serialize};
use sterna_store::{QueueFilter, QueueId, QueueSelection, QueuedMessage, QueuedRecipient};

use super::answer::Answer;
use super::platform::Platform;
use crate::error::{Error, Result};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueRequest {
    /// `queue list`: a page.
    List {
        /// Behind this message.
        after: Option<u64>,
        /// Messages at most.
        limit: usize,
        /// Which.
        which: QueueWhich,
    },
    /// `queue show`
    Show {
        /// Which.
        id: u64,
    },
    /// `queue hold`, `release`, `retry` and `remove`
    Change {
        /// What is done.
        action: QueueAction,
        /// To which.
        which: QueueWhich,
    },
    /// `queue stats`
    Stats,
}

/// What is done to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueAction {
    /// Not tried until released.
    Hold,
    /// Tried again.
    Release,
    /// Tried now.
    Retry,
    /// Gone, and nobody is told.
    Remove,
}

/// Which messages: those with these numbers, or all that fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueWhich {
    /// Numbers; none: what fits the rest.
    pub ids: Vec<u64>,
    /// Sender's address; empty: bounces.
    pub sender: Option<String>,
    /// One recipient's address.
    pub recipient: Option<String>,
    /// The domain of a recipient.
    pub destination: Option<String>,
    /// Held, or not.
    pub held: Option<bool>,
}

impl QueueWhich {
    fn filter(self) -> QueueFilter {
        QueueFilter {
            sender: self.sender,
            recipient: self.recipient,
            destination: self.destination.map(|destination| destination.to_lowercase()),
            held: self.held,
        }
    }

    fn selection(self) -> QueueSelection {
        if self.ids.is_empty() {
            QueueSelection::Filter(self.filter())
        } else {
            QueueSelection::Ids(self.ids.into_iter().map(QueueId).collect())
        }
    }
}

/// A queued message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedInfo {
    /// Its number.
    pub id: u64,
    /// Empty: a bounce.
    pub sender: String,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub queued: i64,
    /// When it goes back, seconds since 1970.
    pub expires: i64,
    /// It is not tried.
    pub held: bool,
    /// The first of its recipients.
    pub recipients: Vec<RecipientInfo>,
    /// How many it waits for.
    pub recipients_total: u64,
}

/// A recipient that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientInfo {
    /// Its address.
    pub address: String,
    /// Its domain.
    pub destination: String,
    /// That failed.
    pub attempts: u32,
    /// When it is tried next, seconds since 1970; `None`: when the message is released.
    pub due: Option<i64>,
    /// Being tried now.
    pub trying: bool,
    /// Of the last attempt.
    pub last_error: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueChanged {
    /// What.
    pub action: QueueAction,
    /// To how many messages.
    pub messages: u64,
}

/// How much waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatsInfo {
    /// Messages.
    pub messages: u64,
    /// Recipients that they wait for.
    pub recipients: u64,
    /// Messages that are held.
    pub held: u64,
    /// Recipients that could be tried now, about.
    pub due: u64,
    /// When the oldest was queued, seconds since 1970.
    pub oldest: Option<i64>,
    /// The destinations that most recipients wait for, and how many.
    pub destinations: Vec<(String, u64)>,
}

fn info((message, recipients, recipients_total): (QueuedMessage, Vec<QueuedRecipient>, u64)) -> QueuedInfo {
    let held = message.held;
    let recipient = |r: QueuedRecipient| RecipientInfo {
        due: (!held).then_some(r.due_ms / 1000),
        address: r.address,
        destination: r.destination,
        attempts: r.attempts,
        trying: r.claimed,
        last_error: r.last_error,
    };
    QueuedInfo {
        id: message.id.0,
        sender: message.sender,
        size: message.size,
        queued: message.queued_ms / 1000,
        expires: message.expires_ms / 1000,
        held,
        recipients: recipients.into_iter().map(recipient).collect(),
        recipients_total,
    }
}

pub(super) async fn run(platform: &Platform, request: QueueRequest) -> Result<Answer> {
    let store = &platform.store;
    Ok(match request {
        QueueRequest::List { after, limit, which } => {
            let page = store.queue_list(after.map(QueueId), limit, which.filter()).await?;
            Answer::Queue(page.into_iter().map(info).collect())
        }
        QueueRequest::Show { id } => {
            let gone = || Error::new(format!("the queue has no message {id}; it may be delivered by now"));
            Answer::Queued(info(store.queue_show(QueueId(id)).await?.ok_or_else(gone)?))
        }
        QueueRequest::Change { action, which } => {
            let which = which.selection();
            let messages = match action {
                QueueAction::Hold => store.queue_hold(which, true).await?,
                QueueAction::Release => store.queue_hold(which, false).await?,
                QueueAction::Retry => store.queue_retry(which).await?,
                QueueAction::Remove => store.queue_remove(which).await?,
            };
            Answer::QueueChanged(QueueChanged { action, messages })
        }
        QueueRequest::Stats => {
            let stats = store.queue_stats().await?;
            Answer::QueueStats(QueueStatsInfo {
                messages: stats.messages,
                recipients: stats.recipients,
                held: stats.held,
                due: stats.due,
                oldest: stats.oldest_ms.map(|ms| ms / 1000),
                destinations: stats.by_destination.into_iter().map(|d| (d.destination, d.recipients)).collect(),
            })
        }
    })
}
