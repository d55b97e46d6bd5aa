//! A connection that takes messages, one after the other.

use super::error::Error;
use super::extensions::Extensions;
use super::reply::Reply;
use super::route::Timeouts;
use super::wire::Wire;

/// A connection that was greeted and, where that was asked for, protected and logged in.
pub struct Connection {
    pub(super) wire: Wire,
    pub(super) extensions: Extensions,
    pub(super) lmtp: bool,
    pub(super) tls: bool,
    pub(super) verified: bool,
    pub(super) timeouts: Timeouts,
    /// A transaction was begun and not ended: RSET is due.
    pub(super) dirty: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("extensions", &self.extensions)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// What the server can do.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether TLS protects it, and whether the server has proved its name.
    pub fn tls(&self) -> (bool, bool) {
        (self.tls, self.verified)
    }

    /// Takes leave. Waits a few seconds at most.
    pub async fn quit(mut self) {
        let limit = self.timeouts.quit;
        if self.wire.write(b"QUIT\r\n", limit, "QUIT").await.is_ok() {
            let _ = self.wire.reply(limit, "QUIT").await;
        }
        self.wire.close(limit).await;
    }

    /// One command and its answer.
    pub(super) async fn command(&mut self, line: &[u8], doing: &'static str) -> Result<Reply, Error> {
        self.wire.write(line, self.timeouts.command, doing).await?;
        self.wire.reply(self.timeouts.command, doing).await
    }
}
