//! The verbs of mail from outside: domains, DKIM keys, DNS, aliases, accounts, the queue, Sieve scripts; without a server
//! and beside one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot do its work fails")]

mod platform;

use std::sync::Arc;

use platform::Platform;
use serde_json::{Value, json};
use sterna_core::SystemClock;
use sterna_store::{BlobWriter, NewQueued, NewQueuedRecipient, Store, StoreConfig};
use sterna_tests::dns::DnsServer;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A platform with anne@example.org.
fn with_anne() -> Platform {
    let platform = Platform::init();
    platform.ok("domain add example.org", "");
    platform.ok("account add anne@example.org --password-stdin", "secret\n");
    platform
}

#[test]
fn a_domain_is_changed_and_shown() {
    let mut platform = with_anne();
    let set = "domain set example.org --catch-all Anne@Example.org --deliver-to lmtp://old.example.org:24?tls=none \
               --hourly-limit 500 --json";
    let domain = json(&platform.ok(set, ""));
    assert_eq!(domain["catch_all"], "anne@example.org");
    assert_eq!(domain["deliver_to"], "lmtp://old.example.org:24?tls=none");
    assert_eq!((&domain["hourly_limit"], &domain["accounts"], &domain["aliases"]), (&json!(500), &json!(1), &json!(0)));
    platform.serve();
    platform.ok("domain set example.org --catch-all none --deliver-to none --hourly-limit none", "");
    let page = platform.ok("domain show EXAMPLE.org.", "");
    assert!(
        page.contains("catch-all  none") && page.contains("mailboxes  here") && page.contains("no limit"),
        "{page}"
    );
    assert!(platform.fails("domain set example.com --hourly-limit 1", "").contains("sterna domain add example.com"));
    platform.stop();
}

#[test]
fn keys_live_from_their_making_to_their_removal() {
    let platform = with_anne();
    assert!(platform.ok("domain show example.org", "").contains("sterna domain dkim example.org add"));
    let keys = json(&platform.ok("domain dkim example.org add --json", ""));
    let kinds: Vec<&str> = keys.as_array().unwrap().iter().map(|key| key["algorithm"].as_str().unwrap()).collect();
    assert_eq!((kinds.contains(&"ed25519"), kinds.contains(&"rsa2048"), kinds.len()), (true, true, 2));
    assert!(platform.fails("domain dkim example.org add", "").contains("pending keys already"));
    let keys = json(&platform.ok("domain dkim example.org add --selector mine --algorithm ed25519 --json", ""));
    let mine = keys.as_array().unwrap().iter().find(|key| key["selector"] == "mine").unwrap();
    assert_eq!(mine["record_name"], "mine._domainkey.example.org");
    assert!(mine["record"].as_str().unwrap().starts_with("v=DKIM1; k=ed25519; p="));
    assert_eq!(mine["state"], "pending");
    assert!(platform.fails("domain dkim example.org add --selector mine", "").contains("exists"));

    let page = platform.ok("domain dkim example.org activate --selector mine --unchecked", "");
    assert!(page.contains("mine  ed25519  active"), "{page}");
    platform.ok("domain dkim example.org retire --selector mine", "");
    platform.ok("domain dkim example.org remove --selector mine", "");
    assert!(!platform.ok("domain dkim example.org list", "").contains("mine"));
    assert!(platform.fails("domain dkim example.org retire --selector mine", "").contains("dkim example.org list"));
    // The secret half is nowhere to be seen.
    assert!(!platform.ok("domain show example.org --json", "").contains("secret"));
}

#[test]
fn the_dns_is_told_what_to_have_and_asked_what_it_has() {
    let platform = with_anne();
    let dns = DnsServer::start();
    let text = std::fs::read_to_string(platform.file()).unwrap();
    let text = text.replace("hostname = \"localhost\"", "hostname = \"mail.example.net\"");
    std::fs::write(platform.file(), format!("{text}\n[dns]\nservers = [\"{}\"]\ntimeout = \"2s\"\n", dns.address()))
        .unwrap();
    let keys = json(&platform.ok("domain dkim example.org add --algorithm ed25519 --selector s1 --json", ""));
    let zone = platform.ok("domain dns example.org", "");
    assert!(zone.contains("example.org. 3600 IN MX 10 mail.example.net.\n"), "{zone}");
    assert!(zone.contains("s1._domainkey.example.org. 3600 IN TXT \"v=DKIM1; k=ed25519; p="), "{zone}");
    let codes = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    let check = || {
        let output = platform.run("domain dns example.org --check --json", "");
        (output.status.success(), codes(&json(&String::from_utf8(output.stdout).unwrap())))
    };
    let (good, found) = check();
    assert!(!good);
    for code in ["NO_MX_RECORD", "NO_ADDRESS_RECORD", "NO_SPF_RECORD", "NO_ACTIVE_DKIM_KEY", "NO_DMARC_RECORD"] {
        assert!(found.iter().any(|c| c == code), "{code}: {found:?}");
    }
    let activate = "domain dkim example.org activate --selector s1";
    assert!(platform.fails(activate, "").contains("s1._domainkey.example.org TXT; publish"));

    dns.set("example.org", "MX", 1, "10 mail.example.net.");
    dns.set("mail.example.net", "A", 1, "192.0.2.1");
    dns.set("example.org", "TXT", 1, "v=spf1 mx ~all");
    dns.set("_dmarc.example.org", "TXT", 1, "v=DMARC1; p=quarantine");
    dns.set("s1._domainkey.example.org", "TXT", 1, keys[0]["record"].as_str().unwrap());
    platform.ok(activate, "");
    let (good, found) = check();
    assert!(good, "{found:?}");
    assert!(found.iter().all(|code| code == "MISSING_SRV_RECORD"), "{found:?}");
    dns.fail("example.org");
    assert!(check().1.contains(&"DNS_NO_ANSWER".to_owned()));
}

#[test]
fn aliases_come_and_go() {
    let mut platform = with_anne();
    assert!(
        platform.fails("alias add info@example.com anne@example.org", "").contains("sterna domain add example.com")
    );
    assert!(platform.fails("alias add anne@example.org bob@example.net", "").contains("anne@example.org"));
    platform.ok("alias add info@example.org anne@example.org", "");
    platform.serve();
    let alias = json(&platform.ok("alias add Info@example.org bob@example.net --json", ""));
    assert_eq!(alias["targets"], json!(["anne@example.org", "bob@example.net"]));
    assert_eq!(json(&platform.ok("account show anne@example.org --json", ""))["aliases"], json!(["info@example.org"]));
    assert_eq!(json(&platform.ok("alias list example.org --json", "")).as_array().unwrap().len(), 1);
    assert!(platform.ok("domain list", "").contains("1 aliases"));
    assert!(platform.fails("alias remove info@example.org carl@example.net", "").contains("nothing was removed"));
    assert!(platform.ok("alias remove info@example.org anne@example.org", "").contains("to bob@example.net"));
    assert!(platform.ok("alias remove info@example.org", "").contains("alias info@example.org is removed"));
    assert!(platform.fails("alias show info@example.org", "").contains("does not exist"));
    platform.stop();
}

#[test]
fn an_account_is_set_in_one_command() {
    let platform = with_anne();
    let set = "account set anne@example.org --quota 1G --forward bob@example.net --forward carl@example.net --no-copy \
               --deliver-to smtp://old.example.org:25?tls=starttls --language fr --hourly-limit 20 --json";
    let anne = json(&platform.ok(set, ""));
    assert_eq!(anne["quota_bytes"], 1 << 30);
    assert_eq!(anne["forwards"], json!(["bob@example.net", "carl@example.net"]));
    assert_eq!(
        (&anne["keep_copy"], &anne["language"], &anne["hourly_limit"]),
        (&json!(false), &json!("fr"), &json!(20))
    );
    assert_eq!(anne["deliver_to"], "smtp://old.example.org:25?tls=starttls");
    let anne = json(&platform.ok("account set anne@example.org --keep-copy --json", ""));
    assert_eq!((&anne["keep_copy"], anne["forwards"].as_array().unwrap().len()), (&json!(true), 2));
    let reset =
        "account set anne@example.org --no-forward --deliver-to none --language none --hourly-limit none --json";
    let anne = json(&platform.ok(reset, ""));
    assert_eq!((&anne["forwards"], &anne["keep_copy"], &anne["deliver_to"]), (&json!([]), &json!(true), &Value::Null));
    assert!(platform.fails("account set anne@example.org --no-copy", "").contains("--forward"));
    assert!(platform.fails("account set anne@example.org --forward anne@example.org", "").contains("itself"));

    let page = platform.ok("account set anne@example.org --lock suspected", "");
    assert!(page.contains("suspected; --unlock lets it send again"), "{page}");
    assert!(platform.ok("account list", "").contains("may not send"));
    assert_eq!(json(&platform.ok("account set anne@example.org --unlock --json", ""))["lock"], Value::Null);
}

/// Puts three messages into the queue: two to example.net, one to example.com.
async fn fill(platform: &Platform) {
    let config = StoreConfig::embedded(&platform.data());
    let store = Store::open_with(config, Arc::new(SystemClock)).await.unwrap();
    for (sender, recipient) in
        [("anne@example.org", "bob@example.net"), ("", "carl@example.net"), ("anne@example.org", "dora@example.com")]
    {
        let mut writer = BlobWriter::new(&store.queue_blobs());
        writer.write(b"Subject: x\r\n\r\nx\r\n").unwrap();
        let recipient = NewQueuedRecipient {
            address: recipient.to_owned(),
            destination: recipient.split('@').nth(1).unwrap().to_owned(),
            options: "{}".into(),
            due_ms: i64::MAX / 2,
        };
        let message = NewQueued {
            sender: sender.to_owned(),
            blob: writer.finish().unwrap(),
            options: "{}".into(),
            submitter: None,
            expires_ms: i64::MAX / 2,
            recipients: vec![recipient],
        };
        store.enqueue(message).await.unwrap();
    }
}

#[tokio::test]
async fn the_queue_is_looked_at_and_acted_upon() {
    let platform = with_anne();
    fill(&platform).await;
    let list = |options: &str| json(&platform.ok(&format!("queue list --json {options}"), ""));
    let all = list("");
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0]["recipients"][0]["address"], "bob@example.net");
    assert_eq!(list("--destination Example.net").as_array().unwrap().len(), 2);
    assert_eq!(list("--sender anne@example.org --destination example.net").as_array().unwrap().len(), 1);
    assert_eq!(list("--recipient dora@example.com")[0]["id"], all[2]["id"]);
    let next = list(&format!("--after {} --limit 1", all[0]["id"]));
    assert_eq!((next.as_array().unwrap().len(), &next[0]["id"]), (1, &all[1]["id"]));
    assert!(platform.ok("queue list", "").contains("<> (a bounce)"));
    let stats = json(&platform.ok("queue stats --json", ""));
    assert_eq!((&stats["messages"], &stats["destinations"][0]), (&json!(3), &json!(["example.net", 2])));

    for verb in ["hold", "release", "retry", "remove"] {
        assert!(platform.fails(&format!("queue {verb}"), "").contains("or --all"));
    }
    assert!(platform.ok("queue hold --destination example.net", "").contains("2 messages held"));
    assert_eq!(list("--held").as_array().unwrap().len(), 2);
    let first = &all[0]["id"];
    assert!(platform.ok(&format!("queue show {first}"), "").contains("0 tries, held"));
    assert!(platform.ok(&format!("queue release {first}"), "").contains("1 messages released"));
    assert!(platform.ok("queue retry --all", "").contains("messages tried now"));
    assert!(platform.ok(&format!("queue remove {first}"), "").contains("1 messages removed"));
    assert!(platform.fails(&format!("queue show {first}"), "").contains("no message"));
    platform.ok("queue remove --all", "");
    assert!(platform.ok("queue stats", "").starts_with("0 messages"));
    platform.ok("check", "");
}

#[test]
fn scripts_are_checked_before_they_are_stored() {
    let mut platform = with_anne();
    let put = |name: &str, options: &str| format!("sieve put anne@example.org {name} {options}");
    let error = platform.fails(&put("main", ""), "fileinto \"x\";\n");
    assert!(error.contains("not stored") && error.contains("line 1"), "{error}");
    let script = "require \"fileinto\";\nfileinto \"x\";\n";
    assert!(platform.ok(&put("main", "--activate"), script).contains("is run at delivery"));
    assert_eq!(json(&platform.ok("account show anne@example.org --json", ""))["sieve"], "main");
    platform.serve();
    let file = platform.directory.path().join("other.sieve");
    std::fs::write(&file, "keep;").unwrap();
    assert!(platform.ok(&put("other", &file.display().to_string()), "").contains("is not run"));
    assert_eq!(platform.ok("sieve show anne@example.org", "").trim_end(), script.trim_end());
    assert_eq!(platform.ok("sieve show anne@example.org other", "").trim_end(), "keep;");
    let scripts = json(&platform.ok("sieve list anne@example.org --json", ""));
    assert_eq!((&scripts[0]["active"], &scripts[1]["active"]), (&json!(true), &json!(false)));
    assert_eq!(platform.run("sieve remove anne@example.org main", "").status.code(), Some(1));
    assert!(platform.ok("sieve activate anne@example.org other", "").contains("other"));
    platform.ok("sieve remove anne@example.org main", "");
    platform.ok("sieve deactivate anne@example.org", "");
    assert!(platform.fails("sieve show anne@example.org", "").contains("sieve list"));
    assert!(platform.fails("sieve activate anne@example.org none", "").contains("none"));
    platform.stop();
    platform.ok("check", "");
}
