//! LOGIN and AUTHENTICATE with PLAIN and LOGIN (RFC 9051 §6.2, RFC 4616, RFC 4959).
//!
//! A password is never logged, and never taken where the policy forbids it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_frontdoor::{Entry, Kind, Refused};
use sterna_net::{LoginRefused, plain};

use super::capability;
use super::dispatch::then;
use super::problem::{Problem, Reply, ReplyCode};
use super::relay::{self, Opened};
use super::session::{After, Session};
use crate::codec::command::session::{AuthResponse, Authenticate, Login, Secret};
use crate::codec::framing::{LineStep, plain_line};
use crate::codec::write::status::{challenge, names};

/// The longest line of a SASL exchange, bytes.
const MAX_LINE: usize = 8_192;

/// Answers LOGIN.
pub(super) async fn login(session: &mut Session, command: Login) -> Result<Reply, Problem> {
    may_log_in(session)?;
    verify(session, &command.user, &command.password.0).await
}

/// Answers AUTHENTICATE.
pub(super) async fn authenticate(session: &mut Session, command: Authenticate) -> Result<Reply, Problem> {
    may_log_in(session)?;
    let first = command.initial_response;
    match command.mechanism.as_str() {
        "PLAIN" => {
            let Secret(message) = response(session, first, "").await?;
            let Some(message) = plain(&message) else { return Err(Problem::bad("not a message of SASL PLAIN")) };
            if message.for_another() {
                return Err(Problem::no_code(names::AUTHORIZATIONFAILED, "acting for others is not supported"));
            }
            verify(session, message.user, message.password).await
        }
        "LOGIN" => {
            let Secret(user) = response(session, first, &STANDARD.encode("User Name\0")).await?;
            let Secret(password) = response(session, None, &STANDARD.encode("Password\0")).await?;
            verify(session, &user, &password).await
        }
        _ => Err(Problem::no_code(names::CANNOT, "this mechanism is not supported")),
    }
}

fn may_log_in(session: &Session) -> Result<(), Problem> {
    if session.account.is_some() {
        return Err(Problem::bad("logged in already"));
    }
    if !capability::takes_passwords(session) {
        return Err(Problem::no_code(names::PRIVACYREQUIRED, "start TLS before you send a password"));
    }
    Ok(())
}

/// The client's response, which may have come with the command.
async fn response(session: &mut Session, initial: Option<Secret>, question: &str) -> Result<Secret, Problem> {
    if let Some(initial) = initial {
        return Ok(initial);
    }
    challenge(session.out.buffer(), question);
    session.out.flush().await?;
    match AuthResponse::parse(&session.line(MAX_LINE, session.service.config.login_timeout).await?) {
        AuthResponse::Data(data) => Ok(data),
        AuthResponse::Cancelled => Err(Problem::bad("AUTHENTICATE cancelled")),
        AuthResponse::Invalid => Err(Problem::bad("not base64")),
    }
}

async fn verify(session: &mut Session, user: &[u8], password: &[u8]) -> Result<Reply, Problem> {
    let (service, ip) = (session.service.clone(), session.peer.ip());
    loop {
        let entered = service.door.enter(ip, user, password, Kind::Parks, &mut session.failed_logins).await;
        let guest = match entered.map_err(refused)? {
            Entry::Local(record, stay) => {
                session.stay = Some(stay);
                let account = session.service.store.account(record.id).await?;
                session.authenticated(account).await?;
                tracing::info!("logged in");
                // RFC 9051 §6.2.3: a client that gets them here need not ask again.
                return Ok(Reply::ok_code(ReplyCode::Capability(capability::list(session)), "logged in"));
            }
            Entry::Remote(guest) => guest,
        };
        match Box::pin(relay::open(session, guest)).await {
            Opened::Relay(relay, capabilities) => {
                relay.accepted().await;
                session.relay = Some(relay);
                let names = capability::shared(&capabilities);
                return Ok(then(session, After::Relay, Reply::ok_code(ReplyCode::Capability(names), "logged in")));
            }
            Opened::Refused(guest) => {
                return Err(refused(guest.refused(&mut session.failed_logins).await.into()));
            }
            Opened::Unavailable(guest, why) => return Err(refused(guest.unavailable(&why))),
            Opened::Moving => {}
        }
    }
}

/// The words for somebody who is not let in (RFC 5530).
pub(super) fn refused(refused: Refused) -> Problem {
    let text = refused.to_string();
    match refused {
        Refused::Login(LoginRefused::Wrong) => Problem::no_code(names::AUTHENTICATIONFAILED, text),
        Refused::Login(LoginRefused::WrongTooOften) => {
            Problem::Bye { code: Some(names::AUTHENTICATIONFAILED.into()), text: text.into() }
        }
        Refused::Login(LoginRefused::Throttled) | Refused::Unavailable(_) | Refused::Moving => {
            Problem::no_code(names::UNAVAILABLE, text)
        }
        Refused::Login(LoginRefused::Store(error)) => error.into(),
    }
}

impl Session {
    /// A line that is not a command. Without one for `limit`, or above `max` bytes, the session ends.
    pub(super) async fn line(&mut self, max: usize, limit: Duration) -> Result<bytes::BytesMut, Problem> {
        let read = async {
            loop {
                match plain_line(&self.input, max) {
                    LineStep::Line { len } => return Ok(self.input.split_to(len)),
                    LineStep::TooLong => return Err(Problem::bye("line too long")),
                    LineStep::NeedMore => {}
                }
                if self.out.stream.read(&mut self.input).await? == 0 {
                    return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
                }
            }
        };
        tokio::time::timeout(limit, read).await.map_err(|_| Problem::bye("autologout"))?
    }
}
