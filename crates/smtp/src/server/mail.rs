//! MAIL FROM: who sends, and whether the server takes such a message at all.

use sterna_delivery::Envelope;

use super::command::Hello;
use super::params::{BodyKind, MailParams};
use super::reply::{Answer, Fail, Reply};
use super::session::{Chunks, Session, Transaction};
use super::{Kind, submission};

/// Answers MAIL.
pub(super) async fn handle(session: &mut Session, sender: String, params: MailParams) -> Answer {
    let service = session.service.clone();
    let config = &service.config;
    let Some((hello, _)) = &session.hello else {
        return Ok(Reply::bad_sequence(if session.kind == Kind::Lmtp { "say LHLO first" } else { "say EHLO first" }));
    };
    if *hello == Hello::Helo && params != MailParams::default() {
        return Ok(Reply::new(555, "5.5.4", "parameters need EHLO"));
    }
    if session.kind == Kind::Submission && session.user.is_none() {
        return Ok(Reply::new(530, "5.7.0", "log in first"));
    }
    if session.transaction.is_some() {
        return Ok(Reply::bad_sequence("one message at a time: say RSET first"));
    }
    if session.messages >= config.max_messages {
        return Err(Fail::Close(Reply::new(421, "4.7.0", "enough messages on this connection, please connect again")));
    }
    if params.size.is_some_and(|size| size > config.max_size) {
        return Ok(too_large(config.max_size));
    }
    if params.require_tls && !session.wire.is_tls() {
        return Ok(Reply::new(530, "5.7.10", "REQUIRETLS needs TLS here, too"));
    }
    if !sender.is_ascii() && !params.smtputf8 {
        return Ok(Reply::new(553, "5.6.7", "this address needs SMTPUTF8"));
    }
    let identities = match session.user.clone() {
        Some(user) => submission::may_send(&service, &user, &sender).await?,
        None => Vec::new(),
    };
    session.transaction = Some(Transaction {
        envelope: Envelope {
            sender,
            headers_only: params.headers_only,
            envid: params.envid,
            smtputf8: params.smtputf8,
            binary: params.body == BodyKind::Binary,
            require_tls: params.require_tls,
        },
        size: params.size,
        body: params.body,
        recipients: Vec::new(),
        named: Vec::new(),
        identities,
        chunks: Chunks::None,
    });
    Ok(Reply::new(250, "2.1.0", "sender taken"))
}

/// 552: beyond what SIZE announced (RFC 1870 §6).
pub(super) fn too_large(max: u64) -> Reply {
    Reply::new(552, "5.3.4", format!("the message is too large: {max} bytes at most"))
}
