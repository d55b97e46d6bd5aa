//! STARTTLS (RFC 9051 §6.2.1).

use std::io;

use super::capability;
use super::dispatch::then;
use super::problem::{Problem, Reply};
use super::session::{After, Session};

/// Answers STARTTLS; the handshake begins behind the tagged OK.
pub(super) fn handle(session: &mut Session) -> Result<Reply, Problem> {
    if !capability::offers_starttls(session) {
        return Err(Problem::bad("STARTTLS is not available now"));
    }
    if !session.input.is_empty() {
        // Whoever sits between could put commands in front of the client's own ones (RFC 9051 §11.1).
        session.input.clear();
        return Err(Problem::bad("nothing may follow STARTTLS before its answer"));
    }
    Ok(then(session, After::StartTls, Reply::ok("begin TLS")))
}

impl Session {
    /// The handshake. What the client learned before it is void (RFC 9051 §6.2.1).
    pub(super) async fn start_tls(&mut self) -> Result<(), Problem> {
        self.out.flush().await?;
        let Some(config) = self.service.config.tls.clone() else { return Ok(()) };
        let limit = self.service.config.login_timeout;
        tokio::time::timeout(limit, self.out.stream.start_tls(config))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(())
    }
}
