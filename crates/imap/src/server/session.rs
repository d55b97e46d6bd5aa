//! One client's session: its state, and the loop that reads commands and answers them.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use sterna_core::{MailboxId, Uid};
use sterna_store::{Account, Keysets};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::output::Output;
use super::problem::{Problem, Reply};
use super::transport::Stream;
use super::view::View;
use super::{PortTls, Service, dispatch};
use crate::codec::command::Command;
use crate::codec::framing::{Framer, Step};
use crate::codec::mailbox::NameEncoding;
use crate::codec::write::status::{self, Condition};

/// What the client has switched on; never off again (RFC 9051 §6.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Enabled {
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
    /// Where responses go.
    pub out: Output,
    /// The tag of the command at work: ESEARCH and INPROGRESS repeat it.
    pub tag: String,
    pub(super) input: BytesMut,
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

impl Session {
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
        Ok(())
    }
}

pub(super) async fn serve(
    service: Arc<Service>,
    stream: TcpStream,
    _peer: SocketAddr,
    _tls: PortTls,
    _shutdown: watch::Receiver<bool>,
) {
    let out = Output::new(Stream::Plain(stream), service.config.write_timeout);
    let mut session = Session {
        service,
        account: None,
        selected: None,
        enabled: Enabled::default(),
        out,
        tag: String::new(),
        input: BytesMut::new(),
    };
    if let Err(problem) = session.run().await {
        tracing::debug!(?problem, "session over");
    }
}

impl Session {
    async fn run(&mut self) -> Result<(), Problem> {
        status::untagged(self.out.buffer(), Condition::Ok, None, "ready");
        let mut framer = Framer::new(self.service.config.limits);
        loop {
            match framer.next(&self.input) {
                Step::Command { len } => {
                    let line = self.input.split_to(len);
                    match Command::parse(&line, self.names()) {
                        Ok(command) => {
                            self.tag = command.tag.clone();
                            let result = dispatch::dispatch(self, command.body).await;
                            self.answer(&command.tag, result)?;
                        }
                        Err(bad) => status::bad_command(self.out.buffer(), &bad),
                    }
                }
                Step::SendContinuation => status::continuation(self.out.buffer(), "OK"),
                Step::Discard { len } => drop(self.input.split_to(len)),
                Step::NeedMore => {
                    self.out.flush().await?;
                    if self.out.stream.read(&mut self.input).await? == 0 {
                        return Ok(());
                    }
                }
                Step::Reject(error) => {
                    let tag = error.tag.clone().unwrap_or_else(|| "*".to_owned());
                    self.answer(&tag, Err(Problem::bad(error.kind.to_string())))?;
                }
                Step::AppendHead { len } | Step::AppendTail { len } => {
                    drop(self.input.split_to(len));
                    framer.refuse_message();
                }
            }
        }
    }
}
