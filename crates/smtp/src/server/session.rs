//! One client's session: its state, and the loop that reads commands and answers them.

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_core::Address;
use sterna_delivery::{Envelope, Recipient};
use sterna_net::{ClientStream, PortTls};
use sterna_store::AccountRecord;
use tokio::sync::watch;
use tokio::time::Instant;

use super::command::{self, Command, Hello};
use super::intake::Intake;
use super::params::BodyKind;
use super::peer::Peer;
use super::policy::Place;
use super::reply::{Answer, Fail, Reply};
use super::wire::Wire;
use super::{Kind, Service, auth, data, greet, mail, rcpt};

/// Commands in a row that lead to no message (NOOP, RSET, VRFY, MAIL again and again).
const MAX_IDLE_COMMANDS: u32 = 1_000;

/// The state of one connection.
pub(super) struct Session {
    pub service: Arc<Service>,
    pub kind: Kind,
    pub wire: Wire,
    pub peer: Peer,
    pub shutdown: watch::Receiver<bool>,
    /// How the client said hello, and the name it gave.
    pub hello: Option<(Hello, String)>,
    /// Who logged in.
    pub user: Option<AccountRecord>,
    /// Logins that failed on this connection.
    pub failed_logins: u32,
    /// Between MAIL and the message's end.
    pub transaction: Option<Transaction>,
    /// Messages so far.
    pub messages: u32,
    /// Recipients that were refused so far.
    pub refused: u32,
    /// When the session ends, whatever it does.
    pub ends: Instant,
    pub place: Option<Place>,
    errors: u32,
    idle_commands: u32,
}

/// One mail transaction.
pub(super) struct Transaction {
    pub envelope: Envelope,
    /// What MAIL announced.
    pub size: Option<u64>,
    pub body: BodyKind,
    /// Each address once.
    pub recipients: Vec<Recipient>,
    /// For each RCPT that was taken, which recipient it named: LMTP answers each (RFC 2033 §4.2).
    pub named: Vec<usize>,
    /// What a user may send as.
    pub identities: Vec<Address>,
    /// Chunks so far (RFC 3030).
    pub chunks: Chunks,
}

/// Where a transaction stands with BDAT.
#[derive(Default)]
pub(super) enum Chunks {
    /// None came.
    #[default]
    None,
    /// Some came.
    Some(Box<Intake>),
    /// One was refused: all further ones are, too.
    Failed,
}

/// What comes after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Command,
    Close,
}

impl Session {
    pub fn new(
        service: Arc<Service>,
        kind: Kind,
        stream: ClientStream,
        peer: SocketAddr,
        shutdown: watch::Receiver<bool>,
    ) -> Session {
        let ends = Instant::now() + service.config.session_timeout;
        Session {
            wire: Wire::new(stream, service.config.write_timeout),
            peer: Peer::new(&service, peer.ip()),
            service,
            kind,
            shutdown,
            hello: None,
            user: None,
            failed_logins: 0,
            transaction: None,
            messages: 0,
            refused: 0,
            ends,
            place: None,
            errors: 0,
            idle_commands: 0,
        }
    }

    /// Serves the client until the session ends.
    pub async fn serve(mut self: Box<Session>, tls: PortTls) {
        match self.run(tls).await {
            Ok(()) => {}
            Err(Fail::Lost(error)) => return tracing::debug!(%error, "connection lost"),
            Err(Fail::Reply(last) | Fail::Close(last)) => {
                tracing::info!(code = last.code, reason = %last.text, "session ended by the server");
                self.wire.reply(&last);
            }
        }
        self.transaction = None;
        self.wire.close().await;
    }

    async fn run(&mut self, tls: PortTls) -> Result<(), Fail> {
        if tls == PortTls::Implicit {
            let Some(config) = self.service.config.tls.clone() else {
                return Err(Fail::Lost(std::io::ErrorKind::Unsupported.into()));
            };
            self.wire.start_tls(config, self.service.config.login_timeout).await?;
        }
        greet::greet(self).await?;
        loop {
            let until = self.line_deadline();
            let line = self.wire.line(until, &mut self.shutdown).await?;
            if Box::pin(self.command(&line)).await? == After::Close {
                return Ok(());
            }
            self.wire.relieve().await?;
        }
    }

    /// When the line that is awaited must be complete.
    pub fn line_deadline(&self) -> Instant {
        let config = &self.service.config;
        let logged_out = self.kind == Kind::Submission && self.user.is_none();
        let limit = if logged_out { config.login_timeout.min(config.command_timeout) } else { config.command_timeout };
        let until = self.ends.min(Instant::now() + limit);
        match self.transaction.as_ref().map(|transaction| &transaction.chunks) {
            // What was taken of a message waits for its rest no longer than within one.
            Some(Chunks::Some(intake)) => until.min(intake.deadline()),
            _ => until,
        }
    }

    async fn command(&mut self, line: &[u8]) -> Result<After, Fail> {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(reply) if command::is_bdat(line) || command::is_foreign(line) => return Err(Fail::Close(reply)),
            Err(reply) => return self.answer(Err(reply.into())).map(|()| After::Command),
        };
        self.idle_commands += 1;
        if self.idle_commands > MAX_IDLE_COMMANDS + 4 * self.transaction.as_ref().map_or(0, |t| t.named.len() as u32) {
            return Err(Fail::Close(Reply::new(421, "4.7.0", "so many commands and no message, goodbye")));
        }
        let answer = match command {
            Command::Hello(hello, name) => greet::hello(self, hello, name),
            Command::StartTls => {
                let answers = greet::start_tls(self).await;
                return self.answers(answers);
            }
            Command::Auth { mechanism, initial } => auth::handle(self, &mechanism, initial).await,
            Command::Mail { sender, params } => mail::handle(self, sender, params).await,
            Command::Rcpt { address, params } => {
                self.idle_commands -= 1;
                rcpt::handle(self, address, params).await
            }
            Command::Data => {
                let answers = match data::data(self).await {
                    // RFC 2920 §3.1: a client waits for the answer to DATA. What did not might be a message, and no
                    // line of it shall be a command.
                    Err(Fail::Reply(refused)) if !self.wire.input.is_empty() => Err(Fail::Close(refused)),
                    answers => answers,
                };
                return self.answers(answers);
            }
            Command::Bdat { size, last } => {
                let answers = data::bdat(self, size, last).await;
                return self.answers(answers);
            }
            Command::Rset => {
                self.transaction = None;
                Ok(Reply::new(250, "2.0.0", "forgotten"))
            }
            Command::Noop => Ok(Reply::new(250, "2.0.0", "nothing done")),
            // RFC 5321 §7.3: who may mail whom is found out by trying.
            Command::Vrfy => Ok(Reply::new(252, "2.1.5", "send mail and see")),
            Command::Expn => Ok(Reply::new(502, "5.5.1", "lists are not told")),
            Command::Help => Ok(Reply::new(214, "2.0.0", "this is SMTP as in RFC 5321, RFC 6409 and RFC 2033")),
            Command::Quit => {
                self.wire.reply(&Reply::new(221, "2.0.0", "goodbye"));
                return Ok(After::Close);
            }
        };
        self.answer(answer).map(|()| After::Command)
    }

    fn answers(&mut self, answers: Result<Vec<Reply>, Fail>) -> Result<After, Fail> {
        match answers {
            Ok(replies) => {
                for reply in replies {
                    self.answer(Ok(reply))?;
                }
            }
            Err(fail) => self.answer(Err(fail))?,
        }
        Ok(After::Command)
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Fail> {
        let reply = match answer {
            Ok(reply) | Err(Fail::Reply(reply)) => reply,
            Err(over) => return Err(over),
        };
        self.wire.reply(&reply);
        if reply.is_protocol_error() {
            self.errors += 1;
            if self.errors >= self.service.config.max_errors {
                return Err(Fail::Close(Reply::new(421, "4.7.0", "too many errors, goodbye")));
            }
        }
        Ok(())
    }

    /// A message is in: what counts against the client begins anew.
    pub fn message_done(&mut self) {
        self.messages += 1;
        self.idle_commands = 0;
    }

    /// The transaction; 503 without one.
    pub fn transaction(&mut self) -> Result<&mut Transaction, Fail> {
        self.transaction.as_mut().ok_or_else(|| Reply::bad_sequence("say MAIL first").into())
    }
}
