//! How to log in to the source, as often as connections are needed.

use std::time::Duration;

use sterna_imap::client::{Connection, Credentials, Endpoint, Error, open};

use crate::source::{Secret, SourceSpec};

/// Between user and master user, as Dovecot and Zimbra take it.
const MASTER_SEPARATOR: &str = "*";

/// A source that hangs must not hang the move: shorter than the client's default.
const SILENCE: Duration = Duration::from_secs(180);

/// Everything that is needed to log in once more.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    endpoint: Endpoint,
    credentials: Credentials,
}

impl Login {
    pub fn new(source: &SourceSpec, secret: Secret) -> Login {
        let mut endpoint = source.endpoint();
        endpoint.timeouts.response = SILENCE;
        let user = source.user.clone();
        let credentials = match (secret, &source.master, &source.authzid) {
            (Secret::OAuthToken(token), _, _) => Credentials::XOAuth2 { user, token },
            (Secret::Password(password), Some(master), None) => {
                let (master, separator) = (master.clone(), MASTER_SEPARATOR.to_owned());
                Credentials::Master { user, master, separator, password }
            }
            // With both, the master is who authenticates and `authzid` whom it acts for.
            (Secret::Password(password), master, Some(authzid)) => {
                let authcid = master.clone().unwrap_or(user);
                Credentials::PlainAs { authzid: authzid.clone(), authcid, password }
            }
            (Secret::Password(password), None, None) => Credentials::Password { user, password },
        };
        Login { endpoint, credentials }
    }

    /// Connects, logs in, enables QRESYNC or CONDSTORE.
    pub async fn open(&self) -> Result<Connection, Error> {
        open(&self.endpoint, &self.credentials).await
    }
}
