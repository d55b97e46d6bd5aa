//! The door over a real store: who gets in, who waits, what a hold sees.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, Address, ModSeq, SystemClock};
use sterna_net::{Login, LoginRefused};
use sterna_store::{Flip, JobKind, MoveRecord, Route, Store};
use sterna_tests::backend::store_config;

use crate::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct House {
    door: Door,
    anne: AccountId,
    _dir: tempfile::TempDir,
}

async fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(store_config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    store.add_domain("example.org").await.unwrap();
    let anne = store.add_account(&Address::parse("anne@example.org").unwrap(), Some("right"), None).await.unwrap();
    let settings = Settings { imap: Some("imap://127.0.0.1:1?tls=none".into()), ..Settings::default() };
    store.add_platform("old", serde_json::to_string(&settings).unwrap(), None).await.unwrap();
    let login = Login::new(store.clone(), Duration::from_millis(1));
    House { door: Door::new(store, login), anne, _dir: dir }
}

impl House {
    async fn to_platform(&self) {
        self.door.store().set_route(self.anne, Some("platform:old".into())).await.unwrap();
    }

    async fn enter(&self, password: &str) -> Result<Entry, Refused> {
        self.door.enter(HOME, b"Anne@example.org", password.as_bytes(), Kind::Parks, &mut 0).await
    }
}

fn times(millis: u64) -> HoldTimes {
    HoldTimes { finish: Duration::from_millis(millis), deadline: Duration::from_millis(millis) }
}

#[tokio::test]
async fn a_local_mailbox_is_opened_by_its_password_and_a_remote_one_by_the_platform() {
    let house = house().await;
    assert!(matches!(house.enter("right").await, Ok(Entry::Local(..))));
    assert!(matches!(house.enter("wrong").await, Err(Refused::Login(LoginRefused::Wrong))));
    house.to_platform().await;
    // Whatever the password: the platform knows.
    let Ok(Entry::Remote(guest)) = house.enter("other").await else { panic!("not remote") };
    let expected = Identity::Password { user: "anne@example.org".into(), password: b"other".to_vec() };
    assert_eq!(guest.identity(), expected);
    assert!(!format!("{:?}", guest.identity()).contains("other"));
    house.door.store().set_route(house.anne, Some("lmtp://127.0.0.1:24".into())).await.unwrap();
    // Its mail goes there; what is here can still be read.
    assert!(matches!(house.enter("right").await, Ok(Entry::Local(..))));
    assert!(matches!(house.enter("wrong").await, Err(Refused::Login(LoginRefused::Wrong))));
}

#[tokio::test]
async fn a_master_login_asks_for_the_users_password_here() {
    let house = house().await;
    let login = PlatformLogin::Master { login: "boss".into(), separator: "*".into() };
    let settings = Settings { imap: Some("imap://h".into()), user: UserForm::Local, login, ..Settings::default() };
    let secret = house.door.store().seal(b"of the boss").unwrap();
    let text = serde_json::to_string(&settings).unwrap();
    house.door.store().set_platform("old", text, Some(secret)).await.unwrap();
    house.to_platform().await;
    assert!(matches!(house.enter("wrong").await, Err(Refused::Login(LoginRefused::Wrong))));
    let Ok(Entry::Remote(guest)) = house.enter("right").await else { panic!("not remote") };
    let expected = Identity::Password { user: "anne*boss".into(), password: b"of the boss".to_vec() };
    assert_eq!(guest.identity(), expected);
}

#[tokio::test]
async fn a_platform_that_cannot_be_asked_is_no_wrong_password() {
    let house = house().await;
    house.to_platform().await;
    let mut failed = 0;
    for _ in 0..20 {
        let refused = house.door.verify(HOME, b"anne@example.org", b"x", &mut failed).await.unwrap_err();
        assert!(matches!(refused, Refused::Unavailable(_)), "{refused:?}");
    }
    assert_eq!(failed, 0);
}

#[tokio::test]
async fn sessions_park_new_logins_wait_and_all_go_on_by_the_new_route() {
    let house = house().await;
    house.to_platform().await;
    let Ok(Entry::Remote(mut guest)) = house.enter("x").await else { panic!("not remote") };
    let session = tokio::spawn(async move {
        let mut asks = Vec::new();
        loop {
            match guest.stay.disturbed().await {
                Signal::Asked(ask) => {
                    asks.push(ask.round);
                    guest.stay.answer(ask);
                }
                other => panic!("{other:?}"),
            }
            if asks.len() == 2 {
                assert_eq!(guest.stay.parked().await, Signal::Free);
                return asks;
            }
        }
    });
    let store = house.door.store().clone();
    store.add_job(house.anne, JobKind::Move).await.unwrap();
    let lease = store.claim_one(house.anne, JobKind::Move, Duration::from_secs(9)).await.unwrap().unwrap();
    let mut held = house.door.hold(house.anne, times(2_000)).await.unwrap();
    assert_eq!((held.found(), held.parked().await.unwrap()), (1, 1));
    let waiting = tokio::spawn({
        let door = house.door.clone();
        async move { door.enter(HOME, b"anne@example.org", b"right", Kind::Parks, &mut 0).await }
    });
    held.look_again().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    let record =
        MoveRecord { account: house.anne, state: "flipped".into(), record: "{}".into(), secret: None, updated: 1 };
    let epoch = store.routed_by_id(house.anne).await.unwrap().unwrap().epoch;
    let flip = Flip { epoch, route: Route::Local, hold: held.hold().token, record };
    assert_eq!(store.flip(&lease, flip.clone()).await.unwrap(), epoch + 1);
    held.flipped();
    assert_eq!(session.await.unwrap(), [1, 2]);
    assert!(matches!(waiting.await.unwrap(), Ok(Entry::Local(..))));
    // What was good once is not good again.
    assert!(matches!(store.flip(&lease, flip).await, Err(sterna_store::Error::HoldOver)));
}

#[tokio::test]
async fn what_is_told_late_of_a_hold_changes_nothing() {
    let house = house().await;
    house.to_platform().await;
    let Ok(Entry::Remote(guest)) = house.enter("x").await else { panic!("not remote") };
    let floor = &house.door.0.floor;
    let ask = |token, round| Ask { token: ModSeq(token), round };
    for round in [1, 2, 1] {
        floor.ask(house.anne, ask(7, round));
    }
    assert_eq!(guest.stay.signal(), Signal::Asked(ask(7, 2)));
    floor.free(house.anne, ModSeq(7));
    floor.ask(house.anne, ask(7, 2));
    assert_eq!(guest.stay.signal(), Signal::Free);
    floor.ask(house.anne, ask(9, 0));
    floor.free(house.anne, ModSeq(7));
    assert_eq!(guest.stay.signal(), Signal::Asked(ask(9, 0)));
}

#[tokio::test]
async fn a_session_that_does_not_park_lets_the_hold_fail_and_nothing_is_changed() {
    let house = house().await;
    house.to_platform().await;
    let Ok(Entry::Remote(guest)) = house.enter("x").await else { panic!("not remote") };
    assert!(matches!(house.door.hold(house.anne, times(100)).await, Err(HoldError::Deadline(_))));
    tokio::time::timeout(Duration::from_secs(5), async {
        while house.door.store().hold(house.anne).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(guest.stay.signal(), Signal::Free);
    assert!(matches!(house.enter("x").await, Ok(Entry::Remote(_))));
}

#[tokio::test]
async fn what_cannot_be_parked_is_left_to_finish_for_a_while() {
    let house = house().await;
    house.to_platform().await;
    let door = house.door.clone();
    let entered = door.enter(HOME, b"anne@example.org", b"x", Kind::Finishes, &mut 0).await;
    let Ok(Entry::Remote(guest)) = entered else { panic!("not remote") };
    let holding = tokio::spawn({
        let (door, anne) = (door.clone(), house.anne);
        async move { door.hold(anne, times(5_000)).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(guest.stay.asked().map(|ask| ask.round), Some(0));
    assert!(!holding.is_finished());
    // Another of its kind waits, one that can be parked does not.
    let mut failed = 0;
    let late = door.enter(HOME, b"anne@example.org", b"x", Kind::Finishes, &mut failed);
    assert!(tokio::time::timeout(Duration::from_millis(50), late).await.is_err());
    assert!(matches!(house.enter("x").await, Ok(Entry::Remote(_))));
    drop(guest);
    holding.await.unwrap().unwrap();
}

/// A platform that takes its time.
struct Slow;

impl Checker for Slow {
    fn check<'a>(&'a self, _: &'a Guest) -> std::pin::Pin<Box<dyn Future<Output = Checked> + Send + 'a>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            Checked::Accepted
        })
    }
}

#[tokio::test]
async fn a_password_that_is_being_checked_holds_nobody_up_and_is_believed_for_a_while() {
    let house = house().await;
    house.to_platform().await;
    house.door.set_checker(Arc::new(Slow));
    let checking = tokio::spawn({
        let door = house.door.clone();
        async move { door.verify(HOME, b"anne@example.org", b"x", &mut 0).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!checking.is_finished());
    house.door.hold(house.anne, times(200)).await.unwrap().release().await.unwrap();
    assert!(!checking.is_finished());
    assert_eq!(checking.await.unwrap().unwrap().id, house.anne);
    let mut failed = 0;
    let again = house.door.verify(HOME, b"anne@example.org", b"x", &mut failed);
    assert!(tokio::time::timeout(Duration::from_millis(200), again).await.is_ok());
}
