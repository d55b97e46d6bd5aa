//! Child processes that never outlive the test: killed with their whole process group when the value is dropped, and by
//! the kernel if the test itself is killed. Their output goes to a file that a failing test shows the end of.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::peer;

/// How long those that a child leaves behind may take to die.
const GONE: Duration = Duration::from_secs(10);

/// A running child with its output in a log file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

/// How a program that was run to its end came out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard output, with bytes that are not UTF-8 replaced.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// From start to end.
    pub elapsed: Duration,
}

impl Outcome {
    /// Gives the outcome back if the program succeeded.
    ///
    /// # Panics
    /// Otherwise, with everything that it wrote.
    #[track_caller]
    pub fn success(self) -> Outcome {
        assert!(self.status.success(), "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr);
        self
    }
}

/// Runs a program to its end with `input` on its standard input; kills it after `timeout`.
///
/// # Panics
/// If it cannot be started or does not end in time.
#[track_caller]
pub fn run(command: &mut Command, input: &[u8], timeout: Duration) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let directory = tempfile::tempdir().expect("make a directory for output");
    let (out, err) = (directory.path().join("stdout"), directory.path().join("stderr"));
    let started = Instant::now();
    let mut command = guarded(command);
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
    let mut stdin = child.stdin.take().expect("the child's standard input");
    let mut process = Process { child, name, log: out.clone(), ended: None };
    // A program that does not read its input closes the pipe: that is its right.
    let _ = stdin.write_all(input);
    drop(stdin);
    let status = process
        .wait(timeout)
        .unwrap_or_else(|| panic!("{} did not end within {timeout:?}: {}", process.name, process.log_tail()));
    let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    Outcome { status, stdout: text(&out), stderr: text(&err), elapsed: started.elapsed() }
}

impl Process {
    /// Starts the command with its output appended to the file `log`.
    ///
    /// The child belongs to the thread that calls: it is killed when that thread ends, so that not even a killed test
    /// leaves servers behind.
    pub fn spawn(command: &mut Command, log: &Path) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = File::options().create(true).append(true).open(log).expect("open the log of a child");
        let mut command = guarded(command);
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        Process { child, name, log: log.to_owned(), ended: None }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until somebody listens on the port of 127.0.0.1.
    ///
    /// # Panics
    /// If the child ends first or nobody listens within `timeout`; the message ends with the child's last words.
    #[track_caller]
    pub fn wait_for_port(&mut self, port: u16, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.poll() {
                panic!("{} ended with {status} before it listened on port {port}: {}", self.name, self.log_tail());
            }
            assert!(
                Instant::now() < deadline,
                "{} does not listen on port {port} after {timeout:?}: {}",
                self.name,
                self.log_tail()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The exit status if the child has ended.
    pub fn poll(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("ask for the state of a child");
        }
        self.ended
    }

    /// Waits for the end of the child, at most `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        let mut pause = Duration::from_micros(200);
        while self.poll().is_none() && Instant::now() < deadline {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
        self.ended
    }

    /// `kill -9` of the child and its process group; returns when they are gone.
    pub fn kill_9(&mut self) {
        self.signal_group(Signal::KILL);
        self.wait(GONE);
        self.wait_for_group(GONE);
    }

    /// `SIGTERM`, then waits for the end: of the child, and of those that it leaves behind on its way out, for they have
    /// its ports.
    ///
    /// # Panics
    /// If the child has not ended after `timeout`.
    #[track_caller]
    pub fn terminate(&mut self, timeout: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        let status = self
            .wait(timeout)
            .unwrap_or_else(|| panic!("{} ignores SIGTERM after {timeout:?}: {}", self.name, self.log_tail()));
        self.wait_for_group(GONE);
        status
    }

    /// `SIGINT` (Ctrl-C) to the child alone.
    pub fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// `SIGQUIT` to the child alone.
    pub fn quit(&mut self) {
        self.signal(Signal::QUIT);
    }

    /// `SIGHUP` to the child alone.
    pub fn hang_up(&mut self) {
        self.signal(Signal::HUP);
    }

    /// `SIGSTOP` (`true`) or `SIGCONT` (`false`) to the process group: a peer that hangs without closing anything.
    pub fn freeze(&mut self, frozen: bool) {
        self.signal_group(if frozen { Signal::STOP } else { Signal::CONT });
    }

    /// The last 4,000 bytes of its output.
    pub fn log_tail(&self) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut file) = File::open(&self.log) {
            let _ = file.read_to_end(&mut bytes);
        }
        let start = bytes.len().saturating_sub(4_000);
        format!("--- end of {}\n{}", self.log.display(), String::from_utf8_lossy(&bytes[start..]))
    }

    fn signal(&mut self, signal: Signal) {
        // A child that was waited for has no process id any more; the number may belong to somebody else.
        if self.poll().is_none() {
            let _ = rustix::process::kill_process(Pid::from_child(&self.child), signal);
        }
    }

    fn signal_group(&mut self, signal: Signal) {
        if self.poll().is_none() {
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), signal);
        }
    }

    /// Waits until nobody of the child's process group lives, at most `timeout`.
    fn wait_for_group(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while group_lives(self.pid()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_9();
    }
}

/// The same command in a process group of its own, with the kernel's promise to kill it when its parent ends.
fn guarded(command: &Command) -> Command {
    use std::os::unix::process::CommandExt;
    let mut guarded = Command::new(peer::require("setpriv", "util-linux"));
    guarded.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guarded.env(name, value),
            None => guarded.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        guarded.current_dir(directory);
    }
    guarded.process_group(0);
    guarded
}

/// Whether a process lives. A zombie that nobody has collected yet is gone for our purposes.
pub(crate) fn exists(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}

/// Whether somebody in a process group lives; zombies do not.
fn group_lives(group: u32) -> bool {
    let Some(group) = Pid::from_raw(group as i32) else { return false };
    // Nobody at all, as a rule; what follows reads all of /proc.
    if rustix::process::test_kill_process_group(group).is_err() {
        return false;
    }
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).any(|stat| {
        // "pid (name) state parent group …": the name may have anything in it.
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let (state, of) = (fields.next(), fields.nth(1));
        state != Some("Z") && of.and_then(|of| of.parse().ok()) == Some(group.as_raw_nonzero().get())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_takes_its_children_along() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let process = Process::spawn(Command::new("sh").args(["-c", "sleep 60 & echo $!; wait"]), &log);
        let deadline = Instant::now() + Duration::from_secs(10);
        let child: u32 = loop {
            if let Ok(pid) = std::fs::read_to_string(&log).unwrap().trim().parse() {
                break pid;
            }
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(exists(child));
        drop(process);
        assert!(!exists(child), "the grandchild lives on");
    }

    #[test]
    fn the_end_of_a_child_is_waited_for_with_those_that_it_leaves_behind() {
        let directory = tempfile::tempdir().unwrap();
        let script =
            "(trap '' TERM; sleep 0.3; echo last) & trap 'exit 0' TERM; echo first; while :; do sleep 0.01; done";
        let mut process = Process::spawn(Command::new("sh").args(["-c", script]), &directory.path().join("log"));
        let deadline = Instant::now() + Duration::from_secs(10);
        let log = |process: &Process| std::fs::read_to_string(process.log()).unwrap();
        while log(&process).is_empty() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
        process.terminate(Duration::from_secs(10));
        assert_eq!(log(&process), "first\nlast\n");
    }

    #[test]
    fn run_hands_over_input_and_both_outputs() {
        let outcome =
            run(Command::new("sh").args(["-c", "cat; echo bad >&2; exit 3"]), b"hello", Duration::from_secs(10));
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("hello", "bad\n"));
        assert_eq!(outcome.status.code(), Some(3));
    }

    #[test]
    #[should_panic(expected = "did not end within")]
    fn run_bounds_the_time() {
        run(Command::new("sleep").arg("60"), b"", Duration::from_millis(50));
    }
}
