//! `sterna serve`: opens the store, listens, and serves until it is told to stop.

mod collect;
mod limits;
mod listen;
mod tls;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sterna_imap::server::{ServerConfig, Service};
use sterna_net::{Login, PortTls};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::admin::{AdminSocket, Platform};
use crate::config::Config;
use crate::error::{Error, Result};
use listen::Listener;

/// How long sessions have to reach a command boundary when the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long the first failed login of an address waits for its answer.
const LOGIN_DELAY: Duration = Duration::from_secs(1);

/// Runs the platform until SIGTERM or SIGINT.
pub async fn serve(config: &Config) -> Result<()> {
    limits::raise_open_files();
    let mut stop = pin!(stop_signal()?);
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let listeners = bind(config)?;
    let platform = tokio::select! {
        platform = Platform::open_to_serve(&config.store) => platform?,
        () = &mut stop => return Ok(()),
    };
    let login = Login::new(platform.store.clone(), LOGIN_DELAY);
    let service = Service::new(platform.store.clone(), login, service_config(config)?);
    let admin = tokio::spawn(AdminSocket::bind(config.data())?.serve(platform.clone()));
    platform.serve_moves();
    let (shutdown, watched) = watch::channel(false);
    tokio::spawn(collect::run(platform.store.clone(), config.collect, watched.clone()));
    let places = Arc::new(Semaphore::new(config.max_connections as usize));
    announce(&listeners);
    for listener in listeners {
        tokio::spawn(listener.serve(service.clone(), places.clone(), watched.clone()));
    }
    stop.await;
    tracing::info!("stopping");
    shutdown.send_replace(true);
    // Sessions hold a place each: all places free means that all have said goodbye.
    let sessions = places.acquire_many(config.max_connections);
    let (ended, ()) = tokio::join!(tokio::time::timeout(STOP_PATIENCE, sessions), platform.stop_moves());
    if ended.is_err() {
        tracing::warn!("some sessions did not end in time and are cut off");
    }
    admin.abort();
    Ok(())
}

fn bind(config: &Config) -> Result<Vec<Listener>> {
    let ports = config.imap.iter().map(|a| ("imap", *a, PortTls::Plain));
    let ports = ports.chain(config.imaps.iter().map(|a| ("imaps", *a, PortTls::Implicit)));
    let listeners = ports.map(|(name, address, tls)| Listener::bind(name, address, tls)).collect::<Result<Vec<_>>>()?;
    if listeners.is_empty() {
        let file = config.file.display();
        return Err(Error::new(format!("nothing to listen on: give {file} a [listen] table with imap or imaps")));
    }
    Ok(listeners)
}

fn service_config(config: &Config) -> Result<ServerConfig> {
    let mut service = ServerConfig::new(&config.hostname);
    service.tls = Some(tls::server_config(config)?);
    service.plaintext = config.plaintext;
    service.append_limit = config.max_message;
    Ok(service)
}

/// The line that tells people and scripts that clients can come, and where.
fn announce(listeners: &[Listener]) {
    let places: Vec<String> = listeners.iter().map(Listener::to_string).collect();
    eprintln!("ready: {}", places.join(", "));
}

/// Resolves at SIGTERM or SIGINT. Listens from now on, not only when it is awaited.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let failed = |e: std::io::Error| Error::new(format!("cannot listen for signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
