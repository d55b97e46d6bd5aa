//! What users may send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_core::Address;
use sterna_net::PortTls;
use sterna_store::{DomainChange, SendingLock};

use super::super::Kind;
use super::super::testing::{Client, House, PASSWORD};

const TEXT: &str = "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: x\r\n\r\nx\r\n";

#[tokio::test]
async fn a_login_is_needed_and_every_way_of_it_works() {
    let house = House::new().await;
    let mut client = Client::new(house.dial(Kind::Submission, PortTls::Plain).await);
    client.reply().await;
    client.expect("AUTH PLAIN", "503 5.5.1").await;
    client.expect("EHLO there", "250").await;
    client.expect("MAIL FROM:<ada@example.org>", "530 5.7.0").await;
    client.expect("AUTH CRAM-MD5", "504 5.5.4").await;
    client.expect("AUTH PLAIN !", "501 5.5.2").await;
    client.expect("AUTH PLAIN =", "501 5.5.2").await;
    client.expect("AUTH PLAIN", "334 ").await;
    client.expect("*", "501 5.7.0").await;
    let wrong = STANDARD.encode("\0ada@example.org\0wrong");
    client.expect(&format!("AUTH PLAIN {wrong}"), "535 5.7.8").await;
    let other = STANDARD.encode(format!("bob@example.org\0ada@example.org\0{PASSWORD}"));
    client.expect(&format!("AUTH PLAIN {other}"), "535 5.7.8").await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client.expect(&STANDARD.encode("ada@example.org"), "334 UGFzc3dvcmQ6").await;
    client.expect(&STANDARD.encode(PASSWORD), "235 2.7.0").await;
    client.expect("AUTH LOGIN", "503 5.5.1").await;
    let mut client = house.connect(Kind::Submission).await;
    client.expect("AUTH PLAIN", "334 ").await;
    client.expect(&STANDARD.encode(format!("\0ada@example.org\0{PASSWORD}")), "235 2.7.0").await;
    client.expect("MAIL FROM:<ada@example.org> AUTH=<>", "250").await;
}

#[tokio::test]
async fn too_many_wrong_passwords_end_the_connection() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Submission).await;
    let line = format!("AUTH PLAIN {}", STANDARD.encode("\0ada@example.org\0wrong"));
    for _ in 0..5 {
        client.expect(&line, "535 5.7.8").await;
    }
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_submitted_message_is_completed_and_hides_the_client() {
    let house = House::new().await;
    let mut client = house.submit_as("ada").await;
    let text = TEXT.replace("Subject", "Bcc: secret@example.com\r\nSubject");
    assert!(client.message("ada@example.org", &["bob@example.org"], &text).await.starts_with("250"));
    let text = house.only("bob").await;
    assert!(text.contains("Received: by mail.example.org with ESMTPA\r\n\tid "), "{text}");
    assert!(!text.contains("secret") && !text.contains("127.0.0.1") && !text.contains("client.example"), "{text}");
    assert!(text.contains("\r\nSubject: x\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <"), "{text}");
    assert!(text.ends_with("@mail.example.org>\r\n\r\nx\r\n"), "{text}");
}

#[tokio::test]
async fn a_message_for_elsewhere_is_queued_and_remembers_who_sent_it() {
    let house = House::new().await;
    let mut client = house.submit_as("ada").await;
    let to = ["x@example.com", "\"y z\"@example.net"];
    assert!(client.message("ada+tag@example.org", &to, TEXT).await.starts_with("250"));
    let queue = house.queue().await;
    assert_eq!(queue.iter().map(|q| q.1.len()).sum::<usize>(), 2, "{queue:?}");
    assert!(queue.iter().all(|(sender, ..)| sender == "ada+tag@example.org"));
    client.expect("MAIL FROM:<ada@example.org>", "250").await;
    client.expect("RCPT TO:<x@[192.0.2.1]>", "550 5.1.2").await;
    client.expect("RCPT TO:<nobody@example.org>", "550 5.1.1").await;
}

#[tokio::test]
async fn nobody_sends_in_the_name_of_others() {
    let house = House::new().await;
    let address = |text: &str| Address::parse(text).unwrap();
    house.store.add_alias(&address("info@example.org"), vec![address("ada@example.org")]).await.unwrap();
    let mut client = house.submit_as("ada").await;
    let reply = client.expect("MAIL FROM:<bob@example.org>", "550 5.7.1").await;
    assert!(
        reply.contains("bob@example.org is not yours") && reply.contains("use ada@example.org, info@example.org"),
        "{reply}"
    );
    for (from, start) in [
        ("From: bob@example.org", "550 5.7.1"),
        ("From: ada@example.org, bob@example.org", "550 5.7.1"),
        ("From: ada@example.org\r\nFrom: bob@example.org", "550 5.6.0"),
        ("From: ada@example.org\r\nSender: bob@example.org", "550 5.7.1"),
        ("X: no author", "550 5.6.0"),
        ("From: undisclosed", "550 5.6.0"),
        ("From: \"bob@example.org\" <ada+x@example.org>", "250"),
        ("From: Info <INFO@example.org>", "250"),
    ] {
        let text = TEXT.replace("From: Ada <ada@example.org>", from);
        let reply = client.message("info@example.org", &["bob@example.org"], &text).await;
        assert!(reply.starts_with(start), "{from}: {reply}");
    }
    assert!(client.message("", &["bob@example.org"], TEXT).await.starts_with("250"));
    assert_eq!(house.inbox("bob").await.len(), 3);
}

#[tokio::test]
async fn a_message_of_ours_is_signed() {
    let house = House::new().await;
    let mut key = crate::auth::dkim::generate("example.org", "s1", sterna_store::DkimAlgorithm::Ed25519).unwrap();
    key.state = sterna_store::DkimState::Active;
    house.store.add_dkim_key(key).await.unwrap();
    let mut client = house.submit_as("ada").await;
    assert!(client.message("ada@example.org", &["bob@example.org"], TEXT).await.starts_with("250"));
    let text = house.only("bob").await;
    assert!(text.contains("DKIM-Signature: ") && text.contains("d=example.org"), "{text}");
}

#[tokio::test]
async fn the_hourly_limit_defers_and_then_locks() {
    let house = House::new().await;
    let ada = house.account("ada").await;
    house.store.set_hourly_limit(ada.id, Some(2)).await.unwrap();
    let mut client = house.submit_as("ada").await;
    for _ in 0..2 {
        assert!(client.message("ada@example.org", &["bob@example.org"], TEXT).await.starts_with("250"));
    }
    for _ in 0..4 {
        client.envelope("ada@example.org", &["bob@example.org"]).await;
        let reply = client.expect("DATA", "450 4.7.1").await;
        assert!(reply.contains("2 messages in an hour"), "{reply}");
        client.expect("RSET", "250").await;
    }
    client.envelope("ada@example.org", &["bob@example.org"]).await;
    client.send("BDAT 5 LAST\r\nA: b\n").await;
    let reply = client.reply().await;
    assert!(reply.starts_with("550-5.7.1 sending from this account is locked"), "{reply}");
    client.expect("MAIL FROM:<ada@example.org>", "550-5.7.1").await;
    let lock = house.account("ada").await.lock.unwrap();
    assert!(lock.reason.contains("5 messages beyond the limit of 2"), "{lock:?}");
    let notice = house.only("ada").await;
    assert!(notice.contains("Sending from your mailbox was stopped"), "{notice}");
    let bob = house.inbox("bob").await;
    assert!(String::from_utf8_lossy(bob.last().unwrap()).contains("account set --unlock ada@example.org"));
    house.store.set_sending_lock(ada.id, None).await.unwrap();
    client.expect("MAIL FROM:<ada@example.org>", "250").await;
}

#[tokio::test]
async fn the_limit_of_a_domain_holds_for_all_its_accounts() {
    let house = House::new().await;
    house.store.set_domain("example.org", DomainChange::HourlyLimit(Some(1))).await.unwrap();
    let mut ada = house.submit_as("ada").await;
    assert!(ada.message("ada@example.org", &["bob@example.org"], TEXT).await.starts_with("250"));
    let mut bob = house.submit_as("bob").await;
    bob.envelope("bob@example.org", &["ada@example.org"]).await;
    bob.expect("DATA", "450 4.7.1 the limit of your domain").await;
}

#[tokio::test]
async fn an_account_that_tries_addresses_out_is_locked() {
    let house = House::with(|config| config.max_refused = 1000).await;
    let mut client = house.submit_as("ada").await;
    client.expect("MAIL FROM:<ada@example.org>", "250").await;
    client.expect("RCPT TO:<bob@example.org>", "250").await;
    for i in 0..49 {
        client.expect(&format!("RCPT TO:<u{i}@example.org>"), "550 5.1.1").await;
    }
    client.expect("RCPT TO:<last@example.org>", "550-5.7.1").await;
    client.expect("RCPT TO:<bob@example.org>", "503").await;
    assert!(house.account("ada").await.lock.is_some());
}

#[tokio::test]
async fn logins_from_everywhere_lock_an_account() {
    let house = House::with(|config| config.plaintext = sterna_net::PlaintextPolicy::Always).await;
    for i in 0..21 {
        let mut client = house.dial_from(Kind::Submission, &format!("198.51.{i}.1")).await;
        client.hello(Kind::Submission).await;
        client.login("ada").await;
        let start = if i < 20 { "250" } else { "550-5.7.1" };
        client.expect("MAIL FROM:<ada@example.org>", start).await;
    }
    house.store.set_sending_lock(house.account("ada").await.id, None).await.unwrap();
    let mut client = house.dial_from(Kind::Submission, "198.51.99.1").await;
    client.hello(Kind::Submission).await;
    client.login("ada").await;
    client.expect("MAIL FROM:<ada@example.org>", "250").await;
}

#[tokio::test]
async fn a_locked_or_suspended_account_sends_no_more() {
    let house = House::new().await;
    let ada = house.account("ada").await;
    let mut client = house.submit_as("ada").await;
    let lock = SendingLock { reason: "the operator says so".into(), since: 0 };
    house.store.set_sending_lock(ada.id, Some(lock)).await.unwrap();
    let reply = client.expect("MAIL FROM:<ada@example.org>", "550-5.7.1").await;
    assert!(reply.contains("the operator says so") && reply.contains("ask your provider"), "{reply}");
    house.store.set_sending_lock(ada.id, None).await.unwrap();
    house.store.set_status(ada.id, sterna_store::AccountStatus::Suspended).await.unwrap();
    client.expect("MAIL FROM:<ada@example.org>", "421 4.7.0").await;
}

#[tokio::test]
async fn notices_that_were_asked_for_go_to_the_sender() {
    let house = House::new().await;
    let mut client = house.submit_as("ada").await;
    client.expect("MAIL FROM:<ada@example.org> RET=HDRS ENVID=e1", "250").await;
    client.expect("RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    assert!(client.data(TEXT).await.starts_with("250"));
    let queue = house.queue().await;
    assert_eq!(queue.len(), 1, "{queue:?}");
    let (sender, to, text) = &queue[0];
    assert_eq!((sender.as_str(), to.as_slice()), ("", &["ada@example.org".to_owned()][..]));
    assert!(text.contains("Action: delivered") && text.contains("bob@example.org"), "{text}");

    client.envelope("ada@example.org", &["ada@example.org", "bob@example.org"]).await;
    house.store.set_quota(house.account("bob").await.id, Some(1)).await.unwrap();
    assert!(client.data(TEXT).await.starts_with("250"));
    let queue = house.queue().await;
    assert_eq!(queue.len(), 2, "{queue:?}");
    assert!(queue.iter().any(|(_, _, text)| text.contains("Action: failed") && text.contains("5.2.2")), "{queue:?}");
}
