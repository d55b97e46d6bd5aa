//! A real S3 server on loopback with a directory, a bucket and credentials of its own: the other half of the shared store.
//!
//! It is `s3s-fs`, which keeps every object as a file, so that a test sees what is really stored. It does not wait for the
//! disk: what it acknowledged survives its death, not the machine's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::backend::{S3_ROOT, through};
use crate::peer;
use crate::ports::Port;
use crate::process::Process;

const START: Duration = Duration::from_secs(20);

/// The bucket of every server of the tests; shorter names than three characters are none.
pub(crate) const BUCKET: &str = "sterna-mail";
/// The credentials of every server of the tests.
const ACCESS_KEY: &str = "sterna-access-key";
const SECRET_KEY: &str = "sterna-secret-key";

/// A running S3 server with one empty bucket. Dropping it kills the server and removes its directory.
#[derive(Debug)]
pub struct S3Server {
    // Dropped in this order: the server dies before its files and port go.
    process: Option<Process>,
    port: Port,
    directory: TempDir,
}

impl S3Server {
    /// Starts a server on a free port.
    #[track_caller]
    pub fn start() -> S3Server {
        let directory = tempfile::Builder::new().prefix("sterna-s3-").tempdir().expect("make a directory");
        let mut server = S3Server { process: None, port: Port::free(), directory };
        std::fs::create_dir_all(server.root().join(BUCKET)).expect("make a bucket");
        server.restart();
        server
    }

    /// Kills the server if it runs and starts it on the same port and objects.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill_9();
        let mut command = Command::new(program());
        command.args(["--host", "127.0.0.1", "--port", &self.port().to_string()]);
        command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]).arg(self.root());
        command.env("RUST_LOG", "error");
        let mut process = Process::spawn(&mut command, &self.path().join("log"));
        process.wait_for_port(self.port(), START);
        self.process = Some(process);
    }

    /// `kill -9`; connections to it are refused until [`S3Server::restart`].
    pub fn kill_9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_9();
            let deadline = Instant::now() + START;
            while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).is_ok() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// The process, to freeze it.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a running server")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of the server, without the bucket.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The name of its bucket.
    pub fn bucket(&self) -> &str {
        BUCKET
    }

    /// The access key id of its only user.
    pub fn access_key(&self) -> &str {
        ACCESS_KEY
    }

    /// The secret access key of its only user.
    pub fn secret_key(&self) -> &str {
        SECRET_KEY
    }

    /// The part of its bucket below a prefix.
    pub fn place(&self, prefix: &str) -> S3Place {
        S3Place::new(&self.endpoint(), prefix, Some(&self.root()))
    }

    /// The objects of the bucket: key → octets.
    pub fn objects(&self) -> BTreeMap<String, u64> {
        objects(&self.root(), "")
    }

    /// How many parts of multipart uploads lie there that were neither completed nor aborted, of all prefixes.
    pub fn unfinished_parts(&self) -> usize {
        unfinished_parts(&self.root())
    }

    /// The directory with log and objects.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The directory with a folder per bucket.
    pub(crate) fn root(&self) -> PathBuf {
        self.path().join("objects")
    }
}

/// A place in object storage that nobody else uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The URL of the server, without the bucket.
    pub endpoint: String,
    /// The bucket, which others use too.
    pub bucket: String,
    /// What all keys of this place begin with; it ends with a slash. At most 24 octets: the server makes file names of
    /// keys, and those are bounded.
    pub prefix: String,
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
    root: Option<PathBuf>,
}

impl S3Place {
    pub(crate) fn new(endpoint: &str, prefix: &str, root: Option<&Path>) -> S3Place {
        S3Place {
            endpoint: endpoint.to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            root: root.map(Path::to_owned),
        }
    }

    /// The objects of this place: key without the prefix → octets.
    ///
    /// # Panics
    /// If the server is a foreign one, whose directory is unknown.
    #[track_caller]
    pub fn objects(&self) -> BTreeMap<String, u64> {
        objects(self.root(), &self.prefix)
    }

    /// The file that an object of this place is (key without the prefix), to damage it.
    ///
    /// # Panics
    /// As [`S3Place::objects`].
    #[track_caller]
    pub fn file(&self, key: &str) -> PathBuf {
        self.root().join(&self.bucket).join([&self.prefix, key].concat())
    }

    #[track_caller]
    fn root(&self) -> &Path {
        self.root.as_ref().unwrap_or_else(|| panic!("{S3_ROOT} does not name the server's directory"))
    }

    /// The same place by way of a relay on this port of 127.0.0.1.
    pub fn through(mut self, port: u16) -> S3Place {
        self.endpoint = through(&self.endpoint, port);
        self
    }
}

/// The objects of the bucket whose keys begin with `prefix`: the rest of the key → octets.
fn objects(root: &Path, prefix: &str) -> BTreeMap<String, u64> {
    let bucket = root.join(BUCKET);
    let mut found = BTreeMap::new();
    let mut pending = vec![bucket.clone()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            // An object that is deleted meanwhile is none.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                pending.push(path);
            } else if let Some(key) = path.strip_prefix(&bucket).ok().and_then(|key| key.to_str()?.strip_prefix(prefix))
            {
                found.insert(key.to_owned(), metadata.len());
            }
        }
    }
    found
}

/// The server keeps the parts of an upload beside the buckets until it is completed.
fn unfinished_parts(root: &Path) -> usize {
    let names = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".upload_id-")).count()
}

/// `s3s-fs` is in no distribution: `scripts/peers` builds it once for all checkouts of a user.
fn program() -> PathBuf {
    let built = peer::cache().join("bin/s3s-fs");
    if peer::is_executable(&built) {
        return built;
    }
    peer::find("s3s-fs").unwrap_or_else(|| panic!("the peer `s3s-fs` is not installed: run `scripts/peers`"))
}
