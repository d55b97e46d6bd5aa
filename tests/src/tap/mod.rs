//! A relay on loopback between a client and a server: it counts what passes, and fails as a test asks.
//!
//! Used to prove what crossed the wire, and to let a network or a peer fail in the middle of something. What it did
//! wrong is counted, so that a test can assert that the fault was really met.

mod fault;
mod http;
mod relay;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::ports::Port;

pub use fault::Fault;
use relay::Shared;

/// A running relay; dropping it cuts its connections and stops listening.
#[derive(Debug)]
pub struct Tap {
    port: Port,
    shared: Arc<Shared>,
}

impl Tap {
    /// Relays connections to a port of 127.0.0.1.
    pub fn start(target: u16) -> Tap {
        Tap::with(Shared::new(target, false))
    }

    /// The same for HTTP/1.1: requests are counted, and can be answered with a status.
    pub fn http(target: u16) -> Tap {
        Tap::with(Shared::new(target, true))
    }

    fn with(shared: Shared) -> Tap {
        let port = Port::free();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).expect("listen for a relay");
        let shared = Arc::new(shared);
        let accepting = shared.clone();
        std::thread::spawn(move || accepting.accept(&listener));
        Tap { port, shared }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Sends new connections to another port: a DNS change.
    pub fn point_at(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// Bytes that servers sent so far.
    pub fn from_server(&self) -> u64 {
        self.shared.from_server.load(Ordering::SeqCst)
    }

    /// Bytes that clients sent so far, without the requests that the relay answered itself.
    pub fn from_client(&self) -> u64 {
        self.shared.from_client.load(Ordering::SeqCst)
    }

    /// Connections accepted so far, without the refused ones.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// HTTP requests so far, with those that the relay answered itself.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Connections whose client is gone and which the server has not closed yet: it may still do what it was asked.
    pub fn deserted(&self) -> usize {
        self.shared.deserted()
    }

    /// Fails in this way until [`Tap::pass`] or the next fault.
    #[track_caller]
    pub fn fault(&self, fault: Fault) {
        self.fault_times(u64::MAX, fault);
    }

    /// Fails in this way with the next `times` connections ([`Fault::Refuse`], [`Fault::Stall`]), turns (cuts) or requests
    /// ([`Fault::Status`]); then everything passes, but a stalled connection stays stalled until [`Tap::pass`].
    #[track_caller]
    pub fn fault_times(&self, times: u64, fault: Fault) {
        assert!(
            self.shared.is_http() || !matches!(fault, Fault::Status(_)),
            "only a relay made by `Tap::http` answers with a status"
        );
        self.shared.faults.set(fault, times);
    }

    /// Everything passes again.
    pub fn pass(&self) {
        self.shared.faults.clear();
    }

    /// How often the fault that was set last was met so far, also when it is over: connections, turns or requests.
    pub fn met(&self) -> u64 {
        self.shared.faults.met()
    }

    /// Delays the first byte of every answer, beside any other fault.
    pub fn latency(&self, latency: Duration) {
        self.shared.faults.set_latency(latency);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.close();
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number()));
    }
}
