//! Commands and their order: every reply code of reception.

use sterna_net::PortTls;

use super::super::Kind;
use super::super::testing::{Client, House};

#[tokio::test]
async fn ehlo_lists_what_is_served_and_helo_nothing() {
    let house = House::new().await;
    let mut client = Client::new(house.dial(Kind::Reception, PortTls::Plain).await);
    assert_eq!(client.reply().await, "220 mail.example.org ESMTP Sterna");
    let reply = client.cmd("EHLO [127.0.0.1]").await;
    for extension in [
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "BINARYMIME",
        "ENHANCEDSTATUSCODES",
        "DSN",
        "SIZE 52428800",
        "LIMITS MAILMAX=100 RCPTMAX=1000",
        "STARTTLS",
    ] {
        assert!(reply.lines().any(|line| line.get(4..) == Some(extension)), "{extension}: {reply}");
    }
    assert!(!reply.contains("AUTH") && !reply.contains("REQUIRETLS"));
    assert_eq!(client.cmd("HELO there").await, "250 mail.example.org");
    client.expect("MAIL FROM:<a@example.com> SIZE=1", "555 5.5.4").await;
    client.expect("LHLO there", "500 5.5.1").await;
}

#[tokio::test]
async fn commands_out_of_order_are_told_so() {
    let house = House::new().await;
    let mut client = Client::new(house.dial(Kind::Reception, PortTls::Plain).await);
    client.reply().await;
    client.expect("MAIL FROM:<a@example.com>", "503 5.5.1").await;
    client.expect("RCPT TO:<ada@example.org>", "503 5.5.1").await;
    client.expect("DATA", "503 5.5.1").await;
    client.expect("EHLO there", "250").await;
    client.expect("MAIL FROM:<a@example.com>", "250 2.1.0").await;
    client.expect("MAIL FROM:<a@example.com>", "503 5.5.1").await;
    client.expect("DATA", "554 5.5.1").await;
    client.expect("RCPT TO:<ada@example.org>", "250 2.1.5").await;
    client.expect("RSET", "250 2.0.0").await;
    client.expect("RCPT TO:<ada@example.org>", "503 5.5.1").await;
    client.expect("MAIL FROM:<a@example.com>", "250 2.1.0").await;
    client.expect("EHLO again", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "503 5.5.1").await;
    client.expect("AUTH PLAIN", "502 5.5.1").await;
}

#[tokio::test]
async fn small_commands_have_their_codes() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    for (line, reply) in [
        ("NOOP", "250 2.0.0"),
        ("VRFY ada", "252 2.1.5"),
        ("EXPN all", "502 5.5.1"),
        ("HELP", "214 2.0.0"),
        ("XYZZY", "500 5.5.1"),
        ("MAIL FROM:a@b", "501 5.5.4"),
        ("MAIL FROM:<a>", "553 5.1.7"),
        ("ETRN x", "502 5.5.1"),
        ("MAIL FROM:<a@b> FUTURE=1", "555 5.5.4"),
        ("MAIL FROM:<é@b>", "553 5.6.7"),
        ("MAIL FROM:<é@b> SMTPUTF8", "250 2.1.0"),
        ("RCPT TO:<>", "553 5.1.3"),
        ("QUIT", "221 2.0.0"),
    ] {
        client.expect(line, reply).await;
    }
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_pipelined_session_is_answered_in_order() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client
        .send(
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<ada@example.org>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<x@example.com>\r\n\
             DATA\r\n",
        )
        .await;
    for start in ["250 2.1.0", "250 2.1.5", "550 5.1.1", "550 5.7.1", "354 "] {
        let reply = client.reply().await;
        assert!(reply.starts_with(start), "{reply}");
    }
    client.send("Subject: one\r\n\r\none\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n").await;
    for start in ["250 2.0.0", "250 2.1.0", "250 2.1.5", "354 "] {
        let reply = client.reply().await;
        assert!(reply.starts_with(start), "{reply}");
    }
    client.send("Subject: two\r\n\r\ntwo\r\n.\r\nQUIT\r\n").await;
    assert!(client.reply().await.starts_with("250 2.0.0"));
    assert!(client.reply().await.starts_with("221 "));
    assert!(house.only("ada").await.contains("Subject: one\r\n\r\none\r\n"));
    let bob = house.only("bob").await;
    assert!(bob.contains("Return-Path: <>\r\n") && bob.contains("two"), "{bob}");
    house.check().await;
}

#[tokio::test]
async fn a_pipelined_group_without_recipients_sends_nothing() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.send("MAIL FROM:<a@example.com>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n").await;
    for start in ["250 2.1.0", "550 5.1.1", "554 5.5.1"] {
        assert!(client.reply().await.starts_with(start));
    }
    client.expect("NOOP", "250").await;
}

#[tokio::test]
async fn another_protocol_is_turned_away() {
    let house = House::new().await;
    for line in ["GET / HTTP/1.1", "POST /x HTTP/1.1"] {
        let mut client = house.connect(Kind::Reception).await;
        client.expect(line, "500 5.5.1").await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn the_received_field_tells_the_way() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    let reply = client.message("a@example.com", &["ada@example.org"], "Subject: x\r\n\r\nx\r\n").await;
    let id = reply.strip_prefix("250 2.0.0 taken as ").unwrap().to_owned();
    let text = house.only("ada").await;
    let expected = format!(
        "Received: from client.example ([127.0.0.1])\r\n\tby mail.example.org with ESMTP\r\n\tid {id}\r\n\
         \tfor <ada@example.org>; Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("Authentication-Results: mail.example.org"), "{text}");
    assert!(text.starts_with("Return-Path: <a@example.com>\r\n"), "{text}");
}

#[tokio::test]
async fn nothing_a_client_says_breaks_out_of_a_header_field() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    for line in [
        "EHLO a\tX-Evil: 1",
        "EHLO a)(b",
        "MAIL FROM:<a\u{b}b@example.com>",
        "MAIL FROM:<\"a\tb\"@example.com>",
        "MAIL FROM:<a@example.com> ENVID=x+0D+0AX-Evil:+201",
        "MAIL FROM:<\"a\u{85}b\"@example.com> SMTPUTF8",
    ] {
        let reply = client.cmd(line).await;
        assert!(reply.starts_with('5'), "{line:?}: {reply}");
    }
    client.expect("MAIL FROM:<\"a> <b\"@example.com>", "250").await;
    client.expect("RCPT TO:<ada@example.org> ORCPT=rfc822;a+0Ab", "501 5.5.4").await;
    client.expect("RCPT TO:<ada@example.org> ORCPT=rfc822;a+40b", "250").await;
    assert!(client.data("Subject: x\r\n\r\nx\r\n").await.starts_with("250"));
    let text = house.only("ada").await;
    assert!(!text.contains("Evil") && text.starts_with("Return-Path: <\"a> <b\"@example.com>\r\n"), "{text}");
}

#[tokio::test]
async fn results_in_our_name_are_not_believed_from_outside() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    let text = "Authentication-Results: mail.example.org; dkim=pass header.d=bank.example\r\nSubject: x\r\n\r\nx\r\n";
    assert!(client.message("a@example.com", &["ada@example.org"], text).await.starts_with("250"));
    assert!(!house.only("ada").await.contains("bank.example"));
}
