//! One connection: reads commands one after the other and answers each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use sterna_frontdoor::Stay;
use sterna_net::ClientStream;
use sterna_store::Account;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::capability;
use super::command::Command;
use super::framing::{MAX_LINE, Step, Word, scan};
use super::write::{Reply, string};
use super::{Service, auth, hold, relay, scripts};

/// Commands in a row that are refused as none, after which the connection ends.
const MAX_WRONG: u32 = 20;

/// The longest literal that is read only to be refused; a longer one ends the connection.
const MAX_DRAINED: u64 = 64 << 20;

/// Literals of a command before login, bytes.
const BEFORE_LOGIN: u64 = 4 << 10;

/// The state of a connection.
pub(super) struct Session {
    pub service: Arc<Service>,
    pub peer: SocketAddr,
    /// `None` only after a handshake that failed: the connection is over.
    pub stream: Option<ClientStream>,
    pub input: BytesMut,
    pub out: Vec<u8>,
    /// Who logged in: the account and its address.
    pub account: Option<(Account, String)>,
    /// The session's line at the front door, while somebody is logged in.
    pub stay: Option<Stay>,
    /// Where the mailbox is, behind a login whose answer has not been sent.
    pub relay: Option<Box<relay::Relay>>,
    pub failed_logins: u32,
    wrong: u32,
    /// When it must have logged in.
    login_until: Instant,
    pub shutdown: watch::Receiver<bool>,
}

/// What follows an answer.
enum After {
    Next,
    StartTls,
    End,
}

impl Session {
    pub fn new(
        service: Arc<Service>,
        stream: ClientStream,
        peer: SocketAddr,
        shutdown: watch::Receiver<bool>,
    ) -> Session {
        let login_until = Instant::now() + service.config.login_timeout;
        Session {
            service,
            peer,
            stream: Some(stream),
            input: BytesMut::new(),
            out: Vec::new(),
            account: None,
            stay: None,
            relay: None,
            failed_logins: 0,
            wrong: 0,
            login_until,
            shutdown,
        }
    }

    /// Whether TLS is in use.
    pub fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(ClientStream::is_tls)
    }

    /// Greets, and serves until the end.
    pub async fn run(&mut self) -> io::Result<()> {
        self.greet("ready");
        loop {
            self.flush().await?;
            let max = match self.account {
                Some(_) => self.service.config.limits.script as u64 + 1024,
                None => BEFORE_LOGIN,
            };
            let (reply, after) = match self.words(max).await? {
                Ok(words) if words.is_empty() => continue,
                Ok(words) => match Command::from_words(words) {
                    Ok(_) if self.is_asked() && self.held().await?.is_some() => (hold::moved(), After::End),
                    Ok(command) => {
                        self.wrong = 0;
                        self.command(command).await?
                    }
                    Err(text) => (self.wrong(text), After::Next),
                },
                Err(reply) => (reply, After::Next),
            };
            reply.write(&mut self.out);
            if let Some(relay) = self.relay.take() {
                return Box::pin(relay::run(self, relay)).await;
            }
            match after {
                After::Next if reply.word != "BYE" => {}
                After::StartTls => {
                    self.start_tls().await?;
                    self.greet("TLS is in use");
                }
                _ => {
                    self.flush().await?;
                    if let Some(stream) = &mut self.stream {
                        let _ = timeout(Duration::from_secs(5), stream.shutdown()).await;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// RFC 5804 §1.7, §2.2: the capabilities come unasked at the beginning and when TLS has changed them.
    fn greet(&mut self, what: &str) {
        let mut out = std::mem::take(&mut self.out);
        capability::write(self, &mut out);
        self.out = out;
        Reply::ok(&format!("{} {what}", self.service.config.hostname)).write(&mut self.out);
    }

    fn wrong(&mut self, text: &str) -> Reply {
        self.wrong += 1;
        if self.wrong > MAX_WRONG { Reply::bye(None, "too many wrong commands") } else { Reply::no(text) }
    }

    async fn command(&mut self, command: Command) -> io::Result<(Reply, After)> {
        let reply = match command {
            Command::Logout => return Ok((Reply::ok("bye"), After::End)),
            Command::StartTls => return Ok(self.may_start_tls()),
            Command::Capability => {
                let mut out = std::mem::take(&mut self.out);
                capability::write(self, &mut out);
                self.out = out;
                Reply::ok("done")
            }
            Command::Noop(None) => Reply::ok("done"),
            Command::Noop(Some(tag)) => {
                // RFC 5804 §2.13: the client finds its answer by it.
                let mut code = Vec::new();
                string(&mut code, &tag);
                let code = format!("TAG {}", String::from_utf8_lossy(&code));
                Reply { code: Some(code), ..Reply::ok("done") }
            }
            Command::Authenticate { mechanism, initial } => auth::authenticate(self, &mechanism, initial).await?,
            command => match (&self.account, command) {
                (None, _) => Reply::no("log in first"),
                (Some(_), Command::Unauthenticate) => {
                    (self.account, self.stay) = (None, None);
                    self.login_until = Instant::now() + self.service.config.login_timeout;
                    Reply::ok("logged out")
                }
                (Some((account, _)), command) => scripts::handle(&self.service, account, command, &mut self.out).await,
            },
        };
        Ok((reply, After::Next))
    }
}

impl Session {
    fn may_start_tls(&mut self) -> (Reply, After) {
        if !capability::offers_starttls(self) {
            return (Reply::no("STARTTLS is not available now"), After::Next);
        }
        if !self.input.is_empty() {
            // Whoever sits between could put commands in front of the client's own ones.
            self.input.clear();
            return (Reply::no("nothing may follow STARTTLS before its answer"), After::Next);
        }
        (Reply::ok("begin TLS"), After::StartTls)
    }

    /// The handshake.
    pub async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let (Some(config), Some(stream)) = (self.service.config.tls.clone(), self.stream.take()) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let limit = self.service.config.login_timeout;
        self.stream = Some(timeout(limit, stream.start_tls(config)).await??);
        Ok(())
    }

    /// The words of the next command or response. `Err`: it is none, and the answer to that.
    pub async fn words(&mut self, max: u64) -> io::Result<Result<Vec<Word>, Reply>> {
        let until = match self.account {
            Some(_) => Instant::now() + self.service.config.idle_timeout,
            None => self.login_until,
        };
        let mut wanted = 1;
        loop {
            if self.input.len() >= wanted {
                match scan(&self.input, max) {
                    Step::More(more) => wanted = more,
                    Step::Whole { len, words } => {
                        drop(self.input.split_to(len));
                        return Ok(words.map_err(|text| self.wrong(text)));
                    }
                    Step::TooLong => return Ok(Err(Reply::bye(None, "the line is too long"))),
                    Step::Oversize { len, size } => {
                        drop(self.input.split_to(len));
                        return self.drain(size, until).await.map(Err);
                    }
                }
                continue;
            }
            if self.input.is_empty() && *self.shutdown.borrow() {
                return Ok(Err(Reply::bye(Some("TRYLATER"), "the server is shutting down")));
            }
            if let Some(end) = self.read(until).await? {
                return Ok(Err(end));
            }
        }
    }

    /// Reads a literal that is too long, and the rest of its line, to nowhere.
    async fn drain(&mut self, size: u64, until: Instant) -> io::Result<Reply> {
        let code = "QUOTA/MAXSIZE";
        if size > MAX_DRAINED || self.account.is_none() {
            return Ok(Reply::bye(Some(code), "this is far too long"));
        }
        let mut left = size;
        while left > 0 {
            let taken = self.input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            drop(self.input.split_to(taken));
            left -= taken as u64;
            if left > 0
                && let Some(end) = self.read(until).await?
            {
                return Ok(end);
            }
        }
        loop {
            if let Some(end) = self.input.iter().position(|b| *b == b'\n') {
                drop(self.input.split_to(end + 1));
                let max = self.service.config.limits.script;
                return Ok(Reply::no_code(code, format!("a script may have {max} bytes")));
            }
            if self.input.len() > MAX_LINE {
                return Ok(Reply::bye(None, "the line is too long"));
            }
            if let Some(end) = self.read(until).await? {
                return Ok(end);
            }
        }
    }

    /// Waits for bytes. A reply: the session ends with it.
    async fn read(&mut self, until: Instant) -> io::Result<Option<Reply>> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        tokio::select! {
            () = hold::disturbed(&mut self.stay) => {}
            read = timeout_at(until, stream.read(&mut self.input)) => return match read {
                Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Ok(_)) => Ok(None),
                Ok(Err(error)) => Err(error),
                Err(_) => Ok(Some(Reply::bye(None, "autologout"))),
            },
            // Between commands only: what has begun is answered.
            _ = self.shutdown.wait_for(|stop| *stop), if self.input.is_empty() => {
                return Ok(Some(Reply::bye(Some("TRYLATER"), "the server is shutting down")));
            }
        }
        self.held().await
    }

    /// Sends what is to be sent.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        let sent = timeout(self.service.config.write_timeout, stream.write_all(&self.out)).await;
        self.out = Vec::new();
        sent?
    }
}
