//! Requests about moves.

use std::collections::HashMap;
use std::time::Duration;

use sterna_core::AccountId;
use sterna_migrate::{MoveOptions, Pop3Source, ReceiptOptions, Secret, SourceSpec};
use sterna_store::AccountRecord;

use super::answer::{Answer, Event, MoveInfo, ProgressInfo, ReceiptInfo};
use super::handler::Events;
use super::jobs::Job;
use super::platform::Platform;
use super::request::MoveStart;
use crate::error::{Error, Result};

/// Time between two events of one move.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);

/// Plans the moves and starts them. All are looked at before the first is touched.
pub(super) async fn start(platform: &Platform, start: MoveStart, events: Events<'_>) -> Result<Answer> {
    if !platform.serves && !start.wait {
        let what = "no server runs that could do the move in the background";
        return Err(Error::new(format!("{what}; start \"sterna serve\", or add --wait to do it in this command")));
    }
    let mut planned = Vec::new();
    for address in &start.addresses {
        let record = platform.record(address).await?;
        planned.push((source(&start, record.address.as_str())?, record));
    }
    let mut jobs = Vec::new();
    for (source, record) in planned {
        let secret = start.secret.0.clone();
        let secret = if start.oauth { Secret::OAuthToken(secret) } else { Secret::Password(secret) };
        let connections = start.connections.unwrap_or(MoveOptions::default().connections);
        let options = MoveOptions { connections, follow: start.follow, ..MoveOptions::default() };
        jobs.push((platform.jobs.start(record.id, source, secret, options).await?, record));
    }
    if start.wait {
        wait(platform, jobs, events).await
    } else {
        infos(platform, jobs.into_iter().map(|(_, r)| r)).await
    }
}

fn source(start: &MoveStart, address: &str) -> Result<SourceSpec> {
    let fill = |template: &str| {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        template.replace("%u", address).replace("%n", local)
    };
    let mut source = SourceSpec::parse(&start.from, &fill(&start.user))?;
    source.master = start.master.clone();
    source.authzid = start.authzid.as_deref().map(fill);
    source.ca = start.ca.clone();
    source.pop3 = start.pop3.as_deref().map(Pop3Source::parse).transpose()?;
    Ok(source)
}

/// Watches jobs until all have ended.
async fn wait(platform: &Platform, jobs: Vec<(Job, AccountRecord)>, events: Events<'_>) -> Result<Answer> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
    for (job, record) in &jobs {
        tokio::spawn(watch(job.clone(), record.address.to_string(), sender.clone()));
    }
    // The channel ends with the last watcher, that is with the last job.
    drop(sender);
    while let Some(event) = receiver.recv().await {
        events(event);
    }
    let mut answers = Vec::new();
    for (mut job, record) in jobs {
        let error = job.wait().await.err();
        answers.push(MoveInfo { error, ..info(platform, &record).await? });
    }
    Ok(Answer::Moves(answers))
}

async fn watch(mut job: Job, address: String, events: tokio::sync::mpsc::Sender<Event>) {
    loop {
        let progress = ProgressInfo::from(&*job.progress.borrow_and_update());
        if events.send(Event { address: address.clone(), progress }).await.is_err() {
            return;
        }
        // The end is told at once, not after the interval.
        let _ = tokio::time::timeout(EVENT_INTERVAL, job.ended.wait_for(Option::is_some)).await;
        // The mover drops its end of the channel when it is done.
        if job.progress.changed().await.is_err() {
            return;
        }
    }
}

/// Where moves stand.
pub(super) async fn status(platform: &Platform, addresses: &[String]) -> Result<Answer> {
    let mut records = Vec::new();
    for address in addresses {
        records.push(platform.record(address).await?);
    }
    if addresses.is_empty() {
        let mut accounts: HashMap<AccountId, AccountRecord> =
            platform.store.accounts(None).await?.into_iter().map(|a| (a.id, a)).collect();
        records.extend(platform.mover.all().await?.iter().filter_map(|(id, _)| accounts.remove(id)));
        records.sort_by(|a, b| a.address.cmp(&b.address));
    }
    infos(platform, records).await
}

async fn infos(platform: &Platform, records: impl IntoIterator<Item = AccountRecord>) -> Result<Answer> {
    let mut infos = Vec::new();
    for record in records {
        infos.push(info(platform, &record).await?);
    }
    Ok(Answer::Moves(infos))
}

pub(super) async fn info(platform: &Platform, record: &AccountRecord) -> Result<MoveInfo> {
    let Some(status) = platform.mover.status(record.id).await? else {
        let address = &record.address;
        return Err(Error::new(format!("{address} has no move; \"sterna move start {address} --from …\" starts one")));
    };
    let progress = platform.mover.progress(record.id);
    Ok(MoveInfo {
        address: record.address.to_string(),
        source: status.record.source.to_string(),
        state: status.record.state_name().to_owned(),
        running: status.running || status.holder.is_some(),
        holder: status.holder.filter(|_| !status.running),
        folders: status.folders,
        folders_equal: status.folders_equal,
        refused: status.refused,
        missing: status.missing,
        exceptions: status.exceptions,
        totals: status.record.totals,
        last_pass_at: status.record.last_pass_at,
        failure: status.record.failure,
        wanted: status.wanted.map(str::to_owned),
        cutover: status.record.cutover,
        progress: progress.map(|progress| ProgressInfo::from(&*progress.borrow())),
        error: None,
    })
}

/// Compares both sides of moves.
pub(super) async fn receipts(platform: &Platform, addresses: &[String], verify_bodies: bool) -> Result<Answer> {
    let mut receipts = Vec::new();
    for address in addresses {
        let record = platform.record(address).await?;
        info(platform, &record).await?;
        let receipt = platform.mover.receipt(record.id, &ReceiptOptions { verify_bodies }).await?;
        let signed = serde_json::from_str(&receipt.json()?)
            .map_err(|e| Error::new(format!("the receipt of {address} cannot be written: {e}")))?;
        receipts.push(ReceiptInfo {
            address: record.address.to_string(),
            equal: receipt.comparison.equal,
            markdown: receipt.markdown(),
            signed,
        });
    }
    Ok(Answer::Receipts(receipts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::request::Hidden;

    #[test]
    fn login_and_authzid_are_made_from_the_address() {
        let start = MoveStart {
            addresses: vec![],
            from: "imap://h?tls=none".into(),
            user: "%n-old".into(),
            master: None,
            authzid: Some("%u".into()),
            secret: Hidden(String::new()),
            oauth: false,
            ca: None,
            pop3: Some("pop3://p:1110?tls=none".into()),
            connections: None,
            follow: false,
            wait: true,
        };
        let source = source(&start, "anne@example.org").unwrap();
        assert_eq!((source.user.as_str(), source.authzid.as_deref()), ("anne-old", Some("anne@example.org")));
        assert_eq!(source.pop3.map(|pop3| (pop3.host, pop3.port)), Some(("p".to_owned(), 1110)));
    }
}
