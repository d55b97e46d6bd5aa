//! Secrets that must be read back (a source's password): sealed with a key that lies beside the store, mode 0600.
//!
//! This keeps them out of a copied database or a backup of it; it does not protect from who can read the whole data
//! directory.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::error::{Error, Result};

/// AES-256-GCM under the store's key.
pub(crate) struct SecretKey {
    key: RandomizedNonceKey,
    fingerprint: String,
    /// What other keys are derived from.
    root: [u8; 32],
}

impl SecretKey {
    /// Reads the key, or makes one.
    pub fn open(path: &Path) -> Result<SecretKey> {
        let mut key = [0; 32];
        match OpenOptions::new().read(true).open(path) {
            Ok(mut file) => file.read_exact(&mut key).map_err(|e| Error::io("read", path, &e))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::Internal("no random numbers".into()))?;
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all()))
                    .map_err(|e| Error::io("create", path, &e))?;
            }
            Err(e) => return Err(Error::io("open", path, &e)),
        }
        let fingerprint = blake3::Hash::from(blake3::derive_key("sterna secret.key fingerprint", &key)).to_hex();
        let root = blake3::derive_key("sterna secret.key root of derived keys", &key);
        RandomizedNonceKey::new(&AES_256_GCM, &key)
            .map(|key| SecretKey { key, fingerprint: fingerprint.to_string(), root })
            .map_err(|_| Error::Internal("the store's key is not usable".into()))
    }

    /// Tells two keys apart and says nothing else about them.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A key for one purpose, which tells nothing about the others.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.root, purpose.as_bytes()).as_bytes()
    }

    /// Nonce, then ciphertext and tag.
    pub fn seal(&self, secret: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = secret.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .map_err(|_| Error::Internal("cannot seal a secret".into()))?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    pub fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let broken = || Error::Corrupt("a sealed secret does not open with this store's key".into());
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(broken)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::empty(), &mut rest).map_err(|_| broken())?.len();
        rest.truncate(length);
        Ok(rest)
    }
}
