//! APPEND, MULTIAPPEND and REPLACE (RFC 9051 §6.3.12, RFC 3502, RFC 7889, RFC 8508).
//!
//! A message goes chunk by chunk from the connection into [`Ingest`](sterna_message::Ingest), so that its size costs no
//! memory ([`receive`](super::incoming)). Storing it then goes on behind the session's back while the next APPEND that
//! lies in the buffer is read: commands sent without waiting share their fsyncs. Answers keep the order of the commands.

use std::collections::VecDeque;
use std::future::Future as _;
use std::task::Poll;

use sterna_core::{Flags, MailboxId, Uid, UidValidity};
use sterna_store::{Account, Error, NewEmail, UidRange};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::incoming::{self, Refused};
use super::names::find;
use super::problem::{Problem, Reply, ReplyCode};
use super::session::Session;
use crate::codec::command::Addressing;
use crate::codec::command::append::{AppendHead, AppendTail, MessageHead};
use crate::codec::framing::Step;
use crate::codec::mailbox::MailboxName;
use crate::codec::sequence::NumberSet;
use crate::codec::write::status::{Condition, continuation, names, untagged};

/// APPENDs of one connection that are being stored at most, and the bytes of their messages.
const MAX_WAITING: usize = 64;
const MAX_WAITING_BYTES: u64 = 32 << 20;

/// What one MULTIAPPEND may hold at most: messages, and the bytes that those below a file's size take in memory.
const MAX_MESSAGES: usize = 1_000;
const MAX_MULTI_MEMORY: u64 = 64 << 20;

/// A message above this size is kept in a file on its way in.
const IN_MEMORY: u64 = 256 << 10;

/// The APPENDs that were read and are not yet answered, oldest first.
#[derive(Default)]
pub(super) struct Appends {
    waiting: VecDeque<Waiting>,
    /// Ends when the youngest has joined the store's queue: UIDs follow the order of the commands.
    queued: Option<oneshot::Receiver<()>>,
    /// The mailbox of the youngest: the next is mostly for the same one.
    target: Option<(MailboxName, MailboxId)>,
}

struct Waiting {
    tag: String,
    bytes: u64,
    task: JoinHandle<Result<Reply, Problem>>,
    result: Option<Result<Reply, Problem>>,
}

impl Waiting {
    /// Until the result is there. Can be dropped and called again.
    async fn done(&mut self) {
        if self.result.is_none() {
            let lost = |e| Err(Error::Internal(format!("an APPEND was lost: {e}")).into());
            self.result = Some((&mut self.task).await.unwrap_or_else(lost));
        }
    }
}

impl Appends {
    /// Waits for the oldest; for ever if there is none.
    pub async fn first_done(&mut self) {
        match self.waiting.front_mut() {
            Some(first) => first.done().await,
            None => std::future::pending().await,
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING || self.waiting.iter().map(|w| w.bytes).sum::<u64>() > MAX_WAITING_BYTES
    }
}

impl Session {
    /// Answers the oldest APPENDs as far as they are done.
    pub(super) async fn appends_answered(&mut self) -> Result<(), Problem> {
        let mut done = Vec::new();
        while let Some(first) = self.appends.waiting.front_mut()
            && (first.result.is_some() || first.task.is_finished())
        {
            first.done().await;
            if let Some(Waiting { tag, result: Some(result), .. }) = self.appends.waiting.pop_front() {
                done.push((tag, result));
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        // RFC 9051 §6.3.12: an open mailbox shows what was appended to it before the answer.
        match Box::pin(self.sync(true)).await {
            Err(over @ (Problem::Bye { .. } | Problem::Io(_))) => return Err(over),
            Err(problem) => tracing::warn!(?problem, "cannot synchronise"),
            Ok(()) => {}
        }
        for (tag, result) in done {
            self.answer(&tag, result)?;
        }
        Ok(())
    }

    /// Waits for all APPENDs and answers them.
    pub(super) async fn appends_settled(&mut self) -> Result<(), Problem> {
        while let Some(first) = self.appends.waiting.front_mut() {
            first.done().await;
            self.appends_answered().await?;
        }
        self.appends.queued = None;
        self.appends.target = None;
        Ok(())
    }
}

/// Reads the APPEND or REPLACE whose head is the first `len` bytes of the input, and begins to store it.
pub(super) async fn receive(session: &mut Session, len: usize) -> Result<(), Problem> {
    let head = {
        let bytes = session.input.split_to(len);
        AppendHead::parse(&bytes, session.names())
    };
    let head = match head {
        Ok(head) => head,
        Err(bad) => {
            session.framer.refuse_message();
            session.appends_settled().await?;
            let text = bad.to_string();
            return session.answer(bad.tag.as_deref().unwrap_or("*"), Err(Problem::bad(text)));
        }
    };
    while session.appends.is_full() {
        session.appends.first_done().await;
        session.appends_answered().await?;
    }
    match command(session, &head).await {
        Ok(None) => Ok(()),
        Ok(Some(reply)) => {
            session.appends_settled().await?;
            session.answer(&head.tag, Ok(reply))
        }
        Err(over @ (Problem::Bye { .. } | Problem::Io(_))) => Err(over),
        Err(problem) => {
            // Skips a message that is announced and was not read; does nothing if all was read.
            session.framer.refuse_message();
            session.appends_settled().await?;
            session.answer(&head.tag, Err(problem))
        }
    }
}

/// What is to be stored.
struct Batch {
    account: Account,
    mailbox: MailboxId,
    messages: Vec<(JoinHandle<sterna_store::Result<NewEmail>>, Flags)>,
    /// REPLACE: the mailbox and the message that goes.
    replaces: Option<(MailboxId, Uid)>,
}

/// `None`: storing goes on, and the answer comes later.
async fn command(session: &mut Session, head: &AppendHead) -> Result<Option<Reply>, Problem> {
    let account = session.account()?.clone();
    let replaces = replaced(session, head)?;
    let mut message = head.message.clone();
    check_size(session, &message)?;
    let mailbox = target(session, &account, head).await?;
    let mut batch = Batch { account, mailbox, messages: Vec::new(), replaces };
    let (mut bytes, mut memory, mut cancelled) = (0u64, 0u64, false);
    loop {
        if message.literal.synchronizing && session.promised > 0 {
            // The relay to another platform has told the client to go on.
            session.promised -= 1;
        } else if message.literal.synchronizing {
            session.appends_settled().await?;
            continuation(session.out.buffer(), "OK");
            session.out.flush().await?;
        }
        let size = message.literal.size;
        let date = message.date.unwrap_or_else(|| session.service.store.clock().now());
        match incoming::message(session, &batch.account, size, date).await {
            Ok(email) => batch.messages.push((email, std::mem::take(&mut message.flags))),
            Err(Refused { problem, left }) => {
                session.framer.skip_message(left);
                return Err(problem);
            }
        }
        session.framer.message_read();
        cancelled |= size == 0;
        bytes = bytes.saturating_add(size);
        memory = memory.saturating_add(size.min(IN_MEMORY));
        match tail(session, &message, &head.tag).await? {
            AppendTail::End => break,
            AppendTail::Next(_) if head.replaces.is_some() => return Err(Problem::bad("REPLACE takes one message")),
            AppendTail::Next(next) => message = next,
        }
        check_size(session, &message)?;
        if batch.messages.len() >= MAX_MESSAGES || memory > MAX_MULTI_MEMORY {
            return Err(Problem::no_code(names::LIMIT, "too much for one MULTIAPPEND"));
        }
    }
    if cancelled {
        // RFC 3502 §6.3.11: an empty message takes the whole command back.
        return Err(Problem::no("APPEND cancelled by an empty message"));
    }
    if batch.replaces.is_some() {
        session.appends_settled().await?;
        let (code, text) = appended(store(batch, None, None).await?);
        // RFC 8508 §3.4: the new UID is told before the old message goes.
        untagged(session.out.buffer(), Condition::Ok, Some(code.as_code()), text);
        Box::pin(session.sync(true)).await?;
        return Ok(Some(Reply::ok("REPLACE completed")));
    }
    let (joined, queued) = oneshot::channel();
    let before = session.appends.queued.replace(queued);
    let task = tokio::spawn(async move {
        let (code, text) = appended(store(batch, before, Some(joined)).await?);
        Ok(Reply::ok_code(code, text))
    });
    session.appends.waiting.push_back(Waiting { tag: head.tag.clone(), bytes, task, result: None });
    Ok(None)
}

fn appended((validity, uids): (UidValidity, NumberSet)) -> (ReplyCode, &'static str) {
    (ReplyCode::AppendUid(validity, uids), "APPEND completed")
}

fn check_size(session: &Session, message: &MessageHead) -> Result<(), Problem> {
    if message.literal.size > session.service.config.append_limit {
        return Err(Problem::no_code(names::TOOBIG, "the message is larger than the server takes"));
    }
    Ok(())
}

/// The message that REPLACE names, if it may go.
fn replaced(session: &Session, head: &AppendHead) -> Result<Option<(MailboxId, Uid)>, Problem> {
    let Some((by, number)) = head.replaces else { return Ok(None) };
    let selected = session.selected()?;
    if selected.read_only {
        return Err(Problem::no_code(names::CANNOT, "the mailbox is open for reading only"));
    }
    let known = selected.view.known();
    let uid = match by {
        Addressing::Sequence if session.enabled.uidonly => {
            return Err(Problem::bad_code(names::UIDREQUIRED, "UIDONLY is enabled: use UID REPLACE"));
        }
        Addressing::Sequence => {
            let entry = usize::try_from(number.get()).ok().and_then(|n| known.get(n));
            entry.ok_or_else(|| Problem::bad("no message has that sequence number"))?.uid
        }
        Addressing::Uid => Uid(number),
    };
    if known.position(uid).is_err() {
        return Err(Problem::no_code(names::NONEXISTENT, "no such message"));
    }
    Ok(Some((selected.mailbox, uid)))
}

fn try_create() -> Problem {
    Problem::no_code(names::TRYCREATE, "no such mailbox")
}

/// The mailbox that the message goes to, before the client sends it (RFC 9051 §6.3.12: TRYCREATE).
async fn target(session: &mut Session, account: &Account, head: &AppendHead) -> Result<MailboxId, Problem> {
    if let Some((name, id)) = &session.appends.target
        && *name == head.mailbox
    {
        return Ok(*id);
    }
    let (name, size) = (head.mailbox.clone(), head.message.literal.size);
    // A REPLACE frees the space of the old message: its quota is looked at when it is stored.
    let check_quota = head.replaces.is_none();
    let found = account
        .read(move |tx| {
            let tree = tx.mailbox_tree()?;
            let Some(id) = find(&tree, &name).filter(|m| m.selectable).map(|m| m.id) else { return Ok(None) };
            if check_quota {
                tx.check_quota(size)?;
            }
            Ok(Some(id))
        })
        .await?;
    let id = found.ok_or_else(try_create)?;
    session.appends.target = Some((head.mailbox.clone(), id));
    Ok(id)
}

/// The line behind a message.
async fn tail(session: &mut Session, message: &MessageHead, tag: &str) -> Result<AppendTail, Problem> {
    loop {
        match session.framer.next(&session.input) {
            Step::AppendTail { len } => {
                let bytes = session.input.split_to(len);
                return AppendTail::parse(&bytes, message, tag).map_err(|bad| Problem::bad(bad.to_string()));
            }
            Step::NeedMore => incoming::read_more(session).await?,
            Step::Reject(error) => return Err(Problem::bad(error.kind.to_string())),
            _ => return Err(Problem::bye("the end of the message was lost")),
        }
    }
}

/// Stores all messages of a batch or none. Waits for `before` to join the store's queue, joins it, and lets the next go.
async fn store(
    batch: Batch,
    before: Option<oneshot::Receiver<()>>,
    joined: Option<oneshot::Sender<()>>,
) -> Result<(UidValidity, NumberSet), Problem> {
    let Batch { account, mailbox, messages, replaces } = batch;
    let mut emails = Vec::with_capacity(messages.len());
    for (email, flags) in messages {
        let email = email.await.map_err(|e| Error::Internal(format!("a message was lost: {e}")))??;
        emails.push((email, flags));
    }
    if let Some(before) = before {
        // An error says that the one before has failed: it is out of the way, too.
        let _ = before.await;
    }
    let mut write = Box::pin(account.write(move |tx| {
        if let Some((from, uid)) = replaces
            && tx.expunge(from, &[UidRange::one(uid)])?.is_empty()
        {
            return Err(Error::NotFound("the message".into()));
        }
        let mut uids = NumberSet::new();
        for (email, flags) in &emails {
            uids.insert(tx.append(mailbox, email, flags)?.uid.get());
        }
        Ok((tx.mailbox(mailbox)?.uid_validity, uids))
    }));
    // The first poll puts the write into the queue.
    let first = std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
    drop(joined);
    let result = match first {
        Poll::Ready(result) => result,
        Poll::Pending => write.await,
    };
    result.map_err(|e| match e {
        Error::NoSuchMailbox(_) => try_create(),
        e => e.into(),
    })
}

#[cfg(test)]
#[path = "append_tests.rs"]
mod tests;
