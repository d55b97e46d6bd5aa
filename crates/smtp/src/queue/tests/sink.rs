//! A small server of mail that keeps what it gets, and refuses by name: `no…` for good, `later…` for the moment,
//! `once…` the first time.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it behaves.
#[derive(Clone, Debug)]
pub struct Habits {
    /// The greeting.
    pub greeting: &'static str,
    /// Lines of EHLO.
    pub extensions: &'static [&'static str],
    /// Recipients of one message at most.
    pub max_recipients: usize,
    /// LMTP.
    pub lmtp: bool,
    /// It takes a message and never says so.
    pub mute: bool,
}

impl Default for Habits {
    fn default() -> Habits {
        let extensions: &[&str] = &["PIPELINING", "8BITMIME", "SMTPUTF8"];
        Habits { greeting: "220 sink ESMTP", extensions, max_recipients: 1000, lmtp: false, mute: false }
    }
}

/// A message that it has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub sender: String,
    pub recipients: Vec<String>,
    pub text: String,
    /// The number of the connection.
    pub connection: usize,
}

#[derive(Default)]
struct State {
    habits: Habits,
    taken: Vec<Taken>,
    connections: usize,
    seen: HashSet<String>,
}

pub struct Sink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Sink {
    /// Listens; port 0 takes a free one.
    pub async fn start(address: SocketAddr) -> Sink {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let number = shared.lock().unwrap().connections;
                let shared = Arc::clone(&shared);
                // A client may go at any time.
                sessions.spawn(async move { session(stream, number, &shared).await.unwrap_or_default() });
            }
        });
        Sink { address, state, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn change(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.state.lock().unwrap().habits);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// All recipients that it has, in order.
    pub fn recipients(&self) -> Vec<String> {
        let mut all: Vec<String> = self.taken().into_iter().flat_map(|taken| taken.recipients).collect();
        all.sort();
        all
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn session(stream: TcpStream, connection: usize, state: &Mutex<State>) -> std::io::Result<()> {
    let habits = state.lock().unwrap().habits.clone();
    let mut stream = BufReader::new(stream);
    stream.write_all(format!("{}\r\n", habits.greeting).as_bytes()).await?;
    let empty = Taken { sender: String::new(), recipients: Vec::new(), text: String::new(), connection };
    let mut now = empty.clone();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or_default().trim_end() {
            "EHLO" | "LHLO" => {
                let mut lines: Vec<String> = habits.extensions.iter().map(|e| format!("250-{e}\r\n")).collect();
                lines.insert(0, "250-sink\r\n".to_owned());
                lines.push("250 HELP".to_owned());
                lines.concat()
            }
            "MAIL" => {
                now = Taken { sender: path, ..empty.clone() };
                "250 2.1.0 ok".to_owned()
            }
            "RCPT" => rcpt(path, &mut now, &habits, state),
            "DATA" if now.recipients.is_empty() => "503 5.5.1 nobody".to_owned(),
            "DATA" => {
                stream.write_all(b"354 go\r\n").await?;
                let mut text = String::from("\r\n");
                while !text.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut text).await? == 0 {
                        return Ok(());
                    }
                }
                now.text = text[..text.len() - 3].replace("\r\n..", "\r\n.").split_off(2);
                state.lock().unwrap().taken.push(now.clone());
                if state.lock().unwrap().habits.mute {
                    std::future::pending::<()>().await;
                }
                let answers = if habits.lmtp { now.recipients.len() } else { 1 };
                let all = vec!["250 2.0.0 taken"; answers].join("\r\n");
                now = empty.clone();
                all
            }
            "RSET" => {
                now = empty.clone();
                "250 2.0.0 ok".to_owned()
            }
            "QUIT" => "221 2.0.0 bye".to_owned(),
            _ => "500 5.5.1 what".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

fn rcpt(path: String, now: &mut Taken, habits: &Habits, state: &Mutex<State>) -> String {
    let first = state.lock().unwrap().seen.insert(path.clone());
    if path.starts_with("no") {
        "550-5.1.1 no such user\r\n550 5.1.1 here".to_owned()
    } else if path.starts_with("later") || path.starts_with("once") && first {
        "451 4.7.1 not now".to_owned()
    } else if now.recipients.len() >= habits.max_recipients {
        "452 4.5.3 too many".to_owned()
    } else {
        now.recipients.push(path);
        "250 2.1.5 ok".to_owned()
    }
}
