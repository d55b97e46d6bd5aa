//! Over real sockets: refused ports, TLS and its certificates, STARTTLS.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority, and a server certificate of it for the names, valid until the year.
struct Pki {
    _directory: tempfile::TempDir,
    ca: PathBuf,
    acceptor: TlsAcceptor,
}

fn pki(names: &[&str], until: i32) -> Pki {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Pki { _directory: directory, ca, acceptor: TlsAcceptor::from(Arc::new(config)) }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn endpoint(port: u16, tls: Tls) -> Endpoint {
    let timeouts = Timeouts { connect: Duration::from_millis(500), response: Duration::from_secs(2) };
    Endpoint { timeouts, ..Endpoint::new("127.0.0.1", port, tls) }
}

/// Connects over implicit TLS to a server with that certificate, trusting `ca` or the operating system.
async fn over_tls(pki: &Pki, ca: Option<PathBuf>) -> Result<(), Error> {
    let (listener, port) = listen().await;
    let acceptor = pki.acceptor.clone();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(stream) = acceptor.accept(tcp).await {
            play(stream, "S: * OK [CAPABILITY IMAP4rev1] hi").await;
        }
    });
    let result = connect(&Endpoint { ca, ..endpoint(port, Tls::Implicit) }).await.map(drop);
    server.await.unwrap();
    result
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_named() {
    let pki = pki(&["127.0.0.1"], 4000);
    over_tls(&pki, Some(pki.ca.clone())).await.unwrap();
    let error = over_tls(&pki, None).await.unwrap_err();
    let untrusted = matches!(*error.kind, ErrorKind::Certificate { problem: CertificateProblem::UnknownIssuer, .. });
    // A machine without any authorities says that instead.
    assert!(untrusted || matches!(*error.kind, ErrorKind::Tls(_)), "{error}");
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn expired_certificates_and_wrong_names_are_refused_by_name() {
    for (pki, wanted) in [
        (pki(&["127.0.0.1"], 2020), CertificateProblem::Expired),
        (pki(&["mail.example.org"], 4000), CertificateProblem::WrongName),
    ] {
        let error = over_tls(&pki, Some(pki.ca.clone())).await.unwrap_err();
        assert!(matches!(*error.kind, ErrorKind::Certificate { problem, .. } if problem == wanted), "{error}");
    }
}

#[tokio::test]
async fn starttls_reads_capabilities_again_and_refuses_injected_words() {
    let pki = pki(&["127.0.0.1"], 4000);
    for (injected, works) in [("", true), ("S: * OK injected\n", false)] {
        let (listener, port) = listen().await;
        let acceptor = pki.acceptor.clone();
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n").await.unwrap();
            let mut line = String::new();
            BufReader::new(&mut tcp).read_line(&mut line).await.unwrap();
            assert_eq!(line, "S1 STARTTLS\r\n");
            let answer = format!("S1 OK go\r\n{}", injected.trim_start_matches("S: "));
            tcp.write_all(answer.as_bytes()).await.unwrap();
            if let Ok(stream) = acceptor.accept(tcp).await {
                play(stream, "C: S1 CAPABILITY\nS: * CAPABILITY IMAP4rev1 X-INSIDE\nS: S1 OK").await;
            }
        });
        let result = connect(&Endpoint { ca: Some(pki.ca.clone()), ..endpoint(port, Tls::StartTls) }).await;
        match (works, result) {
            (true, Ok(connection)) => assert!(connection.capabilities().has("X-INSIDE")),
            (false, Err(error)) => assert!(matches!(*error.kind, ErrorKind::Protocol(_)), "{error}"),
            (_, result) => panic!("{result:?}"),
        }
        server.await.unwrap();
    }
}

#[tokio::test]
async fn what_keeps_a_connection_from_coming_about_is_said() {
    let (listener, port) = listen().await;
    // A server that only listens: no greeting, no handshake.
    for tls in [Tls::None, Tls::Implicit] {
        let error = connect(&endpoint(port, tls)).await.unwrap_err();
        assert!(matches!(*error.kind, ErrorKind::Timeout { .. }), "{error}");
    }
    drop(listener);
    let error = connect(&endpoint(port, Tls::None)).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::Refused), "{error}");
    assert_eq!(
        error.to_string(),
        format!("imap://127.0.0.1:{port}: the connection was refused; check host and port, and that the server runs")
    );
    let error = connect(&Endpoint::new("no.such.host.invalid", 143, Tls::None)).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::NameNotFound(_)), "{error}");
}

#[tokio::test]
async fn tls_to_a_server_in_clear_and_a_missing_starttls_are_said() {
    for (tls, greeting) in [(Tls::Implicit, "S: * OK clear"), (Tls::StartTls, "S: * OK [CAPABILITY IMAP4rev1] no")] {
        let (listener, port) = listen().await;
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(format!("{}\r\n", greeting.trim_start_matches("S: ")).as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut rest).await;
        });
        let error = connect(&endpoint(port, tls)).await.unwrap_err();
        assert!(matches!(*error.kind, ErrorKind::Tls(_) | ErrorKind::StartTlsNotOffered), "{error}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_is_none_is_said() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_listener, port) = listen().await;
    for path in [file.path().to_owned(), PathBuf::from("/does/not/exist.pem")] {
        let error = connect(&Endpoint { ca: Some(path), ..endpoint(port, Tls::Implicit) }).await.unwrap_err();
        assert!(matches!(*error.kind, ErrorKind::CaFile { .. }), "{error}");
    }
}

#[tokio::test]
async fn coming_back_checks_uidvalidity() {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let script = "S: * PREAUTH [CAPABILITY IMAP4rev1] hi
            C: S1 SELECT INBOX
            S: * OK [UIDVALIDITY 8] x
            S: S1 OK";
        play(tcp, script).await;
    });
    let was = sterna_core::UidValidity::new(7).unwrap();
    let inbox = crate::codec::mailbox::MailboxName::inbox();
    let error = reopen(&endpoint(port, Tls::None), &password(), &inbox, false, was, None).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::UidValidityChanged { now: 8, .. }), "{error}");
}
