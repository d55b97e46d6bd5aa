//! Logging in: AUTH PLAIN and XOAUTH2 (RFC 5034) where offered, USER and PASS else.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::connection::Connection;
use super::error::{Error, ErrorKind};

/// An initial response that makes the line longer than RFC 2449 §4 allows comes after the server's `+`.
const MAX_INITIAL: usize = 230;

/// Who logs in, and how.
#[derive(Clone)]
pub enum Credentials {
    /// The user with a password: the user's own, or a master's where `user` names both (`user*master`).
    Password {
        /// Login name.
        user: String,
        /// Any characters but NUL, CR and LF.
        password: String,
    },
    /// SASL PLAIN with an authorisation identity: `authcid` logs in to act for `authzid` (RFC 4616 §2).
    PlainAs {
        /// Whose mailbox.
        authzid: String,
        /// Who logs in.
        authcid: String,
        /// That one's.
        password: String,
    },
    /// A bearer token as Google and Microsoft take it.
    XOAuth2 {
        /// Login name.
        user: String,
        /// The access token.
        token: String,
    },
}

impl Credentials {
    /// The name that errors show.
    pub fn login(&self) -> String {
        match self {
            Credentials::Password { user, .. } | Credentials::XOAuth2 { user, .. } => user.clone(),
            Credentials::PlainAs { authzid, authcid, .. } => format!("{authcid} for {authzid}"),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.login()).finish()
    }
}

impl Connection {
    /// Logs in; what the server says to that.
    pub(super) async fn login(&mut self, credentials: &Credentials) -> Result<String, Error> {
        let refused = match credentials {
            Credentials::XOAuth2 { user, token } => {
                let response = format!("user={user}\x01auth=Bearer {token}\x01\x01");
                self.sasl("XOAUTH2", &response).await?
            }
            Credentials::PlainAs { authzid, authcid, password } => {
                self.sasl("PLAIN", &format!("{authzid}\0{authcid}\0{password}")).await?
            }
            Credentials::Password { user, password } if self.capabilities.sasl("PLAIN") => {
                self.sasl("PLAIN", &format!("\0{user}\0{password}")).await?
            }
            Credentials::Password { user, password } => self.user_pass(user, password).await?,
        };
        match refused {
            Ok(text) => Ok(text),
            Err(text) => Err(self.error(ErrorKind::login_refused(&credentials.login(), &text))),
        }
    }

    async fn user_pass(&mut self, user: &str, password: &str) -> Result<Result<String, String>, Error> {
        if [user, password].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
            return Err(self.error(ErrorKind::CannotLogIn("the name or password holds a line end")));
        }
        match self.run(&format!("USER {user}"), "waiting for USER").await? {
            Ok(_) => self.run(&format!("PASS {password}"), "waiting for PASS").await,
            refused => Ok(refused),
        }
    }

    async fn sasl(&mut self, mechanism: &str, response: &str) -> Result<Result<String, String>, Error> {
        let response = STANDARD.encode(response);
        let inline = response.len() <= MAX_INITIAL;
        match inline {
            true => self.send(format!("AUTH {mechanism} {response}\r\n").as_bytes()).await?,
            false => self.send(format!("AUTH {mechanism}\r\n").as_bytes()).await?,
        }
        let mut unsent = (!inline).then_some(response);
        // At most: the question for the response, and an error told as a challenge (XOAUTH2), answered by nothing.
        for _ in 0..3 {
            let line = self.line("waiting for AUTH").await?;
            let text = |rest: &[u8]| String::from_utf8_lossy(rest).trim().to_owned();
            if let Some(rest) = line.strip_prefix(b"+OK") {
                return Ok(Ok(text(rest)));
            }
            if let Some(rest) = line.strip_prefix(b"-ERR") {
                return Ok(Err(text(rest)));
            }
            if line.first() != Some(&b'+') {
                break;
            }
            self.send(format!("{}\r\n", unsent.take().unwrap_or_default()).as_bytes()).await?;
        }
        Err(self.protocol("its answers to AUTH make no sense"))
    }
}
