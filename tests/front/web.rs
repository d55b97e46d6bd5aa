//! The way to the webmail that has a mailbox.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sterna_tests::DovecotOptions;

use crate::house::House;

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_ascii_lowercase()
}

#[test]
fn a_user_is_sent_to_the_webmail_that_has_the_mailbox() {
    let house = House::new(DovecotOptions::default(), &["--web", "https://old.example/mail"]);
    let port = house.sterna.port_of("http");
    assert!(get(port, "/").contains("href=\"/webmail\""));
    let sent = |name: &str, place: &str| {
        let answer = get(port, &format!("/webmail?email={name}%40example.org"));
        assert!(answer.starts_with("http/1.1 303"), "{answer}");
        assert!(answer.contains(&format!("location: {place}\r\n")), "{answer}");
    };
    sent("anne", "https://old.example/mail");
    sent("nobody", "https://old.example/mail");
    house.sterna.cli(&["account", "set", "anne@example.org", "--here"], "").success();
    sent("anne", "https://here.example/");
    assert!(get(port, "/webmail?email=anne%40elsewhere.example").starts_with("http/1.1 404"));
}
