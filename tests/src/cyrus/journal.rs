//! Cyrus writes its log to `/dev/log` and nowhere else. Here each server gets a `/dev` of its own, in a mount namespace of
//! its own, whose `log` is a socket that the test reads: the log of one server, without the machine's.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::peer;
use crate::process::run;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Mounts the private `/dev`, then becomes the server: `$1` is its directory, `$2` the socket, the rest the command.
const PRIVATE_DEV: &str = r#"set -e
dev=$1 log=$2; shift 2
mount -t tmpfs none "$dev"
for name in null zero full random urandom; do : >"$dev/$name"; mount --bind "/dev/$name" "$dev/$name"; done
ln -s /proc/self/fd "$dev/fd"
ln -s "$log" "$dev/log"
mount --rbind "$dev" /dev
exec "$@"
"#;

/// The reading end; dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Journal {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    socket: PathBuf,
    dev: PathBuf,
}

impl Journal {
    /// Collects what servers in `directory` write, in its file `log`. `None` where this machine lets us make no mount
    /// namespace: without root, or in a container without CAP_SYS_ADMIN.
    pub(super) fn start(directory: &Path) -> Option<Journal> {
        let mut probe = Command::new(peer::require("unshare", "util-linux"));
        if !run(probe.args(["--mount", "--propagation", "private", "true"]), b"", PATIENCE).status.success() {
            return None;
        }
        let (socket, dev) = (directory.join("log.socket"), directory.join("dev"));
        std::fs::create_dir(&dev).unwrap();
        let receiver = UnixDatagram::bind(&socket).expect("make a socket for the log");
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
        receiver.set_read_timeout(Some(PAUSE)).unwrap();
        let file = File::options().create(true).append(true).open(directory.join("log")).expect("open the log");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || collect(&receiver, file, &stopped));
        Some(Journal { stop, thread: Some(thread), socket, dev })
    }

    /// The command that runs a program with its arguments so that its log comes here.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(peer::require("unshare", "util-linux"));
        command.args(["--mount", "--propagation", "private", "sh", "-c", PRIVATE_DEV, "private-dev"]);
        command.arg(&self.dev).arg(&self.socket).arg(program);
        command
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn collect(receiver: &UnixDatagram, mut file: File, stop: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        match receiver.recv(&mut buffer) {
            Ok(length) => {
                // `<22>Nov 28 19:30:01 imap[17]: text`: the priority says nothing to a reader.
                let line = &buffer[..length];
                let text = line.iter().position(|b| *b == b'>').map_or(line, |at| &line[at + 1..]);
                let _ = file.write_all(&[text.trim_ascii_end(), b"\n"].concat());
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}
