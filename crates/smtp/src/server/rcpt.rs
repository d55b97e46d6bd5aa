//! RCPT TO: whether mail for an address is taken from this client.

use sterna_delivery::{Recipient, Verdict};

use super::Kind;
use super::params::RcptParams;
use super::reply::{Answer, Fail, Reply};
use super::session::Session;
use super::submission;

/// Answers RCPT.
pub(super) async fn handle(session: &mut Session, address: String, params: RcptParams) -> Answer {
    let service = session.service.clone();
    let config = &service.config;
    let transaction = session.transaction()?;
    if transaction.named.len() >= config.max_recipients {
        return Ok(Reply::new(
            452,
            "4.5.3",
            format!("{} recipients are enough for one message", config.max_recipients),
        ));
    }
    if !address.is_ascii() && !transaction.envelope.smtputf8 {
        return Ok(Reply::new(553, "5.6.7", "this address needs SMTPUTF8"));
    }
    let (size, sender) = (transaction.size, transaction.envelope.sender.clone());
    if let Some(refused) = refusal(session, &sender, &address, size).await? {
        session.refused += 1;
        if session.refused > config.max_refused {
            return Err(Fail::Close(Reply::new(421, "4.7.0", "too many refused recipients, goodbye")));
        }
        return Ok(refused);
    }
    let transaction = session.transaction()?;
    let known = transaction.recipients.iter().position(|known| known.address == address);
    let at = known.unwrap_or(transaction.recipients.len());
    if known.is_none() {
        let mut recipient = Recipient::new(&address);
        (recipient.notify, recipient.original) = (params.notify, params.original);
        transaction.recipients.push(recipient);
    }
    transaction.named.push(at);
    Ok(Reply::new(250, "2.1.5", "recipient taken"))
}

/// Why the recipient is not taken.
async fn refusal(session: &mut Session, sender: &str, address: &str, size: Option<u64>) -> Result<Option<Reply>, Fail> {
    let service = session.service.clone();
    // RFC 5321 §4.5.1: who is refused can ask the postmaster why.
    let postmaster = address.split('@').next().is_some_and(|local| local.eq_ignore_ascii_case("postmaster"));
    if session.kind == Kind::Reception
        && !postmaster
        && let Some(listed) = session.peer.listed().await
    {
        return Ok(Some(Reply::new(550, "5.7.1", listed)));
    }
    let verdict = service.delivery.recipient(address, size).await?;
    if let Some(user) = &session.user {
        let unknown = matches!(&verdict, Verdict::Refuse(refusal) if refusal.status == "5.1.1");
        if let Err(locked) = submission::count_recipient(&service, user, unknown).await {
            session.transaction = None;
            return Err(locked);
        }
    }
    match verdict {
        Verdict::Accept => {}
        Verdict::Refuse(refusal) => return Ok(Some(refusal.into())),
        Verdict::NotOurs if session.kind == Kind::Submission => {
            // RFC 6409 §6.1 wants full names; a literal is nobody a user means.
            let named = !address.ends_with(']') && address.contains('@');
            return Ok((!named).then(|| Reply::new(550, "5.1.2", "this server does not send to addresses of hosts")));
        }
        Verdict::NotOurs => return Ok(Some(Reply::new(550, "5.7.1", "this server does not relay"))),
    }
    let Some(delay) = service.config.greylist.filter(|_| session.kind == Kind::Reception && !session.peer.trusted)
    else {
        return Ok(None);
    };
    let (delay, now) = (i64::try_from(delay.as_secs()).unwrap_or(i64::MAX), service.delivery.store().clock().unix());
    let wait = service.greylist.wait(session.peer.ip, sender, address, delay, now);
    Ok(wait.map(|seconds| Reply::new(450, "4.7.1", format!("greylisted, please try again in {seconds} seconds"))))
}
