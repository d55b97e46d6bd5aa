//! A real PostgreSQL on loopback with a directory, a port and databases of its own: one half of the shared store.
//!
//! Started by the tests of every crate that keeps mail in it and by `with-peers`. It must leave nothing behind: no
//! process (its backends lead sessions of their own), no shared memory, no directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::memory::tree;
use crate::peer;
use crate::ports::Port;
use crate::process::{Process, exists, run};

const START: Duration = Duration::from_secs(60);
const STATEMENT: Duration = Duration::from_secs(120);

/// What a test may choose about its PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Whether commits reach the disk. Without, a killed server still loses nothing: only a machine would.
    pub fsync: bool,
    /// Connections at once, superusers included.
    pub max_connections: u32,
    /// Further lines of `postgresql.conf`; they win over everything above.
    pub settings: String,
    /// Where the data lie, in a folder `data`: a small file system, perhaps. The directory exists, and is given to
    /// PostgreSQL's user. `None`: a temporary one.
    pub directory: Option<PathBuf>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions { fsync: false, max_connections: 100, settings: String::new(), directory: None }
    }
}

/// A PostgreSQL with its directory. Dropping it kills the server and removes what it wrote.
#[derive(Debug)]
pub struct PostgresServer {
    // Dropped in this order: the server dies before its files and port go.
    process: Option<Process>,
    programs: PathBuf,
    options: PostgresOptions,
    port: Port,
    temporary: TempDir,
}

impl PostgresServer {
    /// Starts a server that does not wait for the disk.
    #[track_caller]
    pub fn start() -> PostgresServer {
        PostgresServer::with(PostgresOptions::default())
    }

    /// The same with other choices.
    #[track_caller]
    pub fn with(options: PostgresOptions) -> PostgresServer {
        let temporary = tempfile::Builder::new().prefix("sterna-postgres-").tempdir().expect("make a directory");
        peer::open_to_all(temporary.path());
        let mut server = PostgresServer { process: None, programs: programs(), options, port: Port::free(), temporary };
        server.initialise();
        server.restart();
        server
    }

    fn initialise(&self) {
        for directory in [self.path(), self.directory()] {
            if rustix::process::geteuid().is_root() {
                run(Command::new("chown").arg("postgres:").arg(directory), b"", START).success();
            }
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(self.data()).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        // Texts sort as in a dictionary, as with most providers: code that needs the order of bytes must ask for it.
        initdb.args(["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]);
        run(&mut initdb, b"", START).success();
        let fsync = if self.options.fsync { "on" } else { "off" };
        let settings = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = {}\n\
             fsync = {fsync}\nfull_page_writes = {fsync}\nwal_level = minimal\nmax_wal_senders = 0\n\
             dynamic_shared_memory_type = mmap\ntimezone = 'UTC'\n{}\n",
            self.port(),
            self.path().display(),
            self.options.max_connections,
            self.options.settings
        );
        let file = self.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&file).expect("read postgresql.conf");
        std::fs::write(file, text + &settings).expect("write postgresql.conf");
    }

    /// Stops the server if it runs and starts it on the same data and port; returns when it answers, after recovery.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        let mut process = Process::spawn(&mut command, &self.path().join("log"));
        let deadline = Instant::now() + START;
        while !self.is_ready(process.pid()) {
            assert!(process.poll().is_none(), "PostgreSQL does not start: {}", process.log_tail());
            assert!(Instant::now() < deadline, "PostgreSQL is not ready after {START:?}: {}", process.log_tail());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
    }

    /// The file speaks of this process (a killed one leaves its file behind) and says that it serves.
    fn is_ready(&self, pid: u32) -> bool {
        let lines = self.lock_file();
        lines.first().is_some_and(|own| *own == pid.to_string()) && lines.get(7).is_some_and(|s| s == "ready")
    }

    /// The lines of `postmaster.pid`: process, directory, start, port, socket, address, shared memory, state.
    fn lock_file(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// Stops the server in its fast way: open transactions are rolled back, everything is written; data and port stay.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.interrupt();
            assert!(process.wait(START).is_some(), "PostgreSQL does not stop: {}", process.log_tail());
        }
    }

    /// `kill -9` of the whole server, its backends included; returns when all are gone.
    /// [`PostgresServer::restart`] starts it again.
    pub fn kill_9(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // A frozen server starts no further backend, and mourns none.
        process.freeze(true);
        let all = tree(process.pid());
        for pid in all.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        process.kill_9();
        let deadline = Instant::now() + START;
        while all.iter().any(|pid| exists(*pid)) {
            assert!(Instant::now() < deadline, "a backend survives kill -9: {all:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `SIGSTOP` (`true`) or `SIGCONT` (`false`) to the server and its backends: everything hangs, nothing is closed.
    #[track_caller]
    pub fn freeze(&mut self, frozen: bool) {
        let process = self.process.as_mut().expect("a running server");
        process.freeze(frozen);
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        for pid in tree(process.pid()).iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of a database, as the superuser; no password is asked for.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The URL of a fresh, empty database with a name of its own.
    #[track_caller]
    pub fn create_database(&self) -> String {
        create_database(&self.url("postgres"))
    }

    /// Runs SQL in the database `postgres`: rows as lines, columns separated by `|`.
    ///
    /// # Panics
    /// If a statement fails; the message holds the server's.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.url("postgres"), sql)
    }

    /// The processes of the server now, the postmaster first.
    pub fn processes(&self) -> Vec<u32> {
        self.process.as_ref().map(|process| tree(process.pid())).unwrap_or_default()
    }

    /// The process of the postmaster.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a running server")
    }

    /// The directory with log and socket, and with the data if nobody chose another place for them.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// What the server wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path().join("log")).unwrap_or_default()).into_owned()
    }

    fn directory(&self) -> &Path {
        self.options.directory.as_deref().unwrap_or(self.path())
    }

    fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    /// A program of the server, as a user that is not root. If this process dies, the server stops at once and takes its
    /// backends and its shared memory along. (A change of user forgets such a promise, so it is made after the change.)
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(peer::require("setpriv", "util-linux"));
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command.args(["--pdeathsig", "QUIT", "--"]).arg(self.programs.join(program)).current_dir(self.path());
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.quit();
            if process.wait(Duration::from_secs(5)).is_some() {
                self.process = None;
            }
        }
        self.kill_9();
        // Only a killed server leaves this file, and with it a System V segment that outlives all processes.
        if let Some((_, segment)) = self.lock_file().get(6).and_then(|line| line.rsplit_once(' ')) {
            let _ = run(Command::new("ipcrm").args(["-m", segment]), b"", START);
        }
        let _ = std::fs::remove_dir_all(self.data());
    }
}

/// The URL of a fresh, empty database of the server that a URL leads to. The name tells whose it is: see
/// [`crate::backend`].
#[track_caller]
pub(crate) fn create_database(url: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("sterna_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // Copying files is three times as fast as the write-ahead log here; without fsync its checkpoints cost little.
    psql(url, &format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"));
    let (server, _) = url.rsplit_once('/').expect("a URL ends with a database");
    format!("{server}/{name}")
}

/// Runs SQL in the database of a URL: rows as lines, columns separated by `|`.
///
/// # Panics
/// If a statement fails; the message holds the server's.
#[track_caller]
pub fn psql(url: &str, sql: &str) -> String {
    // Not the `psql` in the path: Debian's is a Perl script that looks for clusters first.
    let mut psql = Command::new(programs().join("psql"));
    psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]).env("PGCONNECT_TIMEOUT", "10");
    run(&mut psql, sql.as_bytes(), STATEMENT).success().stdout
}

/// The directory with the programs of the newest PostgreSQL.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter(|version| peer::is_executable(&version.path().join("bin/postgres")))
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max();
    match newest {
        Some(version @ 15..) => PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")),
        _ => panic!(
            "the peer PostgreSQL (15 or later) is not installed: run `scripts/peers` as root, \
             or `apt-get install --no-install-recommends postgresql`"
        ),
    }
}
