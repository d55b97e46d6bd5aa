//! The relay fails as it is told, says how often it did, and lets everything pass again.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use sterna_tests::{Fault, S3Server, Tap};

/// A connection that sends requests without credentials: the server's answers are refusals of 403, with a body.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(tap: &Tap) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", tap.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client(BufReader::new(stream))
    }

    fn patience(&self, timeout: Duration) {
        self.0.get_ref().set_read_timeout(Some(timeout)).unwrap();
    }

    fn send(&mut self, body: usize) {
        let head = format!("PUT /sterna-mail/key HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n");
        // A relay that cuts does not read to the end.
        let _ = self.0.get_mut().write_all(&[head.as_bytes(), &vec![b'x'; body]].concat());
    }

    /// The status and the body of the next answer.
    fn answer(&mut self) -> std::io::Result<(u16, String)> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    /// Without a body: who refuses a request before its body has come may close the connection.
    fn ask(&mut self) -> std::io::Result<(u16, String)> {
        self.send(0);
        self.answer()
    }
}

fn start() -> (S3Server, Tap) {
    let server = S3Server::start();
    let tap = Tap::http(server.port());
    (server, tap)
}

#[test]
fn everything_passes_and_is_counted() {
    let (_server, tap) = start();
    let mut client = Client::connect(&tap);
    for n in 1..=3 {
        let (status, body) = client.ask().unwrap();
        assert!(status == 403 && body.contains("AccessDenied"), "{status} {body}");
        assert_eq!((tap.requests(), tap.connections(), tap.met()), (n, 1, 0));
    }
    assert!(tap.from_client() > 150 && tap.from_server() > 300);
}

#[test]
fn the_next_requests_are_answered_with_a_status_and_the_server_sees_nothing() {
    let (_server, tap) = start();
    let mut client = Client::connect(&tap);
    tap.fault_times(2, Fault::Status(503));
    for _ in 0..2 {
        client.send(3_000_000);
        let (status, body) = client.answer().unwrap();
        assert!(status == 503 && body.contains("SlowDown"), "{status} {body}");
    }
    assert_eq!((tap.met(), tap.from_client(), tap.from_server()), (2, 0, 0));
    assert_eq!(client.ask().unwrap().0, 403);
    assert_eq!((tap.met(), tap.requests()), (2, 3));
    tap.fault(Fault::Status(500));
    assert_eq!(client.ask().unwrap().0, 500);
}

#[test]
fn who_waits_for_leave_to_send_a_body_is_refused_at_once() {
    let (_server, tap) = start();
    tap.fault(Fault::Status(500));
    let mut client = Client::connect(&tap);
    client.0.get_mut().write_all(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n").unwrap();
    assert_eq!(client.answer().unwrap().0, 500);
    assert_eq!(client.answer().unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn new_connections_are_refused_and_open_ones_go_on() {
    let (_server, tap) = start();
    let mut open = Client::connect(&tap);
    assert_eq!(open.ask().unwrap().0, 403);
    tap.fault_times(1, Fault::Refuse);
    assert!(Client::connect(&tap).ask().is_err());
    assert_eq!((tap.met(), open.ask().unwrap().0), (1, 403));
    assert_eq!(Client::connect(&tap).ask().unwrap().0, 403);
}

#[test]
fn a_stalled_connection_answers_late() {
    let (_server, tap) = start();
    let mut client = Client::connect(&tap);
    assert_eq!(client.ask().unwrap().0, 403);
    tap.fault_times(1, Fault::Stall);
    client.send(10);
    client.patience(Duration::from_millis(300));
    assert_eq!(client.answer().unwrap_err().kind(), ErrorKind::WouldBlock);
    // It was for one connection; that one stays stalled.
    assert_eq!(Client::connect(&tap).ask().unwrap().0, 403);
    assert_eq!(client.answer().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(tap.met(), 1);
    tap.pass();
    client.patience(Duration::from_secs(20));
    assert_eq!(client.answer().unwrap().0, 403);
}

#[test]
fn a_stalled_connection_can_be_cut() {
    let (_server, tap) = start();
    tap.fault(Fault::Stall);
    let mut client = Client::connect(&tap);
    client.send(10);
    while tap.met() == 0 {
        std::thread::yield_now();
    }
    tap.cut();
    assert_eq!(client.answer().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(tap.from_client(), 0);
}

#[test]
fn an_answer_is_cut_in_its_middle() {
    let (_server, tap) = start();
    let mut client = Client::connect(&tap);
    assert_eq!(client.ask().unwrap().0, 403);
    let whole = tap.from_server();
    // The count begins anew with every request.
    tap.fault_times(1, Fault::CutAnswer(whole - 10));
    assert_eq!(client.ask().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!((tap.met(), tap.from_server()), (1, 2 * whole - 10));
    assert_eq!(Client::connect(&tap).ask().unwrap().0, 403);
    tap.fault(Fault::CutAnswer(whole));
    assert_eq!(Client::connect(&tap).ask().unwrap().0, 403);
    assert_eq!(tap.met(), 0);
}

#[test]
fn a_request_is_cut_in_its_middle() {
    // Answers before the body has come: a turn is the whole request all the same.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Tap::http(listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut seen = vec![0; 20];
        stream.read_exact(&mut seen).unwrap();
        stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").unwrap();
        stream.read_to_end(&mut seen).unwrap();
        seen.len() as u64
    });
    tap.fault_times(1, Fault::CutRequest(100_000));
    Client::connect(&tap).send(1_000_000);
    assert_eq!((server.join().unwrap(), tap.from_client(), tap.met()), (100_000, 100_000, 1));
}

#[test]
fn an_answer_takes_its_time() {
    let (_server, tap) = start();
    tap.latency(Duration::from_millis(200));
    let mut client = Client::connect(&tap);
    for _ in 0..2 {
        let started = Instant::now();
        assert_eq!(client.ask().unwrap().0, 403);
        assert!(started.elapsed() >= Duration::from_millis(200));
    }
}

#[test]
fn a_dead_server_closes_and_a_restarted_one_answers() {
    let (mut server, tap) = start();
    let mut client = Client::connect(&tap);
    assert_eq!(client.ask().unwrap().0, 403);
    server.kill_9();
    assert!(client.ask().is_err());
    assert!(Client::connect(&tap).ask().is_err());
    server.restart();
    assert_eq!(Client::connect(&tap).ask().unwrap().0, 403);
}

#[test]
#[should_panic(expected = "Tap::http")]
fn a_status_needs_a_relay_that_reads_requests() {
    Tap::start(1).fault(Fault::Status(500));
}
