//! TLS: offered and not, verified and not, failing.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use sterna_net::Trust;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server's certificate for a name; its PEM goes into a file.
fn acceptor(name: &str, pem: &Path) -> TlsAcceptor {
    let issued = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(pem, issued.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// What a server does with STARTTLS.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    /// It does it.
    Good,
    /// It does not offer it.
    None,
    /// It offers it and answers 454.
    Away,
    /// It says 220 and then nonsense.
    Broken,
    /// It puts words behind its answer, in clear.
    Injected,
}

/// Serves connections until dropped: STARTTLS by its habit, then EHLO with REQUIRETLS.
async fn serve(habit: Habit, acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let offer = if habit == Habit::None { "" } else { "250-STARTTLS\r\n" };
                tcp.write_all(b"220 mx\r\n").await?;
                let mut line = [0; 512];
                loop {
                    let n = tcp.read(&mut line).await?;
                    if line[..n].starts_with(b"EHLO") {
                        tcp.write_all(format!("250-mx\r\n{offer}250 X\r\n").as_bytes()).await?;
                    } else if line[..n].starts_with(b"STARTTLS") {
                        match habit {
                            Habit::Away => tcp.write_all(b"454 not now\r\n").await?,
                            Habit::Broken => {
                                tcp.write_all(b"220 go\r\n").await?;
                                let _ = tcp.read(&mut line).await?;
                                tcp.write_all(b"this is not TLS\r\n").await?;
                            }
                            Habit::Injected => tcp.write_all(b"220 go\r\n250 injected\r\n").await?,
                            Habit::Good | Habit::None => break tcp.write_all(b"220 go\r\n").await?,
                        }
                    } else {
                        return Ok(());
                    }
                }
                let mut tls = acceptor.accept(tcp).await?;
                while tls.read(&mut line).await? > 0 {
                    tls.write_all(b"250-mx\r\n250 REQUIRETLS\r\n").await?;
                    tls.flush().await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    address
}

async fn call(habit: Habit, security: Security, trusted: bool, name: &str) -> Result<Connection, Error> {
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("ca.pem");
    let address = serve(habit, acceptor("mx.example.org", &pem)).await;
    let trust = if trusted { Trust::File(pem) } else { Trust::System };
    let server = Server { security, trust, address, name: name.to_owned(), ..server() };
    connect(&server, "me.example.org", &Timeouts::default()).await
}

const NAME: &str = "mx.example.org";

#[tokio::test]
async fn opportunistic_tls_takes_any_certificate() {
    let connection = call(Habit::Good, Security::Opportunistic, false, "other name").await.unwrap();
    assert_eq!(connection.tls(), (true, false));
    assert!(connection.extensions().require_tls);
}

#[tokio::test]
async fn opportunistic_tls_gives_way_to_the_clear() {
    for habit in [Habit::None, Habit::Away, Habit::Broken] {
        let connection = call(habit, Security::Opportunistic, false, NAME).await.unwrap();
        assert_eq!(connection.tls(), (false, false));
    }
}

#[tokio::test]
async fn required_tls_is_verified() {
    let connection = call(Habit::Good, Security::StartTls, true, NAME).await.unwrap();
    assert_eq!(connection.tls(), (true, true));
    assert!(matches!(call(Habit::Good, Security::StartTls, true, "mx.example.com").await, Err(Error::Tls(_))));
    assert!(matches!(call(Habit::Good, Security::StartTls, false, NAME).await, Err(Error::Tls(_))));
    assert!(matches!(call(Habit::None, Security::StartTls, true, NAME).await, Err(Error::NoStartTls)));
    assert!(matches!(call(Habit::Away, Security::StartTls, true, NAME).await, Err(Error::Refused("STARTTLS", _))));
    assert!(matches!(call(Habit::Broken, Security::StartTls, true, NAME).await, Err(Error::Tls(_))));
}

#[tokio::test]
async fn words_in_clear_behind_starttls_are_not_the_servers() {
    for security in [Security::Opportunistic, Security::StartTls] {
        assert!(matches!(call(Habit::Injected, security, true, NAME).await, Err(Error::Protocol("STARTTLS", _))));
    }
}

#[tokio::test]
async fn nobody_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { address: listener.local_addr().unwrap(), ..server() };
    drop(listener);
    assert!(matches!(connect(&server, "me", &Timeouts::default()).await, Err(Error::Connect(_))));
}
