//! AUTHENTICATE with PLAIN and LOGIN (RFC 5804 §2.1). A password is never logged, and never taken where the policy forbids
//! it.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_frontdoor::{Entry, Kind, Refused};
use sterna_net::{LoginRefused, plain};

use super::capability;
use super::framing::Word;
use super::relay::{self, Opened};
use super::session::Session;
use super::write::{Reply, string};

/// Bytes of a response of the client.
const MAX_RESPONSE: u64 = 4 << 10;

/// Answers AUTHENTICATE.
pub(super) async fn authenticate(
    session: &mut Session,
    mechanism: &str,
    initial: Option<Vec<u8>>,
) -> io::Result<Reply> {
    if session.account.is_some() {
        return Ok(Reply::no("logged in already"));
    }
    if !capability::takes_passwords(session) {
        return Ok(Reply::no_code("ENCRYPT-NEEDED", "start TLS before you send a password"));
    }
    let refused = match mechanism {
        "PLAIN" => match response(session, initial, "").await? {
            Ok(message) => match plain(&message) {
                Some(message) if message.for_another() => Reply::no("acting for others is not supported"),
                Some(message) => return verify(session, message.user, message.password).await,
                None => Reply::no("not a message of SASL PLAIN"),
            },
            Err(refused) => refused,
        },
        "LOGIN" => match response(session, initial, "User Name\0").await? {
            Ok(user) => match response(session, None, "Password\0").await? {
                Ok(password) => return verify(session, &user, &password).await,
                Err(refused) => refused,
            },
            Err(refused) => refused,
        },
        _ => Reply::no("this mechanism is not supported"),
    };
    Ok(refused)
}

/// The client's response, which may have come with the command.
async fn response(
    session: &mut Session,
    initial: Option<Vec<u8>>,
    question: &str,
) -> io::Result<Result<Vec<u8>, Reply>> {
    let encoded = match initial {
        Some(initial) => initial,
        None => {
            string(&mut session.out, &STANDARD.encode(question));
            session.out.extend_from_slice(b"\r\n");
            session.flush().await?;
            match session.words(MAX_RESPONSE).await? {
                Ok(words) => match words.into_iter().next() {
                    Some(Word::Text(text) | Word::Atom(text)) => text,
                    None => Vec::new(),
                },
                Err(refused) => return Ok(Err(refused)),
            }
        }
    };
    if encoded == b"*" {
        return Ok(Err(Reply::no("AUTHENTICATE cancelled")));
    }
    Ok(STANDARD.decode(encoded).map_err(|_| Reply::no("not base64")))
}

async fn verify(session: &mut Session, user: &[u8], password: &[u8]) -> io::Result<Reply> {
    let (service, ip) = (session.service.clone(), session.peer.ip());
    loop {
        let entered = service.door.enter(ip, user, password, Kind::Finishes, &mut session.failed_logins).await;
        let guest = match entered {
            Ok(Entry::Local(record, stay)) => {
                let account = match service.store.account(record.id).await {
                    Ok(account) => account,
                    Err(error) => return Ok(Reply::no_code("TRYLATER", error.to_string())),
                };
                tracing::Span::current().record("account", tracing::field::display(record.id));
                tracing::info!("logged in");
                session.account = Some((account, record.address.to_string()));
                session.stay = Some(stay);
                return Ok(Reply::ok("logged in"));
            }
            Ok(Entry::Remote(guest)) => guest,
            Err(error) => return Ok(refused(&error)),
        };
        match Box::pin(relay::open(session, guest)).await {
            Opened::Relay(relay) => {
                session.relay = Some(relay);
                return Ok(Reply::ok("logged in"));
            }
            Opened::Refused(guest, said) => {
                return Ok(match guest.refused(&mut session.failed_logins).await {
                    LoginRefused::WrongTooOften => Reply::bye(None, &said),
                    _ => Reply::no(said),
                });
            }
            Opened::None => return Ok(Reply::no("scripts of this mailbox cannot be changed here at the moment")),
            Opened::Unavailable(guest, why) => return Ok(refused(&guest.unavailable(&why))),
            Opened::Moving => {}
        }
    }
}

/// The words for somebody who is not let in.
fn refused(refused: &Refused) -> Reply {
    match refused {
        Refused::Login(LoginRefused::Wrong) => Reply::no(refused.to_string()),
        Refused::Login(LoginRefused::WrongTooOften) => Reply::bye(None, &refused.to_string()),
        Refused::Login(LoginRefused::Throttled | LoginRefused::Store(_))
        | Refused::Unavailable(_)
        | Refused::Moving => Reply::no_code("TRYLATER", refused.to_string()),
    }
}
