//! The running server's ear for the command line: a Unix socket in the data directory, for the server's own user only.
//!
//! One connection carries one request: a line of JSON in, lines with events out, and a last line with answer or error.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::answer::{Answer, Event};
use super::platform::Platform;
use super::request::Request;
use super::{LINE_MAX, SOCKET, handler};
use crate::error::{Error, Result};

/// Events that wait for a slow reader; more are left out, for the next one says all.
const MAX_WAITING_EVENTS: usize = 64;

/// One line from the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// On the way.
    Event(Event),
    /// The end: done.
    Answer(Box<Answer>),
    /// The end: not done, and why.
    Error(String),
}

/// The bound socket.
pub struct AdminSocket(UnixListener);

impl AdminSocket {
    /// Binds the socket. The caller holds the store's lock, so that a socket that lies there is left from a crash.
    pub fn bind(data: &Path) -> Result<AdminSocket> {
        let path = data.join(SOCKET);
        let failed = |e| Error::new(format!("cannot make the admin socket {}: {e}", path.display()));
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(AdminSocket(listener))
    }

    /// Answers requests for ever.
    pub async fn serve(self, platform: Platform) {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => {
                    let platform = platform.clone();
                    tokio::spawn(async move {
                        if let Err(error) = answer(&platform, stream).await {
                            tracing::debug!(%error, "an admin connection broke off");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin socket does not accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn answer(platform: &Platform, stream: UnixStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let request = match read_line(&mut reader).await? {
        Some(line) => serde_json::from_slice::<Request>(&line),
        None => return Ok(()),
    };
    let last = match request {
        // A command of another version; the parser's words could quote a password.
        Err(_) => Line::Error("the server does not know this request; is it of the same version?".into()),
        Ok(request) => {
            let (sender, mut events) = mpsc::channel(MAX_WAITING_EVENTS);
            let mut forward = move |event| drop(sender.try_send(event));
            let work = handler::run(platform, request, &mut forward);
            tokio::pin!(work);
            let mut unexpected = [0; 1];
            loop {
                tokio::select! {
                    Some(event) = events.recv() => write_line(&mut writer, &Line::Event(event)).await?,
                    // The command went away: what it asked for is dropped, but for the moves, which are jobs.
                    _ = reader.read(&mut unexpected) => return Ok(()),
                    result = &mut work => break match result {
                        Ok(answer) => Line::Answer(Box::new(answer)),
                        Err(error) => Line::Error(error.to_string()),
                    },
                }
            }
        }
    };
    write_line(&mut writer, &last).await
}

/// One line without its end; `None` at the end of the stream.
pub(super) async fn read_line<R: AsyncRead + Unpin>(reader: &mut BufReader<R>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(LINE_MAX as u64).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(Some(line)),
        None => Ok(None),
        Some(_) => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn write_line(writer: &mut (impl tokio::io::AsyncWrite + Unpin), line: &Line) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await
}
