//! One message over a connection: MAIL, RCPT, DATA or BDAT, and what the server says about each recipient.

use std::time::Duration;

use sterna_delivery::{Mail, Recipient};

use super::body::{Pieces, fits_data, header_is_utf8};
use super::connection::Connection;
use super::error::Error;
use super::reply::Reply;
use super::stuffing::Stuffing;
use super::verdict::{Failure, Verdict};
use super::words::{self, Said};

/// Bytes of commands that are sent before their answers are read: both sides' buffers hold them (RFC 2920 §3.1).
const WINDOW: usize = 4096;
/// Bytes of one block of the message.
const BLOCK: usize = 256 * 1024;
/// How long a server that stopped reading has to say why.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What became of a message.
#[derive(Debug)]
pub struct Sent {
    /// For each recipient, in their order.
    pub verdicts: Vec<Verdict>,
    /// Why the connection cannot be used any more; `None`: it can.
    pub lost: Option<Error>,
}

enum Step {
    Reset,
    Mail,
    Rcpt(usize),
    Data,
}

/// The state of one transaction.
struct Transaction {
    verdicts: Vec<Verdict>,
    /// Recipients that the server has taken so far, in order.
    taken: Vec<usize>,
    /// The answer that refused MAIL.
    refused: Option<Reply>,
    data: Option<Reply>,
}

impl Connection {
    /// Sends a message to recipients of this server. `may_finish` is asked just before the end of the message: after
    /// "no" the server gets no message, the connection is given up and everything that it had taken is undecided.
    pub async fn send(
        &mut self,
        mail: &Mail,
        recipients: &[Recipient],
        may_finish: &(dyn Fn() -> bool + Sync),
    ) -> Sent {
        let said = match self.plan(mail, recipients).await {
            Ok(said) => said,
            Err(failure) => {
                return Sent { verdicts: vec![Verdict::Failed(failure); recipients.len()], lost: None };
            }
        };
        let mut transaction = Transaction {
            verdicts: vec![Verdict::Undecided; recipients.len()],
            taken: Vec::new(),
            refused: None,
            data: None,
        };
        let lost = self.run(&mut transaction, mail, recipients, said, may_finish).await.err();
        Sent { verdicts: transaction.verdicts, lost }
    }

    /// What has to be said about the message; or why this server cannot have it.
    async fn plan(&self, mail: &Mail, recipients: &[Recipient]) -> Result<Said, Failure> {
        let source = |e| Failure::lost(&Error::Source(e));
        let (server, envelope) = (&self.extensions, &mail.envelope);
        let size = mail.len();
        if let Some(limit) = server.size.filter(|limit| *limit > 0 && *limit < size) {
            let text = format!("the message has {size} bytes, the server takes {limit}");
            return Err(Failure::local("5.3.4", text));
        }
        let wide = |address: &str| !words::on_the_wire(address).is_ascii();
        let wide = wide(&envelope.sender) || recipients.iter().any(|r| wide(&r.address));
        let utf8 = wide || envelope.smtputf8 && header_is_utf8(mail).await.map_err(source)?;
        if utf8 && !server.utf8 {
            return Err(Failure::local("5.6.7", "the server takes no addresses or header fields in UTF-8"));
        }
        let mut binary = envelope.binary;
        if binary && !(server.binary && server.chunking) {
            if !fits_data(mail).await.map_err(source)? {
                return Err(Failure::local("5.6.3", "the message is binary and the server takes text only"));
            }
            binary = false;
        }
        if envelope.require_tls && !(self.verified && server.require_tls) {
            let text = "the sender requires protection on the whole way, which the server does not promise";
            return Err(Failure::local("5.7.30", text));
        }
        Ok(Said { size, utf8, binary })
    }

    /// An error has ended the connection; the verdicts say how far it came.
    async fn run(
        &mut self,
        transaction: &mut Transaction,
        mail: &Mail,
        recipients: &[Recipient],
        said: Said,
        may_finish: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), Error> {
        let mut steps = Vec::with_capacity(recipients.len() + 3);
        if self.dirty {
            steps.push((Step::Reset, b"RSET\r\n".to_vec()));
        }
        steps.push((Step::Mail, words::mail(&mail.envelope, said, &self.extensions)));
        steps.extend(
            recipients
                .iter()
                .enumerate()
                .map(|(n, recipient)| (Step::Rcpt(n), words::rcpt(recipient, said, &self.extensions))),
        );
        if !said.binary {
            steps.push((Step::Data, b"DATA\r\n".to_vec()));
        }
        self.dirty = true;
        self.envelope(transaction, steps).await?;
        if let Some(reply) = transaction.refused.take() {
            transaction.verdicts.fill(Verdict::Failed(Failure::refused(reply)));
        }
        match transaction.data.take() {
            // RFC 2920 §3.1: the server waits for a message to nobody; it gets an empty one.
            Some(reply) if reply.code / 100 == 3 && transaction.taken.is_empty() => {
                self.wire.write(b".\r\n", self.timeouts.block, "the end of the message").await?;
                self.wire.reply(self.timeouts.end, "the end of the message").await?;
                return Ok(());
            }
            Some(reply) if reply.code / 100 == 3 => {}
            Some(reply) => {
                let failed = Verdict::Failed(Failure::refused(reply));
                transaction.taken.iter().for_each(|&n| set(&mut transaction.verdicts, n, failed.clone()));
                return Ok(());
            }
            None if transaction.taken.is_empty() || !said.binary => return Ok(()),
            None => {}
        }
        let sent = match said.binary {
            true => self.chunks(transaction, mail, may_finish).await,
            false => self.lines(mail, may_finish).await.map(|()| false),
        };
        match sent {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            // A server that had enough may have said so before it closed.
            Err(error @ (Error::Io(..) | Error::Closed(_))) => {
                let Ok(reply) = self.wire.reply(LAST_WORDS, "the message").await else { return Err(error) };
                if !reply.is_positive() {
                    let failed = Verdict::Failed(Failure::refused(reply));
                    transaction.taken.iter().for_each(|&n| set(&mut transaction.verdicts, n, failed.clone()));
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        self.end(transaction).await
    }

    /// Sends the steps as far as the server can take them at once, and reads their answers.
    async fn envelope(&mut self, transaction: &mut Transaction, steps: Vec<(Step, Vec<u8>)>) -> Result<(), Error> {
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() {
            let (mut batch, mut bytes) = (Vec::new(), Vec::new());
            while let Some((step, line)) = steps.next_if(|(_, line)| {
                bytes.is_empty() || self.extensions.pipelining && bytes.len() + line.len() <= WINDOW
            }) {
                batch.push(step);
                bytes.extend_from_slice(&line);
            }
            if matches!(batch.first(), Some(Step::Data)) && transaction.taken.is_empty() {
                return Ok(());
            }
            let doing = batch.first().map_or("MAIL", Step::name);
            self.wire.write(&bytes, self.timeouts.command, doing).await?;
            for step in batch {
                let limit = if matches!(step, Step::Data) { self.timeouts.data } else { self.timeouts.command };
                let reply = self.wire.reply(limit, step.name()).await?;
                transaction.apply(step, reply);
            }
            if transaction.refused.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The message as DATA has it, without waiting for the answer.
    async fn lines(&mut self, mail: &Mail, may_finish: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        let (mut pieces, mut stuffing) = (Pieces::new(mail).map_err(Error::Source)?, Stuffing::new());
        let mut block = Vec::with_capacity(BLOCK.min(mail.len() as usize + 1024));
        while let Some(piece) = pieces.next().await.map_err(Error::Source)? {
            stuffing.push(&piece, &mut block);
            if block.len() >= BLOCK {
                self.wire.write(&block, self.timeouts.block, "the message").await?;
                block.clear();
            }
        }
        if !may_finish() {
            return Err(Error::GivenUp);
        }
        stuffing.finish(&mut block);
        self.wire.write(&block, self.timeouts.block, "the message").await
    }

    /// The message as BDAT has it (RFC 3030), up to the last chunk, whose answer is not waited for. `true`: the server
    /// has refused a chunk, and every verdict is made.
    async fn chunks(
        &mut self,
        transaction: &mut Transaction,
        mail: &Mail,
        may_finish: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, Error> {
        let mut pieces = Pieces::new(mail).map_err(Error::Source)?;
        let mut piece = pieces.next().await.map_err(Error::Source)?.unwrap_or_default();
        loop {
            let next = pieces.next().await.map_err(Error::Source)?;
            let last = if next.is_none() { " LAST" } else { "" };
            if next.is_none() && !may_finish() {
                return Err(Error::GivenUp);
            }
            let mut chunk = format!("BDAT {}{last}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(&piece);
            self.wire.write(&chunk, self.timeouts.block, "the message").await?;
            piece = match next {
                Some(next) => next,
                None => return Ok(false),
            };
            let reply = self.wire.reply(self.timeouts.block, "the message").await?;
            if !reply.is_positive() {
                let failed = Verdict::Failed(Failure::refused(reply));
                transaction.taken.iter().for_each(|&n| set(&mut transaction.verdicts, n, failed.clone()));
                return Ok(true);
            }
        }
    }

    /// The answer to the end of the message: one, or one for each recipient (RFC 2033 §4.2).
    async fn end(&mut self, transaction: &mut Transaction) -> Result<(), Error> {
        let taken = std::mem::take(&mut transaction.taken);
        let groups: Vec<&[usize]> = if self.lmtp { taken.chunks(1).collect() } else { vec![&taken] };
        for (answered, group) in groups.iter().enumerate() {
            let verdict = match self.wire.reply(self.timeouts.end, "the end of the message").await {
                Ok(reply) if reply.is_positive() => Verdict::Accepted(reply),
                Ok(reply) => Verdict::Failed(Failure::refused(reply)),
                Err(error) => {
                    // The server may have taken the message: not for another one to try at once.
                    let failed = Verdict::Failed(Failure::lost(&error));
                    let rest = groups.iter().skip(answered).copied().flatten();
                    rest.for_each(|&n| set(&mut transaction.verdicts, n, failed.clone()));
                    return Err(error);
                }
            };
            group.iter().for_each(|&n| set(&mut transaction.verdicts, n, verdict.clone()));
        }
        self.dirty = false;
        Ok(())
    }
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Step::Reset => "RSET",
            Step::Mail => "MAIL",
            Step::Rcpt(_) => "RCPT",
            Step::Data => "DATA",
        }
    }
}

impl Transaction {
    fn apply(&mut self, step: Step, reply: Reply) {
        match step {
            Step::Reset => {}
            Step::Mail if reply.is_positive() => {}
            Step::Mail => self.refused = Some(reply),
            // The answers behind a refused MAIL say nothing of their own.
            Step::Rcpt(_) if self.refused.is_some() => {}
            Step::Rcpt(n) if reply.is_positive() => self.taken.push(n),
            Step::Rcpt(n) => set(&mut self.verdicts, n, Verdict::Failed(recipient_refused(reply))),
            Step::Data => self.data = Some(reply),
        }
    }
}

/// RFC 5321 §4.5.3.1.10: 552 to RCPT is how older servers say "too many recipients", for the moment.
fn recipient_refused(reply: Reply) -> Failure {
    let mut failure = Failure::refused(reply);
    if failure.reply.as_ref().is_some_and(|r| r.code == 552 && r.status().is_none_or(|s| s == "5.5.3")) {
        failure.permanent = false;
        failure.status = "4.5.3".to_owned();
    }
    failure
}

fn set(verdicts: &mut [Verdict], n: usize, verdict: Verdict) {
    if let Some(place) = verdicts.get_mut(n) {
        *place = verdict;
    }
}
