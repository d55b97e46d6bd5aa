//! Requests that a move change the place of its mailbox: to here, or back to its platform.
//!
//! What is asked for is a wish that the move's run fulfils. Who waits looks at the record until it is done or given up; without
//! a server this process runs the move for as long as that takes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sterna_migrate::{Cancel, CutoverOptions, Failure, Progress, State, Status};
use sterna_store::{AccountRecord, Route};
use tokio::sync::watch;

use super::answer::{Answer, Event, MoveInfo, ProgressInfo};
use super::handler::Events;
use super::moves::info;
use super::platform::Platform;
use crate::error::{Error, Result};

/// Between two looks at a move that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A change of place that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverRequest {
    /// Of which accounts, one after the other.
    pub addresses: Vec<String>,
    /// Back to the platform.
    pub back: bool,
    /// How long sessions may wait; `None`: the mover's default, as below.
    pub deadline: Option<Duration>,
    /// How long sessions that cannot wait may take to come to their end.
    pub finish: Option<Duration>,
    /// Holds that may fail.
    pub attempts: Option<u32>,
    /// For so long the move can be undone.
    pub rollback_window: Option<Duration>,
    /// The old side is kept up to date until then.
    #[serde(default)]
    pub back_sync: bool,
    /// Also where nobody could log in afterwards.
    #[serde(default)]
    pub without_password: bool,
    /// Answer only when all is done.
    pub wait: bool,
}

/// Asks for it. All are looked at before the first is touched.
pub(super) async fn run(platform: &Platform, request: CutoverRequest, events: Events<'_>) -> Result<Answer> {
    if !platform.serves && !request.wait {
        let what = "no server runs that could do this in the background";
        return Err(Error::new(format!("{what}; start \"sterna serve\", or add --wait to do it in this command")));
    }
    let mut records = Vec::new();
    for address in &request.addresses {
        let record = platform.record(address).await?;
        info(platform, &record).await?;
        records.push(record);
    }
    let mut infos = Vec::new();
    for record in records {
        let error = one(platform, &request, &record, events).await.err().map(|error| error.to_string());
        infos.push(MoveInfo { error, ..info(platform, &record).await? });
    }
    Ok(Answer::Moves(infos))
}

fn options(request: &CutoverRequest) -> CutoverOptions {
    let mut options = CutoverOptions::default();
    options.times.deadline = request.deadline.unwrap_or(options.times.deadline);
    options.times.finish = request.finish.unwrap_or(options.times.finish);
    options.attempts = request.attempts.unwrap_or(options.attempts);
    options.rollback_window = request.rollback_window.unwrap_or(options.rollback_window);
    options.back_sync = request.back_sync;
    options
}

async fn one(platform: &Platform, request: &CutoverRequest, record: &AccountRecord, events: Events<'_>) -> Result<()> {
    let routed = platform.store.routed_by_id(record.id).await?;
    let elsewhere = routed.is_some_and(|routed| matches!(routed.route, Route::Platform(_)));
    if elsewhere && !request.back && !request.without_password && !record.has_password {
        return Err(Error::new(format!(
            "no password of {} is known here, so that nobody could log in after the move; set one with \"sterna account \
             passwd\", let the user log in once through a platform that is set to --learn, or say --without-password",
            record.address
        )));
    }
    let options = options(request);
    match request.back {
        true => platform.mover.rollback(record.id, options).await?,
        false => platform.mover.cutover(record.id, options).await?,
    }
    if !request.wait {
        return Ok(());
    }
    if platform.serves {
        return wait(platform, request.back, record, events).await;
    }
    let cancel = Cancel::new();
    let (progress, _watched) = watch::channel(Progress::default());
    let (mover, id, stop) = (platform.mover.clone(), record.id, cancel.clone());
    let running = tokio::spawn(async move { mover.run(id, &stop, progress).await });
    let mut ended = std::pin::pin!(running);
    let done = tokio::select! {
        done = wait(platform, request.back, record, events) => done,
        ended = &mut ended => {
            // What it came to is in the record.
            let status = platform.mover.status(id).await?;
            return match (status.as_ref().and_then(|status| outcome(status, request.back)), ended) {
                (Some(outcome), _) => outcome,
                (None, Ok(Err(error))) => Err(error.into()),
                (None, _) => Err(Error::new("the move ended before this was done; \"sterna move status\" says more")),
            };
        }
    };
    // What it would go on with is a server's work.
    cancel.cancel();
    let _ = ended.await;
    done
}

/// Looks at a move until what was asked for is done or given up.
async fn wait(platform: &Platform, back: bool, record: &AccountRecord, events: Events<'_>) -> Result<()> {
    let gone = || Error::new("the move was cancelled");
    loop {
        let mut status = platform.mover.status(record.id).await?.ok_or_else(gone)?;
        if status.wanted.is_none() {
            // The wish goes last: what was read before it may be older.
            status = platform.mover.status(record.id).await?.ok_or_else(gone)?;
        }
        if let Some(outcome) = outcome(&status, back) {
            return outcome;
        }
        let here = platform.mover.progress(record.id).map(|progress| ProgressInfo::from(&*progress.borrow()));
        let state = status.record.state_name().to_owned();
        let waiting = refusal(&status, back).map(|refusal| refusal.reason.clone());
        let progress = ProgressInfo { state, waiting, ..here.unwrap_or_default() };
        events(Event { address: record.address.to_string(), progress });
        tokio::time::sleep(LOOK).await;
    }
}

/// Why the last hold failed.
fn refusal(status: &Status, back: bool) -> Option<&Failure> {
    let cutover = status.record.cutover.as_ref()?;
    match back {
        true => cutover.rollback.as_ref()?.refusal.as_ref(),
        false => cutover.refusal.as_ref(),
    }
}

/// What came of it; `None`: nothing yet.
fn outcome(status: &Status, back: bool) -> Option<Result<()>> {
    let record = &status.record;
    if status.wanted.is_some() {
        // Somebody must see to the move first; the wish stands.
        let stuck = record.failure.as_ref().filter(|failure| failure.retry_at.is_none() && !status.running);
        return stuck.map(|failure| Err(Error::new(failure.reason.clone())));
    }
    let done = match back {
        true => record.state == State::RolledBack,
        false => record.state.is_here(),
    };
    if done {
        return Some(Ok(()));
    }
    let why = refusal(status, back).or(record.failure.as_ref()).map(|failure| failure.reason.clone());
    let why = why.unwrap_or_else(|| format!("it was given up; the move is {}", record.state_name()));
    Some(Err(Error::new(format!("{why}; nothing has changed for its user, ask again at any time"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_movers_default() {
        let request = CutoverRequest {
            addresses: vec![],
            back: false,
            deadline: Some(Duration::from_millis(500)),
            finish: None,
            attempts: Some(3),
            rollback_window: None,
            back_sync: false,
            without_password: false,
            wait: true,
        };
        let (options, usual) = (options(&request), CutoverOptions::default());
        assert_eq!((options.times.deadline, options.attempts), (Duration::from_millis(500), 3));
        assert_eq!((options.times.finish, options.rollback_window), (usual.times.finish, usual.rollback_window));
    }
}
