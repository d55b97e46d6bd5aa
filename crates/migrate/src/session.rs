//! How to log in to the source, as often as connections are needed.

use std::time::Duration;

use sterna_imap::client::{Connection, Credentials, Endpoint, Error, open};
use sterna_pop3::client as pop3;

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
    /// The POP3 side, if there is one.
    pub pop3: Option<Pop3Login>,
}

/// The same login over POP3.
#[derive(Clone, Debug)]
pub(crate) struct Pop3Login {
    endpoint: pop3::Endpoint,
    credentials: pop3::Credentials,
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
        let pop3 = source.pop3_endpoint().map(|mut endpoint| {
            endpoint.timeouts.response = SILENCE;
            Pop3Login { endpoint, credentials: Pop3Login::credentials(&credentials) }
        });
        Login { endpoint, credentials, pop3 }
    }

    /// Connects, logs in, enables QRESYNC or CONDSTORE.
    pub async fn open(&self) -> Result<Connection, Error> {
        open(&self.endpoint, &self.credentials).await
    }
}

impl Pop3Login {
    fn credentials(imap: &Credentials) -> pop3::Credentials {
        match imap.clone() {
            Credentials::Password { user, password } => pop3::Credentials::Password { user, password },
            Credentials::Master { ref password, .. } => {
                pop3::Credentials::Password { user: imap.login(), password: password.clone() }
            }
            Credentials::PlainAs { authzid, authcid, password } => {
                pop3::Credentials::PlainAs { authzid, authcid, password }
            }
            Credentials::XOAuth2 { user, token } => pop3::Credentials::XOAuth2 { user, token },
        }
    }

    /// Connects and logs in.
    pub async fn open(&self) -> Result<pop3::Connection, pop3::Error> {
        pop3::open(&self.endpoint, &self.credentials).await
    }

    /// The server, for messages.
    pub fn at(&self) -> String {
        self.endpoint.to_string()
    }
}
