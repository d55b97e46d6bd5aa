//! A real Sterna on loopback: the binary of this workspace, a directory of its own, and its command line.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::backend;
use crate::dovecot::User;
use crate::memory::{Memory, tree_memory};
use crate::ports::Port;
use crate::process::{Outcome, Process, run};
use crate::wire::ImapWire;

const START: Duration = Duration::from_secs(30);
const COMMAND: Duration = Duration::from_secs(900);
const BUILD: Duration = Duration::from_secs(1_800);

/// What a test may choose about its Sterna.
#[derive(Clone, Debug, Default)]
pub struct SternaConfig {
    /// Listens for implicit TLS too.
    pub imaps: bool,
    /// Other listeners, by their keys in `[listen]`: `smtp`, `submission`, `lmtp`, `pop3`, `sieve`, `http`, …
    pub listen: &'static [&'static str],
    /// Further lines at the end of `sterna.toml` (whole tables). Without a table `[store]` the server keeps its mail
    /// where this run's fixtures do: see [`crate::backend`].
    pub extra: String,
}

/// A Sterna with its directory. Dropping it kills the server and removes the directory.
#[derive(Debug)]
pub struct SternaServer {
    process: Option<Process>,
    imap: Port,
    imaps: Port,
    others: Vec<(&'static str, Port)>,
    directory: TempDir,
}

impl SternaServer {
    /// Writes a configuration with IMAP on a free port of 127.0.0.1 and starts the server.
    #[track_caller]
    pub fn start() -> SternaServer {
        SternaServer::with(&SternaConfig::default())
    }

    /// The same with other choices.
    #[track_caller]
    pub fn with(config: &SternaConfig) -> SternaServer {
        let mut server = SternaServer::prepared(config);
        server.restart();
        server
    }

    /// A configuration without a running server: commands must work then too.
    pub fn prepared(config: &SternaConfig) -> SternaServer {
        let directory = tempfile::Builder::new().prefix("sterna-test-").tempdir().expect("make a directory");
        let (imap, imaps) = (Port::free(), Port::free());
        let others: Vec<_> = config.listen.iter().map(|name| (*name, Port::free())).collect();
        let mut text = configuration(config, directory.path(), imap.number(), imaps.number(), &others);
        if backend::shared() && !config.extra.contains("[store]") {
            text.push_str(&backend::sterna_toml_tables());
        }
        std::fs::write(directory.path().join("sterna.toml"), text).unwrap();
        SternaServer { process: None, imap, imaps, others, directory }
    }

    /// Stops the server if it runs (with `SIGTERM`) and starts it on the same data and ports.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(sterna_binary());
        command.arg("serve").arg("-c").arg(self.configuration());
        let mut process = Process::spawn(&mut command, &self.path().join("serve.log"));
        process.wait_for_port(self.imap.number(), START);
        self.process = Some(process);
    }

    /// Stops the server in an orderly way; its data stay.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(START);
        }
    }

    /// `kill -9`; [`SternaServer::restart`] starts it again.
    pub fn kill_9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_9();
        }
    }

    /// The port of plain IMAP on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.imap.number()
    }

    /// The port of IMAP over implicit TLS.
    pub fn tls_port(&self) -> u16 {
        self.imaps.number()
    }

    /// The port of another listener on 127.0.0.1, by its key in `[listen]`.
    ///
    /// # Panics
    /// If the test did not ask for it.
    #[track_caller]
    pub fn port_of(&self, name: &str) -> u16 {
        let (_, port) = self.others.iter().find(|(known, _)| *known == name).expect("a listener that was asked for");
        port.number()
    }

    /// The directory with configuration, log and data.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `sterna.toml`.
    pub fn configuration(&self) -> PathBuf {
        self.path().join("sterna.toml")
    }

    /// What the server wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path().join("serve.log")).unwrap_or_default()).into_owned()
    }

    /// The memory of the server.
    pub fn memory(&self) -> Memory {
        tree_memory(self.process.as_ref().expect("a running server").pid())
    }

    /// The process of the server, to freeze or interrupt it.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a running server")
    }

    /// Runs a command of the `sterna` command line to its end with `input` on its standard input.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str], input: &str) -> Outcome {
        run(&mut self.command(arguments), input.as_bytes(), COMMAND)
    }

    /// Runs a command that must succeed, with `--json`; gives what it printed.
    #[track_caller]
    pub fn json(&self, arguments: &[&str], input: &str) -> serde_json::Value {
        let outcome = self.cli(&[arguments, &["--json"]].concat(), input).success();
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e} in {:?}", outcome.stdout))
    }

    /// Starts a command that the test wants to kill or interrupt; its output goes to `command.log`. Its password, if it
    /// needs one, comes from a file: a spawned command has no standard input.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(&mut self.command(arguments), &self.path().join("command.log"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(sterna_binary());
        command.args(arguments).env("STERNA_CONFIG", self.configuration());
        command
    }

    /// `sterna account add`.
    #[track_caller]
    pub fn user(&self, address: &str, password: &str) -> User {
        self.cli(&["account", "add", address, "--password-stdin"], &format!("{password}\n")).success();
        User { login: address.to_owned(), password: password.to_owned() }
    }

    /// A session that is logged in.
    #[track_caller]
    pub fn login(&self, user: &User) -> ImapWire {
        ImapWire::login(self.port(), &user.login, &user.password)
    }

    /// `sterna move start … --wait` of a mailbox on a plain IMAP port of 127.0.0.1.
    #[track_caller]
    pub fn move_from(&self, address: &str, source_port: u16, source: &User) -> Outcome {
        let from = format!("imap://127.0.0.1:{source_port}?tls=none");
        let arguments =
            ["move", "start", address, "--from", &from, "--user", &source.login, "--password-stdin", "--wait"];
        self.cli(&arguments, &format!("{}\n", source.password))
    }

    /// `sterna check`: every invariant of every account holds. Nor has the server panicked: a task that is started anew hides it.
    #[track_caller]
    pub fn check(&self) {
        assert!(!self.has_panicked(), "{}", self.log());
        self.cli(&["check"], "").success();
    }

    /// Whether some task of the server has panicked.
    pub fn has_panicked(&self) -> bool {
        self.log().contains("panicked at")
    }
}

fn configuration(
    config: &SternaConfig,
    directory: &Path,
    imap: u16,
    imaps: u16,
    others: &[(&'static str, Port)],
) -> String {
    let imaps = if config.imaps { format!("imaps = \"127.0.0.1:{imaps}\"\n") } else { String::new() };
    let others: String =
        others.iter().map(|(name, port)| format!("{name} = \"127.0.0.1:{}\"\n", port.number())).collect();
    format!(
        "data = \"{}/data\"\nhostname = \"localhost\"\n\n[listen]\nimap = \"127.0.0.1:{imap}\"\n{imaps}{others}\n\
         [auth]\nplaintext = \"loopback\"\n{}",
        directory.display(),
        config.extra
    )
}

/// The `sterna` binary of the profile that this test was built with: `STERNA_BINARY` or `CARGO_BIN_EXE_sterna` if they
/// are set, else the one in the target directory, built first if it is missing or older than a source.
///
/// # Panics
/// If it cannot be built.
pub fn sterna_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let given = ["STERNA_BINARY", "CARGO_BIN_EXE_sterna"].iter().find_map(std::env::var_os);
        given.map_or_else(current_binary, PathBuf::from)
    })
}

fn current_binary() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    // target/PROFILE/deps/test-hash, or target/PROFILE/program.
    let mut profile = own.parent().expect("a directory");
    if profile.ends_with("deps") {
        profile = profile.parent().expect("a directory");
    }
    let target = profile.parent().expect("a target directory");
    let binary = profile.join("sterna");
    // Tests are many processes; the first builds, the others wait and find it fresh.
    let lock = File::create(target.join("sterna-tests.lock")).expect("make a lock in the target directory");
    lock.lock().expect("lock the build");
    if is_stale(&binary) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["build", "--quiet", "--ignore-rust-version", "-p", "sterna"])
            .current_dir(workspace())
            .env("CARGO_TARGET_DIR", target);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        run(&mut cargo, b"", BUILD).success();
    }
    binary
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn is_stale(binary: &Path) -> bool {
    let Ok(built) = binary.metadata().and_then(|m| m.modified()) else { return true };
    let mut pending = vec![workspace().join("crates"), workspace().join("Cargo.toml"), workspace().join("Cargo.lock")];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|e| e.path()));
        } else if path.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH) > built {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_follows_the_contract() {
        let extra = "[store]\nengine = \"sqlite\"\n".to_owned();
        let config = SternaConfig { imaps: true, extra, ..SternaConfig::default() };
        let text = configuration(&config, Path::new("/d"), 1, 2, &[]);
        assert!(text.starts_with("data = \"/d/data\"\n"));
        assert!(text.contains("[listen]\nimap = \"127.0.0.1:1\"\nimaps = \"127.0.0.1:2\"\n"));
        assert!(text.ends_with("plaintext = \"loopback\"\n[store]\nengine = \"sqlite\"\n"));
    }

    #[test]
    fn a_binary_that_is_missing_is_stale() {
        assert!(is_stale(Path::new("/nonexistent/sterna")));
    }
}
