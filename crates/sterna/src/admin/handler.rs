//! The one handler of all requests.

use super::answer::{Answer, Event};
use super::platform::Platform;
use super::request::Request;
use super::{accounts, aliases, checks, cutovers, dkim, domains, files, moves, platforms, queue, sieve};
use crate::error::Result;

/// Where events go. It must return at once.
pub(super) type Events<'a> = &'a mut (dyn FnMut(Event) + Send);

/// Does what is asked for. May be dropped at any moment: what is committed stays, and moves of a server go on.
pub(super) async fn run(platform: &Platform, request: Request, events: Events<'_>) -> Result<Answer> {
    match request {
        Request::DomainAdd { name, deliver_to } => domains::add(platform, &name, deliver_to).await,
        Request::DomainList => domains::list(platform).await,
        Request::DomainShow { name } => domains::show(platform, &name).await,
        Request::DomainSet { name, changes } => domains::set(platform, &name, changes).await,
        Request::Dkim { name, request } => dkim::run(platform, &name, request).await,
        Request::DomainRemove { name } => domains::remove(platform, &name).await,
        Request::AccountAdd { address, password, quota, deliver_to } => {
            accounts::add(platform, &address, password, quota, deliver_to).await
        }
        Request::AccountList { domain } => accounts::list(platform, domain.as_deref()).await,
        Request::AccountShow { address } => accounts::show(platform, &address).await,
        Request::AccountChange { address, changes } => accounts::change(platform, &address, changes).await,
        Request::AccountRemove { address } => accounts::remove(platform, &address).await,
        Request::AliasAdd { address, targets } => aliases::add(platform, &address, &targets).await,
        Request::AliasList { domain } => aliases::list(platform, domain.as_deref()).await,
        Request::AliasShow { address } => aliases::show(platform, &address).await,
        Request::AliasRemove { address, targets } => aliases::remove(platform, &address, &targets).await,
        Request::Platform(request) => platforms::run(platform, request).await,
        Request::Queue(request) => queue::run(platform, request).await,
        Request::Sieve { address, request } => sieve::run(platform, &address, request).await,
        Request::Check { addresses } => checks::check(platform, &addresses, events).await,
        Request::Import(request) => files::import(platform, request, events).await,
        Request::Export(request) => files::export(platform, request, events).await,
        Request::MoveStart(start) => moves::start(platform, start, events).await,
        Request::Cutover(request) => cutovers::run(platform, request, events).await,
        Request::MoveStatus { addresses } => moves::status(platform, &addresses).await,
        Request::MoveReceipt { addresses, verify_bodies } => moves::receipts(platform, &addresses, verify_bodies).await,
    }
}
