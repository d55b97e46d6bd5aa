//! Mail that DMARC puts into quarantine.

use sterna_core::Role;
use sterna_store::{Mailbox, NewMailbox};

use crate::testing::{House, hello};
use crate::{Delivered, Mail, Outcome, Recipient};

fn suspicious(to: &str) -> Mail {
    Mail { quarantine: true, ..hello(to) }
}

/// The mailboxes of anne for junk, by role or by name.
async fn junk(house: &House) -> Vec<Mailbox> {
    let account = house.store.account(house.id("anne").await).await.unwrap();
    let mailboxes = account.read(|tx| tx.mailboxes()).await.unwrap();
    mailboxes.into_iter().filter(|m| m.role == Some(Role::Junk) || m.name == "Junk").collect()
}

#[tokio::test]
async fn mail_in_quarantine_goes_into_a_mailbox_for_junk_that_is_made_once() {
    let house = House::new().await;
    for _ in 0..2 {
        assert_eq!(house.accept(&suspicious("anne"), "anne").await, Outcome::Delivered);
    }
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.messages("anne", "Junk").await.len()), (1, 2));
    let made = junk(&house).await;
    assert_eq!(made.len(), 1);
    assert!(made[0].role == Some(Role::Junk) && made[0].subscribed, "{made:?}");
    house.check().await;
}

#[tokio::test]
async fn the_role_tells_the_mailbox_and_its_name_does_not() {
    let house = House::new().await;
    let account = house.store.account(house.id("anne").await).await.unwrap();
    let spam = NewMailbox { role: Some(Role::Junk), ..NewMailbox::named("Spam") };
    let made = account.write(move |tx| tx.create_mailbox(&NewMailbox::named("Junk")).and(tx.create_mailbox(&spam)));
    let spam = made.await.unwrap();
    assert_eq!(house.accept(&suspicious("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.messages("anne", "Spam").await.len(), house.messages("anne", "Junk").await.len()), (1, 0));
    // Without one, a mailbox of that name is the one.
    account.write(move |tx| tx.set_role(spam.id, None)).await.unwrap();
    assert_eq!(house.accept(&suspicious("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.messages("anne", "Junk").await.len(), 1);
    assert_eq!(junk(&house).await[0].role, Some(Role::Junk));
    house.check().await;
}

#[tokio::test]
async fn a_script_may_file_mail_in_quarantine_elsewhere() {
    let house = House::new().await;
    let script = r#"require ["fileinto", "mailbox"];
        if header "subject" "hello" { fileinto :create "Hellos"; }"#;
    house.script("anne", script).await;
    assert_eq!(house.accept(&suspicious("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.messages("anne", "Hellos").await.len(), 1);
    house.script("anne", "discard;").await;
    assert_eq!(house.accept(&suspicious("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(junk(&house).await, [], "what nobody needs is not made");
    house.check().await;
}

#[tokio::test]
async fn a_script_that_keeps_mail_in_quarantine_answers_nobody() {
    let house = House::new().await;
    house.script("anne", "require \"vacation\"; vacation \"away\";").await;
    assert_eq!(house.accept(&suspicious("anne@example.org"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.messages("anne", "Junk").await.len()), (0, 1));
    assert_eq!(house.queue().await.len(), 0);
    // A script that cannot be used keeps it as well; its user is told where mail is read.
    house.script("anne", "this is not sieve").await;
    assert_eq!(house.accept(&suspicious("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.messages("anne", "Junk").await.len()), (1, 2));
    house.check().await;
}

#[tokio::test]
async fn mail_stays_in_quarantine_in_the_queue() {
    let house = House::new().await;
    house.delivery.enqueue(&suspicious("anne"), &[Recipient::new("anne@example.org")]).await.unwrap();
    assert_eq!(house.run().await, [("anne@example.org".to_owned(), Delivered::Done)]);
    assert_eq!((house.inbox("anne").await.len(), house.messages("anne", "Junk").await.len()), (0, 1));
    house.check().await;
}
