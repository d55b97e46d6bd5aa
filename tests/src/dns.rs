//! A name server on loopback that knows what a test tells it, and fails where the test wants it to.
//!
//! It answers as a recursive server would that the programs under test are pointed to: any name, over UDP and TCP. It
//! keeps no cache, so what is set holds for the next question. A name that was not set does not exist.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::ports::Port;

/// How long "there is none" may be kept, in seconds: short, so that a test can set a name after it was asked for.
const NEGATIVE_TTL: u32 = 1;
/// Aliases that are followed within one answer.
const ALIASES: usize = 8;

/// A running server; it stops when the value goes.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    _port: Port,
}

#[derive(Debug, Default)]
struct Zone {
    /// By name: labels in lower case, without the final dot.
    names: BTreeMap<String, Node>,
}

#[derive(Debug, Default)]
struct Node {
    records: Vec<(u32, RData)>,
    mood: Mood,
    questions: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Answer,
    Fail,
    Stall,
}

impl DnsServer {
    /// Starts it on a free port of 127.0.0.1.
    pub fn start() -> DnsServer {
        let port = Port::free();
        let address = SocketAddr::from(([127, 0, 0, 1], port.number()));
        let udp = UdpSocket::bind(address).expect("bind the UDP port of the name server");
        let tcp = TcpListener::bind(address).expect("bind the TCP port of the name server");
        let (zone, stop) = (Arc::<Mutex<Zone>>::default(), Arc::<AtomicBool>::default());
        let threads = vec![
            std::thread::spawn({
                let (zone, stop) = (zone.clone(), stop.clone());
                move || serve_udp(&udp, &zone, &stop)
            }),
            std::thread::spawn({
                let (zone, stop) = (zone.clone(), stop.clone());
                move || serve_tcp(&tcp, &zone, &stop)
            }),
        ];
        DnsServer { address, zone, stop, threads, _port: port }
    }

    /// Where it answers, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a record: `A`, `AAAA`, `MX` (`10 mx.example`, `0 .`), `TXT` (the text; a long one is cut into strings of
    /// 255 bytes), `PTR` or `CNAME`. For the reverse name of an address see [`DnsServer::set_reverse`].
    ///
    /// # Panics
    /// If the name, the type or the data is wrong.
    #[track_caller]
    pub fn set(&self, name: &str, kind: &str, ttl: u32, data: &str) {
        let data = parse(kind, data);
        let mut zone = self.zone();
        let records = &mut zone.node(name).records;
        if !records.iter().any(|(_, there)| *there == data) {
            records.push((ttl, data));
        }
    }

    /// Names an address.
    #[track_caller]
    pub fn set_reverse(&self, address: &str, ttl: u32, name: &str) {
        let address: std::net::IpAddr = address.parse().expect("an address");
        self.set(&Name::from(address).to_ascii(), "PTR", ttl, name);
    }

    /// Removes a name with all its records and failures.
    #[track_caller]
    pub fn remove(&self, name: &str) {
        self.zone().names.remove(&key(name));
    }

    /// Answers every question for the name with SERVFAIL.
    #[track_caller]
    pub fn fail(&self, name: &str) {
        self.zone().node(name).mood = Mood::Fail;
    }

    /// Never answers a question for the name.
    #[track_caller]
    pub fn stall(&self, name: &str) {
        self.zone().node(name).mood = Mood::Stall;
    }

    /// Questions for the name so far, of whatever type, while it was set.
    #[track_caller]
    pub fn questions(&self, name: &str) -> usize {
        self.zone().names.get(&key(name)).map_or(0, |node| node.questions)
    }

    fn zone(&self) -> std::sync::MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Each wakes one of the two threads.
        let _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"", self.address));
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Zone {
    #[track_caller]
    fn node(&mut self, name: &str) -> &mut Node {
        self.names.entry(key(name)).or_default()
    }

    /// `None`: no answer at all.
    fn answer(&mut self, question: &Message) -> Option<Message> {
        let query = question.queries.first()?;
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.recursion_desired = question.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        let mut name = query.name.to_lowercase();
        for _ in 0..=ALIASES {
            let Some(node) = self.names.get_mut(&key(&name.to_ascii())) else {
                break;
            };
            node.questions += 1;
            match node.mood {
                Mood::Answer => {}
                Mood::Stall => return None,
                Mood::Fail => {
                    answer.metadata.response_code = ResponseCode::ServFail;
                    return Some(answer);
                }
            }
            let of = |kind: RecordType| node.records.iter().filter(move |(_, data)| data.record_type() == kind);
            for (ttl, data) in of(query.query_type) {
                answer.add_answer(Record::from_rdata(name.clone(), *ttl, data.clone()));
            }
            let alias = of(RecordType::CNAME).next().cloned();
            let Some((ttl, RData::CNAME(target))) = alias.filter(|_| query.query_type != RecordType::CNAME) else {
                break;
            };
            answer.add_answer(Record::from_rdata(name, ttl, RData::CNAME(target.clone())));
            name = target.0.to_lowercase();
        }
        if !answer.answers.iter().any(|record| record.record_type() == query.query_type) {
            if !self.exists(&key(&name.to_ascii())) {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            answer.add_authority(start_of_authority(&name));
        }
        Some(answer)
    }

    /// A name above one that exists exists too (RFC 8020).
    fn exists(&self, name: &str) -> bool {
        let below = format!(".{name}");
        self.names.keys().any(|known| known == name || known.ends_with(&below))
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Mutex<Zone>, stop: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(question) = Message::from_vec(&buffer[..len]) else { continue };
        let room = question.edns.as_ref().map_or(512, |edns| edns.max_payload().max(512)).into();
        let answer = zone.lock().unwrap_or_else(PoisonError::into_inner).answer(&question);
        let Some(mut answer) = answer else { continue };
        let mut bytes = answer.to_vec().expect("write an answer");
        if bytes.len() > room {
            answer.metadata.truncation = true;
            answer.answers.clear();
            bytes = answer.to_vec().expect("write a cut answer");
        }
        let _ = socket.send_to(&bytes, peer);
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Arc<Mutex<Zone>>, stop: &Arc<AtomicBool>) {
    while let Ok((stream, _)) = listener.accept() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let (zone, stop) = (zone.clone(), stop.clone());
        std::thread::spawn(move || serve_stream(stream, &zone, &stop));
    }
}

/// RFC 7766: questions one after another, each behind its length.
fn serve_stream(mut stream: TcpStream, zone: &Mutex<Zone>, stop: &AtomicBool) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let mut buffer = Vec::new();
    let mut piece = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(len) => buffer.extend_from_slice(&piece[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => return,
        }
        while buffer.len() >= 2 && buffer.len() >= 2 + usize::from(u16::from_be_bytes([buffer[0], buffer[1]])) {
            let len = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
            let question: Vec<u8> = buffer.drain(..2 + len).skip(2).collect();
            let Ok(question) = Message::from_vec(&question) else { return };
            let answer = zone.lock().unwrap_or_else(PoisonError::into_inner).answer(&question);
            let Some(answer) = answer else { continue };
            let bytes = answer.to_vec().expect("write an answer");
            let len = u16::try_from(bytes.len()).expect("an answer within 64 KiB").to_be_bytes();
            if stream.write_all(&[&len[..], &bytes].concat()).is_err() {
                return;
            }
        }
    }
}

#[track_caller]
fn key(name: &str) -> String {
    let name = Name::from_str_relaxed(name).unwrap_or_else(|error| panic!("{name:?} is no name: {error}"));
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

#[track_caller]
fn parse(kind: &str, data: &str) -> RData {
    let name = |text: &str| {
        let mut name = Name::from_str_relaxed(text).unwrap_or_else(|error| panic!("{text:?} is no name: {error}"));
        name.set_fqdn(true);
        name
    };
    match kind {
        "A" => RData::A(A(data.parse().expect("an IPv4 address"))),
        "AAAA" => RData::AAAA(AAAA(data.parse().expect("an IPv6 address"))),
        "MX" => {
            let (preference, host) = data.split_once(' ').expect("MX data: PREFERENCE HOST");
            RData::MX(MX::new(preference.parse().expect("a preference"), name(host)))
        }
        "TXT" => RData::TXT(TXT::from_bytes(data.as_bytes().chunks(255).collect())),
        "PTR" => RData::PTR(PTR(name(data))),
        "CNAME" => RData::CNAME(CNAME(name(data))),
        _ => panic!("the name server does not know {kind} records"),
    }
}

/// Of the top-level zone of the name.
fn start_of_authority(name: &Name) -> Record {
    let zone = name.trim_to(1);
    let server = Name::from_ascii("ns.invalid.").expect("a name");
    let soa = SOA::new(server.clone(), server, 1, 3600, 600, 86_400, NEGATIVE_TTL);
    Record::from_rdata(zone, NEGATIVE_TTL, RData::SOA(soa))
}
