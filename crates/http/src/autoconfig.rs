//! Thunderbird's autoconfiguration, which many other clients read too: config-v1.1.xml, for a domain.
//!
//! The file holds placeholders in place of the address, so that it is the same for all addresses of a domain.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;

use crate::answer::{Problem, ok};
use crate::clients::{ClientSettings, MailServer, Protocol, Security};
use crate::query::{Parameters, address, parameter};
use crate::service::Service;
use crate::xml::Xml;

/// The name under which a domain's file is looked for first.
const PREFIX: &str = "autoconfig.";

/// `GET /mail/config-v1.1.xml?emailaddress=` and `/.well-known/autoconfig/mail/config-v1.1.xml`
pub(crate) async fn config(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let domain = match parameter(&parameters, "emailaddress") {
        Some(_) => address(&parameters, &["emailaddress"])?.domain().to_owned(),
        // Below /.well-known no address is given: the name that was asked is the domain, or stands before it.
        None => asked_domain(&headers).ok_or(Problem::NoAddress)?,
    };
    if !service.serves(&domain).await? {
        return Err(Problem::NotOurs);
    }
    Ok(ok("application/xml; charset=utf-8", document(&domain, &service.config.clients)))
}

/// The domain of the name that the request was sent to.
fn asked_domain(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_end_matches('.').to_ascii_lowercase();
    let name = name.strip_prefix(PREFIX).unwrap_or(&name);
    (!name.is_empty()).then(|| name.to_owned())
}

fn document(domain: &str, clients: &ClientSettings) -> String {
    let mut xml = Xml::new();
    xml.element("clientConfig", &[("version", "1.1")], |xml| {
        xml.element("emailProvider", &[("id", domain)], |xml| {
            xml.leaf("domain", domain);
            xml.leaf("displayName", &clients.name);
            xml.leaf("displayShortName", &clients.name);
            for (protocol, name) in [(Protocol::Imap, "imap"), (Protocol::Pop3, "pop3")] {
                clients.of(protocol).for_each(|s| server(xml, "incomingServer", name, s));
            }
            clients.of(Protocol::Smtp).for_each(|s| server(xml, "outgoingServer", "smtp", s));
        });
    });
    xml.finish()
}

fn server(xml: &mut Xml, element: &str, kind: &str, server: &MailServer) {
    xml.element(element, &[("type", kind)], |xml| {
        xml.leaf("hostname", &server.host);
        xml.leaf("port", &server.port.to_string());
        xml.leaf(
            "socketType",
            match server.security {
                Security::Tls => "SSL",
                Security::StartTls => "STARTTLS",
            },
        );
        xml.leaf("authentication", "password-cleartext");
        xml.leaf("username", "%EMAILADDRESS%");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Client, elements};

    #[test]
    fn the_domain_is_told_by_the_name_that_was_asked() {
        let asked = |host: &str| {
            asked_domain(&HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])).unwrap_or_default()
        };
        assert_eq!(asked("autoconfig.Example.org:80"), "example.org");
        assert_eq!(asked("example.org."), "example.org");
        assert_eq!(asked("autoconfig."), "autoconfig");
        assert_eq!(asked(":80"), "");
        assert_eq!(asked_domain(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn thunderbird_finds_every_server_the_best_first() {
        let client = Client::start().await;
        let paths = ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"];
        for path in paths {
            let answer = client.get(&format!("{path}?emailaddress=anne%40example.org")).await;
            assert_eq!((answer.status, answer.field("content-type")), (200, "application/xml; charset=utf-8"));
            let found = elements(&answer.body);
            let of = |name: &str| -> Vec<&str> {
                found.iter().filter(|(path, _)| path.ends_with(name)).map(|(_, text)| text.as_str()).collect()
            };
            assert_eq!(of("emailProvider/domain"), ["example.org"]);
            assert_eq!(of("incomingServer/port"), ["993", "143", "995", "110"]);
            assert_eq!(of("incomingServer/socketType"), ["SSL", "STARTTLS", "SSL", "STARTTLS"]);
            assert_eq!(of("outgoingServer/port"), ["465", "587"]);
            assert_eq!(of("outgoingServer/hostname"), ["mail.example.org", "mail.example.org"]);
            assert_eq!(of("username"), ["%EMAILADDRESS%"; 6]);
        }
        // Without an address, by the name.
        let answer = client.ask("GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: autoconfig.example.org\r\n\r\n").await;
        assert_eq!(answer.status, 200);
    }

    #[tokio::test]
    async fn an_account_and_nobody_get_the_same_answer_and_other_domains_none() {
        let client = Client::start().await;
        let ask = async |address: &str| client.get(&format!("/mail/config-v1.1.xml?emailaddress={address}")).await;
        let (anne, nobody) = (ask("anne@example.org").await, ask("nobody@example.org").await);
        assert_eq!((anne.status, &anne.body), (200, &nobody.body));
        assert_eq!(ask("anne@example.com").await.status, 404);
        assert_eq!(ask("anne").await.status, 400);
        assert_eq!(ask("%ff%00@example.org").await.status, 400);
        assert_eq!(client.get("/mail/config-v1.1.xml").await.status, 404);
    }
}
