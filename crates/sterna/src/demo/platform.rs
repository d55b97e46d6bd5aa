//! One platform of the tour: a directory, a configuration, a `sterna serve` in a child process.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Failure;

const START: Duration = Duration::from_secs(20);

pub struct Platform {
    pub port: u16,
    pub configuration: PathBuf,
    server: Child,
}

impl Platform {
    /// Makes the directory and starts the server; returns when its port answers.
    pub fn start(directory: &Path) -> Result<Platform, Failure> {
        std::fs::create_dir_all(directory)?;
        // The port is free now; should somebody take it in between, the server says so.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = directory.join("sterna.toml");
        std::fs::write(
            &configuration,
            format!(
                "data = {:?}\nhostname = \"localhost\"\n\n[listen]\nimap = \"127.0.0.1:{port}\"\n\n[auth]\nplaintext = \"loopback\"\n",
                directory.join("data")
            ),
        )?;
        let log = std::fs::File::create(directory.join("serve.log"))?;
        let server =
            sterna(&configuration)?.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut platform = Platform { port, configuration, server };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = platform.server.try_wait()? {
                let log = std::fs::read_to_string(directory.join("serve.log"))?;
                return Err(format!("the server ended at once ({status}):\n{log}").into());
            }
            if begun.elapsed() > START {
                return Err(format!("the server did not answer on port {port} within {} s", START.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(platform)
    }

    /// Runs a command quietly.
    pub fn cli(&self, arguments: &[&str], input: &str) -> Result<(), Failure> {
        self.run(arguments, input, Stdio::null())
    }

    /// Runs a command whose output is for the person who watches.
    pub fn watch(&self, arguments: &[&str], input: &str) -> Result<(), Failure> {
        self.run(arguments, input, Stdio::inherit())
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
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn sterna(configuration: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env("STERNA_CONFIG", configuration);
    Ok(command)
}
