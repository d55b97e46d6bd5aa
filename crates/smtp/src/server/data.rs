//! DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030): the bytes of the message.
//!
//! However a message ends up, exactly its bytes are taken from the connection, or the connection is closed: what was
//! announced as a message is never read as commands.

use bytes::Buf as _;
use tokio::time::Instant;

use super::dots::Dots;
use super::head::{Missing, Rules};
use super::intake::Intake;
use super::params::BodyKind;
use super::reply::{Fail, Reply};
use super::session::{Chunks, Session};
use super::{Kind, accept, submission, trace};

/// Answers DATA.
pub(super) async fn data(session: &mut Session) -> Result<Vec<Reply>, Fail> {
    ready(session)?;
    let transaction = session.transaction()?;
    if transaction.body == BodyKind::Binary {
        return Err(Reply::bad_sequence("BINARYMIME comes with BDAT").into());
    }
    if !matches!(transaction.chunks, Chunks::None) {
        return Err(Reply::bad_sequence("this message comes with BDAT").into());
    }
    let mut intake = begin(session).await?;
    session.wire.reply(&Reply::plain(354, "go on, and end with a dot on a line of its own"));
    let (mut dots, mut text) = (Dots::default(), Vec::new());
    while !dots.ended() {
        if session.wire.input.is_empty() {
            read(session, intake.deadline()).await?;
        }
        text.clear();
        let taken = dots.push(&session.wire.input, &mut text);
        session.wire.input.advance(taken);
        if dots.bare() {
            // RFC 5321 §2.3.8. To guess where such a message ends is what smugglers hope for.
            intake.refuse(Reply::new(550, "5.6.0", "a CR or LF stands alone in the message (RFC 5321 section 2.3.8)"));
        }
        intake.take(&text, true).await;
        flood(&intake)?;
    }
    Ok(accept::complete(session, intake).await)
}

/// Answers BDAT.
pub(super) async fn bdat(session: &mut Session, size: u64, last: bool) -> Result<Vec<Reply>, Fail> {
    let mut intake = match next_chunk(session).await {
        Ok(intake) => intake,
        Err(Fail::Reply(reply)) => {
            if let Some(transaction) = &mut session.transaction {
                transaction.chunks = Chunks::Failed;
            }
            if last {
                session.transaction = None;
            }
            return discard(session, size).await.map(|()| vec![reply]);
        }
        Err(over) => return Err(over),
    };
    let mut left = size;
    while left > 0 {
        if session.wire.input.is_empty() {
            read(session, intake.deadline()).await?;
        }
        let input = &session.wire.input;
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        intake.take(input.get(..piece).unwrap_or_default(), false).await;
        session.wire.input.advance(piece);
        left -= piece as u64;
        flood(&intake)?;
    }
    if last {
        return Ok(accept::complete(session, *intake).await);
    }
    let transaction = session.transaction()?;
    if let Some(problem) = intake.problem().cloned() {
        transaction.chunks = Chunks::Failed;
        return Ok(vec![problem]);
    }
    transaction.chunks = Chunks::Some(intake);
    Ok(vec![Reply::new(250, "2.0.0", format!("{size} bytes taken"))])
}

/// Where the next chunk goes.
async fn next_chunk(session: &mut Session) -> Result<Box<Intake>, Fail> {
    ready(session)?;
    match std::mem::take(&mut session.transaction()?.chunks) {
        Chunks::None => begin(session).await.map(Box::new),
        Chunks::Some(intake) => Ok(intake),
        Chunks::Failed => Err(Reply::bad_sequence("an earlier chunk was refused: say RSET").into()),
    }
}

/// A transaction with recipients.
fn ready(session: &mut Session) -> Result<(), Fail> {
    let lmtp = session.kind == Kind::Lmtp;
    if !session.transaction()?.recipients.is_empty() {
        return Ok(());
    }
    // RFC 2033 §4.2 names the code for LMTP.
    Err(Reply::new(if lmtp { 503 } else { 554 }, "5.5.1", "no valid recipients").into())
}

/// The message may come.
async fn begin(session: &mut Session) -> Result<Intake, Fail> {
    let service = session.service.clone();
    if let Some(user) = session.user.clone() {
        let recipients = session.transaction()?.recipients.len();
        submission::count_message(&service, &user, recipients).await?;
    }
    let now = service.delivery.store().clock().now();
    let host = &service.config.hostname;
    let missing = || Missing {
        date: format!("Date: {}\r\n", trace::date(now)),
        message_id: format!("Message-ID: <{}@{host}>\r\n", trace::id(now)),
    };
    let rules = Rules { authserv: host.clone(), submission: (session.kind == Kind::Submission).then(missing) };
    let intake = Intake::begin(&service.config, &service.receiving, service.delivery.incoming(), rules).await?;
    Ok(intake)
}

/// Waits for more of the message.
async fn read(session: &mut Session, deadline: Instant) -> Result<(), Fail> {
    let silent = Instant::now() + session.service.config.command_timeout;
    session.wire.read(silent.min(deadline).min(session.ends)).await
}

/// RFC 1870 §6.3 lets a client send all of a message that is too large; not without end.
fn flood(intake: &Intake) -> Result<(), Fail> {
    match intake.problem() {
        Some(problem) if intake.is_flood() => Err(Fail::Close(problem.clone())),
        _ => Ok(()),
    }
}

/// Takes a chunk that nobody wants from the connection.
async fn discard(session: &mut Session, size: u64) -> Result<(), Fail> {
    let config = &session.service.config;
    if size > config.max_size {
        return Err(Fail::Close(super::mail::too_large(config.max_size)));
    }
    let (started, rate) = (Instant::now() + config.command_timeout, config.min_rate.max(1));
    let mut left = size;
    while left > 0 {
        if session.wire.input.is_empty() {
            read(session, started + std::time::Duration::from_secs((size - left) / rate)).await?;
        }
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(session.wire.input.len());
        session.wire.input.advance(piece);
        left -= piece as u64;
    }
    Ok(())
}
