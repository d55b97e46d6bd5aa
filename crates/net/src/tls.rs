//! TLS to a server: what every client of this program does once the bytes are to be protected.
//!
//! The clients of IMAP, POP3 and SMTP call it, and bound its time themselves. Certificates are verified, against the
//! operating system's authorities or a private file; [`Trust::Anyone`] is for SMTP between strangers alone.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whose certificates are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the operating system's authorities have signed, for the host's name.
    #[default]
    System,
    /// Those that the authorities of this PEM file have signed, for the host's name.
    File(PathBuf),
    /// Any: keeps listeners out and no impostors (opportunistic security, RFC 7435). No password may follow.
    Anyone,
}

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate was refused.
    #[error("its TLS certificate {problem} ({detail})")]
    Certificate {
        /// Why.
        problem: CertificateProblem,
        /// As the TLS library puts it.
        detail: String,
    },
    /// The handshake failed for another reason.
    #[error("no TLS connection could be made ({0})")]
    Handshake(String),
    /// The file with private authorities.
    #[error("the file of certificate authorities {path:?} cannot be used: {reason}")]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The connection broke below TLS.
    #[error("the connection broke during the TLS handshake ({0})")]
    Io(#[source] io::Error),
}

/// Why a certificate was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// After its last day.
    Expired,
    /// Before its first day.
    NotYetValid,
    /// Issued for other names.
    WrongName,
    /// No trusted authority signed it.
    UnknownIssuer,
    /// Withdrawn by its authority.
    Revoked,
    /// Malformed, or not meant for servers.
    Unusable,
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "has expired; renew it on the server",
            Self::NotYetValid => "is not valid yet; compare the clocks of both machines",
            Self::WrongName => "was issued for another host name; connect by a name that is in it",
            Self::UnknownIssuer => {
                "is signed by no authority known here; name the authority's file if it is a private one"
            }
            Self::Revoked => "was revoked; replace it on the server",
            Self::Unusable => "cannot be used for a server",
        })
    }
}

/// Does the handshake of TLS 1.2 or 1.3 as the client. `host` is the name or address that the certificate must be for.
pub async fn tls_connect<S>(host: &str, trust: &Trust, stream: S) -> Result<TlsStream<S>, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anyone => Arc::new(Anyone(Arc::clone(&provider))),
        Trust::System => verifier(native_roots()?, &provider)?,
        Trust::File(path) => verifier(private_roots(path)?, &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::Handshake(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = match ServerName::try_from(host.to_owned()) {
        Ok(name) => name,
        // An address sends no name: what a stranger that has none is given.
        Err(_) if *trust == Trust::Anyone => ServerName::from(NOBODY),
        Err(_) => {
            let text = format!("{host:?} is not a host name a certificate can be issued for");
            return Err(TlsError::Handshake(text));
        }
    };
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(handshake_error)
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn verifier(
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    Ok(built.map_err(|e| TlsError::Handshake(e.to_string()))?)
}

fn native_roots() -> Result<Arc<RootCertStore>, TlsError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        let hint = "this system has no certificate authorities installed (package ca-certificates)";
        return Err(TlsError::Handshake(hint.to_owned()));
    }
    Ok(Arc::clone(roots))
}

fn private_roots(path: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let unusable = |reason: String| TlsError::CaFile { path: path.to_owned(), reason };
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

/// Takes every certificate, but asks for the proof that the server has its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn handshake_error(error: io::Error) -> TlsError {
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                TlsError::Handshake("the server closed the connection during the handshake".to_owned())
            }
            _ => TlsError::Io(error),
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
            TlsError::Certificate { problem, detail }
        }
        rustls::Error::InvalidMessage(_) => TlsError::Handshake("the server does not speak TLS here".to_owned()),
        _ => TlsError::Handshake(detail),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server with a certificate for `name`, and that certificate in PEM.
    fn server(name: &str) -> (DuplexStream, String) {
        let issued = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(async move {
            if let Ok(mut tls) = TlsAcceptor::from(Arc::new(config)).accept(far).await {
                tls.write_all(b"hello").await.unwrap();
                tls.shutdown().await.unwrap();
            }
        });
        (near, issued.cert.pem())
    }

    #[tokio::test]
    async fn anyone_is_taken_only_where_that_was_asked_for() {
        for host in ["mx.example.org", "other.example.org", "192.0.2.1", "not a name"] {
            let (near, _) = server("mx.example.org");
            let mut tls = tls_connect(host, &Trust::Anyone, near).await.unwrap();
            let mut said = String::new();
            tls.read_to_string(&mut said).await.unwrap();
            assert_eq!(said, "hello");
        }
        let (near, _) = server("mx.example.org");
        assert!(tls_connect("mx.example.org", &Trust::System, near).await.is_err());
    }

    #[tokio::test]
    async fn a_private_authority_is_taken_for_its_own_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        for (host, right) in [("mx.example.org", true), ("other.example.org", false), ("not a name", false)] {
            let (near, pem) = server("mx.example.org");
            std::fs::write(&path, pem).unwrap();
            let got = tls_connect(host, &Trust::File(path.clone()), near).await;
            assert_eq!(got.is_ok(), right, "{host}: {:?}", got.err());
        }
        let (near, _) = server("mx.example.org");
        let missing = tls_connect("mx.example.org", &Trust::File("/nonexistent".into()), near).await;
        assert!(matches!(missing, Err(TlsError::CaFile { .. })));
    }
}
