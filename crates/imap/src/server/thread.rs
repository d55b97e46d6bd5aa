//! THREAD and UID THREAD (RFC 5256 §3): ORDEREDSUBJECT and REFERENCES.
//!
//! What the algorithms need of each message is collected page by page from the stored structures; they themselves are
//! pure. Nothing recurses: a thread may be as deep as a mailbox is long.

mod references;
mod subject;
mod tree;

use std::ops::ControlFlow;

use sterna_store::{Error, Tx};

use self::references::References;
use self::subject::OrderedSubject;
use super::fetch::Walk;
use super::problem::{Problem, Reply};
use super::search::{Progress, find, fold, structure};
use super::session::Session;
use crate::codec::command::Addressing;
use crate::codec::command::sort::{Thread, ThreadAlgorithm};
use crate::codec::write::search::{ThreadNode, thread};

/// Bytes of a base subject that are compared.
const SUBJECT_MAX: usize = 256;

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, command: Thread) -> Result<Reply, Problem> {
    let found = find(session, &command.key, &command.charset).await?;
    let account = session.account()?.clone();
    let index = session.selected()?.view.known().clone();
    let mut work = Work {
        walk: Walk::new(index.clone(), found),
        by: command.by,
        threads: match command.algorithm {
            ThreadAlgorithm::References => Threads::References(References::default()),
            ThreadAlgorithm::OrderedSubject => Threads::OrderedSubject(OrderedSubject::default()),
        },
    };
    let mut progress = Progress::start("Threading");
    while !work.walk.is_done() {
        progress.tell(session, work.walk.progress()).await?;
        work = account.read(move |tx| work.page(tx)).await?;
    }
    let nodes = tokio::task::spawn_blocking(move || work.threads.finish()).await;
    let nodes = nodes.map_err(|e| Error::Internal(e.to_string()))?;
    thread(session.out.buffer(), &nodes);
    Ok(Reply::ok("THREAD completed"))
}

/// What the algorithms ask of a message. Messages come in the order of their sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Message {
    /// The number to tell.
    number: u32,
    /// The sent date, seconds since 1970.
    sent: i64,
    /// The base subject, folded.
    subject: String,
    /// Whether the subject is one of a reply or a forward.
    reply: bool,
    /// The normalised Message-ID, if it has a valid one.
    id: Option<Vec<u8>>,
    /// Those of its ancestors, oldest first: References, else the first of In-Reply-To.
    references: Vec<Vec<u8>>,
}

enum Threads {
    References(References),
    OrderedSubject(OrderedSubject),
}

impl Threads {
    fn add(&mut self, message: Message) {
        match self {
            Threads::References(threads) => threads.add(message),
            Threads::OrderedSubject(threads) => threads.add(message),
        }
    }

    fn finish(self) -> Vec<ThreadNode> {
        match self {
            Threads::References(threads) => threads.finish(),
            Threads::OrderedSubject(threads) => threads.finish(),
        }
    }
}

struct Work {
    walk: Walk,
    by: Addressing,
    threads: Threads,
}

impl Work {
    fn page(mut self, tx: &Tx<'_>) -> sterna_store::Result<Work> {
        let Work { walk, by, threads } = &mut self;
        walk.page(tx, |step| {
            let structure = structure(&step.email)?;
            let envelope = structure.envelope();
            let (subject, reply) = structure.base_subject();
            let mut subject = fold(&subject);
            subject.truncate(subject.floor_char_boundary(SUBJECT_MAX));
            let mut references: Vec<Vec<u8>> = Vec::new();
            if matches!(threads, Threads::References(_)) {
                references.extend(envelope.references().map(<[u8]>::to_vec));
                if references.is_empty() {
                    references.extend(envelope.in_reply_to_ids().next().map(|id| id.into_owned()));
                }
            }
            threads.add(Message {
                number: if *by == Addressing::Uid { step.entry.uid.get() } else { step.sequence },
                sent: step.email.sent.unwrap_or(step.email.internaldate).unix,
                subject,
                reply,
                id: envelope.message_id_normal().map(|id| id.into_owned()),
                references,
            });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(self)
    }
}
