//! The remote control of Mozilla's programs: length-prefixed JSON over TCP, one command after the other
//! (<https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html>).

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// The longest that a script may take, in milliseconds. The socket waits a little longer.
const SCRIPT_MILLIS: u64 = 60_000;

/// A session in the program's own context, where scripts may do everything that it can do itself.
#[derive(Debug)]
pub(super) struct Marionette {
    stream: BufReader<TcpStream>,
    last: u64,
}

impl Marionette {
    /// Connects to a port of 127.0.0.1 and waits until the program's window is there.
    #[track_caller]
    pub(super) fn connect(port: u16) -> Marionette {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to Marionette");
        stream.set_read_timeout(Some(Duration::from_millis(SCRIPT_MILLIS + 10_000))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut session = Marionette { stream: BufReader::new(stream), last: 0 };
        let hello = session.read();
        assert_eq!(hello["marionetteProtocol"], 3, "{hello}");
        session.command("WebDriver:NewSession", json!({}));
        session.command("Marionette:SetContext", json!({ "value": "chrome" }));
        session.command("WebDriver:SetTimeouts", json!({ "script": SCRIPT_MILLIS }));
        session
    }

    /// Runs the body of a function and gives what it, or the promise that it returns, comes to.
    ///
    /// # Panics
    /// If the script throws; the message holds its error.
    #[track_caller]
    pub(super) fn script(&mut self, script: &str, arguments: &[Value]) -> Value {
        let answer = self.command(
            "WebDriver:ExecuteScript",
            json!({ "script": script, "args": arguments, "sandbox": "system", "newSandbox": true }),
        );
        answer["value"].clone()
    }

    #[track_caller]
    fn command(&mut self, name: &str, parameters: Value) -> Value {
        self.last += 1;
        let text = json!([0, self.last, name, parameters]).to_string();
        self.stream.get_mut().write_all(format!("{}:{text}", text.len()).as_bytes()).expect("write to Marionette");
        let answer = self.read();
        assert_eq!((&answer[0], &answer[1]), (&json!(1), &json!(self.last)), "{name}: {answer}");
        assert!(answer[2].is_null(), "{name}: {}\n{}", answer[2]["message"], answer[2]["stacktrace"]);
        answer[3].clone()
    }

    #[track_caller]
    fn read(&mut self) -> Value {
        let mut length = String::new();
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("read from Marionette");
            match byte {
                [b':'] => break,
                [digit] => length.push(char::from(digit)),
            }
        }
        let mut text = vec![0; length.parse().expect("a length before an answer of Marionette")];
        self.stream.read_exact(&mut text).expect("read from Marionette");
        serde_json::from_slice(&text).expect("JSON from Marionette")
    }
}
