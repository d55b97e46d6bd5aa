//! What Sterna says to a platform to open a user's mailbox there.

use std::fmt;

use crate::platform::{Platform, PlatformLogin, UserForm};

/// Who logs in there, and how. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// Name and password: the user's, or a combined name (`user*master`) with the master's password.
    Password {
        /// Login name.
        user: String,
        /// Any bytes.
        password: Vec<u8>,
    },
    /// SASL PLAIN with an authorisation identity (RFC 4616 §2).
    PlainAs {
        /// Whose mailbox.
        authzid: String,
        /// Who logs in.
        authcid: String,
        /// That one's.
        password: String,
    },
    /// SASL XOAUTH2.
    XOAuth2 {
        /// Login name.
        user: String,
        /// The access token.
        token: String,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Identity::Password { user, .. } | Identity::XOAuth2 { user, .. } => user,
            Identity::PlainAs { authzid, .. } => authzid,
        };
        f.debug_tuple("Identity").field(name).finish()
    }
}

impl Identity {
    /// For the user of that address, who said `password`.
    pub(crate) fn new(platform: &Platform, address: &str, password: &[u8]) -> Identity {
        let user = match platform.settings.user {
            UserForm::Address => address.to_owned(),
            UserForm::Local => address.rsplit_once('@').map_or(address, |(local, _)| local).to_owned(),
        };
        let secret = platform.secret.clone().unwrap_or_default();
        match &platform.settings.login {
            PlatformLogin::User => Identity::Password { user, password: password.to_vec() },
            PlatformLogin::Master { login, separator } => {
                Identity::Password { user: format!("{user}{separator}{login}"), password: secret.into_bytes() }
            }
            PlatformLogin::Authzid { login } => {
                Identity::PlainAs { authzid: user, authcid: login.clone(), password: secret }
            }
            PlatformLogin::OAuth2 => Identity::XOAuth2 { user, token: secret },
        }
    }
}
