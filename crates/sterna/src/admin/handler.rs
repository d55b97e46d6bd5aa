//! The one handler of all requests.

use super::answer::{Answer, Event};
use super::platform::Platform;
use super::request::Request;
use super::{accounts, checks, domains, files, moves};
use crate::error::Result;

/// Where events go. It must return at once.
pub(super) type Events<'a> = &'a mut (dyn FnMut(Event) + Send);

/// Does what is asked for. May be dropped at any moment: what is committed stays, and moves of a server go on.
pub(super) async fn run(platform: &Platform, request: Request, events: Events<'_>) -> Result<Answer> {
    match request {
        Request::DomainAdd { name } => domains::add(platform, &name).await,
        Request::DomainList => domains::list(platform).await,
        Request::DomainShow { name } => domains::show(platform, &name).await,
        Request::DomainRemove { name } => domains::remove(platform, &name).await,
        Request::AccountAdd { address, password, quota } => accounts::add(platform, &address, password, quota).await,
        Request::AccountList { domain } => accounts::list(platform, domain.as_deref()).await,
        Request::AccountShow { address } => accounts::show(platform, &address).await,
        Request::AccountChange { address, change } => accounts::change(platform, &address, change).await,
        Request::AccountRemove { address } => accounts::remove(platform, &address).await,
        Request::Check { addresses } => checks::check(platform, &addresses, events).await,
        Request::Import(request) => files::import(platform, request, events).await,
        Request::Export(request) => files::export(platform, request, events).await,
        Request::MoveStart(start) => moves::start(platform, start, events).await,
        Request::MoveStatus { addresses } => moves::status(platform, &addresses).await,
        Request::MoveReceipt { addresses, verify_bodies } => moves::receipts(platform, &addresses, verify_bodies).await,
    }
}
