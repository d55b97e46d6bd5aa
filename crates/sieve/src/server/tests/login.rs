//! Who may log in, and what is told when: RFC 5804 §1.7, §2.1, §2.2, §2.14.

use rustls::pki_types::ServerName;
use sterna_net::{PlaintextPolicy, PortTls};
use tokio::net::TcpStream;

use super::{Client, PASSWORD, Server, USER, login};

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn rfc5804_2_1_plain_and_login_open_the_account() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    assert_eq!(client.command("LISTSCRIPTS").await, "NO \"log in first\"\r\n");
    client.ok(&login()).await;
    assert!(client.ok("CAPABILITY").await.contains("\"OWNER\" \"ada@example.org\"\r\n"));
    assert!(client.command(&login()).await.starts_with("NO "));
    client.ok("UNAUTHENTICATE").await;
    assert!(!client.ok("CAPABILITY").await.contains("OWNER"));
    assert!(client.command("LISTSCRIPTS").await.starts_with("NO "));
    // Without an initial response, as a literal.
    client.send("AUTHENTICATE \"PLAIN\"\r\n").await;
    assert_eq!(client.line().await, "\"\"\r\n");
    let message = base64(&format!("\0{USER}\0{PASSWORD}"));
    client.ok(&format!("{{{}+}}\r\n{message}", message.len())).await;
    client.ok("UNAUTHENTICATE").await;
    client.send("AUTHENTICATE \"LOGIN\"\r\n").await;
    assert_eq!(client.line().await, format!("\"{}\"\r\n", base64("User Name\0")));
    client.send(format!("\"{}\"\r\n", base64(USER))).await;
    assert_eq!(client.line().await, format!("\"{}\"\r\n", base64("Password\0")));
    client.ok(&format!("\"{}\"", base64(PASSWORD))).await;
}

#[tokio::test]
async fn rfc5804_2_1_who_is_wrong_stays_outside() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    for wrong in [
        format!("AUTHENTICATE \"PLAIN\" \"{}\"", base64("\0ada@example.org\0x")),
        format!("AUTHENTICATE \"PLAIN\" \"{}\"", base64(&format!("bob@example.org\0{USER}\0{PASSWORD}"))),
        "AUTHENTICATE \"PLAIN\" \"%%%\"".to_owned(),
        "AUTHENTICATE \"PLAIN\" \"YQ==\"".to_owned(),
        "AUTHENTICATE \"GSSAPI\"".to_owned(),
        "AUTHENTICATE".to_owned(),
    ] {
        assert!(client.command(&wrong).await.starts_with("NO "), "{wrong}");
    }
    client.send("AUTHENTICATE \"PLAIN\"\r\n").await;
    client.line().await;
    assert!(client.command("\"*\"").await.contains("cancelled"));
    client.ok(&login()).await;
    let mut client = server.connect().await;
    let wrong = format!("AUTHENTICATE \"PLAIN\" \"{}\"", base64("\0eve@example.org\0x"));
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(client.command(&wrong).await);
    }
    assert!(answers[4].starts_with("BYE "), "{answers:?}");
    assert_eq!(client.line().await, "");
}

#[tokio::test]
async fn rfc5804_2_2_capabilities_change_with_tls() {
    let server = Server::start(|config| config.plaintext = PlaintextPolicy::Never).await;
    let mut client = Client::new(TcpStream::connect(server.address).await.unwrap());
    let greeting = client.answer().await;
    for line in [
        "\"IMPLEMENTATION\" \"Sterna ",
        "\"SASL\" \"\"\r\n",
        "\"STARTTLS\"\r\n",
        "\"VERSION\" \"1.0\"\r\n",
        "\"SIEVE\" \"fileinto ",
    ] {
        assert!(greeting.contains(line), "{line} is missing in {greeting}");
    }
    assert!(client.command(&login()).await.starts_with("NO (ENCRYPT-NEEDED) "));
    client.ok("STARTTLS").await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = Client::new(server.connector.connect(name, client.stream).await.unwrap());
    let greeting = client.answer().await;
    assert!(greeting.contains("\"SASL\" \"PLAIN LOGIN\"\r\n") && !greeting.contains("STARTTLS"), "{greeting}");
    assert!(client.command("STARTTLS").await.starts_with("NO "));
    client.ok(&login()).await;
    client.ok("PUTSCRIPT \"a\" \"keep;\"").await;
}

#[tokio::test]
async fn nothing_sent_before_tls_counts_after_it() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    client.send("STARTTLS\r\nNOOP \"injected\"\r\n").await;
    assert!(client.answer().await.starts_with("NO "));
    assert_eq!(client.command("NOOP \"mine\"").await, "OK (TAG \"mine\") \"done\"\r\n");
}

#[tokio::test]
async fn a_port_may_begin_with_tls() {
    let server = Server::on(PortTls::Implicit, |_| {}).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = Client::new(server.connector.connect(name, stream).await.unwrap());
    assert!(client.answer().await.contains("\"SASL\" \"PLAIN LOGIN\""));
}
