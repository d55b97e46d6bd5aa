//! The command's side: asks the running server if there is one, and does the work in this process if there is none.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

use sterna_store::StoreConfig;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::answer::{Answer, Event};
use super::handler::{self, Events};
use super::platform::{Platform, opening};
use super::request::Request;
use super::socket::{Line, read_line};
use super::{LOCK_PATIENCE, LOCK_RETRY, SOCKET};
use crate::error::{Error, Result};

/// Does what is asked for. Ctrl-C ends it cleanly with an error.
pub async fn ask(store: &StoreConfig, request: Request, mut events: impl FnMut(Event) + Send) -> Result<Answer> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        if let Some(stream) = connect(&store.data.join(SOCKET)).await? {
            return over_socket(stream, request, &mut events).await;
        }
        match Platform::open(store, false).await {
            Ok(platform) => return in_process(&platform, request, &mut events).await,
            Err(sterna_store::Error::Locked(_)) if Instant::now() < deadline => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(e) => return Err(opening(store, e)),
        }
    }
}

async fn connect(path: &Path) -> Result<Option<UnixStream>> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            let path = path.display();
            Err(Error::new(format!("no permission for the server's socket {path}; run this as the server's user")))
        }
        Err(e) => Err(Error::new(format!("cannot connect to the server's socket {}: {e}", path.display()))),
    }
}

async fn over_socket(stream: UnixStream, request: Request, events: Events<'_>) -> Result<Answer> {
    let interrupted = match &request {
        Request::MoveStart(_) => "no longer watching; the move goes on in the server",
        _ => "interrupted; run the command again to finish it",
    };
    tokio::select! {
        answer = converse(stream, request, events) => answer,
        _ = tokio::signal::ctrl_c() => Err(Error::interrupted(interrupted)),
    }
}

async fn converse(stream: UnixStream, request: Request, events: Events<'_>) -> Result<Answer> {
    let broken = |e: std::io::Error| Error::new(format!("the server broke the connection off ({e}); is it running?"));
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_vec(&request).map_err(|e| Error::new(e.to_string()))?;
    line.push(b'\n');
    writer.write_all(&line).await.map_err(broken)?;
    let mut reader = BufReader::new(reader);
    loop {
        let Some(line) = read_line(&mut reader).await.map_err(broken)? else {
            return Err(Error::new("the server stopped before it answered; start it and run the command again"));
        };
        let line = serde_json::from_slice(&line)
            .map_err(|e| Error::new(format!("the server answers in another form ({e}); is it of the same version?")))?;
        match line {
            Line::Event(event) => events(event),
            Line::Answer(answer) => return Ok(*answer),
            Line::Error(error) => return Err(Error::new(error)),
        }
    }
}

async fn in_process(platform: &Platform, request: Request, events: Events<'_>) -> Result<Answer> {
    if request.needs_recovery() {
        platform.store.recover().await?;
    }
    tokio::select! {
        answer = handler::run(platform, request, events) => answer,
        _ = tokio::signal::ctrl_c() => {
            platform.stop_moves().await;
            Err(Error::interrupted("stopped; the same command goes on from here"))
        }
    }
}
