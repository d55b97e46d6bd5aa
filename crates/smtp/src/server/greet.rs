//! The beginning of a session: greeting, EHLO, HELO, LHLO, STARTTLS.

use std::time::Duration;

use sterna_net::PlaintextPolicy;

use super::Kind;
use super::command::Hello;
use super::reply::{Answer, Fail, Reply};
use super::session::Session;

/// Lets the client in, or not, and says so (RFC 5321 §3.1).
pub(super) async fn greet(session: &mut Session) -> Result<(), Fail> {
    let service = session.service.clone();
    let config = &service.config;
    let limited = match session.kind {
        Kind::Reception => Some((&service.networks, config.connections_per_network)),
        Kind::Submission => Some((&service.submitters, config.submissions_per_network)),
        Kind::Lmtp => None,
    };
    if let Some((networks, limit)) = limited.filter(|_| !session.peer.trusted) {
        session.place = networks.enter(session.peer.ip, limit);
        if session.place.is_none() {
            return Err(Fail::Close(Reply::new(
                421,
                "4.7.0",
                "too many connections from your network, try again later",
            )));
        }
    }
    if session.kind == Kind::Reception {
        session.peer.ask(&service);
        let delay = if session.peer.trusted { Duration::ZERO } else { config.greeting_delay };
        // RFC 5321 §4.3.1: a server waits for the greeting; what does not is hardly one.
        if session.wire.talks_within(delay).await? {
            return Err(Fail::Close(Reply::new(554, "5.5.0", "you talked before the greeting, goodbye")));
        }
    }
    let protocol = if session.kind == Kind::Lmtp { "LMTP" } else { "ESMTP" };
    session.wire.reply(&Reply::plain(220, format!("{} {protocol} Sterna", config.hostname)));
    Ok(())
}

/// Answers EHLO, HELO and LHLO. Each ends the transaction (RFC 5321 §4.1.4).
pub(super) fn hello(session: &mut Session, hello: Hello, name: String) -> Answer {
    match (session.kind, hello) {
        (Kind::Lmtp, Hello::Ehlo | Hello::Helo) => return Ok(Reply::new(500, "5.5.1", "this is LMTP: say LHLO")),
        (Kind::Reception | Kind::Submission, Hello::Lhlo) => {
            return Ok(Reply::new(500, "5.5.1", "this is SMTP: say EHLO"));
        }
        _ => {}
    }
    session.transaction = None;
    session.hello = Some((hello, name));
    let hostname = &session.service.config.hostname;
    if hello == Hello::Helo {
        return Ok(Reply::plain(250, hostname.clone()));
    }
    let mut text = format!("{hostname} greets you");
    for extension in extensions(session) {
        text.push('\n');
        text.push_str(&extension);
    }
    Ok(Reply::plain(250, text))
}

fn extensions(session: &Session) -> Vec<String> {
    let config = &session.service.config;
    let mut list: Vec<String> =
        ["PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "ENHANCEDSTATUSCODES", "DSN"]
            .map(str::to_owned)
            .into();
    list.push(format!("SIZE {}", config.max_size));
    // RFC 9422: a client need not find the limits out by failing.
    list.push(format!("LIMITS MAILMAX={} RCPTMAX={}", config.max_messages, config.max_recipients));
    if offers_starttls(session) {
        list.push("STARTTLS".to_owned());
    }
    if session.wire.is_tls() {
        list.push("REQUIRETLS".to_owned());
    }
    if session.kind == Kind::Submission && session.user.is_none() && takes_passwords(session) {
        list.push("AUTH PLAIN LOGIN".to_owned());
    }
    list
}

fn offers_starttls(session: &Session) -> bool {
    session.service.config.tls.is_some() && !session.wire.is_tls()
}

/// Whether a password may come over this connection.
pub(super) fn takes_passwords(session: &Session) -> bool {
    let policy: PlaintextPolicy = session.service.config.plaintext;
    session.wire.is_tls() || policy.allows((session.peer.ip, 0).into())
}

/// Answers STARTTLS (RFC 3207): before the handshake, or not at all. What the client said before it is void.
pub(super) async fn start_tls(session: &mut Session) -> Result<Vec<Reply>, Fail> {
    if session.wire.is_tls() {
        return Ok(vec![Reply::bad_sequence("TLS is in use already")]);
    }
    let Some(tls) = session.service.config.tls.clone() else {
        return Ok(vec![Reply::new(502, "5.5.1", "there is no TLS here")]);
    };
    if !session.wire.input.is_empty() {
        // Whoever sits between could put commands in front of the client's own ones.
        let reply = Reply::new(503, "5.5.1", "nothing may follow STARTTLS before its answer, goodbye");
        return Err(Fail::Close(reply));
    }
    if session.user.is_some() || session.transaction.is_some() {
        return Ok(vec![Reply::bad_sequence("not now")]);
    }
    session.wire.reply(&Reply::new(220, "2.0.0", "begin TLS"));
    session.wire.start_tls(tls, session.service.config.login_timeout).await?;
    session.hello = None;
    Ok(Vec::new())
}
