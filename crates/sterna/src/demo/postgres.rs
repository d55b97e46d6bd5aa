//! A PostgreSQL for the tour, if this machine has one installed: a cluster of its own in a temporary directory.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::Failure;

const START: Duration = Duration::from_secs(30);

pub struct Postgres {
    port: u16,
    server: Child,
}

/// The newest PostgreSQL of Debian's or Ubuntu's packages.
pub fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let number = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<u32>().ok());
    let newest = versions.map(|v| v.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number)?;
    Some(newest.join("bin"))
}

impl Postgres {
    /// Makes a cluster in `directory` and starts it.
    pub fn start(programs: &Path, directory: &Path) -> Result<Postgres, Failure> {
        std::fs::create_dir_all(directory)?;
        let data = directory.join("data");
        if rustix::process::geteuid().is_root() {
            // PostgreSQL refuses to run as root.
            for above in directory.ancestors().take_while(|a| *a != Path::new("/tmp") && *a != Path::new("/")) {
                std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o755))?;
            }
            finished(Command::new("chown").arg("postgres:").arg(directory))?;
        }
        let flags = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"];
        finished(as_its_user(&programs.join("initdb")).arg("-D").arg(&data).args(flags))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = as_its_user(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("../postgres.log"))?)
            .spawn()?;
        let mut postgres = Postgres { port, server };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = postgres.server.try_wait()? {
                return Err(format!("PostgreSQL ended at once ({status})").into());
            }
            if begun.elapsed() > START {
                return Err("PostgreSQL did not answer in time".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(postgres)
    }

    /// The tables of `sterna.toml` that lead to it.
    pub fn tables(&self) -> String {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        format!("\n[store]\nengine = \"postgres\"\nurl = \"{url}\"\n")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT: sessions are ended, the cluster is closed.
        if let Some(pid) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::INT);
        }
        let _ = self.server.wait();
    }
}

fn as_its_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn finished(command: &mut Command) -> Result<(), Failure> {
    let output = command.current_dir("/").stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} failed: {said}", command.get_program().to_string_lossy()).into())
}
