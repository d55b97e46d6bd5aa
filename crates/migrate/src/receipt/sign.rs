//! Signs a receipt with the store's Ed25519 key, and verifies one.
//!
//! What is signed is the comparison as canonical JSON: keys sorted, no spaces, so that a receipt that was formatted
//! anew still verifies.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::Value;

use super::{Comparison, Receipt, unreadable};
use crate::error::{Error, Result};

/// The key file in the store's data directory, made on first use, readable by its owner only.
const KEY_FILE: &str = "receipt.key";

/// A receipt whose signature is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it says.
    pub comparison: Comparison,
    /// Hexadecimal public key that verified it: compare it with the one of the store that is trusted.
    pub public_key: String,
}

/// Reads a receipt's JSON and verifies its signature against the public key in it.
///
/// An error if it cannot be read or was changed. Whose key it is, is for the caller to know.
pub fn verify(json: &str) -> Result<Verdict> {
    let value: Value = serde_json::from_str(json).map_err(unreadable)?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).ok_or_else(|| unreadable(format!("no {name}")));
    let (public_key, signature) = (field("public_key")?, field("signature")?);
    let signed = value.get("receipt").ok_or_else(|| unreadable("no receipt"))?;
    let key = from_hex(public_key).ok_or_else(|| unreadable("the public key is not hexadecimal"))?;
    let signature = from_hex(signature).ok_or_else(|| unreadable("the signature is not hexadecimal"))?;
    UnparsedPublicKey::new(&ED25519, key).verify(&canonical(signed)?, &signature).map_err(|_| {
        Error::Invalid("the receipt was changed after it was signed: its signature does not fit".into())
    })?;
    let comparison = serde_json::from_value(signed.clone()).map_err(unreadable)?;
    Ok(Verdict { comparison, public_key: public_key.to_owned() })
}

pub(super) async fn sign(data: &Path, comparison: Comparison) -> Result<Receipt> {
    let path = data.join(KEY_FILE);
    let key = tokio::task::spawn_blocking(move || key(&path)).await.map_err(Error::join)??;
    let value = serde_json::to_value(&comparison).map_err(unreadable)?;
    let signature = key.sign(&canonical(&value)?);
    Ok(Receipt { comparison, public_key: to_hex(key.public_key().as_ref()), signature: to_hex(signature.as_ref()) })
}

pub(super) fn envelope(receipt: &Receipt) -> Result<String> {
    let value = serde_json::json!({
        "receipt": receipt.comparison,
        "public_key": receipt.public_key,
        "signature": receipt.signature,
    });
    serde_json::to_string_pretty(&value).map_err(unreadable)
}

fn key(path: &Path) -> Result<Ed25519KeyPair> {
    let broken = |reason: &str| Error::Unreadable { what: "the key that signs receipts", reason: reason.to_owned() };
    let mut seed = [0; 32];
    match OpenOptions::new().read(true).open(path) {
        Ok(mut file) => file.read_exact(&mut seed).map_err(|e| Error::file("read", path, e))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            aws_lc_rs::rand::fill(&mut seed).map_err(|_| broken("no random numbers"))?;
            let new = path.with_extension("new");
            // Renamed into place, so that a crash leaves no half a key.
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)
                .and_then(|mut file| file.write_all(&seed).and_then(|()| file.sync_all()))
                .and_then(|()| std::fs::rename(&new, path))
                .map_err(|e| Error::file("create", path, e))?;
        }
        Err(e) => return Err(Error::file("open", path, e)),
    }
    Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| broken("it is no Ed25519 seed"))
}

/// Keys sorted, no spaces. The depth is bounded by the parser.
fn canonical(value: &Value) -> Result<Vec<u8>> {
    fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(key, _)| key.as_str());
                out.push(b'{');
                for (i, (key, value)) in entries.into_iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    serde_json::to_writer(&mut *out, key)?;
                    out.push(b':');
                    write(value, out)?;
                }
                out.push(b'}');
            }
            Value::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    write(item, out)?;
                }
                out.push(b']');
            }
            scalar => serde_json::to_writer(out, scalar)?,
        }
        Ok(())
    }
    let mut out = Vec::new();
    write(value, &mut out).map_err(unreadable)?;
    Ok(out)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Totals;

    fn comparison() -> Comparison {
        Comparison {
            version: 1,
            account: "anne@example.org".into(),
            source: "imap://h:1 (anne)".into(),
            state: "following".into(),
            failure: None,
            compared_at: 1,
            seeding_at: Some(0),
            following_at: None,
            seeding_millis: 12,
            totals: Totals::default(),
            bodies_verified: false,
            equal: true,
            check_findings: Vec::new(),
            pop3: None,
            cutover: None,
            folders: Vec::new(),
            dangling_subscriptions: vec!["Été".into()],
            exceptions: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_receipt_verifies_until_it_is_changed() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let receipt = sign(data.path(), comparison()).await.unwrap();
        let json = receipt.json().unwrap();
        let compact = serde_json::from_str::<Value>(&json).unwrap().to_string();
        for json in [&json, &compact] {
            let verdict = verify(json).unwrap();
            assert_eq!((verdict.comparison, verdict.public_key), (comparison(), receipt.public_key.clone()));
        }
        assert!(verify(&json.replace("\"equal\": true", "\"equal\": false")).is_err());
        assert!(verify(&json.replace("anne@", "bob@")).is_err());
        for broken in ["", "{}", "[]", "{\"receipt\":{},\"public_key\":\"zz\",\"signature\":\"\"}"] {
            assert!(verify(broken).is_err());
        }
        let mode = std::fs::metadata(data.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // The key stays.
        assert_eq!(sign(data.path(), comparison()).await.unwrap(), receipt);
    }
}
