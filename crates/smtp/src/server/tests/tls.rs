//! STARTTLS, implicit TLS, and what TLS allows.

use sterna_net::{PlaintextPolicy, PortTls};

use super::super::Kind;
use super::super::testing::{Client, House};

#[tokio::test]
async fn starttls_begins_anew() {
    let house = House::new().await;
    let mut tcp = house.dial(Kind::Reception, PortTls::Plain).await;
    {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut said = Vec::new();
        for line in ["", "EHLO there\r\n", "STARTTLS\r\n"] {
            tcp.write_all(line.as_bytes()).await.unwrap();
            let done: &[u8] = if line.starts_with("EHLO") { b"250 " } else { b"220 " };
            said.clear();
            while !(said.windows(4).any(|w| w == done) && said.ends_with(b"\r\n")) {
                assert!(tcp.read_buf(&mut said).await.unwrap() > 0);
            }
        }
        assert_eq!(said, b"220 2.0.0 begin TLS\r\n");
    }
    let mut client = house.secure(tcp).await;
    client.expect("MAIL FROM:<a@example.com>", "503 5.5.1").await;
    let reply = client.expect("EHLO there", "250").await;
    assert!(reply.contains("REQUIRETLS") && !reply.contains("STARTTLS"), "{reply}");
    client.expect("STARTTLS", "503 5.5.1").await;
    client.expect("MAIL FROM:<a@example.com> REQUIRETLS", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    assert!(client.data("Subject: x\r\n\r\nx\r\n").await.starts_with("250"));
    let text = house.only("ada").await;
    assert!(text.contains("with ESMTPS (TLS1.3 TLS13_AES_256_GCM_SHA384)\r\n"), "{text}");
}

#[tokio::test]
async fn commands_in_front_of_the_handshake_are_not_taken() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.send("STARTTLS\r\nEHLO evil\r\nMAIL FROM:<a@example.com>\r\n").await;
    assert!(client.reply().await.starts_with("503 5.5.1"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn without_tls_requiretls_and_passwords_are_refused() {
    let house = House::with(|config| config.plaintext = PlaintextPolicy::Never).await;
    let mut client = house.connect(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com> REQUIRETLS", "530 5.7.10").await;
    let mut client = Client::new(house.dial(Kind::Submission, PortTls::Plain).await);
    let reply = client.hello(Kind::Submission).await;
    assert!(!reply.contains("AUTH"), "{reply}");
    client.expect("AUTH PLAIN AGFkYQB4", "538 5.7.11").await;
    let house = House::with(|config| config.tls = None).await;
    let mut client = house.connect(Kind::Reception).await;
    client.expect("STARTTLS", "502 5.5.1").await;
}

#[tokio::test]
async fn implicit_tls_serves_submission() {
    let house = House::with(|config| config.plaintext = PlaintextPolicy::Never).await;
    let tcp = house.dial(Kind::Submission, PortTls::Implicit).await;
    let mut client = house.secure(tcp).await;
    let reply = client.hello(Kind::Submission).await;
    assert!(reply.contains("AUTH PLAIN LOGIN"), "{reply}");
    client.login("ada").await;
    let text = "From: ada@example.org\r\nTo: bob@example.org\r\n\r\nx\r\n";
    assert!(client.message("ada@example.org", &["bob@example.org"], text).await.starts_with("250"));
    let text = house.only("bob").await;
    assert!(text.contains("Received: by mail.example.org with ESMTPSA (TLS1.3 "), "{text}");
    assert!(!text.contains("127.0.0.1") && !text.contains("client.example"), "{text}");
}
