//! The commands about scripts, RFC 5804 §2.

use super::Server;

#[tokio::test]
async fn rfc5804_2_a_script_lives_and_dies() {
    let server = Server::start(|_| {}).await;
    let mut client = server.login().await;
    assert_eq!(client.command("LISTSCRIPTS").await, "OK \"done\"\r\n");
    client.ok("HAVESPACE \"a\" 100").await;
    client.ok("PUTSCRIPT \"a\" {5+}\r\nkeep;").await;
    client.ok("putscript {1+}\r\nb \"discard;\"").await;
    client.ok("SETACTIVE \"a\"").await;
    assert_eq!(client.command("LISTSCRIPTS").await, "\"a\" ACTIVE\r\n\"b\"\r\nOK \"done\"\r\n");
    assert_eq!(client.command("GETSCRIPT \"b\"").await, "{8}\r\ndiscard;\r\nOK \"done\"\r\n");
    assert!(client.command("DELETESCRIPT \"a\"").await.starts_with("NO (ACTIVE) "));
    assert!(client.command("RENAMESCRIPT \"a\" \"b\"").await.starts_with("NO (ALREADYEXISTS) "));
    client.ok("RENAMESCRIPT \"a\" \"c\"").await;
    assert_eq!(client.command("LISTSCRIPTS").await, "\"b\"\r\n\"c\" ACTIVE\r\nOK \"done\"\r\n");
    client.ok("PUTSCRIPT \"c\" \"stop;\"").await;
    let active = server.account.read(|tx| tx.active_sieve()).await.unwrap();
    assert_eq!(active, Some(("c".into(), "stop;".into())));
    client.ok("SETACTIVE \"\"").await;
    client.ok("DELETESCRIPT \"c\"").await;
    for command in ["GETSCRIPT \"c\"", "SETACTIVE \"c\"", "DELETESCRIPT \"c\"", "RENAMESCRIPT \"c\" \"d\""] {
        assert!(client.command(command).await.starts_with("NO (NONEXISTENT) "), "{command}");
    }
    assert_eq!(client.command("LOGOUT").await, "OK \"bye\"\r\n");
    assert_eq!(client.line().await, "");
}

#[tokio::test]
async fn rfc5804_2_6_a_script_that_is_none_is_not_stored() {
    let server = Server::start(|_| {}).await;
    let mut client = server.login().await;
    client.ok("PUTSCRIPT \"a\" \"keep;\"").await;
    let answer = client.command("PUTSCRIPT \"a\" {11+}\r\nkeep;\r\nfoo;").await;
    assert_eq!(answer, "NO \"line 2, column 1: there is no command \\\"foo\\\"\"\r\n");
    assert!(client.command("CHECKSCRIPT \"foo;\"").await.starts_with("NO "));
    assert!(client.command("CHECKSCRIPT {4+}\r\na\u{e9}b").await.starts_with("NO "));
    client.ok("CHECKSCRIPT \"keep;\"").await;
    client.ok("CHECKSCRIPT \"\"").await;
    let warned = client.ok("CHECKSCRIPT \"stop; keep;\"").await;
    assert!(warned.starts_with("OK (WARNINGS) \"line 1, column 7: "), "{warned}");
    assert_eq!(client.command("GETSCRIPT \"a\"").await, "{5}\r\nkeep;\r\nOK \"done\"\r\n");
}

#[tokio::test]
async fn rfc5804_1_6_names_are_unicode_without_controls() {
    let server = Server::start(|_| {}).await;
    let mut client = server.login().await;
    client.ok("PUTSCRIPT \"Été \\\"1\\\"\" \"keep;\"").await;
    assert_eq!(client.command("LISTSCRIPTS").await, "\"Été \\\"1\\\"\"\r\nOK \"done\"\r\n");
    for name in ["", "a\tb", "a\u{85}b", "a\u{2028}b", &"x".repeat(600)] {
        assert!(client.command(&format!("PUTSCRIPT \"{name}\" \"keep;\"")).await.starts_with("NO "), "{name:?}");
    }
    client.ok(&format!("PUTSCRIPT \"{}\" \"keep;\"", "é".repeat(128))).await;
}

#[tokio::test]
async fn rfc5804_2_13_noop_gives_its_tag_back() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    assert_eq!(client.command("NOOP").await, "OK \"done\"\r\n");
    assert_eq!(client.command("NOOP \"a\\\"b\"").await, "OK (TAG \"a\\\"b\") \"done\"\r\n");
}
