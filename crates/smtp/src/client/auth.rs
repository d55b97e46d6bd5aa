//! Logging in at a relay (RFC 4954): PLAIN, or LOGIN where there is nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::connection::Connection;
use super::error::Error;
use super::route::Credentials;

const DOING: &str = "AUTH";

impl Connection {
    /// The caller has made sure that the password may go over this connection.
    pub(super) async fn log_in(&mut self, credentials: &Credentials) -> Result<(), Error> {
        let Credentials { user, password } = credentials;
        let answer = if self.extensions.auth_plain {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(format!("AUTH PLAIN {secret}\r\n").as_bytes(), DOING).await?
        } else if self.extensions.auth_login {
            let mut answer = self.command(b"AUTH LOGIN\r\n", DOING).await?;
            for word in [user, password] {
                if answer.code != 334 {
                    break;
                }
                answer = self.command(format!("{}\r\n", STANDARD.encode(word)).as_bytes(), DOING).await?;
            }
            answer
        } else {
            return Err(Error::NoAuth);
        };
        match answer.is_positive() {
            true => Ok(()),
            false => Err(Error::Refused(DOING, answer)),
        }
    }
}
