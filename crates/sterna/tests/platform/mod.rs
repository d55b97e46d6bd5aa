//! A platform for the tests of the binary: a configuration of its own, commands, a server.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A directory with a configuration, and perhaps a server.
pub struct Platform {
    pub directory: TempDir,
    server: Option<Child>,
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Platform {
    /// `sterna init`, with a free port instead of 1143.
    pub fn init() -> Platform {
        let platform = Platform { directory: tempfile::tempdir().unwrap(), server: None };
        let file = platform.file();
        let init = Command::new(env!("CARGO_BIN_EXE_sterna")).arg("init").arg(file.parent().unwrap()).output().unwrap();
        assert!(init.status.success(), "{init:?}");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("127.0.0.1:1143", "127.0.0.1:0")).unwrap();
        platform
    }

    pub fn file(&self) -> PathBuf {
        self.directory.path().join("new/sterna.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("new/data")
    }

    pub fn run(&self, line: &str, input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sterna"))
            .args(line.split_whitespace())
            .env("STERNA_CONFIG", self.file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that needs no input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    pub fn ok(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub fn fails(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input);
        assert_eq!(output.status.code(), Some(1), "{line}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts the server; the port that it chose.
    pub fn serve(&mut self) -> u16 {
        let ready = self.serve_until("ready: imap on 127.0.0.1:");
        ready.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Starts the server and reads its log up to the line with these words.
    pub fn serve_until(&mut self, words: &str) -> String {
        let mut server = Command::new(env!("CARGO_BIN_EXE_sterna"))
            .arg("serve")
            .arg("-c")
            .arg(self.file())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        self.server = Some(server);
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(words)));
        std::thread::spawn(move || lines.for_each(drop));
        line.unwrap_or_else(|| panic!("the server says nothing of \"{words}\""))
    }

    /// SIGTERM; the server must end well and soon.
    pub fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        let pid = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the server ignores SIGTERM");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(server.wait().unwrap().success());
    }
}
