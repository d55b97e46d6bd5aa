//! USER, PASS and AUTH with PLAIN and LOGIN (RFC 1939 §7, RFC 5034).
//!
//! A password is never logged, and never taken where the policy forbids it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_frontdoor::{Entry, Kind, Refused};
use sterna_net::{LoginRefused, plain};

use super::capability::{self, MECHANISMS};
use super::command::Secret;
use super::relay::{self, Opened};
use super::reply::End;
use super::session::Session;

/// USER: nothing is told about the name yet (RFC 1939 §13).
pub(super) fn user(session: &mut Session, name: Vec<u8>) -> Result<String, End> {
    may_log_in(session)?;
    session.user = Some(name);
    Ok("now the password".to_owned())
}

/// PASS
pub(super) async fn pass(session: &mut Session, Secret(password): Secret) -> Result<String, End> {
    may_log_in(session)?;
    let name = session.user.take().ok_or_else(|| End::refused("give the name first"))?;
    verify(session, &name, &password).await
}

/// AUTH without a mechanism: the list, as clients older than RFC 5034 ask for it.
pub(super) fn mechanisms(session: &mut Session) {
    session.out.line("+OK mechanisms follow");
    if capability::takes_passwords(session) {
        MECHANISMS.iter().for_each(|name| session.out.line(name));
    }
    session.out.line(".");
}

/// AUTH
pub(super) async fn auth(session: &mut Session, mechanism: &str, initial: Option<Secret>) -> Result<String, End> {
    may_log_in(session)?;
    match mechanism {
        "PLAIN" => {
            let message = response(session, initial, "").await?;
            let message = plain(&message).ok_or_else(|| End::refused("this is not a message of SASL PLAIN"))?;
            if message.for_another() {
                return Err(End::coded("AUTH", "acting for others is not supported"));
            }
            verify(session, message.user, message.password).await
        }
        "LOGIN" => {
            let user = response(session, initial, &STANDARD.encode("User Name\0")).await?;
            let password = response(session, None, &STANDARD.encode("Password\0")).await?;
            verify(session, &user, &password).await
        }
        _ => Err(End::refused("this mechanism is not supported")),
    }
}

fn may_log_in(session: &Session) -> Result<(), End> {
    if session.open.is_some() {
        return Err(End::refused("logged in already"));
    }
    if !capability::takes_passwords(session) {
        return Err(End::refused("start TLS (STLS) before you send a password"));
    }
    Ok(())
}

/// The client's response, which may have come with the command; there, `=` is an empty one (RFC 5034 §4).
async fn response(session: &mut Session, initial: Option<Secret>, question: &str) -> Result<Vec<u8>, End> {
    let encoded = match initial {
        Some(Secret(initial)) if initial == b"=" => return Ok(Vec::new()),
        Some(Secret(initial)) => initial,
        None => {
            session.out.line(&format!("+ {question}"));
            session.line().await?
        }
    };
    if encoded == b"*" {
        return Err(End::refused("cancelled"));
    }
    STANDARD.decode(encoded).map_err(|_| End::refused("this is not base64"))
}

async fn verify(session: &mut Session, user: &[u8], password: &[u8]) -> Result<String, End> {
    let (service, ip) = (session.service.clone(), session.peer.ip());
    loop {
        let entered = service.door.enter(ip, user, password, Kind::Finishes, &mut session.failed_logins).await;
        let guest = match entered.map_err(refused)? {
            Entry::Local(record, stay) => {
                let slot = service.slots.take(record.id);
                let slot =
                    slot.ok_or_else(|| End::coded("IN-USE", "too many sessions of this mailbox, try again later"))?;
                let account = service.store.account(record.id).await?;
                return session.opened(account, stay, slot).await;
            }
            Entry::Remote(guest) => guest,
        };
        match Box::pin(relay::open(session, guest)).await {
            Opened::Relay(relay, said) => {
                session.relay = Some(relay);
                return Ok(said);
            }
            Opened::Refused(guest, said) => {
                let last = matches!(guest.refused(&mut session.failed_logins).await, LoginRefused::WrongTooOften);
                return Err(End::quoted("AUTH", said, last));
            }
            Opened::Busy(said) => return Err(End::quoted("SYS/TEMP", said, false)),
            Opened::Unavailable(guest, why) => return Err(refused(guest.unavailable(&why))),
            Opened::Moving => {}
        }
    }
}

/// The words for somebody who is not let in (RFC 3206).
fn refused(refused: Refused) -> End {
    let text = refused.to_string();
    match refused {
        Refused::Login(LoginRefused::Wrong) => End::coded("AUTH", text),
        Refused::Login(LoginRefused::WrongTooOften) => End::last(Some("AUTH"), text),
        Refused::Login(LoginRefused::Throttled) | Refused::Unavailable(_) | Refused::Moving => {
            End::coded("SYS/TEMP", text)
        }
        Refused::Login(LoginRefused::Store(error)) => error.into(),
    }
}
