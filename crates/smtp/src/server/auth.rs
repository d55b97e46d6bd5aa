//! AUTH with PLAIN and LOGIN (RFC 4954, RFC 4616), on submission only.
//!
//! A password is never logged, and never taken where the policy forbids it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_frontdoor::Refused;
use sterna_net::{LoginRefused, plain};

use super::Kind;
use super::conduct::Suspicion;
use super::greet::takes_passwords;
use super::lock;
use super::reply::{Answer, Fail, Reply};
use super::session::Session;

/// Answers AUTH.
pub(super) async fn handle(session: &mut Session, mechanism: &str, initial: Option<Vec<u8>>) -> Answer {
    if session.kind != Kind::Submission {
        return Ok(Reply::new(502, "5.5.1", "there is no login on this port: submit on port 465 or 587"));
    }
    if session.hello.is_none() {
        return Ok(Reply::bad_sequence("say EHLO first"));
    }
    if session.user.is_some() || session.transaction.is_some() {
        return Ok(Reply::bad_sequence("not now"));
    }
    if !takes_passwords(session) {
        return Ok(Reply::new(538, "5.7.11", "start TLS before you send a password"));
    }
    match mechanism {
        "PLAIN" => {
            let message = response(session, initial, "").await?;
            let Some(message) = plain(&message) else {
                return Ok(Reply::new(501, "5.5.2", "this is no message of SASL PLAIN"));
            };
            if message.for_another() {
                return Ok(Reply::new(535, "5.7.8", "acting for others is not supported"));
            }
            verify(session, message.user, message.password).await
        }
        "LOGIN" => {
            let user = response(session, initial, &STANDARD.encode("Username:")).await?;
            let password = response(session, None, &STANDARD.encode("Password:")).await?;
            verify(session, &user, &password).await
        }
        _ => Ok(Reply::new(504, "5.5.4", "this mechanism is not supported: say PLAIN or LOGIN")),
    }
}

/// The client's response, which may have come with the command.
async fn response(session: &mut Session, initial: Option<Vec<u8>>, challenge: &str) -> Result<Vec<u8>, Fail> {
    if let Some(initial) = initial {
        return Ok(initial);
    }
    session.wire.reply(&Reply::plain(334, challenge.to_owned()));
    let until = session.line_deadline();
    let line = session.wire.line(until, &mut session.shutdown).await?;
    if &*line == b"*" {
        return Err(Reply::new(501, "5.7.0", "AUTH cancelled").into());
    }
    STANDARD.decode(&line).map_err(|_| Reply::new(501, "5.5.2", "this is not base64").into())
}

async fn verify(session: &mut Session, user: &[u8], password: &[u8]) -> Answer {
    let (service, ip) = (session.service.clone(), session.peer.ip);
    let record = match service.door.verify(ip, user, password, &mut session.failed_logins).await {
        Ok(record) => record,
        Err(error) => return refused(error),
    };
    tracing::Span::current().record("account", record.id.0);
    tracing::info!("logged in");
    let now = service.delivery.store().clock().unix();
    if let Some(suspicion @ Suspicion::Networks(_)) = service.conduct.login(record.id, ip, now) {
        lock::lock(&service, &record, &suspicion).await?;
    }
    session.user = Some(record);
    Ok(Reply::new(235, "2.7.0", "welcome"))
}

/// The words for somebody who is not let in (RFC 4954 §6).
fn refused(refused: Refused) -> Answer {
    match refused {
        Refused::Login(LoginRefused::Wrong) => Ok(Reply::new(535, "5.7.8", "wrong user name or password")),
        Refused::Login(LoginRefused::WrongTooOften) => {
            Err(Fail::Close(Reply::new(535, "5.7.8", "too many failed logins, goodbye")))
        }
        Refused::Login(LoginRefused::Throttled) => {
            Ok(Reply::new(454, "4.7.0", "too many failed logins, try again later"))
        }
        Refused::Login(LoginRefused::Store(error)) => {
            tracing::error!(%error, "a login could not be verified");
            Ok(Reply::new(454, "4.7.0", "logins cannot be verified for the moment, try again later"))
        }
        Refused::Unavailable(_) | Refused::Moving => Ok(Reply::new(454, "4.7.0", refused.to_string())),
    }
}
