//! One platform of the tour: a directory, a configuration, a `sterna serve` in a child process.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Failure;

const START: Duration = Duration::from_secs(20);

pub struct Platform {
    /// IMAP.
    pub port: u16,
    /// Mail from other servers.
    pub smtp: u16,
    /// Mail from users.
    pub submission: u16,
    pub configuration: PathBuf,
    server: Option<Child>,
}

impl Platform {
    /// Makes the directory, with further tables in the configuration.
    pub fn prepare(directory: &Path, tables: &str) -> Result<Platform, Failure> {
        std::fs::create_dir_all(directory)?;
        let (port, smtp, submission) = (free_port()?, free_port()?, free_port()?);
        let configuration = directory.join("sterna.toml");
        std::fs::write(
            &configuration,
            format!(
                "data = {:?}\nhostname = \"localhost\"\n\n[listen]\nimap = \"127.0.0.1:{port}\"\n\
                 smtp = \"127.0.0.1:{smtp}\"\nsubmission = \"127.0.0.1:{submission}\"\n\n\
                 [auth]\nplaintext = \"loopback\"\n\n{tables}",
                directory.join("data")
            ),
        )?;
        Ok(Platform { port, smtp, submission, configuration, server: None })
    }

    /// Sends all mail for others to another platform, and asks this DNS. Before the server starts.
    pub fn relay_to(&self, other: &Platform, dns: SocketAddr) -> Result<(), Failure> {
        let mut file = std::fs::File::options().append(true).open(&self.configuration)?;
        writeln!(
            file,
            "\n[mail]\nrelay = \"smtp://127.0.0.1:{}?tls=none\"\n\n[dns]\nservers = [\"{dns}\"]",
            other.smtp
        )?;
        Ok(())
    }

    /// Starts the server; returns when its port answers.
    pub fn serve(&mut self) -> Result<(), Failure> {
        let log = self.configuration.with_file_name("serve.log");
        let stderr = std::fs::File::create(&log)?;
        let mut command = sterna(&self.configuration)?;
        let server = command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn()?;
        let server = self.server.insert(server);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = server.try_wait()? {
                let log = std::fs::read_to_string(log)?;
                return Err(format!("the server ended at once ({status}):\n{log}").into());
            }
            if begun.elapsed() > START {
                let port = self.port;
                return Err(format!("the server did not answer on port {port} within {} s", START.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops the server; commands do their work by themselves then.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Runs a command quietly.
    pub fn cli(&self, arguments: &[&str], input: &str) -> Result<(), Failure> {
        self.run(arguments, input, Stdio::null())
    }

    /// Runs a command whose output is for the person who watches.
    pub fn watch(&self, arguments: &[&str], input: &str) -> Result<(), Failure> {
        self.run(arguments, input, Stdio::inherit())
    }

    /// Runs a command; what it printed.
    pub fn ask(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = sterna(&self.configuration)?.args(arguments).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(format!("\"sterna {}\" failed ({})", arguments.join(" "), output.status).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn run(&self, arguments: &[&str], input: &str, output: Stdio) -> Result<(), Failure> {
        let mut child = sterna(&self.configuration)?.args(arguments).stdin(Stdio::piped()).stdout(output).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that needs no input may have ended before it was written.
            let _ = writeln!(stdin, "{input}");
        }
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("\"sterna {}\" failed ({status})", arguments.join(" ")).into());
        }
        Ok(())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that is free now; should somebody take it in between, the server says so.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn sterna(configuration: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env("STERNA_CONFIG", configuration);
    Ok(command)
}
