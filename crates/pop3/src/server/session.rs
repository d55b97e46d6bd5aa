//! One client's session: AUTHORIZATION, then TRANSACTION, then what QUIT does (RFC 1939 §4 to §6).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use sterna_frontdoor::Stay;
use sterna_net::ClientStream;
use sterna_store::Account;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::command::{Bad, Command};
use super::maildrop::Maildrop;
use super::output::{Output, gone};
use super::reply::{End, Refusal};
use super::slots::Slot;
use super::{Service, auth, capability, hold, listing, relay, retrieve};

/// The longest line, bytes: RFC 2449 §4 allows 255, a SASL response is longer.
const MAX_LINE: usize = 8_192;

/// Lines in a row that are no command, after which a client is no mail client.
const MAX_BAD: u32 = 20;

/// Commands that a client may give before it has logged in.
const MAX_BEFORE_LOGIN: u32 = 100;

/// The state of one connection.
pub(super) struct Session {
    pub service: Arc<Service>,
    pub out: Output,
    pub peer: SocketAddr,
    /// What USER said.
    pub user: Option<Vec<u8>>,
    /// Logins that failed on this connection.
    pub failed_logins: u32,
    /// `Some`: TRANSACTION.
    pub open: Option<Open>,
    /// Where the mailbox is, behind a login whose answer has not been sent.
    pub relay: Option<Box<relay::Relay>>,
    pub input: BytesMut,
    pub shutdown: watch::Receiver<bool>,
    login_by: Instant,
    bad_in_a_row: u32,
    commands: u32,
    over: bool,
}

/// An account that is logged in.
pub(super) struct Open {
    account: Account,
    maildrop: Maildrop,
    /// The session's line at the front door.
    pub stay: Stay,
    _slot: Slot,
}

impl Session {
    pub fn new(service: Arc<Service>, stream: TcpStream, peer: SocketAddr, shutdown: watch::Receiver<bool>) -> Session {
        Session {
            out: Output::new(ClientStream::Plain(stream), service.config.write_timeout),
            login_by: Instant::now() + service.config.login_timeout,
            service,
            peer,
            user: None,
            failed_logins: 0,
            open: None,
            relay: None,
            input: BytesMut::new(),
            shutdown,
            bad_in_a_row: 0,
            commands: 0,
            over: false,
        }
    }

    /// The maildrop; refused before login.
    pub fn maildrop(&self) -> Result<&Maildrop, End> {
        self.open.as_ref().map(|open| &open.maildrop).ok_or_else(log_in_first)
    }

    /// The same beside the output.
    pub fn maildrop_and_out(&mut self) -> Result<(&mut Maildrop, &mut Output), End> {
        let open = self.open.as_mut().ok_or_else(log_in_first)?;
        Ok((&mut open.maildrop, &mut self.out))
    }

    /// The account; refused before login.
    pub fn account(&self) -> Result<&Account, End> {
        self.open.as_ref().map(|open| &open.account).ok_or_else(log_in_first)
    }

    /// Freezes the maildrop; TRANSACTION begins.
    pub async fn opened(&mut self, account: Account, stay: Stay, slot: Slot) -> Result<String, End> {
        tracing::Span::current().record("account", account.id().0);
        let maildrop = account.read(Maildrop::read).await?;
        let (count, octets) = maildrop.stat();
        self.open = Some(Open { account, maildrop, stay, _slot: slot });
        tracing::info!("logged in");
        Ok(format!("{count} messages ({octets} octets)"))
    }

    /// Does the handshake of TLS as the server. What the client said before it is void (RFC 2595 §4).
    pub async fn start_tls(&mut self) -> Result<(), End> {
        self.out.flush().await?;
        let Some(config) = self.service.config.tls.clone() else { return Err(gone().into()) };
        let stream = self.out.stream.take().ok_or_else(gone)?;
        let shaken = tokio::time::timeout_at(self.login_by, stream.start_tls(config)).await;
        self.out.stream = Some(shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??);
        self.user = None;
        Ok(())
    }

    /// Greets the client and serves it until the session ends.
    pub async fn run(&mut self) {
        self.out.line(&format!("+OK {} Sterna ready", self.service.config.hostname));
        match self.commands().await {
            Err(End::Io(e)) => return tracing::debug!(error = %e, "connection lost"),
            Err(End::Last(refusal) | End::Refused(refusal)) => {
                tracing::info!(reason = %refusal.line(), "session ended by the server");
                self.out.line(&refusal.line());
            }
            Ok(()) => {}
        }
        // The client may be gone already.
        let _ = self.out.flush().await;
        if let Some(stream) = &mut self.out.stream {
            let _ = tokio::time::timeout(Duration::from_secs(5), stream.shutdown()).await;
        }
    }

    async fn commands(&mut self) -> Result<(), End> {
        while !self.over {
            let line = self.line().await?;
            self.commands = self.commands.saturating_add(1);
            if self.open.is_none() && self.commands > MAX_BEFORE_LOGIN {
                return Err(End::last(None, "too many commands before login"));
            }
            if self.is_asked() {
                self.held().await?;
            }
            match Box::pin(self.command(&line)).await {
                Ok(()) => {}
                Err(End::Refused(refusal)) => self.out.line(&refusal.line()),
                Err(end) => return Err(end),
            }
            if let Some(relay) = self.relay.take() {
                return Box::pin(relay::run(self, relay)).await;
            }
            self.out.flush_if_full().await?;
        }
        Ok(())
    }

    async fn command(&mut self, line: &[u8]) -> Result<(), End> {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(bad) => return Err(self.bad(bad)),
        };
        self.bad_in_a_row = 0;
        let ok = match command {
            Command::User(name) => auth::user(self, name)?,
            Command::Pass(password) => auth::pass(self, password).await?,
            Command::Auth { mechanism: Some(mechanism), initial } => auth::auth(self, &mechanism, initial).await?,
            Command::Auth { mechanism: None, .. } => {
                auth::mechanisms(self);
                return Ok(());
            }
            Command::Capa => {
                capability::capa(self);
                return Ok(());
            }
            Command::Lang(tag) => {
                capability::lang(self, tag.as_deref());
                return Ok(());
            }
            Command::Stls => return self.stls().await,
            // RFC 6856 §2: bytes of a message are never changed, with it or without; names are UTF-8 in any case.
            Command::Utf8 if self.open.is_none() => "UTF-8 it is".to_owned(),
            Command::Utf8 => return Err(End::refused("UTF8 comes before the login")),
            Command::Stat => listing::stat(self)?,
            Command::List(number) => return listing::list(self, number).await,
            Command::Uidl(number) => return listing::uidl(self, number).await,
            Command::Retr(number) => return retrieve::retr(self, number).await,
            Command::Top(number, lines) => return retrieve::top(self, number, lines).await,
            Command::Dele(number) => {
                let (maildrop, _) = self.maildrop_and_out()?;
                maildrop.get_mut(number).ok_or_else(listing::no_such_message)?.deleted = true;
                format!("message {number} will be deleted at QUIT")
            }
            Command::Rset => {
                let (maildrop, _) = self.maildrop_and_out()?;
                maildrop.reset();
                let (count, octets) = maildrop.stat();
                format!("{count} messages ({octets} octets)")
            }
            Command::Noop => self.maildrop().map(|_| "nothing done".to_owned())?,
            Command::Quit => self.quit().await?,
        };
        self.out.line(&format!("+OK {ok}"));
        Ok(())
    }

    fn bad(&mut self, bad: Bad) -> End {
        self.bad_in_a_row += 1;
        if self.bad_in_a_row >= MAX_BAD {
            return End::last(None, "too many errors");
        }
        End::refused(match bad {
            Bad::Unknown => "unknown command",
            Bad::Arguments => "the arguments make no sense",
        })
    }

    async fn stls(&mut self) -> Result<(), End> {
        if !capability::offers_stls(self) {
            return Err(End::refused("STLS is not available now"));
        }
        if !self.input.is_empty() {
            // Whoever sits between could put commands in front of the client's own ones.
            self.input.clear();
            return Err(End::refused("nothing may follow STLS before its answer"));
        }
        self.out.line("+OK begin TLS");
        self.start_tls().await
    }

    /// The UPDATE state: what is marked goes, in one transaction (RFC 1939 §6). What another session deleted meanwhile
    /// is gone already.
    async fn quit(&mut self) -> Result<String, End> {
        self.over = true;
        let Some(Open { account, maildrop, .. }) = &self.open else { return Ok("goodbye".to_owned()) };
        let marked = maildrop.marked();
        if marked.is_empty() {
            return Ok("goodbye".to_owned());
        }
        let (mailbox, validity) = (maildrop.mailbox, maildrop.validity);
        let expunged = account.write(move |tx| {
            // Made anew meanwhile: these UIDs are other messages.
            match tx.find_mailbox(mailbox)?.is_some_and(|m| m.uid_validity == validity) {
                true => tx.expunge(mailbox, &marked).map(|uids| uids.len()),
                false => Ok(0),
            }
        });
        match expunged.await {
            Ok(count) => Ok(format!("{count} messages deleted, goodbye")),
            Err(error) => {
                tracing::error!(%error, "deleted messages were not removed");
                Err(End::Last(Refusal::new(Some("SYS/TEMP"), "the deleted messages were not removed, try again later")))
            }
        }
    }

    /// The next line, without its end. Everything written is sent before it is waited for.
    pub async fn line(&mut self) -> Result<Vec<u8>, End> {
        let mut looked = 0;
        loop {
            let unseen = self.input.get(looked..).unwrap_or_default();
            if let Some(newline) = memchr::memchr(b'\n', unseen) {
                let mut line = self.input.split_to(looked + newline + 1).to_vec();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                if line.len() <= MAX_LINE {
                    return Ok(line);
                }
            }
            looked = self.input.len();
            if looked > MAX_LINE {
                return Err(End::last(None, "the line is too long"));
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        self.out.flush().await?;
        self.out.release();
        let deadline = match self.open {
            Some(_) => Instant::now() + self.service.config.idle_timeout,
            None => self.login_by,
        };
        let stream = self.out.stream.as_mut().ok_or_else(gone)?;
        let stay = self.open.as_mut().map(|open| &mut open.stay);
        tokio::select! {
            biased;
            () = hold::disturbed(stay) => {}
            read = stream.read(&mut self.input) => return match read? {
                0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                _ => Ok(()),
            },
            () = turned_true(&mut self.shutdown) => {
                return Err(End::last(Some("SYS/TEMP"), "the server is shutting down"));
            }
            // RFC 1939 §3: closed without a reply, and nothing is deleted.
            () = tokio::time::sleep_until(deadline) => {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
        }
        Box::pin(self.held()).await
    }
}

/// Waits for the value to be true; for ever if nobody can set it any more.
pub(super) async fn turned_true(receiver: &mut watch::Receiver<bool>) {
    if receiver.wait_for(|value| *value).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn log_in_first() -> End {
    End::refused("log in first")
}
