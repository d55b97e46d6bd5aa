//! The certificate: the operator's, or a self-signed one that is made once and kept.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Config, TlsFiles};
use crate::error::{Error, Result};

/// The TLS settings of all listeners: TLS 1.2 and 1.3.
pub(super) fn server_config(config: &Config) -> Result<Arc<ServerConfig>> {
    let files = match &config.tls {
        Some(files) => files.clone(),
        None => self_signed(config)?,
    };
    let failed = |e: &dyn std::fmt::Display| {
        let (cert, key) = (files.cert.display(), files.key.display());
        Error::new(format!("cannot use the certificate {cert} with the key {key}: {e}; see [tls] in the configuration"))
    };
    let chain = CertificateDer::pem_file_iter(&files.cert).and_then(|certs| certs.collect::<Result<Vec<_>, _>>());
    let chain = chain.map_err(|e| failed(&e))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| failed(&e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| failed(&e))?;
    Ok(Arc::new(tls))
}

/// The self-signed certificate for the configured host name, made if it is not there yet.
fn self_signed(config: &Config) -> Result<TlsFiles> {
    let directory = config.data().join("tls");
    let file = |end: &str| directory.join(format!("self-signed-{}.{end}", config.hostname));
    let files = TlsFiles { cert: file("pem"), key: file("key") };
    if !(files.cert.exists() && files.key.exists()) {
        make(&config.hostname, &files)?;
    }
    tracing::warn!(
        certificate = %files.cert.display(),
        "clients cannot verify this server: its certificate is self-signed; name yours in [tls]"
    );
    Ok(files)
}

fn make(hostname: &str, files: &TlsFiles) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| Error::new(format!("cannot make a self-signed certificate: {e}"));
    let made = rcgen::generate_simple_self_signed(vec![hostname.to_owned()]).map_err(|e| failed(&e))?;
    // The key first: a certificate without its key would be taken for whole by nobody, a key alone is made anew.
    write(&files.key, made.signing_key.serialize_pem().as_bytes(), 0o600).map_err(|e| failed(&e))?;
    write(&files.cert, made.cert.pem().as_bytes(), 0o644).map_err(|e| failed(&e))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let new = path.with_extension("new");
    let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &Path) -> Config {
        let file = directory.join("sterna.toml");
        std::fs::write(&file, crate::config::template::text("mail.example.org")).unwrap();
        Config::load(&file).unwrap()
    }

    #[test]
    fn a_self_signed_certificate_is_made_once_and_its_key_kept_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        server_config(&config).unwrap();
        let key = config.data().join("tls/self-signed-mail.example.org.key");
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let first = std::fs::read(&key).unwrap();
        server_config(&config).unwrap();
        assert_eq!(std::fs::read(&key).unwrap(), first);
    }

    #[test]
    fn a_bad_certificate_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let cert = directory.path().join("nothing.pem");
        std::fs::write(&cert, "no certificate").unwrap();
        let config = Config { tls: Some(TlsFiles { cert: cert.clone(), key: cert }), ..config(directory.path()) };
        let error = server_config(&config).unwrap_err().to_string();
        assert!(error.contains("nothing.pem") && error.contains("[tls]"), "{error}");
    }
}
