//! The door that all protocols share: who comes in, and where the mailbox is.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sterna_core::{AccountId, Address};
use sterna_net::{Login, LoginRefused};
use sterna_store::{AccountRecord, AccountStatus, Route, Routed, Store};
use tokio::sync::mpsc;

use crate::credentials::Identity;
use crate::floor::{Floor, Kind, Stay};
use crate::platform::Platform;
use crate::proofs::Proofs;

/// A platform's settings are read again after this time.
const FRESH: Duration = Duration::from_secs(2);

/// How long a login waits for a hold to end, in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// The door. Clones share everything.
#[derive(Clone)]
pub struct Door(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub store: Store,
    pub floor: Floor,
    login: Login,
    proofs: Proofs,
    checker: OnceLock<Arc<dyn Checker>>,
    platforms: Mutex<HashMap<String, Known>>,
    /// Told of accounts whose last session has ended, where the directory keeps that.
    pub left: Option<mpsc::UnboundedSender<AccountId>>,
    pub gates: Vec<tokio::sync::Mutex<()>>,
}

struct Known {
    read: Instant,
    platform: Arc<Platform>,
    sessions: Arc<AtomicU32>,
}

/// Who came in.
pub enum Entry {
    /// The password is right and the mailbox is here.
    Local(AccountRecord, Stay),
    /// The mailbox is on a platform, which decides.
    Remote(Guest),
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Wrong name or password, or too many of them.
    #[error(transparent)]
    Login(#[from] LoginRefused),
    /// The platform that has the mailbox cannot be asked: the password may be right.
    #[error("the mailbox's server cannot be reached at the moment, try again later")]
    Unavailable(String),
    /// The mailbox is being moved, and that takes longer than this login can wait.
    #[error("the mailbox is being moved, try again in a moment")]
    Moving,
}

impl From<sterna_store::Error> for Refused {
    fn from(error: sterna_store::Error) -> Refused {
        Refused::Login(error.into())
    }
}

/// What a platform says to a name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// They are right.
    Accepted,
    /// They are not.
    Refused,
    /// It cannot be asked, or would not say.
    Unavailable(String),
}

/// Asks a platform whether it would let a guest in, for protocols that are not relayed. The IMAP room has one.
pub trait Checker: Send + Sync {
    /// Logs in, and out again.
    fn check<'a>(&'a self, guest: &'a Guest) -> Pin<Box<dyn Future<Output = Checked> + Send + 'a>>;
}

/// A user whose mailbox is on a platform, at the door.
pub struct Guest {
    /// The account here.
    pub account: AccountRecord,
    /// Where the mailbox is.
    pub platform: Arc<Platform>,
    /// The line of the session. Who relays waits for it beside everything else.
    pub stay: Stay,
    /// The client's address.
    pub ip: IpAddr,
    door: Door,
    name: String,
    password: Vec<u8>,
    _place: Place,
}

/// One of the sessions that a platform takes.
struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    /// Of this store; `login` knows the failures of all protocols.
    pub fn new(store: Store, login: Login) -> Door {
        let (left, leaving) = match store.shared() {
            true => {
                let (sender, receiver) = mpsc::unbounded_channel();
                (Some(sender), Some(receiver))
            }
            false => (None, None),
        };
        let door = Door(Arc::new(Inner {
            proofs: Proofs::new(random()),
            store,
            floor: Floor::default(),
            login,
            checker: OnceLock::new(),
            platforms: Mutex::default(),
            left,
            gates: (0..crate::keeper::GATES).map(|_| tokio::sync::Mutex::default()).collect(),
        }));
        if let Some(leaving) = leaving {
            crate::keeper::start(&door, leaving);
        }
        door
    }

    /// Who asks platforms for those that are not relayed. Set once, before the first login.
    pub fn set_checker(&self, checker: Arc<dyn Checker>) {
        // A second one would be a mistake of the program and changes nothing.
        let _ = self.0.checker.set(checker);
    }

    /// The failures that all protocols remember together.
    pub fn login(&self) -> &Login {
        &self.0.login
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Lets somebody in, for a session of that kind where the mailbox is on a platform. `failed` counts the failures of the
    /// connection; the caller starts it at 0.
    ///
    /// A wrong name or password takes the same time as the platform's word for it takes, and longer after each failure. While
    /// the mailbox is being moved this waits, for a bounded time.
    pub async fn enter(
        &self,
        ip: IpAddr,
        user: &[u8],
        password: &[u8],
        remote: Kind,
        failed: &mut u32,
    ) -> Result<Entry, Refused> {
        let Inner { store, login, .. } = &*self.0;
        let name = Login::name(user);
        login.may_try(ip, &name)?;
        let routed = match Address::parse(&name) {
            Ok(address) => store.routed(&address).await?,
            Err(_) => None,
        };
        let Some(routed) = routed else {
            // Takes the time of a password that is looked at.
            let _ = login.find(&name, password).await?;
            return Err(login.failed(ip, &name, failed).await.into());
        };
        if needs_no_platform(&routed.route) {
            // The password first: who does not know it is not told where the mailbox is, nor that it moves.
            if login.find(&name, password).await?.is_none() {
                return Err(login.failed(ip, &name, failed).await.into());
            }
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let (routed, stay) = self.settle(routed, remote, deadline).await?;
        let platform = match &routed.route {
            Route::Local | Route::Relay(_) => {
                // The route may have changed while this waited: then nobody has looked at the password yet.
                let Some(record) = login.find(&name, password).await? else {
                    return Err(login.failed(ip, &name, failed).await.into());
                };
                login.succeeded(&name);
                return Ok(Entry::Local(record, stay));
            }
            Route::Platform(platform) => platform,
        };
        if routed.record.status != AccountStatus::Active {
            return Err(login.failed(ip, &name, failed).await.into());
        }
        let (platform, sessions) = self.platform_with_sessions(platform).await?;
        if !platform.knows_passwords() && login.find(&name, password).await?.is_none() {
            return Err(login.failed(ip, &name, failed).await.into());
        }
        let place = place(&platform, &sessions)?;
        let (door, password) = (self.clone(), password.to_vec());
        Ok(Entry::Remote(Guest { account: routed.record, platform, stay, ip, door, name, password, _place: place }))
    }

    /// Whether name and password are right, wherever the mailbox is, without a session in it: submission, the web. Like
    /// [`Door::enter`] in all else.
    pub async fn verify(
        &self,
        ip: IpAddr,
        user: &[u8],
        password: &[u8],
        failed: &mut u32,
    ) -> Result<AccountRecord, Refused> {
        let mut guest = match self.enter(ip, user, password, Kind::Parks, failed).await? {
            Entry::Local(record, _) => return Ok(record),
            Entry::Remote(guest) => guest,
        };
        // However long the platform takes to answer, no hold waits for a question.
        guest.stay.step_back();
        if !guest.platform.knows_passwords() || self.0.proofs.believes(guest.account.id, password) {
            self.0.login.succeeded(&guest.name);
            return Ok(guest.account);
        }
        let checked = match self.0.checker.get() {
            Some(checker) => checker.check(&guest).await,
            None => Checked::Unavailable("nobody here can ask it".into()),
        };
        match checked {
            Checked::Accepted => {
                guest.accepted().await;
                Ok(guest.account)
            }
            Checked::Refused => Err(guest.refused(failed).await.into()),
            Checked::Unavailable(why) => Err(guest.unavailable(&why)),
        }
    }

    /// A line on the floor, and the route as it is once that line stands: no change of route can pass it unseen.
    async fn settle(
        &self,
        routed: Routed,
        remote: Kind,
        deadline: tokio::time::Instant,
    ) -> Result<(Routed, Stay), Refused> {
        let id = routed.record.id;
        let mut known = routed;
        loop {
            let (kind, told) = (self::kind(&known.route, remote), can_be_held(&known));
            let stay = self.line(id, kind, told, deadline).await?;
            let Some(routed) = self.0.store.routed_by_id(id).await? else { return Err(LoginRefused::Wrong.into()) };
            if kind == self::kind(&routed.route, remote) && told >= can_be_held(&routed) {
                return Ok((routed, stay));
            }
            known = routed;
        }
    }

    /// A line for a session; waits while a hold is on. `told`: other nodes are told of it.
    async fn line(
        &self,
        account: AccountId,
        kind: Kind,
        told: bool,
        deadline: tokio::time::Instant,
    ) -> Result<Stay, Refused> {
        loop {
            let mut signal = match self.0.floor.enter(account, kind, self.0.left.as_ref()) {
                Ok(stay) => {
                    if !told || crate::keeper::write_line(self, account, kind).await? {
                        return Ok(stay);
                    }
                    drop(stay);
                    // Another node holds the account; its end is seen in the directory.
                    if tokio::time::timeout_at(deadline, tokio::time::sleep(crate::keeper::AGAIN)).await.is_err() {
                        return Err(Refused::Moving);
                    }
                    continue;
                }
                Err(signal) => signal,
            };
            // An error: the hold is over and forgotten.
            if tokio::time::timeout_at(deadline, signal.changed()).await.is_err() {
                return Err(Refused::Moving);
            }
        }
    }

    /// A platform by its name.
    pub async fn platform(&self, name: &str) -> Result<Arc<Platform>, Refused> {
        Ok(self.platform_with_sessions(name).await?.0)
    }

    async fn platform_with_sessions(&self, name: &str) -> Result<(Arc<Platform>, Arc<AtomicU32>), Refused> {
        let known = |platforms: &HashMap<String, Known>| {
            platforms
                .get(name)
                .filter(|known| known.read.elapsed() < FRESH)
                .map(|k| (k.platform.clone(), k.sessions.clone()))
        };
        if let Some(known) = known(&self.0.platforms.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(known);
        }
        let record = self.0.store.platform(name).await?;
        let record = record.ok_or_else(|| Refused::Unavailable(format!("platform {name} is not known")))?;
        let platform = Platform::read(&self.0.store, &record).map_err(|e| Refused::Unavailable(e.to_string()))?;
        let platform = Arc::new(platform);
        let mut platforms = self.0.platforms.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = platforms.get(name).map(|known| known.sessions.clone()).unwrap_or_default();
        let known = Known { read: Instant::now(), platform: platform.clone(), sessions: sessions.clone() };
        platforms.insert(name.to_owned(), known);
        Ok((platform, sessions))
    }

    /// Where an account's mailbox is, after a hold.
    pub async fn route(&self, account: AccountId) -> Result<Route, sterna_store::Error> {
        let routed = self.0.store.routed_by_id(account).await?;
        routed.map(|routed| routed.route).ok_or_else(|| sterna_store::Error::NotFound(format!("account {account}")))
    }
}

fn kind(route: &Route, remote: Kind) -> Kind {
    match route {
        Route::Platform(_) => remote,
        Route::Local | Route::Relay(_) => Kind::Local,
    }
}

/// Whether a hold of the account can come about: only then need other nodes know that there are sessions here.
fn can_be_held(routed: &Routed) -> bool {
    routed.moving || matches!(routed.route, Route::Platform(_))
}

fn needs_no_platform(route: &Route) -> bool {
    !matches!(route, Route::Platform(_))
}

fn place(platform: &Platform, sessions: &Arc<AtomicU32>) -> Result<Place, Refused> {
    let most = platform.settings.max_sessions.unwrap_or(u32::MAX);
    let taken = sessions.fetch_add(1, Ordering::Relaxed);
    let place = Place(sessions.clone());
    match taken < most {
        true => Ok(place),
        false => Err(Refused::Unavailable(format!("platform {} has {most} sessions already", platform.name))),
    }
}

fn random() -> [u8; 32] {
    let mut key = [0; 32];
    // Without randomness the digests are those of a fixed key: still none that leaves this process.
    let _ = aws_lc_rs::rand::fill(&mut key);
    key
}

impl Guest {
    /// What to log in with there.
    pub fn identity(&self) -> Identity {
        Identity::new(&self.platform, self.account.address.as_str(), &self.password)
    }

    /// The mailbox is here now: the session's line, as that of a local one.
    pub fn into_stay(self) -> Stay {
        let mut stay = self.stay;
        stay.set_kind(Kind::Local);
        stay
    }

    /// The platform let the user in. Its word is remembered for a moment, and the password learned if that is wanted.
    pub async fn accepted(&self) {
        let inner = &self.door.0;
        inner.login.succeeded(&self.name);
        if !self.platform.knows_passwords() {
            return;
        }
        inner.proofs.remember(self.account.id, &self.password);
        if !self.platform.settings.learn || self.account.has_password {
            return;
        }
        let Ok(password) = std::str::from_utf8(&self.password) else { return };
        if let Err(error) = inner.store.set_password(self.account.id, password).await {
            tracing::warn!(%error, account = %self.account.id, "a password could not be learned");
        }
    }

    /// The platform did not. Returns when the client may be told.
    pub async fn refused(&self, failed: &mut u32) -> LoginRefused {
        let inner = &self.door.0;
        inner.proofs.forget(self.account.id);
        inner.login.failed(self.ip, &self.name, failed).await
    }

    /// The platform could not be asked. Not a failure of the client's.
    pub fn unavailable(&self, why: &str) -> Refused {
        tracing::warn!(platform = %self.platform.name, why, "a platform cannot be asked");
        Refused::Unavailable(why.to_owned())
    }
}
