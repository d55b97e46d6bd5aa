//! One message in every way that servers want it.

use sterna_delivery::Notify;

use super::*;

const SIMPLE: &str =
    "> MAIL FROM:<a@x.org>\n< 250 ok\n> RCPT TO:<b@y.org>\n< 250 ok\n> DATA\n< 354 go\ndata\n< 250 2.0.0 taken as 7\n";

#[tokio::test]
async fn a_message_is_handed_over() {
    let (sent, played) = send("", SIMPLE, &mail("Subject: x\n\n.dot\r\nend"), &["b@y.org"]).await;
    assert_eq!(short(&sent), ["+"]);
    assert!(sent.lost.is_none());
    assert_eq!(played.messages, ["Subject: x\r\n\r\n..dot\r\nend\r\n"]);
    let Verdict::Accepted(reply) = &sent.verdicts[0] else { panic!() };
    assert_eq!(reply.to_string(), "250 2.0.0 taken as 7");
}

#[tokio::test]
async fn the_trace_goes_first() {
    let mail = Mail { trace: Bytes::from_static(b"Received: x\r\n"), ..mail("Subject: x\r\n\r\n") };
    let (_, played) = send("", SIMPLE, &mail, &["b@y.org"]).await;
    assert_eq!(played.messages, ["Received: x\r\nSubject: x\r\n\r\n"]);
}

#[tokio::test]
async fn commands_are_sent_together_where_the_server_takes_them_so() {
    let script = "> MAIL\n> RCPT\n> RCPT\n> DATA\n< 250 ok\n< 550 5.1.1 no\n< 250 ok\n< 354 go\ndata\n< 250 taken\n";
    let (sent, _) = send("PIPELINING", script, &mail("x"), &["b@y.org", "c@y.org"]).await;
    assert_eq!(short(&sent), ["5.1.1", "+"]);
}

#[tokio::test]
async fn many_recipients_come_in_portions() {
    let recipients: Vec<String> = (0..100).map(|n| format!("{n:0>60}@y.org")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    // "RCPT TO:<" 66 ">\r\n" are 78 bytes: 4,096 hold MAIL and 52 of them.
    let rcpt = |n: usize| ("> RCPT\n".repeat(n), "< 250 ok\n".repeat(n));
    let ((one, ok_one), (two, ok_two)) = (rcpt(52), rcpt(48));
    let script = format!("> MAIL\n{one}< 250 ok\n{ok_one}{two}> DATA\n{ok_two}< 354 go\ndata\n< 250 taken\n");
    let (sent, _) = send("PIPELINING", &script, &mail("x"), &recipients).await;
    assert_eq!(short(&sent), vec!["+"; 100]);
}

#[tokio::test]
async fn several_messages_go_over_one_connection() {
    let refused = "> MAIL\n< 250 ok\n> RCPT\n< 550 no\n";
    let script = format!("{SIMPLE}{refused}> RSET\n< 250 ok\n{SIMPLE}> QUIT\n< 221 bye\n");
    let (connection, played) = connected(&server(), &greeted("", &script)).await;
    let mut connection = connection.unwrap();
    for (to_whom, verdict) in [("b@y.org", "+"), ("c@y.org", "5.0.0"), ("b@y.org", "+")] {
        assert_eq!(short(&connection.send(&mail("x"), &to(&[to_whom]), &|| true).await), [verdict]);
    }
    connection.quit().await;
    assert_eq!(played.await.unwrap().messages.len(), 2);
}

#[tokio::test]
async fn replies_may_have_many_lines() {
    let script = SIMPLE.replace("< 250 2.0.0 taken as 7", "< 554-5.7.1 no\n< 554-5.7.1 spam\n< 554 5.7.1 here");
    let (sent, _) = send("", &script, &mail("x"), &["b@y.org"]).await;
    let Verdict::Failed(failure) = &sent.verdicts[0] else { panic!() };
    assert_eq!((failure.text.as_str(), failure.permanent), ("554 5.7.1 no spam here", true));
}

#[tokio::test]
async fn every_class_of_answer_is_told_apart() {
    for (at, class) in
        [("MAIL", 4), ("MAIL", 5), ("RCPT", 4), ("RCPT", 5), ("DATA", 4), ("DATA", 5), ("end", 4), ("end", 5)]
    {
        let no = format!("{class}50 {class}.7.9 no");
        let script = match at {
            "MAIL" => format!("> MAIL\n< {no}\n"),
            "RCPT" => format!("> MAIL\n< 250 ok\n> RCPT\n< {no}\n"),
            "DATA" => format!("> MAIL\n< 250 ok\n> RCPT\n< 250 ok\n> DATA\n< {no}\n"),
            _ => SIMPLE.replace("250 2.0.0 taken as 7", &no),
        };
        let (sent, _) = send("", &script, &mail("x"), &["b@y.org"]).await;
        let Verdict::Failed(failure) = &sent.verdicts[0] else { panic!("{at}: {sent:?}") };
        assert_eq!((failure.permanent, failure.status.as_str()), (class == 5, format!("{class}.7.9").as_str()), "{at}");
        assert!(sent.lost.is_none());
    }
}

#[tokio::test]
async fn a_server_that_takes_nobody_and_still_says_go_gets_an_empty_message() {
    let script = "> MAIL\n> RCPT\n> DATA\n< 250 ok\n< 550 no\n< 354 go\n> .\n< 554 no recipients\n";
    let (sent, _) = send("PIPELINING", script, &mail("x"), &["b@y.org"]).await;
    assert_eq!(short(&sent), ["5.0.0"]);
    assert!(sent.lost.is_none());
}

#[tokio::test]
async fn a_full_transaction_is_for_the_moment_however_old_the_server() {
    let script = "> MAIL\n> RCPT\n> RCPT\n> RCPT\n> DATA\n< 250 ok\n< 250 ok\n< 552 too many\n< 452 4.5.3 too many\n< 354 go\ndata\n< 250 ok\n";
    let (sent, _) = send("PIPELINING", script, &mail("x"), &["b@y.org", "c@y.org", "d@y.org"]).await;
    assert_eq!(short(&sent), ["+", "4.5.3", "4.5.3"]);
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let script = "< 220 mx LMTP\n> LHLO me.example.org\n< 250-mx\n< 250 PIPELINING\n\
        > MAIL\n> RCPT\n> RCPT\n> RCPT\n> DATA\n< 250 ok\n< 250 ok\n< 550 5.1.1 no\n< 250 ok\n< 354 go\ndata\n\
        < 250 taken\n< 452 4.2.2 full\n";
    let lmtp = Server { protocol: Protocol::Lmtp, ..server() };
    let (connection, played) = connected(&lmtp, script).await;
    let mut connection = connection.unwrap();
    let sent = connection.send(&mail("x"), &to(&["a@y.org", "b@y.org", "c@y.org"]), &|| true).await;
    assert_eq!(short(&sent), ["+", "5.1.1", "4.2.2"]);
    played.await.unwrap();
}

#[tokio::test]
async fn what_the_server_cannot_take_is_not_sent() {
    let wide = Mail { envelope: Envelope { smtputf8: true, ..mail("").envelope }, ..mail("Subject: é\r\n\r\n") };
    let binary = Mail { envelope: Envelope { binary: true, ..mail("").envelope }, ..mail("a\0b") };
    let secret = Mail { envelope: Envelope { require_tls: true, ..mail("").envelope }, ..mail("x") };
    for (extensions, mail, to_whom, status) in [
        ("SIZE~3", mail("four"), "b@y.org", "5.3.4"),
        ("8BITMIME", wide, "b@y.org", "5.6.7"),
        ("8BITMIME", mail("x"), "é@y.org", "5.6.7"),
        ("BINARYMIME", binary, "b@y.org", "5.6.3"),
        ("REQUIRETLS", secret, "b@y.org", "5.7.30"),
    ] {
        let (sent, played) = send(extensions, "", &mail, &[to_whom]).await;
        assert_eq!(short(&sent), [status]);
        assert!(sent.lost.is_none() && played.lines.len() == 1);
    }
}

#[tokio::test]
async fn a_message_that_only_says_it_is_utf8_goes_to_every_server() {
    let plain = Mail { envelope: Envelope { smtputf8: true, ..mail("").envelope }, ..mail("Subject: x\r\n\r\né\r\n") };
    let (sent, played) = send("8BITMIME", SIMPLE, &plain, &["b@y.org"]).await;
    assert_eq!(short(&sent), ["+"]);
    assert_eq!(played.lines[1], "MAIL FROM:<a@x.org> BODY=8BITMIME");
    let wide = Mail { body: mail("Subject: é\r\n\r\n").body, ..plain };
    let (sent, played) = send("SMTPUTF8", SIMPLE, &wide, &["b@y.org"]).await;
    assert_eq!(short(&sent), ["+"]);
    assert_eq!(played.lines[1], "MAIL FROM:<a@x.org> SMTPUTF8");
}

#[tokio::test]
async fn binary_goes_in_chunks_unchanged() {
    let binary = Mail { envelope: Envelope { binary: true, ..mail("").envelope }, ..mail("a\n.\n\0b\r") };
    let script =
        "> MAIL FROM:<a@x.org> BODY=BINARYMIME\n> RCPT\n< 250 ok\n< 250 ok\n> BDAT 7 LAST\nbdat 7\n< 250 taken\n";
    let (sent, played) = send("PIPELINING CHUNKING BINARYMIME", script, &binary, &["b@y.org"]).await;
    assert_eq!((short(&sent), played.messages), (vec!["+".to_owned()], vec!["a\n.\n\0b\r".to_owned()]));
}

#[tokio::test]
async fn a_refused_chunk_ends_the_message() {
    let binary = Mail { envelope: Envelope { binary: true, ..mail("").envelope }, ..mail(&"x".repeat(200_000)) };
    let script = "> MAIL\n< 250 ok\n> RCPT\n< 250 ok\n> BDAT 131072\nbdat 131072\n< 552 5.3.4 enough\n";
    let (sent, _) = send("CHUNKING BINARYMIME", script, &binary, &["b@y.org"]).await;
    assert_eq!(short(&sent), ["5.3.4"]);
    assert!(sent.lost.is_none());
}

#[tokio::test]
async fn the_wish_to_be_told_is_passed_on() {
    let mut wish = mail("x");
    wish.envelope.envid = Some("id".to_owned());
    let mut recipients = to(&["b@y.org"]);
    recipients[0].notify = Notify { success: true, failure: false, delay: false };
    let (connection, played) = connected(&server(), &greeted("DSN", SIMPLE)).await;
    connection.unwrap().send(&wish, &recipients, &|| true).await;
    let lines = played.await.unwrap().lines;
    assert_eq!(lines[1..3], ["MAIL FROM:<a@x.org> ENVID=id", "RCPT TO:<b@y.org> NOTIFY=SUCCESS"]);
}

#[tokio::test]
async fn a_server_from_before_1995_is_greeted_in_its_way() {
    let script = "< 220 old\n> EHLO\n< 500 what\n> HELO me.example.org\n< 250 hello\n";
    let (connection, _) = connected(&server(), script).await;
    assert_eq!(connection.unwrap().extensions(), &Extensions::default());
}

#[tokio::test]
async fn a_relay_is_told_who_we_are() {
    let credentials = Some(Credentials { user: "us".to_owned(), password: "pass".to_owned() });
    let relay = Server { credentials, ..server() };
    let plain = greeted("AUTH~LOGIN~PLAIN", "> AUTH PLAIN AHVzAHBhc3M=\n< 235 ok\n");
    assert!(connected(&relay, &plain).await.0.is_ok());
    let login = greeted("AUTH=LOGIN", "> AUTH LOGIN\n< 334 VXNlcg==\n> dXM=\n< 334 UGFzcw==\n> cGFzcw==\n< 235 ok\n");
    assert!(connected(&relay, &login).await.0.is_ok());
    let wrong = greeted("AUTH~PLAIN", "> AUTH PLAIN\n< 535 5.7.8 wrong\n");
    assert!(matches!(connected(&relay, &wrong).await.0, Err(Error::Refused("AUTH", _))));
    assert!(matches!(connected(&relay, &greeted("", "")).await.0, Err(Error::NoAuth)));
    let far = Server { address: "192.0.2.1:25".parse().unwrap(), ..relay };
    assert!(matches!(connected(&far, &greeted("AUTH~PLAIN", "")).await.0, Err(Error::ClearPassword)));
}
