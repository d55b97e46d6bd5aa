//! `sterna serve`: opens the store, listens, and serves until it is told to stop.

mod collect;
mod limits;
mod listen;
mod rotation;
mod services;
mod tls;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sterna_net::PortTls;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::admin::{AdminSocket, Platform};
use crate::config::Config;
use crate::error::{Error, Result};
use listen::Listener;
use services::{Servant, Services};

/// How long sessions have to reach a command boundary when the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

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
    let services = Services::new(&platform.door, config)?;
    let admin = tokio::spawn(AdminSocket::bind(config.data())?.serve(platform.clone()));
    platform.serve_moves();
    let (shutdown, watched) = watch::channel(false);
    tokio::spawn(collect::run(platform.store.clone(), config.collect, watched.clone()));
    let places = Arc::new(Semaphore::new(config.max_connections as usize));
    tokio::spawn(rotation::run(platform.store.clone(), services.resolver.clone(), watched.clone()));
    announce(&listeners);
    for (listener, servant) in listeners {
        tokio::spawn(listener.serve(servant(&services), places.clone(), watched.clone()));
    }
    let queue = tokio::spawn(services.runner.run(watched));
    stop.await;
    tracing::info!("stopping");
    shutdown.send_replace(true);
    // Sessions hold a place each: all places free means that all have said goodbye.
    let sessions = tokio::time::timeout(STOP_PATIENCE, places.acquire_many(config.max_connections));
    // The runner bounds its own end.
    let (ended, (), _) = tokio::join!(sessions, platform.stop_moves(), queue);
    if ended.is_err() {
        tracing::warn!("some sessions did not end in time and are cut off");
    }
    admin.abort();
    Ok(())
}

/// Which service answers on a listener.
type Choose = fn(&Services) -> Servant;

fn bind(config: &Config) -> Result<Vec<(Listener, Choose)>> {
    let listen = &config.listen;
    let ports: [(&str, &[_], PortTls, Choose); 11] = [
        ("imap", &listen.imap, PortTls::Plain, |s| s.imap.clone()),
        ("imaps", &listen.imaps, PortTls::Implicit, |s| s.imap.clone()),
        ("pop3", &listen.pop3, PortTls::Plain, |s| s.pop3.clone()),
        ("pop3s", &listen.pop3s, PortTls::Implicit, |s| s.pop3.clone()),
        ("smtp", &listen.smtp, PortTls::Plain, |s| s.smtp.clone()),
        ("submission", &listen.submission, PortTls::Plain, |s| s.submission.clone()),
        ("submissions", &listen.submissions, PortTls::Implicit, |s| s.submission.clone()),
        ("lmtp", &listen.lmtp, PortTls::Plain, |s| s.lmtp.clone()),
        ("sieve", &listen.sieve, PortTls::Plain, |s| s.sieve.clone()),
        ("http", &listen.http, PortTls::Plain, |s| s.http.clone()),
        ("https", &listen.https, PortTls::Implicit, |s| s.http.clone()),
    ];
    let mut listeners = Vec::new();
    for (name, addresses, tls, choose) in ports {
        for address in addresses {
            listeners.push((Listener::bind(name, *address, tls)?, choose));
        }
    }
    if listeners.is_empty() {
        let file = config.file.display();
        return Err(Error::new(format!("nothing to listen on: give {file} a [listen] table with imap or imaps")));
    }
    Ok(listeners)
}

/// The line that tells people and scripts that clients can come, and where.
fn announce(listeners: &[(Listener, Choose)]) {
    let places: Vec<String> = listeners.iter().map(|(listener, _)| listener.to_string()).collect();
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
