//! A strict IMAP client for scenarios of the live move: it keeps what it has been told, holds every response against the
//! rules of RFC 9051 and RFC 7162, and never connects again by itself. A server that breaks a rule fails the test with all
//! that was said.

mod commands;
mod transcript;
mod view;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::wire::{Answer, ImapWire, READ_TIMEOUT, Response, quote};

use transcript::Transcript;

pub use view::{Event, Known, Progress, View};

/// A session. Every method panics with the transcript when the server breaks a rule or says nothing for a minute.
#[derive(Debug)]
pub struct LiveClient {
    wire: ImapWire,
    transcript: Transcript,
    view: View,
    progress: Progress,
    /// The command in progress.
    tag: Option<String>,
    idling: bool,
    tags: u32,
    /// As told since the login.
    capabilities: BTreeSet<String>,
    logged_in: bool,
    closed: bool,
    /// The client's port when it connected, and the name of the open mailbox with its UIDVALIDITY and more.
    port: u16,
    mailbox: Option<String>,
    remembered: std::collections::BTreeMap<String, Remembered>,
    /// The bytes of a literal that are still to be sent.
    owed: Option<Vec<u8>>,
}

/// What a client keeps of a mailbox when it opens another: none of it may go back.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    uid_validity: u32,
    uid_next: u32,
    highest_mod_seq: u64,
}

impl LiveClient {
    /// Connects to a port of 127.0.0.1.
    #[track_caller]
    pub fn connect(port: u16) -> LiveClient {
        let wire = ImapWire::connect(port);
        let mut transcript = Transcript::new();
        transcript.server(&wire.greeting().0);
        assert!(wire.greeting().strip("* OK").is_some(), "the greeting is {:?}", wire.greeting());
        LiveClient {
            port: wire.local_port(),
            wire,
            transcript,
            view: View::default(),
            progress: Progress::Nothing,
            tag: None,
            idling: false,
            tags: 0,
            capabilities: BTreeSet::new(),
            logged_in: false,
            closed: false,
            mailbox: None,
            remembered: std::collections::BTreeMap::new(),
            owed: None,
        }
    }

    /// Connects and logs in; the capabilities told from here on may not shrink.
    #[track_caller]
    pub fn login(port: u16, user: &str, password: &str) -> LiveClient {
        let mut client = LiveClient::connect(port);
        client.ok(&format!("LOGIN {} {}", quote(user), quote(password)));
        client.logged_in = true;
        client.ok("CAPABILITY");
        client
    }

    /// What the client knows of the open mailbox.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The capabilities told since the login, in capitals.
    pub fn capabilities(&self) -> &BTreeSet<String> {
        &self.capabilities
    }

    /// The client's own port: the same value is the same TCP connection.
    pub fn local_port(&self) -> u16 {
        self.wire.local_port()
    }

    /// Whether the TCP connection of the beginning is still open in both directions, as far as the client can see: responses
    /// that wait are taken in.
    pub fn is_open(&mut self) -> bool {
        while !self.closed && self.wire.ready(Duration::from_millis(1)) {
            self.step();
        }
        !self.closed && self.wire.local_port() == self.port
    }

    /// All that was said so far.
    pub fn transcript(&self) -> String {
        self.transcript.to_string()
    }

    /// Fails with the transcript.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n--- the session from port {}\n{}", self.port, self.transcript)
    }

    /// The next untagged response within `timeout`, inside IDLE or out of any command; `None` if none comes, or if the
    /// connection is closed.
    #[track_caller]
    pub fn next_untagged(&mut self, timeout: Duration) -> Option<Event> {
        if self.closed || !self.wire.ready(timeout) {
            return None;
        }
        self.step()
    }

    /// Takes in untagged responses until one is what the test waits for.
    #[track_caller]
    pub fn wait_for(&mut self, timeout: Duration, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        let deadline = Instant::now() + timeout;
        loop {
            match self.next_untagged(deadline.saturating_duration_since(Instant::now())) {
                Some(event) if wanted(&event) => return event,
                Some(_) => {}
                None => self.fail(&format!("what was waited for did not come within {timeout:?}")),
            }
        }
    }

    /// Nothing at all comes for so long, and the connection stays open.
    #[track_caller]
    pub fn silence(&mut self, duration: Duration) {
        if self.wire.ready(duration) {
            self.step();
            self.fail("the server speaks, or closes the connection, where it should be silent");
        }
    }

    /// Takes in one untagged response; `None` at the end of the connection.
    #[track_caller]
    fn step(&mut self) -> Option<Event> {
        let response = self.read()?;
        if response.0.starts_with(b"+") || !response.0.starts_with(b"*") {
            self.fail("a response that nothing in progress asks for");
        }
        Some(self.take(&response))
    }

    /// Reads one response into the transcript.
    #[track_caller]
    fn read(&mut self) -> Option<Response> {
        self.wire.set_read_timeout(READ_TIMEOUT);
        match self.wire.read() {
            Ok(response) => {
                self.transcript.server(&response.0);
                Some(response)
            }
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                self.fail(&format!("the server says nothing for {READ_TIMEOUT:?}"))
            }
            Err(_) => {
                self.transcript.server(b"(end of the connection)");
                self.closed = true;
                None
            }
        }
    }

    /// Holds an untagged response against the rules and keeps what it says.
    #[track_caller]
    fn take(&mut self, response: &Response) -> Event {
        match self.view.apply(response, self.progress) {
            Ok(event) => {
                if let Some(list) = response.strip("* CAPABILITY ") {
                    self.told_capabilities(&String::from_utf8_lossy(list));
                }
                event
            }
            Err(rule) => self.fail(&rule),
        }
    }

    /// Nothing that the client may rely on is withdrawn.
    #[track_caller]
    fn told_capabilities(&mut self, list: &str) {
        if !self.logged_in {
            return;
        }
        let told: BTreeSet<String> = list.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
        let withdrawn: Vec<String> = self.capabilities.difference(&told).cloned().collect();
        if !withdrawn.is_empty() {
            self.fail(&format!("capabilities are withdrawn: {}", withdrawn.join(" ")));
        }
        self.capabilities = told;
    }

    /// Sends bytes as they are. A connection that the server has closed shows at the next read.
    fn send(&mut self, bytes: &[u8]) {
        self.transcript.client(bytes);
        self.wire.raw(bytes);
    }

    /// Begins a command: sends its first line and gives the tag.
    #[track_caller]
    fn begin(&mut self, line: &str, progress: Progress) -> String {
        // What the server said before this command, it said while none was in progress.
        while !self.closed && self.wire.ready(Duration::ZERO) {
            self.step();
        }
        if self.closed || self.tag.is_some() {
            self.fail(&format!("cannot send {line}: the connection is closed, or a command is in progress"));
        }
        self.tags += 1;
        let tag = format!("c{}", self.tags);
        (self.tag, self.progress) = (Some(tag.clone()), progress);
        self.send(format!("{tag} {line}\r\n").as_bytes());
        tag
    }

    /// Waits for the server's `+`. The refusal, if it ends the command instead.
    #[track_caller]
    fn continuation(&mut self) -> Option<Answer> {
        let mut untagged = Vec::new();
        loop {
            let Some(response) = self.read() else { self.fail("the connection ends in a command") };
            if response.0.starts_with(b"+") {
                return None;
            }
            if let Some(answer) = self.sort(response, &mut untagged) {
                return Some(answer);
            }
        }
    }

    /// Waits for the end of the command in progress.
    #[track_caller]
    pub fn finish(&mut self) -> Answer {
        let mut untagged = Vec::new();
        loop {
            let Some(response) = self.read() else { self.fail("the connection ends in a command") };
            if let Some(answer) = self.sort(response, &mut untagged) {
                return answer;
            }
        }
    }

    /// Takes in an untagged response, or ends the command with a tagged one.
    #[track_caller]
    fn sort(&mut self, response: Response, untagged: &mut Vec<Response>) -> Option<Answer> {
        if response.0.starts_with(b"*") {
            self.take(&response);
            untagged.push(response);
            return None;
        }
        let tag = self.tag.take().unwrap_or_else(|| self.fail("an answer to no command"));
        let Some(rest) = response.strip(&format!("{tag} ")) else {
            self.fail(&format!("{tag} is in progress, and this answers something else"))
        };
        let tagged = String::from_utf8_lossy(rest).into_owned();
        (self.progress, self.idling) = (Progress::Nothing, false);
        // RFC 7162 §3.2.7: EXPUNGE and others tell where the mailbox stands in their tagged answer.
        let answer = Answer { untagged: std::mem::take(untagged), tagged };
        if let Some(told) = mod_seq_of(&answer.tagged)
            && let Err(rule) = self.view.mod_seq(told)
        {
            self.fail(&rule);
        }
        Some(answer)
    }
}

/// `OK [HIGHESTMODSEQ 7] …`
fn mod_seq_of(tagged: &str) -> Option<u64> {
    tagged.strip_prefix("OK [HIGHESTMODSEQ ")?.split(']').next()?.parse().ok()
}
