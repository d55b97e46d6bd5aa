//! TLS to a server: certificates are always verified, against the operating system's authorities or a private file.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::endpoint::Endpoint;
use super::error::{CertificateProblem, ErrorKind};

/// Performs the handshake; the caller bounds its time.
pub(super) async fn handshake(endpoint: &Endpoint, tcp: TcpStream) -> Result<TlsStream<TcpStream>, ErrorKind> {
    let roots = match &endpoint.ca {
        Some(path) => private_roots(path)?,
        None => native_roots()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| ErrorKind::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| {
        ErrorKind::Tls(format!("{:?} is not a host name a certificate can be issued for", endpoint.host))
    })?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(handshake_error)
}

fn native_roots() -> Result<Arc<RootCertStore>, ErrorKind> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let hint = "this system has no certificate authorities installed (package ca-certificates)";
        return Err(ErrorKind::Tls(hint.to_owned()));
    }
    Ok(Arc::clone(roots))
}

fn private_roots(path: &Path) -> Result<Arc<RootCertStore>, ErrorKind> {
    let unusable = |reason: String| ErrorKind::CaFile { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))? {
        let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
        roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it has no certificate".to_owned()));
    }
    Ok(Arc::new(roots))
}

fn handshake_error(error: io::Error) -> ErrorKind {
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ErrorKind::Tls("the server closed the connection during the handshake".to_owned())
            }
            _ => ErrorKind::Io(error),
        };
    };
    let detail = tls.to_string();
    match tls {
        rustls::Error::InvalidCertificate(reason) => {
            use CertificateError as E;
            let problem = match reason {
                E::Expired | E::ExpiredContext { .. } => CertificateProblem::Expired,
                E::NotValidYet | E::NotValidYetContext { .. } => CertificateProblem::NotYetValid,
                E::NotValidForName | E::NotValidForNameContext { .. } => CertificateProblem::WrongName,
                E::UnknownIssuer | E::BadSignature => CertificateProblem::UnknownIssuer,
                E::Revoked => CertificateProblem::Revoked,
                _ => CertificateProblem::Unusable,
            };
            ErrorKind::Certificate { problem, detail }
        }
        rustls::Error::InvalidMessage(_) => ErrorKind::Tls("the server does not speak TLS here".to_owned()),
        _ => ErrorKind::Tls(detail),
    }
}
