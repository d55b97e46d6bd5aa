//! The way into a platform's ManageSieve server, up to the login (RFC 5804 §2.1, §2.2). Its time is bounded by the caller.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use sterna_frontdoor::Identity;
use sterna_net::{ClientStream, ServerUrl, Tls, tcp_connect, tls_connect};
use tokio::net::TcpStream;

use crate::server::framing::{Step, Word, scan};
use crate::server::write::string;

/// Bytes of the literals of a line.
const MAX_LITERAL: u64 = 64 << 10;

/// Lines of a response.
const MAX_LINES: usize = 200;

/// Why nobody is in.
#[derive(Debug)]
pub(super) enum Failed {
    /// Wrong name or password, in the server's words.
    Refused(String),
    /// Everything else.
    Unavailable(String),
}

fn unavailable(why: impl Display) -> Failed {
    Failed::Unavailable(why.to_string())
}

struct Link {
    stream: ClientStream,
    input: BytesMut,
}

/// The end of a response.
struct Answer {
    word: String,
    code: Option<String>,
    text: String,
}

impl Answer {
    fn good(self) -> Result<(), Failed> {
        match self.word.as_str() {
            "OK" => Ok(()),
            word => Err(unavailable(format!("it says {word} {:?}", self.text))),
        }
    }

    /// Of a login. A code says that something else than the password is wrong (RFC 5804 §1.3).
    fn login(self) -> Result<(), Failed> {
        let lower = self.text.to_ascii_lowercase();
        let passing = ["temporar", "try again", "internal"].iter().any(|word| lower.contains(word));
        match self.word.as_str() {
            "NO" if self.code.is_none() && !passing => Err(Failed::Refused(self.text)),
            _ => self.good(),
        }
    }
}

/// Connects and logs in. `client`: where the client is, told to a server that wants to know.
pub(super) async fn enter(
    url: &ServerUrl,
    limit: Duration,
    identity: &Identity,
    client: Option<SocketAddr>,
) -> Result<(ClientStream, BytesMut), Failed> {
    let tcp = tcp_connect(&url.host, url.port, limit).await.map_err(unavailable)?;
    let stream = match url.tls {
        Tls::Implicit => handshake(url, tcp).await?,
        Tls::None | Tls::StartTls => ClientStream::Plain(tcp),
    };
    let mut link = Link { stream, input: BytesMut::new() };
    let mut capabilities = link.capabilities().await?;
    if url.tls == Tls::StartTls {
        if !capabilities.iter().any(|(name, _)| name == "STARTTLS") {
            return Err(unavailable("it does not offer STARTTLS"));
        }
        link.send(b"STARTTLS\r\n").await?;
        link.response().await?.1.good()?;
        // Plaintext behind the answer was put there by somebody else: it would be taken for the server's own words.
        let (ClientStream::Plain(tcp), true) = (link.stream, link.input.is_empty()) else {
            return Err(unavailable("it sent data in clear behind its answer to STARTTLS"));
        };
        link = Link { stream: handshake(url, tcp).await?, input: BytesMut::new() };
        capabilities = link.capabilities().await?;
    }
    if let Some(client) = client
        && capabilities.iter().any(|(name, _)| name == "XCLIENT")
    {
        let (ip, port) = (client.ip().to_canonical(), client.port());
        link.send(format!("XCLIENT ADDR={ip} PORT={port}\r\n").as_bytes()).await?;
        // A refusal is the server's opinion of what it is told, nothing more.
        link.response().await?;
    }
    let (mechanism, message) = message(identity);
    let offered = capabilities.iter().find(|(name, _)| name == "SASL").map_or("", |(_, value)| value.as_str());
    if !offered.split(' ').any(|name| name.eq_ignore_ascii_case(mechanism)) {
        return Err(unavailable(format!("it does not offer {mechanism}")));
    }
    link.authenticate(mechanism, &message).await?.login()?;
    Ok((link.stream, link.input))
}

async fn handshake(url: &ServerUrl, tcp: TcpStream) -> Result<ClientStream, Failed> {
    let tls = tls_connect(&url.host, &url.trust(), tcp).await.map_err(unavailable)?;
    Ok(ClientStream::Tls(Box::new(tls.into())))
}

fn message(identity: &Identity) -> (&'static str, Vec<u8>) {
    match identity {
        Identity::Password { user, password } => ("PLAIN", [b"\0", user.as_bytes(), b"\0", password].concat()),
        Identity::PlainAs { authzid, authcid, password } => {
            ("PLAIN", format!("{authzid}\0{authcid}\0{password}").into_bytes())
        }
        Identity::XOAuth2 { user, token } => {
            ("XOAUTH2", format!("user={user}\x01auth=Bearer {token}\x01\x01").into_bytes())
        }
    }
}

impl Link {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.stream.write_all(bytes).await.map_err(unavailable)
    }

    async fn authenticate(&mut self, mechanism: &str, message: &[u8]) -> Result<Answer, Failed> {
        let encoded = STANDARD.encode(message);
        let mut line = format!("AUTHENTICATE \"{mechanism}\" ").into_bytes();
        match encoded.len() > 1_000 {
            true => line.extend_from_slice(format!("{{{}+}}\r\n{encoded}", encoded.len()).as_bytes()),
            false => string(&mut line, &encoded),
        }
        line.extend_from_slice(b"\r\n");
        self.send(&line).await?;
        for _ in 0..2 {
            let words = self.words().await?;
            match answer(&words) {
                Some(answer) => return Ok(answer),
                // An error told as a challenge (XOAUTH2): an empty response makes the server say NO.
                None => self.send(b"\"\"\r\n").await?,
            }
        }
        self.words().await.and_then(|words| answer(&words).ok_or_else(|| unavailable("it asks for more and more")))
    }

    /// What the server tells unasked: names in upper case, and their values.
    async fn capabilities(&mut self) -> Result<Vec<(String, String)>, Failed> {
        let (lines, answer) = self.response().await?;
        answer.good()?;
        let pair = |words: Vec<Word>| {
            let mut words = words.into_iter().map(|(Word::Atom(text) | Word::Text(text))| text);
            let mut next = || String::from_utf8_lossy(&words.next().unwrap_or_default()).into_owned();
            (next().to_ascii_uppercase(), next())
        };
        Ok(lines.into_iter().map(pair).collect())
    }

    async fn response(&mut self) -> Result<(Vec<Vec<Word>>, Answer), Failed> {
        let mut lines = Vec::new();
        loop {
            let words = self.words().await?;
            match answer(&words) {
                Some(answer) => return Ok((lines, answer)),
                None if lines.len() >= MAX_LINES => return Err(unavailable("its response does not end")),
                None => lines.push(words),
            }
        }
    }

    async fn words(&mut self) -> Result<Vec<Word>, Failed> {
        loop {
            match scan(&self.input, MAX_LITERAL) {
                Step::Whole { len, words } => {
                    drop(self.input.split_to(len));
                    return words.map_err(|_| unavailable("this is not a ManageSieve server"));
                }
                Step::More(_) => {}
                Step::Oversize { .. } | Step::TooLong => return Err(unavailable("this is not a ManageSieve server")),
            }
            if self.stream.read(&mut self.input).await.map_err(unavailable)? == 0 {
                return Err(unavailable("it closed the connection"));
            }
        }
    }
}

/// OK, NO or BYE with its code and text; `None`: a line of data.
fn answer(words: &[Word]) -> Option<Answer> {
    let Word::Atom(word) = words.first()? else { return None };
    let word = String::from_utf8_lossy(word).to_ascii_uppercase();
    if !matches!(word.as_str(), "OK" | "NO" | "BYE") {
        return None;
    }
    let code = match words.get(1) {
        Some(Word::Atom(code)) => Some(String::from_utf8_lossy(code).trim_matches(['(', ')']).to_ascii_uppercase()),
        _ => None,
    };
    let text = match words.last() {
        Some(Word::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    Some(Answer { word, code, text })
}
