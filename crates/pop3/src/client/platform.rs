//! A platform of the front door, as this client connects to it and logs in there.

use sterna_frontdoor::{Identity, Platform};
use sterna_net::ServerUrl;

use super::auth::Credentials;
use super::endpoint::{Endpoint, Timeouts};

/// The server of a platform. Connecting takes no longer than the platform's settings allow.
pub(crate) fn endpoint(url: &ServerUrl, platform: &Platform) -> Endpoint {
    let timeouts = Timeouts { connect: platform.timeout(), response: platform.timeout() };
    Endpoint { trust: url.trust(), timeouts, ..Endpoint::new(url.host.clone(), url.port, url.tls) }
}

/// What to log in with; `None`: a password that is no text, which no account has.
pub(crate) fn credentials(identity: Identity) -> Option<Credentials> {
    Some(match identity {
        Identity::Password { user, password } => {
            Credentials::Password { user, password: String::from_utf8(password).ok()? }
        }
        Identity::PlainAs { authzid, authcid, password } => Credentials::PlainAs { authzid, authcid, password },
        Identity::XOAuth2 { user, token } => Credentials::XOAuth2 { user, token },
    })
}
