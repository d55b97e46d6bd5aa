//! Asks a platform by IMAP whether it lets a guest in: for submission and the web, which are not relayed.

use std::future::Future;
use std::pin::Pin;

use sterna_frontdoor::{Checked, Checker, Guest};

use super::connect::connect;
use super::error::{Error, ErrorKind};
use super::platform::{credentials, endpoint};

/// Logs in at the guest's platform, and out again.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlatformChecker;

impl Checker for PlatformChecker {
    fn check<'a>(&'a self, guest: &'a Guest) -> Pin<Box<dyn Future<Output = Checked> + Send + 'a>> {
        Box::pin(async move {
            let limit = guest.platform.timeout();
            let checked = tokio::time::timeout(limit, check(guest)).await;
            checked.unwrap_or_else(|_| Checked::Unavailable(format!("no answer within {} s", limit.as_secs())))
        })
    }
}

async fn check(guest: &Guest) -> Checked {
    let Some(url) = &guest.platform.imap else {
        let name = &guest.platform.name;
        return Checked::Unavailable(format!("platform {name} has no IMAP server, and passwords are checked by IMAP"));
    };
    // No account has a password that is no text.
    let Some(credentials) = credentials(guest.identity()) else { return Checked::Refused };
    let logging_in = async {
        let mut connection = connect(&endpoint(url, &guest.platform)).await?;
        // Such a server lets everybody in, which proves nothing.
        if connection.preauth {
            return Err(connection.error(ErrorKind::Protocol("it asks for no password (PREAUTH)".into())));
        }
        connection.login(&credentials).await?;
        Ok::<_, Error>(connection)
    };
    match logging_in.await {
        Ok(connection) => {
            // Nobody waits for its goodbye, which is bounded by the endpoint's times.
            tokio::spawn(connection.logout());
            Checked::Accepted
        }
        Err(error) if matches!(*error.kind, ErrorKind::WrongCredentials { .. }) => Checked::Refused,
        Err(error) => Checked::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use sterna_frontdoor::Refused;
    use sterna_net::LoginRefused;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::server::testing::{PASSWORD, Server, USER};

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A server at whose door the mailbox of the user is on a platform with these settings.
    async fn door(settings: &str) -> Arc<Server> {
        let server = Server::start(|_| {}).await;
        server.store.add_platform("old", settings.to_owned(), None).await.unwrap();
        server.store.set_route(server.account.id(), Some("platform:old".into())).await.unwrap();
        server.service.door.set_checker(Arc::new(PlatformChecker));
        server
    }

    async fn verify(server: &Server, password: &[u8]) -> Result<(), Refused> {
        server.service.door.verify(HOME, USER.as_bytes(), password, &mut 0).await.map(drop)
    }

    #[tokio::test]
    async fn the_platform_says_whether_a_password_is_right() {
        let old = Server::start(|_| {}).await;
        let new = door(&format!(r#"{{"imap":"imap://{}?tls=none"}}"#, old.address)).await;
        assert!(verify(&new, PASSWORD.as_bytes()).await.is_ok());
        for wrong in [&b"wrong"[..], b"\xff\xfe"] {
            assert!(matches!(verify(&new, wrong).await, Err(Refused::Login(LoginRefused::Wrong))));
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_no_wrong_password() {
        for said in
            ["* BYE full\r\n", "* PREAUTH hello\r\n", "220 mail ESMTP\r\n", "* OK [CAPABILITY IMAP4rev1] hello\r\n"]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = listener.local_addr().unwrap();
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let _ = stream.write_all(said.as_bytes()).await;
                    let mut command = vec![0; 1000];
                    let read = stream.read(&mut command).await.unwrap_or(0);
                    let tag =
                        String::from_utf8_lossy(&command[..read]).split(' ').next().unwrap_or_default().to_owned();
                    let _ = stream.write_all(format!("{tag} NO [UNAVAILABLE] later\r\n").as_bytes()).await;
                }
            });
            let new = door(&format!(r#"{{"imap":"imap://{at}?tls=none","timeout":5}}"#)).await;
            let refused = verify(&new, PASSWORD.as_bytes()).await.unwrap_err();
            assert!(matches!(refused, Refused::Unavailable(_)), "{said}: {refused:?}");
        }
        let new = door(r#"{"pop3":"pop3://127.0.0.1:1?tls=none"}"#).await;
        let refused = verify(&new, PASSWORD.as_bytes()).await.unwrap_err();
        assert!(matches!(&refused, Refused::Unavailable(why) if why.contains("no IMAP server")), "{refused:?}");
    }
}
