//! One database, one place in object storage, one account, and the nodes that serve it.

use std::time::{Duration, Instant};

use sterna_tests::{ImapWire, S3Place, SternaConfig, SternaServer, User, backend};

/// How long a test waits for what must come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the nodes of a test keep everything, and what their configuration says of it.
pub struct Platform {
    pub database: String,
    pub s3: S3Place,
    /// Further keys of `[store]`, a line each.
    pub store: &'static str,
    /// Further keys of `[blobs]`, a line each.
    pub blobs: &'static str,
}

impl Platform {
    /// A fresh one on the servers of this run.
    pub fn fresh() -> Platform {
        Platform::on(backend::fresh_database())
    }

    /// On a database that the test has under its own control.
    pub fn on(database: String) -> Platform {
        Platform { database, s3: backend::fresh_s3(), store: "", blobs: "" }
    }

    fn tables(&self) -> String {
        let tables = backend::tables(&self.database, &self.s3);
        let (store, blobs) = tables.split_once("\n[blobs]\n").unwrap();
        format!("{store}{}\n[blobs]\n{blobs}{}", self.store, self.blobs)
    }

    /// The first node, running, with an account.
    pub fn first(&self) -> (SternaServer, User) {
        let node = SternaServer::with(&SternaConfig { extra: self.tables(), ..SternaConfig::default() });
        node.cli(&["domain", "add", "example.org"], "").success();
        let user = node.user("anne@example.org", "secret word");
        (node, user)
    }

    /// A further node with its configuration and the key of the first, not yet running.
    pub fn prepared_beside(&self, first: &SternaServer) -> SternaServer {
        let node = SternaServer::prepared(&SternaConfig { extra: self.tables(), ..SternaConfig::default() });
        let data = node.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::copy(first.path().join("data/secret.key"), data.join("secret.key")).unwrap();
        node
    }

    /// A further node, running.
    pub fn beside(&self, first: &SternaServer) -> SternaServer {
        let mut node = self.prepared_beside(first);
        node.restart();
        node
    }
}

/// Two nodes of a fresh platform, and their account.
pub fn two_nodes() -> (SternaServer, SternaServer, User) {
    let platform = Platform::fresh();
    let (first, user) = platform.first();
    let second = platform.beside(&first);
    (first, second, user)
}

/// A message of about `size` octets that does not compress, told apart from all others by `id`.
pub fn message(id: &str, size: usize) -> Vec<u8> {
    let mut noise = blake3::Hasher::new().update(id.as_bytes()).finalize_xof();
    let mut bytes = vec![0; size];
    noise.fill(&mut bytes);
    // 64 printable characters: six bits of noise in each octet, which zstd can at best pack.
    let mut text = format!("From: anne@example.org\r\nSubject: {id}\r\n\r\n").into_bytes();
    for line in bytes.chunks(76) {
        text.extend(line.iter().map(|b| b'0' + (b & 63)));
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// The UID that an APPEND was answered with.
#[track_caller]
pub fn appended(wire: &mut ImapWire, message: &[u8]) -> u32 {
    let answer = wire.append(b"INBOX", "", None, message);
    assert!(answer.is_ok(), "{}", answer.tagged);
    uid_of(&answer.code("APPENDUID").unwrap())
}

/// `APPENDUID` has UIDVALIDITY and UID.
pub fn uid_of(code: &str) -> u32 {
    code.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The refusal of a server whose store is away: to be tried again, the session goes on.
pub fn is_temporary(tagged: &str) -> bool {
    tagged.starts_with("NO [UNAVAILABLE]")
}

/// Waits until something has come about.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many messages INBOX has.
#[track_caller]
pub fn count(wire: &mut ImapWire) -> u32 {
    let answer = wire.ok("STATUS INBOX (MESSAGES)");
    let text = answer.untagged.iter().map(|r| r.text()).find(|t| t.starts_with("* STATUS")).unwrap();
    text.rsplit_once("MESSAGES ").unwrap().1.trim_end_matches(')').parse().unwrap()
}
