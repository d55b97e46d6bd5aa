use sterna_store::UidRange;

use super::*;

const MAIL: &[u8] = b"Subject: dots\r\nTo: b\r\n\r\nfirst\r\n.\r\n..second\r\nlast\r\n";

#[tokio::test]
async fn a_message_comes_as_it_is_stored() {
    let server = Server::start(|_| {}).await;
    server.append(MAIL).await;
    server.append(b"no header\nbare\n.\nend").await;
    let mut client = server.login().await;
    assert_eq!(client.ok("STAT").await, format!("2 {}", MAIL.len() + 20));
    assert_eq!(client.lines("LIST").await, [format!("1 {}", MAIL.len()), "2 20".to_owned()]);
    assert_eq!(client.ok("LIST 2").await, "2 20");
    assert_eq!(client.ok("RETR 1").await, format!("{} octets", MAIL.len()));
    assert_eq!(client.rest().await.join("\r\n") + "\r\n", String::from_utf8_lossy(MAIL));
    assert_eq!(client.lines("TOP 1 2").await, ["Subject: dots", "To: b", "", "first", "."]);
    assert_eq!(client.lines("TOP 1 0").await, ["Subject: dots", "To: b", ""]);
    // A bare line end stays; a dot behind it is doubled, and the last line is completed.
    client.send("RETR 2\r\n").await;
    assert_eq!(client.reply().await, "+OK 20 octets");
    let mut raw = Vec::new();
    for _ in 0..4 {
        client.stream.read_until(b'\n', &mut raw).await.unwrap();
    }
    assert_eq!(raw, b"no header\nbare\n..\nend\r\n");
    assert_eq!(client.reply().await, ".");
    for command in ["RETR 3", "TOP 3 1", "DELE 3", "LIST 3", "UIDL 3"] {
        assert_eq!(client.err(command).await, "no such message");
    }
}

#[tokio::test]
async fn a_large_message_is_streamed() {
    let server = Server::start(|_| {}).await;
    let body: String = (0..120_000).map(|n| format!(".line {n} of a large message\r\n")).collect();
    server.append(format!("Subject: large\r\n\r\n{body}").as_bytes()).await;
    let mut client = server.login().await;
    let lines = client.lines("RETR 1").await;
    assert_eq!(lines.len(), 120_002);
    assert_eq!(lines[120_001], ".line 119999 of a large message");
    assert_eq!(client.lines("TOP 1 100000").await.len(), 100_002);
}

#[tokio::test]
async fn deletions_wait_for_quit() {
    let server = Server::start(|_| {}).await;
    for _ in 0..5 {
        server.append(MAIL).await;
    }
    let mut client = server.login().await;
    for n in [2, 3, 5] {
        client.ok(&format!("DELE {n}")).await;
    }
    assert_eq!(client.err("DELE 2").await, "no such message");
    assert_eq!(client.err("RETR 2").await, "no such message");
    assert_eq!(client.ok("STAT").await, format!("2 {}", 2 * MAIL.len()));
    assert_eq!(client.lines("LIST").await.len(), 2);
    client.ok("RSET").await;
    assert_eq!(client.lines("UIDL").await.len(), 5);
    // Who just goes away has deleted nothing.
    client.ok("DELE 1").await;
    drop(client);
    let mut client = server.login().await;
    assert_eq!(client.lines("UIDL").await.len(), 5);
    for n in [2, 3, 5] {
        client.ok(&format!("DELE {n}")).await;
    }
    assert_eq!(client.ok("QUIT").await, "3 messages deleted, goodbye");
    assert_eq!(client.reply().await, "");
    let index = server.account.index(server.inbox).await.unwrap();
    assert_eq!(index.iter().map(|(_, e)| e.uid.get()).collect::<Vec<_>>(), [1, 4]);
    let report = server.account.check(sterna_message::check_structure).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
}

#[tokio::test]
async fn a_session_sees_the_mailbox_as_it_was_at_login() {
    let server = Server::start(|_| {}).await;
    let gone = server.append(MAIL).await;
    server.append(MAIL).await;
    let mut client = server.login().await;
    let before = client.lines("UIDL").await;
    server.append(MAIL).await;
    let inbox = server.inbox;
    server.account.write(move |tx| tx.expunge(inbox, &[UidRange::one(gone)])).await.unwrap();
    assert_eq!(client.lines("UIDL").await, before);
    assert_eq!(client.err("RETR 1").await, "another session has deleted this message");
    assert_eq!(client.lines("RETR 2").await.len(), 7);
    client.ok("DELE 1").await;
    client.ok("DELE 2").await;
    assert_eq!(client.ok("QUIT").await, "1 messages deleted, goodbye");
    let mut client = server.login().await;
    let after = client.lines("UIDL").await;
    assert_eq!(after.len(), 1);
    assert!(!before.contains(&after[0]));
}

#[tokio::test]
async fn unique_ids_and_order_are_those_of_the_source() {
    let server = Server::start(|_| {}).await;
    let mut uids = Vec::new();
    for n in 0..5 {
        uids.push(server.append(format!("Subject: {n}\r\n\r\n{n}\r\n").as_bytes()).await);
    }
    server.set_uidls(&[(uids[3], "0000000a", Some(1)), (uids[0], "zz:top", Some(2)), (uids[1], "loose", None)]).await;
    let mut client = server.login().await;
    let uidl = client.lines("UIDL").await;
    assert_eq!(uidl[..3], ["1 0000000a", "2 zz:top", "3 loose"]);
    let subject = |lines: Vec<String>| lines[0].clone();
    assert_eq!(subject(client.lines("TOP 1 0").await), "Subject: 3");
    assert_eq!(subject(client.lines("TOP 4 0").await), "Subject: 2");
    assert_eq!(client.ok("UIDL 5").await, uidl[4]);
    // They stay, whatever comes and goes.
    server.append(MAIL).await;
    client.ok("DELE 3").await;
    client.ok("QUIT").await;
    let mut client = server.login().await;
    let later = client.lines("UIDL").await;
    let id = |line: &String| line.split_once(' ').unwrap().1.to_owned();
    let (later, before): (Vec<String>, Vec<String>) = (later.iter().map(id).collect(), uidl.iter().map(id).collect());
    assert_eq!(later[..4], [&before[..2], &before[3..]].concat());
    assert_eq!(later.len(), 5);
}

#[tokio::test]
async fn commands_may_be_sent_ahead() {
    let server = Server::start(|_| {}).await;
    for _ in 0..50 {
        server.append(MAIL).await;
    }
    let mut client = server.connect().await;
    let retr: String = (1..=50).map(|n| format!("RETR {n}\r\n")).collect();
    client.send(&format!("USER {USER}\r\nPASS {PASSWORD}\r\nSTAT\r\n{retr}QUIT\r\n")).await;
    for _ in 0..3 {
        assert!(client.reply().await.starts_with("+OK"));
    }
    for _ in 0..50 {
        assert!(client.reply().await.starts_with("+OK"));
        assert_eq!(client.rest().await.len(), 7);
    }
    assert_eq!(client.reply().await, "+OK goodbye");
}
