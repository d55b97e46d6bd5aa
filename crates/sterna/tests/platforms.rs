//! The verbs of platforms, and of where mailboxes are: without a server and beside one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot do its work fails")]

mod platform;

use platform::Platform;
use serde_json::{Value, json};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_platform_is_added_changed_shown_and_removed() {
    let mut platform = Platform::init();
    let old = json(&platform.ok(
        "platform add old --imap imap://old.example.org:1143?tls=none --deliver lmtp://old.example.org?tls=none \
         --web https://mail.old.example.org/owa --learn --max-sessions 9 --timeout 5 --json",
        "",
    ));
    assert_eq!(old["settings"]["imap"], "imap://old.example.org:1143?tls=none");
    assert_eq!(old["settings"]["deliver"], "lmtp://old.example.org:24?tls=none");
    assert_eq!((&old["settings"]["learn"], &old["settings"]["max_sessions"]), (&json!(true), &json!(9)));
    assert_eq!((&old["settings"]["login"], &old["has_password"]), (&json!({"as": "user"}), &json!(false)));
    assert!(platform.fails("platform add old", "").contains("exists already"));
    assert!(platform.fails("platform add Old", "").contains("no name for a platform"));
    assert!(platform.fails("platform add new --imap pop3://h", "").contains("begins with imap://"));
    assert!(platform.fails("platform add new --password-stdin", "x\n").contains("--login master"));
    assert!(platform.fails("platform add new --login master --as boss", "").contains("--password-stdin"));
    assert!(platform.fails("platform add new --login authzid --password-stdin", "x\n").contains("--as LOGIN"));

    platform.serve();
    // Only what is given changes.
    let set = "platform set old --login master --as boss --password-stdin --user-form local --web none --no-learn \
               --pop3 pop3://old.example.org --json";
    let old = json(&platform.ok(set, "of the boss\n"));
    assert_eq!(old["settings"]["login"], json!({"as": "master", "login": "boss", "separator": "*"}));
    assert_eq!((&old["settings"]["web"], &old["settings"]["user"]), (&Value::Null, &json!("local")));
    assert_eq!(old["settings"]["imap"], "imap://old.example.org:1143?tls=none");
    assert_eq!((&old["settings"]["learn"], &old["settings"]["timeout"]), (&json!(false), &json!(5)));
    assert_eq!(old["has_password"], true);
    let page = platform.ok("platform set old --timeout none --tell-client", "");
    assert!(page.contains("as master USER*boss") && page.contains("their addresses are told"), "{page}");
    assert!(!page.contains("of the boss") && !page.contains("timeout"), "{page}");
    // The secret goes with the login that needs it.
    assert_eq!(json(&platform.ok("platform set old --login user --json", ""))["has_password"], false);
    assert!(platform.fails("platform set old --login master --as boss", "").contains("--password-stdin"));
    assert!(platform.fails("platform show new", "").contains("sterna platform list"));

    platform.ok("domain add example.org --platform old", "");
    platform.ok("account add anne@example.org", "");
    platform.ok("account add bob@example.org --here", "");
    let list = json(&platform.ok("platform list --json", ""));
    assert_eq!((&list[0]["accounts"], &list[0]["domains"]), (&json!(1), &json!(["example.org"])));
    assert!(platform.ok("platform list", "").contains("old  imap://old.example.org:1143?tls=none  1 accounts"));
    let refused = platform.fails("platform remove old", "");
    assert!(refused.contains("still has mailboxes, of example.org") && refused.contains("account set"), "{refused}");
    platform.ok("domain set example.org --here", "");
    assert!(platform.ok("platform remove old", "").contains("platform old is removed"));
    assert!(platform.fails("platform remove old", "").contains("does not exist"));
    platform.stop();
}

#[test]
fn an_account_shows_where_its_mailbox_is() {
    let platform = Platform::init();
    platform.ok("platform add old --imap imap://127.0.0.1:1?tls=none", "");
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org", "");
    assert!(platform.ok("account show anne@example.org", "").contains("mailbox   here\n"));
    assert!(platform.fails("account set anne@example.org --platform new", "").contains("sterna platform list"));
    assert!(platform.fails("account add bob@example.org --platform new", "").contains("sterna platform list"));
    assert!(platform.fails("account show bob@example.org", "").contains("does not exist"));
    let page = platform.ok("account set anne@example.org --platform old", "");
    assert!(page.contains("mailbox   on platform old, epoch 1"), "{page}");
    // What is so already is no change.
    let anne = json(&platform.ok("account set anne@example.org --platform old --quota 1G --json", ""));
    assert_eq!((&anne["place"], &anne["route_epoch"]), (&json!("platform:old"), &json!(1)));
    assert_eq!((&anne["deliver_to"], &anne["quota_bytes"]), (&json!("platform:old"), &json!(1 << 30)));
    platform.ok("account set anne@example.org --deliver-to none", "");
    let anne = json(&platform.ok("account show anne@example.org --json", ""));
    assert_eq!((&anne["place"], &anne["deliver_to"], &anne["route_epoch"]), (&json!("local"), &Value::Null, &json!(2)));
    let domain = platform.ok("domain set example.org --platform old", "");
    assert!(domain.contains("mailboxes  on platform old"), "{domain}");
    assert_eq!(json(&platform.ok("account show anne@example.org --json", ""))["place"], "platform:old");
    assert!(platform.ok("account set anne@example.org --here", "").contains("mailbox   here, epoch 3"));
}

#[test]
fn a_mailbox_with_mail_is_not_sent_to_a_platform_by_hand() {
    let platform = Platform::init();
    platform.ok("platform add old --imap imap://127.0.0.1:1?tls=none", "");
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org", "");
    let mail = platform.directory.path().join("mail");
    std::fs::write(&mail, "From a@b.c Thu Jan  1 00:00:00 1970\nSubject: x\n\nx\n").unwrap();
    platform.ok(&format!("import --format mbox --folder INBOX anne@example.org {}", mail.display()), "");
    let refused = platform.fails("account set anne@example.org --platform old --quota 1G", "");
    assert!(refused.contains("has mail here") && refused.contains("sterna move start anne@example.org"), "{refused}");
    assert_eq!(json(&platform.ok("account show anne@example.org --json", ""))["quota_bytes"], Value::Null);
    assert!(platform.fails("domain set example.org --platform old", "").contains("anne@example.org has mail here"));
    // A copy that a move has begun is meant to lie here; the move alone brings the mailbox over then.
    let start = "move start anne@example.org --from imap://127.0.0.1:1?tls=none --password-stdin --wait";
    platform.fails(start, "x\n");
    platform.ok("account set anne@example.org --platform old", "");
    let refused = platform.fails("account set anne@example.org --here", "");
    assert!(refused.contains("sterna move cutover anne@example.org"), "{refused}");
}

#[test]
fn a_cutover_is_refused_where_it_makes_no_sense() {
    let mut platform = Platform::init();
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org", "");
    assert!(platform.fails("move cutover anne@example.org", "").contains("--wait"));
    assert!(platform.fails("move cutover anne@example.org --wait", "").contains("has no move"));
    platform.serve();
    assert!(platform.fails("move rollback anne@example.org", "").contains("sterna move start anne@example.org"));
    platform.ok("move start anne@example.org --from imap://127.0.0.1:1?tls=none --password-stdin", "x\n");
    let refused = platform.fails("move cutover anne@example.org --json", "");
    assert!(refused.contains("anne@example.org: the mailbox of anne@example.org is served here already"), "{refused}");
    assert!(platform.fails("move rollback anne@example.org", "").contains("was never cut over"));
    platform.ok("platform add old --imap imap://127.0.0.1:1?tls=none", "");
    platform.ok("account set anne@example.org --platform old", "");
    // Nobody could log in afterwards.
    assert!(platform.fails("move cutover anne@example.org", "").contains("--without-password"));
    let asked = json(&platform.ok("move cutover anne@example.org --without-password --json", ""));
    assert_eq!(asked[0]["wanted"], "cutover");
    assert!(platform.ok("move status anne@example.org", "").contains("asked for: cutover"));
    platform.stop();
}
