//! One client's session: its state, and the loop that reads commands and answers them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use sterna_core::{MailboxId, Uid};
use sterna_store::{Account, Keysets, MailboxIndex};
use tokio::sync::watch;
use tokio::time::Instant;

use super::append::Appends;
use super::notify::Notifications;
use super::output::Output;
use super::problem::{Problem, Reply};
use super::transport::Stream;
use super::view::View;
use super::{Service, append, capability, dispatch, hold, idle, relay};
use crate::codec::command::Command;
use crate::codec::framing::{FrameError, FrameErrorKind, Framer, Step};
use crate::codec::mailbox::NameEncoding;
use crate::codec::write::status::{self, Code, Condition, names};

/// Commands that do not parse, in a row, after which a client that has not logged in is no mail client.
const MAX_BAD: u32 = 20;

/// Commands that a client may give before it has logged in.
const MAX_BEFORE_LOGIN: u32 = 100;

/// Changes that could not be read, because the store is away, are looked at again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// What the client has switched on; never off again (RFC 9051 §6.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enabled {
    /// MODSEQ is told with every change of flags (RFC 7162 §3.1).
    pub condstore: bool,
    /// VANISHED instead of EXPUNGE (RFC 7162 §3.2).
    pub qresync: bool,
    /// Strings and names in UTF-8 (RFC 6855).
    pub utf8_accept: bool,
    /// RFC 9051 instead of RFC 3501.
    pub imap4rev2: bool,
    /// No sequence numbers at all (RFC 9586).
    pub uidonly: bool,
}

impl Enabled {
    /// Switches an extension on, by its name in capitals; one that is not known changes nothing.
    pub(super) fn switch_on(&mut self, name: &str) {
        match name {
            "CONDSTORE" => self.condstore = true,
            // RFC 7162 §3.2.3: QRESYNC includes CONDSTORE.
            "QRESYNC" => (self.qresync, self.condstore) = (true, true),
            "UTF8=ACCEPT" => self.utf8_accept = true,
            "IMAP4REV2" => self.imap4rev2 = true,
            "UIDONLY" => self.uidonly = true,
            _ => {}
        }
    }
}

/// The state of one connection.
pub(crate) struct Session {
    /// Shared by all.
    pub service: Arc<Service>,
    /// `Some`: authenticated.
    pub account: Option<Account>,
    /// The open mailbox.
    pub selected: Option<Selected>,
    /// What the client enabled.
    pub enabled: Enabled,
    /// Whether it may enable UTF8=ACCEPT.
    pub(super) utf8_accept: bool,
    /// Where responses go.
    pub out: Output,
    /// The tag of the command at work: ESEARCH and INPROGRESS repeat it.
    pub tag: String,
    pub(super) input: BytesMut,
    pub(super) framer: Framer,
    pub(super) peer: SocketAddr,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) appends: Appends,
    pub(super) notify: Notifications,
    /// What follows the tagged response of the command at work.
    pub(super) after: After,
    /// Logins that failed on this connection.
    pub(super) failed_logins: u32,
    /// The session's line at the front door, from login on.
    pub(super) stay: Option<sterna_frontdoor::Stay>,
    /// How many literals of the command at the beginning of the input the client was told to send already, by a relay.
    pub(super) promised: u32,
    /// Where the mailbox is, behind a login whose answer has not been sent.
    pub(super) relay: Option<Box<super::relay::Relay>>,
    bad_in_a_row: u32,
    commands: u32,
}

/// What follows a tagged response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum After {
    /// The next command.
    #[default]
    Command,
    /// The handshake of TLS.
    StartTls,
    /// Deflate in both directions.
    Deflate,
    /// The relay to the platform that has the mailbox.
    Relay,
    /// The end.
    Close,
}

/// The open mailbox.
pub(crate) struct Selected {
    /// Which.
    pub mailbox: MailboxId,
    /// EXAMINE.
    pub read_only: bool,
    /// What the client knows.
    pub view: View,
    /// The result that SEARCH saved: `$` (RFC 5182), ascending. Synchronising drops what is expunged.
    pub saved: Vec<Uid>,
    /// Knows every keyword set that the view's messages refer to.
    pub keysets: Arc<Keysets>,
}

impl Selected {
    /// Opens a mailbox for a client that knows exactly `index`, whatever the mailbox holds by now.
    pub fn from_view(index: Arc<MailboxIndex>, keysets: Arc<Keysets>, read_only: bool) -> Selected {
        Selected { mailbox: index.mailbox.id, read_only, view: View::from_index(index), saved: Vec::new(), keysets }
    }
}

/// A session that goes on where another server's ended: the hand-over of a live session.
pub struct ResumedSession {
    /// Whose.
    pub account: Account,
    /// What the client enabled.
    pub enabled: Enabled,
    /// What the client knows of the mailbox that it has open, and whether it was opened by EXAMINE. The messages' flags
    /// are those told last; their keyword sets are the account's.
    pub selected: Option<(Arc<MailboxIndex>, bool)>,
    /// The tag of an IDLE that the client is in.
    pub idle: Option<String>,
}

impl Session {
    pub(super) fn new(
        service: Arc<Service>,
        stream: Stream,
        peer: SocketAddr,
        shutdown: watch::Receiver<bool>,
    ) -> Session {
        Session {
            out: Output::new(stream, service.config.write_timeout),
            framer: Framer::new(service.config.limits_before_login),
            service,
            account: None,
            selected: None,
            enabled: Enabled::default(),
            utf8_accept: true,
            tag: String::new(),
            input: BytesMut::new(),
            peer,
            shutdown,
            appends: Appends::default(),
            notify: Notifications::default(),
            after: After::default(),
            failed_logins: 0,
            stay: None,
            promised: 0,
            relay: None,
            bad_in_a_row: 0,
            commands: 0,
        }
    }

    /// Takes over the state of a session elsewhere; gives the tag of the IDLE that the client is in.
    pub(super) async fn resume(&mut self, state: ResumedSession) -> Result<Option<String>, Problem> {
        self.enabled = state.enabled;
        if let Some((index, read_only)) = state.selected {
            let keysets = Arc::new(state.account.read(|tx| tx.keysets()).await?);
            self.selected = Some(Selected::from_view(index, keysets, read_only));
        }
        self.authenticated(state.account).await?;
        Ok(state.idle)
    }

    /// The client may do all that the account's owner may, and a command may be longer.
    pub(super) async fn authenticated(&mut self, account: Account) -> Result<(), Problem> {
        tracing::Span::current().record("account", account.id().0);
        self.utf8_accept = account.read(|tx| tx.account_state()).await?.utf8_accept;
        self.account = Some(account);
        self.framer.set_limits(self.service.config.limits);
        Ok(())
    }

    /// The account; BAD before login.
    pub fn account(&self) -> Result<&Account, Problem> {
        self.account.as_ref().ok_or_else(|| Problem::bad("log in first"))
    }

    /// The open mailbox; BAD if there is none.
    pub fn selected(&self) -> Result<&Selected, Problem> {
        self.selected.as_ref().ok_or_else(|| Problem::bad("select a mailbox first"))
    }

    /// The open mailbox; BAD if there is none.
    pub fn selected_mut(&mut self) -> Result<&mut Selected, Problem> {
        self.selected.as_mut().ok_or_else(|| Problem::bad("select a mailbox first"))
    }

    /// How mailbox names are written on this connection.
    pub fn names(&self) -> NameEncoding {
        if self.enabled.utf8_accept || self.enabled.imap4rev2 { NameEncoding::Utf8 } else { NameEncoding::ModifiedUtf7 }
    }

    /// Writes the tagged response.
    pub(super) fn answer(&mut self, tag: &str, result: Result<Reply, Problem>) -> Result<(), Problem> {
        let (condition, code, text) = match result {
            Ok(reply) => (Condition::Ok, reply.code, reply.text),
            Err(Problem::No { code, text }) => (Condition::No, code, text),
            Err(Problem::Bad { code, text }) => (Condition::Bad, code, text),
            Err(over) => return Err(over),
        };
        status::tagged(self.out.buffer(), tag, condition, code.as_ref().map(|c| c.as_code()), &text);
        if condition != Condition::Bad {
            self.bad_in_a_row = 0;
            return Ok(());
        }
        self.bad_in_a_row += 1;
        if self.account.is_none() && self.bad_in_a_row >= MAX_BAD {
            return Err(Problem::bye("too many errors"));
        }
        Ok(())
    }

    /// The greeting (RFC 9051 §7.1.1), with the capabilities, so that a client need not ask.
    pub(super) fn greet(&mut self) {
        let names = capability::list(self);
        let text = format!("{} Sterna ready", self.service.config.hostname);
        status::untagged(self.out.buffer(), Condition::Ok, Some(Code::Capability(&names)), &text);
    }

    /// Serves the client until the session ends.
    pub(super) async fn run(&mut self, idle_tag: Option<String>) {
        let ended = match idle_tag {
            Some(tag) => self.go_on_idling(tag).await,
            None => Ok(()),
        };
        let ended = match ended {
            Ok(()) => self.commands().await,
            Err(problem) => Err(problem),
        };
        let bye = match ended {
            Err(Problem::Bye { code, text }) => {
                tracing::info!(reason = %text, "session ended by the server");
                status::untagged(self.out.buffer(), Condition::Bye, code.as_ref().map(|c| c.as_code()), &text);
                true
            }
            Err(Problem::Io(e)) => {
                tracing::debug!(error = %e, "connection lost");
                false
            }
            _ => true,
        };
        if bye {
            // The client may be gone already.
            let _ = self.out.flush().await;
        }
        let _ = tokio::time::timeout(Duration::from_secs(5), self.out.stream.shutdown()).await;
    }

    async fn go_on_idling(&mut self, tag: String) -> Result<(), Problem> {
        self.tag = tag;
        let result = Box::pin(idle::wait_for_done(self)).await;
        let tag = std::mem::take(&mut self.tag);
        self.answer(&tag, result)
    }

    /// Reads commands and answers them, until LOGOUT.
    async fn commands(&mut self) -> Result<(), Problem> {
        while self.after != After::Close {
            match self.framer.next(&self.input) {
                Step::Command { len } => {
                    self.before_command().await?;
                    Box::pin(self.command(len)).await?;
                }
                Step::AppendHead { len } => {
                    self.count_command()?;
                    Box::pin(append::receive(self, len)).await?;
                }
                Step::SendContinuation => {
                    self.appends_settled().await?;
                    status::continuation(self.out.buffer(), "OK");
                }
                Step::Reject(error) => {
                    self.before_command().await?;
                    self.reject(&error)?;
                }
                // A tail is read where its message was read; here it can only belong to a message that was refused.
                Step::AppendTail { len } | Step::Discard { len } => drop(self.input.split_to(len)),
                Step::NeedMore => self.wait().await?,
            }
            self.out.flush_if_full().await?;
        }
        Ok(())
    }

    /// Answers come in the order of the commands; a server that goes down takes no new one.
    async fn before_command(&mut self) -> Result<(), Problem> {
        self.appends_settled().await?;
        if self.is_asked() {
            self.held().await?;
        }
        self.count_command()
    }

    fn count_command(&mut self) -> Result<(), Problem> {
        self.commands = self.commands.saturating_add(1);
        if self.account.is_none() && self.commands > MAX_BEFORE_LOGIN {
            return Err(Problem::bye("too many commands before login"));
        }
        if *self.shutdown.borrow() {
            return Err(going_down());
        }
        Ok(())
    }

    /// Runs the command in the first `len` bytes of the input.
    async fn command(&mut self, len: usize) -> Result<(), Problem> {
        let parsed = {
            let bytes = self.input.split_to(len);
            Command::parse(&bytes, self.names())
        };
        let command = match parsed {
            Ok(command) => command,
            Err(bad) => {
                let text = bad.to_string();
                return self.answer(bad.tag.as_deref().unwrap_or("*"), Err(Problem::bad(text)));
            }
        };
        self.tag = command.tag;
        let result = dispatch::dispatch(self, command.body).await;
        let tag = std::mem::take(&mut self.tag);
        self.answer(&tag, result)?;
        match std::mem::take(&mut self.after) {
            After::Command => {}
            After::StartTls => self.start_tls().await?,
            After::Deflate => {
                self.out.flush().await?;
                let read_ahead = std::mem::take(&mut self.input);
                self.out.stream.start_deflate(read_ahead);
            }
            After::Relay => self.relay().await?,
            After::Close => self.after = After::Close,
        }
        Ok(())
    }

    /// Relays until the session ends, or is a local one: then goes on with that.
    async fn relay(&mut self) -> Result<(), Problem> {
        let Some(relay) = self.relay.take() else { return Ok(()) };
        match Box::pin(relay::run(self, relay)).await? {
            Some(idle) => Box::pin(self.go_on_idling(idle)).await,
            // What came between the last look at the platform and this moment is news to a client that wants it at once.
            None if self.notify.registered().is_some() => Box::pin(self.tell_events()).await,
            None => Ok(()),
        }
    }

    fn reject(&mut self, error: &FrameError) -> Result<(), Problem> {
        let text = error.kind.to_string();
        let problem = match error.kind {
            FrameErrorKind::LiteralTooBig => Problem::bad_code(names::TOOBIG, text),
            FrameErrorKind::LineTooLong | FrameErrorKind::CommandTooBig => Problem::bad(text),
        };
        self.answer(error.tag.as_deref().unwrap_or("*"), Err(problem))
    }

    /// Waits for whatever comes first: bytes of the client, an APPEND that is done, an event that the client wants to
    /// be told of, shutdown, or nothing for too long. All that was written is sent before.
    async fn wait(&mut self) -> Result<(), Problem> {
        self.appends_answered().await?;
        self.out.flush().await?;
        self.out.release();
        let limit = match self.account {
            Some(_) => self.service.config.idle_timeout,
            None => self.service.config.login_timeout,
        };
        let Session { out, input, appends, notify, shutdown, stay, .. } = self;
        let event = tokio::select! {
            biased;
            () = hold::disturbed(stay) => Event::Held,
            () = appends.first_done() => Event::Appended,
            read = out.stream.read(input) => Event::Read(read?),
            () = notify.changed() => Event::Changed,
            () = turned_true(shutdown) => Event::Shutdown,
            () = tokio::time::sleep(limit) => Event::Timeout,
        };
        match event {
            Event::Read(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Event::Read(_) => Ok(()),
            Event::Held => Box::pin(self.held()).await,
            Event::Appended => self.appends_answered().await,
            Event::Changed => Box::pin(self.tell_events()).await,
            Event::Shutdown => {
                self.appends_settled().await?;
                Err(going_down())
            }
            Event::Timeout => Err(Problem::bye("autologout after a long silence")),
        }
    }
}

enum Event {
    Held,
    Read(usize),
    Appended,
    Changed,
    Shutdown,
    Timeout,
}

/// What a client is told when the server stops (RFC 9051 §7.1.5, RFC 5530).
pub(super) fn going_down() -> Problem {
    Problem::Bye { code: Some(names::UNAVAILABLE.into()), text: "the server is shutting down".into() }
}

/// Waits for the value to be true; for ever if nobody can set it any more.
pub(super) async fn turned_true(receiver: &mut watch::Receiver<bool>) {
    if receiver.wait_for(|value| *value).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// When to look again at changes that could not be read just now: the store may be back, and no further change may come.
pub(super) fn tell_again() -> Option<Instant> {
    Some(Instant::now() + TELL_AGAIN)
}

/// Waits for a moment; for ever if there is none.
pub(super) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
