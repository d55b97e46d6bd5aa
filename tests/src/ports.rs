//! Free TCP ports on loopback, handed out without races between the tests of one machine.
//!
//! Asking the kernel for port 0 and closing the socket leaves a gap in which another test gets the same number. Here a
//! port is claimed by a file lock that lives as long as the [`Port`] (and ends with the process, however it ends), and
//! the range lies below the ephemeral ports, so that no outgoing connection takes it either.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of 127.0.0.1 that nobody else on this machine gets while this value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Claims a free port.
    pub fn free() -> Port {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let directory = std::env::temp_dir().join("sterna-test-ports");
        std::fs::create_dir_all(&directory).expect("create the directory of port locks");
        // Processes start at different places, so that they rarely compete for one lock.
        let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
        for _ in 0..COUNT {
            let number = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
            let lock =
                OpenOptions::new().create(true).truncate(false).write(true).open(directory.join(number.to_string()));
            let Ok(lock) = lock else { continue };
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Port { number, _lock: lock };
            }
        }
        panic!("no free port between {FIRST} and {}", FIRST + COUNT);
    }

    /// The number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Waits until nobody listens on a port of 127.0.0.1: the children of a server that has ended may hold its sockets for a
/// moment longer.
///
/// # Panics
/// If somebody still listens after `timeout`.
#[track_caller]
pub(crate) fn wait_until_closed(port: u16, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
        assert!(Instant::now() < deadline, "somebody still listens on port {port} after {timeout:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_not_handed_out_again() {
        let ports: Vec<Port> = (0..50).map(|_| Port::free()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
    }
}
