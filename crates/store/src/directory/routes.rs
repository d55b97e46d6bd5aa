//! Where an account's mailbox is. A change of route is one transaction and raises the route's epoch, so that whoever acts on
//! what it read before can be refused.

use std::fmt;

use sterna_core::{AccountId, Address, ModSeq};

use super::{AccountRecord, DomainRecord, Lease, MoveRecord};
use crate::db::{Tx, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// Where a mailbox is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Here.
    Local,
    /// On the platform of that name: logins are passed on to it, and mail.
    Platform(String),
    /// Mail goes to an LMTP or SMTP server; logins find what is here.
    Relay(String),
}

const LOCAL: &str = "local";
const PLATFORM: &str = "platform:";

impl Route {
    /// As the store has it.
    pub fn parse(text: &str) -> Route {
        match text.strip_prefix(PLATFORM) {
            Some(name) => Route::Platform(name.to_owned()),
            None if text == LOCAL => Route::Local,
            None => Route::Relay(text.to_owned()),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Local => f.write_str(LOCAL),
            Route::Platform(name) => write!(f, "{PLATFORM}{name}"),
            Route::Relay(url) => f.write_str(url),
        }
    }
}

impl DomainRecord {
    /// Where the mailboxes of the domain are, if accounts do not say otherwise.
    pub fn place(&self) -> Route {
        self.route.as_deref().map_or(Route::Local, Route::parse)
    }
}

impl AccountRecord {
    /// Where the mailbox is; `domain` is the address's.
    pub fn place(&self, domain: &DomainRecord) -> Route {
        self.route.as_deref().map_or_else(|| domain.place(), Route::parse)
    }
}

/// An account with its route at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The account.
    pub record: AccountRecord,
    /// Where its mailbox is.
    pub route: Route,
    /// How often the route was changed.
    pub epoch: u64,
    /// It has a move: its route may change under a hold.
    pub moving: bool,
}

/// The change of route at the end of a move, or of its undoing.
#[derive(Clone, Debug)]
pub struct Flip {
    /// The epoch that was read; the flip is refused if there is another by now.
    pub epoch: u64,
    /// Where the mailbox is from now on.
    pub route: Route,
    /// The hold under which the sides were compared; it must not have ended. The flip ends it.
    pub hold: ModSeq,
    /// The move's record with its new state.
    pub record: MoveRecord,
}

impl Store {
    /// An account with its route, by address.
    pub async fn routed(&self, address: &Address) -> Result<Option<Routed>> {
        let address = address.clone();
        self.directory()
            .read(move |tx| match tx.find_account(&address)? {
                Some(record) => tx.with_route(record).map(Some),
                None => Ok(None),
            })
            .await
    }

    /// The same by number.
    pub async fn routed_by_id(&self, id: AccountId) -> Result<Option<Routed>> {
        self.directory()
            .read(move |tx| match tx.account_by_id(id)? {
                Some(record) => tx.with_route(record).map(Some),
                None => Ok(None),
            })
            .await
    }

    /// Sets where an account's mailbox is; `None`: where its domain says. A platform must exist.
    pub async fn set_route(&self, id: AccountId, route: Option<String>) -> Result<()> {
        self.directory()
            .write(move |tx| {
                tx.needs_platform(route.as_deref())?;
                tx.change_route(id, route.as_deref())
            })
            .await
    }

    /// Changes the route at the end of a hold: the one moment at which the mailbox is here and no longer there, or the other
    /// way round. All or nothing: route, epoch, the move's record and the end of the hold.
    ///
    /// Fails with [`Error::LeaseLost`] if another runs the move by now, [`Error::HoldOver`] if the hold's time has passed, and
    /// [`Error::NotPermitted`] if somebody changed the route meanwhile.
    pub async fn flip(&self, lease: &Lease, flip: Flip) -> Result<u64> {
        let lease = lease.clone();
        self.directory()
            .write(move |tx| {
                tx.check_token(&lease)?;
                let account = lease.account;
                tx.needs_hold(account, flip.hold)?;
                if tx.route_epoch(account)? != flip.epoch {
                    return Err(Error::NotPermitted("the account's route was changed meanwhile".into()));
                }
                tx.change_route(account, Some(&flip.route.to_string()))?;
                tx.end_hold(account, flip.hold)?;
                tx.put_move(&flip.record)?;
                Ok(flip.epoch + 1)
            })
            .await
    }
}

impl Tx<'_> {
    fn with_route(&self, record: AccountRecord) -> Result<Routed> {
        let domain = self.domain(record.address.domain())?;
        let domain =
            domain.ok_or_else(|| Error::Corrupt(format!("the domain of account {} is lost", record.address)))?;
        let sql = "SELECT 1 FROM move WHERE account_id = ?1";
        let moving = self.one(sql, vals![record.id], |_| Ok(()))?.is_some();
        Ok(Routed { route: record.place(&domain), epoch: self.route_epoch(record.id)?, moving, record })
    }

    pub(super) fn needs_platform(&self, route: Option<&str>) -> Result<()> {
        match route.map(Route::parse) {
            Some(Route::Platform(name)) if self.platform(&name)?.is_none() => {
                Err(Error::NotFound(format!("platform {name}")))
            }
            _ => Ok(()),
        }
    }

    fn change_route(&self, id: AccountId, route: Option<&str>) -> Result<()> {
        let sql = "UPDATE account SET route = ?2, route_epoch = route_epoch + 1 WHERE id = ?1";
        match self.execute(sql, vals![id, route])? {
            0 => Err(Error::NotFound(format!("account {id}"))),
            _ => Ok(()),
        }
    }

    fn route_epoch(&self, id: AccountId) -> Result<u64> {
        self.one("SELECT route_epoch FROM account WHERE id = ?1", vals![id], |r| r.u64(0))?
            .ok_or_else(|| Error::NotFound(format!("account {id}")))
    }
}
