//! One connection: TLS first where the port wants it, then HTTP/1.1 with keep-alive, until the client, the clock or the
//! server's end closes it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sterna_net::{ClientStream, PortTls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::limits;
use crate::service::Service;

/// Serves one connection until it ends; `shutdown` turning true ends it after the request at work.
pub async fn serve_connection(
    service: Arc<Service>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: PortTls,
    shutdown: watch::Receiver<bool>,
) {
    let span = tracing::info_span!("http", %peer);
    let served = async move {
        let _ = stream.set_nodelay(true);
        match tls {
            PortTls::Plain => requests(&service, stream, false, shutdown).await,
            PortTls::Implicit => match handshake(&service, stream).await {
                Some(ClientStream::Tls(stream)) => requests(&service, *stream, true, shutdown).await,
                Some(ClientStream::Plain(_)) | None => {}
            },
        }
    };
    served.instrument(span).await;
}

async fn handshake(service: &Service, stream: TcpStream) -> Option<ClientStream> {
    let config = service.config.tls.clone()?;
    match tokio::time::timeout(service.config.times.handshake, ClientStream::Plain(stream).start_tls(config)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS");
            None
        }
        Err(_) => {
            tracing::debug!("the handshake of TLS takes too long");
            None
        }
    }
}

async fn requests(
    service: &Arc<Service>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    tls: bool,
    mut shutdown: watch::Receiver<bool>,
) {
    let times = service.config.times;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(times.head)
        .max_headers(limits::FIELDS)
        .max_buf_size(limits::HEAD)
        .keep_alive(true);
    let router = TowerToHyperService::new(service.router(tls));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), router));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = shutdown.wait_for(|stop| *stop) => None,
        () = tokio::time::sleep(times.connection) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(times.goodbye, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!("cut off: the client takes too long"),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::testing::{Client, answer};

    const GET: &[u8] = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n";

    /// What comes until the server closes.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        // A reset is an end, too: what the server did not read is lost.
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await;
        let _ = read.expect("the server does not close");
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_and_head_has_no_body() {
        let client = Client::start().await;
        let mut stream = TcpStream::connect(client.address).await.unwrap();
        for _ in 0..3 {
            stream.write_all(GET).await.unwrap();
            let got = answer(&mut stream, false).await;
            assert_eq!((got.status, got.body.as_str()), (200, "{\"status\":\"ok\"}\n"));
        }
        stream.write_all(&[b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", GET].concat()).await.unwrap();
        let head = answer(&mut stream, true).await;
        assert_eq!(head.status, 200);
        assert_ne!(head.field("content-length"), "0");
        assert_eq!(answer(&mut stream, false).await.body, "{\"status\":\"ok\"}\n");
    }

    #[tokio::test]
    async fn every_answer_is_guarded() {
        let client = Client::start().await;
        for path in ["/", "/health", "/nothing", "/mobileconfig", "/autodiscover/autodiscover.json"] {
            let got = client.get(path).await;
            assert_eq!((got.field("x-content-type-options"), got.field("x-frame-options")), ("nosniff", "DENY"));
            assert!(got.field("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
            assert_eq!((got.field("cache-control"), got.field("referrer-policy")), ("no-store", "no-referrer"));
        }
        assert_eq!(client.get("/nothing").await.status, 404);
        let got = client.ask("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!((got.status, got.field("allow")), (405, "GET,HEAD"));
    }

    #[tokio::test]
    async fn head_and_body_are_bounded() {
        let client = Client::start().await;
        let many: String = (0..=limits::FIELDS).map(|n| format!("F{n}: x\r\n")).collect();
        let many = client.ask(&format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n")).await;
        assert_eq!(many.status, 431);
        let long =
            client.ask(&format!("GET / HTTP/1.1\r\nHost: h\r\nF: {}\r\n\r\n", "x".repeat(2 * limits::HEAD))).await;
        assert_eq!(long.status, 431);
        let body = client.post("/autodiscover/autodiscover.xml", &"x".repeat(limits::BODY + 1)).await;
        assert_eq!(body.status, 413);
        let post = "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: h\r\n";
        let chunk = "x".repeat(limits::BODY + 1);
        let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len());
        assert_eq!(client.ask(&chunked).await.status, 413);
        // Two lengths are how requests are smuggled past a proxy: nothing behind such a request is read.
        let two = format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n");
        let mut stream = TcpStream::connect(client.address).await.unwrap();
        stream.write_all(&[two.as_bytes(), GET].concat()).await.unwrap();
        let text = rest(&mut stream).await;
        assert!(text.contains("connection: close") && !text.contains("\"ok\""), "{text}");
        let bad = client.ask("GET / HTTP/1.1\r\nHost: h\r\nbad\x01name: x\r\n\r\n").await;
        assert_eq!(bad.status, 400);
    }

    #[tokio::test]
    async fn a_slow_client_is_not_waited_for() {
        let short = |config: &mut crate::HttpConfig| {
            config.times.head = Duration::from_millis(200);
            config.times.request = Duration::from_millis(200);
        };
        let client = Client::start_with(short, PortTls::Plain).await;
        for sent in [&b""[..], b"GET / HT", b"GET /health HTTP/1.1\r\nHost: h\r\n", GET] {
            let mut stream = TcpStream::connect(client.address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            let text = rest(&mut stream).await;
            assert_eq!(text.contains("\"ok\""), sent == GET, "{text}");
        }
        // A body that does not come.
        let body =
            client.ask("POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx").await;
        assert_eq!((body.status, body.field("connection")), (408, "close"));
    }

    #[tokio::test]
    async fn a_connection_has_an_end() {
        let short = |config: &mut crate::HttpConfig| config.times.connection = Duration::from_millis(100);
        let client = Client::start_with(short, PortTls::Plain).await;
        let mut stream = TcpStream::connect(client.address).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }

    #[tokio::test]
    async fn the_servers_end_closes_what_waits() {
        let client = Client::start().await;
        let mut stream = TcpStream::connect(client.address).await.unwrap();
        stream.write_all(GET).await.unwrap();
        assert_eq!(answer(&mut stream, false).await.status, 200);
        client.stop.send_replace(true);
        assert_eq!(rest(&mut stream).await, "");
    }

    #[tokio::test]
    async fn with_tls_the_same_is_told_and_outlook_is_not_sent_on() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let made = rcgen::generate_simple_self_signed(vec!["mail.example.org".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let client = Client::start_with(|config| config.tls = Some(Arc::new(server)), PortTls::Implicit).await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(client.address).await.unwrap();
        let mut stream = connector.connect(ServerName::try_from("mail.example.org").unwrap(), stream).await.unwrap();
        stream.write_all(GET).await.unwrap();
        assert_eq!(answer(&mut stream, false).await.status, 200);
        stream.write_all(b"GET /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream, false).await.body.contains("<ErrorCode>600</ErrorCode>"));
        // A client without TLS gets nothing.
        let mut plain = TcpStream::connect(client.address).await.unwrap();
        plain.write_all(GET).await.unwrap();
        assert!(!rest(&mut plain).await.contains("ok"));
    }
}
