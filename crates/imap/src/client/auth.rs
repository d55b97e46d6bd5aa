//! Logging in: LOGIN, SASL PLAIN (RFC 4616), a master user, XOAUTH2. No password ever reaches a log or an error.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use crate::codec::response_parser::{Response, Status, StatusText};

/// Who logs in, and how.
#[derive(Clone)]
pub enum Credentials {
    /// The user with the user's own password.
    Password {
        /// Login name.
        user: String,
        /// Any bytes but NUL.
        password: String,
    },
    /// A master user who acts for the user by a combined login name: `user*master` with Dovecot and Zimbra.
    Master {
        /// Whose mailbox.
        user: String,
        /// Who logs in.
        master: String,
        /// Between the two: `*` with Dovecot.
        separator: String,
        /// The master's.
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
            Credentials::Master { user, master, separator, .. } => format!("{user}{separator}{master}"),
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
    /// Logs in and learns the capabilities anew, which change with it (RFC 9051 §6.2.2). Nothing to do after PREAUTH.
    ///
    /// A password goes by AUTHENTICATE PLAIN where offered and by LOGIN else; a server that offers PLAIN and then does
    /// not understand it gets LOGIN. Whether a password may go over this connection is the caller's decision.
    pub async fn login(&mut self, credentials: &Credentials) -> Result<(), Error> {
        if self.preauth {
            return Ok(());
        }
        self.must_be_free()?;
        let before = std::mem::take(&mut self.capabilities);
        self.capabilities = before.clone();
        let status = match credentials {
            Credentials::XOAuth2 { user, token } => {
                self.need("XOAUTH2")?;
                let response = format!("user={user}\x01auth=Bearer {token}\x01\x01");
                self.authenticate("AUTHENTICATE XOAUTH2", response.as_bytes()).await?
            }
            Credentials::PlainAs { authzid, authcid, password } => {
                self.need("PLAIN")?;
                self.plain(authzid, authcid, password).await?
            }
            Credentials::Password { password, .. } | Credentials::Master { password, .. } => {
                self.password(&credentials.login(), password).await?
            }
        };
        match status.status {
            Status::No | Status::Bad => Err(self.error(ErrorKind::login_refused(&credentials.login(), &status))),
            _ if self.capabilities == before => self.read_capabilities().await,
            _ => Ok(()),
        }
    }

    fn need(&self, mechanism: &'static str) -> Result<(), Error> {
        match self.capabilities.auth(mechanism) {
            true => Ok(()),
            false if self.capabilities.has("LOGINDISABLED") => Err(self.error(ErrorKind::LoginDisabled)),
            false => Err(self.error(ErrorKind::NotOffered(mechanism))),
        }
    }

    async fn password(&mut self, login: &str, password: &str) -> Result<StatusText, Error> {
        // A NUL would end the name or password in PLAIN; LOGIN can at least ask.
        let plain = self.capabilities.auth("PLAIN") && !login.contains('\0') && !password.contains('\0');
        let disabled = self.capabilities.has("LOGINDISABLED");
        if plain {
            let status = self.plain("", login, password).await?;
            if status.status != Status::Bad || disabled {
                return Ok(status);
            }
        }
        if disabled {
            return Err(self.error(ErrorKind::LoginDisabled));
        }
        let tag = self.send(self.command("LOGIN").string(login.as_bytes()).string(password.as_bytes()));
        self.outcome(tag).await
    }

    async fn plain(&mut self, authzid: &str, authcid: &str, password: &str) -> Result<StatusText, Error> {
        let response = format!("{authzid}\0{authcid}\0{password}");
        self.authenticate("AUTHENTICATE PLAIN", response.as_bytes()).await
    }

    /// AUTHENTICATE with one response, sent with the command where the server takes that (RFC 4959).
    async fn authenticate(&mut self, command: &'static str, response: &[u8]) -> Result<StatusText, Error> {
        let response = BASE64.encode(response);
        let mut unsent = Some(response);
        let mut line = self.command(command);
        if self.capabilities.has("SASL-IR") {
            line = line.text(" ").text(&unsent.take().unwrap_or_default());
        }
        let tag = self.send(line);
        let mut challenge = None;
        loop {
            match self.next().await? {
                Event::Response(Response::Continuation(text)) => {
                    // A second challenge is an error in disguise (XOAUTH2): an empty answer makes the server say NO.
                    let answer = unsent.take().unwrap_or_default();
                    if answer.is_empty() {
                        challenge = BASE64.decode(&text).ok().map(|c| String::from_utf8_lossy(&c).into_owned());
                    }
                    self.push(tag, answer.as_bytes());
                    self.push(tag, b"\r\n");
                }
                Event::Done { tag: ended, mut status, .. } if ended == tag => {
                    if let Some(challenge) = challenge.filter(|_| status.status != Status::Ok) {
                        status.text = format!("{} {challenge}", status.text);
                    }
                    return Ok(status);
                }
                _ => {}
            }
        }
    }

    async fn outcome(&mut self, tag: Tag) -> Result<StatusText, Error> {
        loop {
            match self.next().await? {
                Event::Done { tag: ended, status, .. } if ended == tag => return Ok(status),
                _ => {}
            }
        }
    }
}
