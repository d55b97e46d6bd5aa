//! The threads of a relay: one that accepts, two for each connection. Bounded: what comes beyond [`MOST`] connections at
//! once is closed, with a sentence on standard error.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::fault::Faults;
use super::http;

const MOST: usize = 1_024;
const NEVER: u64 = u64::MAX;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

/// What all threads of a relay share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub target: AtomicU16,
    pub from_server: AtomicU64,
    pub from_client: AtomicU64,
    pub connections: AtomicU64,
    pub requests: AtomicU64,
    pub faults: Faults,
    http: bool,
    closing: AtomicBool,
    links: Mutex<Vec<Weak<Link>>>,
}

/// One connection through the relay.
#[derive(Debug)]
pub(super) struct Link {
    pub client: TcpStream,
    pub server: TcpStream,
    /// Bytes of the present turn, in the directions of a request and of an answer: since the other side spoke last, or
    /// with HTTP, where an answer may come before the request has ended, since the request began.
    turn: [AtomicU64; 2],
    stalled: AtomicU64,
    cut: AtomicBool,
    /// Nobody reads what the server says.
    deserted: AtomicBool,
}

impl Link {
    /// Both sides see the end of the connection.
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        self.desert();
    }

    /// The server sees the end of the connection. The link is there until the server has closed it as well.
    pub(super) fn desert(&self) {
        self.deserted.store(true, Ordering::SeqCst);
        let _ = self.server.shutdown(Shutdown::Write);
    }

    /// A request begins.
    pub(super) fn next_turn(&self) {
        for bytes in &self.turn {
            bytes.store(0, Ordering::SeqCst);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// The generation of the stall that held this connection last.
    pub(super) fn stalled(&self) -> u64 {
        self.stalled.load(Ordering::SeqCst)
    }

    pub(super) fn set_stalled(&self, generation: u64) {
        self.stalled.store(generation, Ordering::SeqCst);
    }
}

impl Shared {
    pub(super) fn new(target: u16, http: bool) -> Shared {
        Shared { target: AtomicU16::new(target), http, ..Shared::default() }
    }

    pub(super) fn is_http(&self) -> bool {
        self.http
    }

    /// Accepts until [`Shared::close`].
    pub(super) fn accept(self: &Arc<Shared>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            if !self.faults.refuses() {
                self.connections.fetch_add(1, Ordering::SeqCst);
                self.open(client);
            }
        }
    }

    fn open(self: &Arc<Shared>, client: TcpStream) {
        let target = self.target.load(Ordering::SeqCst);
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        let link = Arc::new(Link {
            client,
            server,
            turn: Default::default(),
            stalled: AtomicU64::new(NEVER),
            cut: AtomicBool::new(false),
            deserted: AtomicBool::new(false),
        });
        let mut links = self.links.lock().expect("no thread of a relay panics");
        links.retain(|link| link.strong_count() > 0);
        if links.len() >= MOST {
            eprintln!("a relay of the tests closes a connection: {MOST} are open");
            return;
        }
        links.push(Arc::downgrade(&link));
        drop(links);
        for direction in [Direction::Request, Direction::Answer] {
            let (shared, link) = (self.clone(), link.clone());
            std::thread::spawn(move || match direction {
                Direction::Request if shared.http => http::pump(&shared, &link),
                _ => pump(&shared, &link, direction),
            });
        }
    }

    /// Lets one piece pass, unless a fault says otherwise; `false` if the connection is over.
    pub(super) fn forward(&self, link: &Link, direction: Direction, piece: &[u8]) -> bool {
        self.faults.hold(link);
        if link.is_cut() {
            return false;
        }
        let [request, answer] = &link.turn;
        let (own, other, total, mut to) = match direction {
            Direction::Request => (request, answer, &self.from_client, &link.server),
            Direction::Answer => (answer, request, &self.from_server, &link.client),
        };
        if !self.http {
            other.store(0, Ordering::SeqCst);
        }
        let before = own.fetch_add(piece.len() as u64, Ordering::SeqCst);
        if before == 0 && direction == Direction::Answer {
            std::thread::sleep(self.faults.latency());
        }
        let cut = self.faults.cut(direction, before, piece.len() as u64);
        let piece = cut.and_then(|n| piece.get(..usize::try_from(n).ok()?)).unwrap_or(piece);
        // Counted first: who has received a byte finds it counted.
        total.fetch_add(piece.len() as u64, Ordering::SeqCst);
        let written = to.write_all(piece).is_ok();
        if cut.is_some() {
            link.cut();
        }
        written && cut.is_none()
    }

    /// Cuts every open connection.
    pub(super) fn cut(&self) {
        for link in self.links.lock().expect("no thread of a relay panics").iter() {
            if let Some(link) = link.upgrade() {
                link.cut();
            }
        }
        self.faults.wake();
    }

    /// Connections whose client is gone and whose server has not noticed yet.
    pub(super) fn deserted(&self) -> usize {
        let links = self.links.lock().expect("no thread of a relay panics");
        links.iter().filter_map(Weak::upgrade).filter(|link| link.deserted.load(Ordering::SeqCst)).count()
    }

    /// Ends all threads; the accepting one sees it with the next connection.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.faults.clear();
        self.cut();
    }
}

fn pump(shared: &Shared, link: &Link, direction: Direction) {
    let mut from = match direction {
        Direction::Request => &link.client,
        Direction::Answer => &link.server,
    };
    let mut buffer = vec![0; 64 * 1024];
    let mut passes = true;
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        passes = passes && shared.forward(link, direction, &buffer[..n]);
        // What a server still says to nobody is read to its end, which tells that it has ended its work.
        if !passes && direction == Direction::Request {
            break;
        }
    }
    match direction {
        Direction::Request => link.desert(),
        Direction::Answer => drop(link.client.shutdown(Shutdown::Write)),
    }
}
