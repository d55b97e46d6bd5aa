//! Apple's configuration profile: a property list that iOS and macOS install. Unsigned, as everything in it is public; the
//! connection it comes over is what can be trusted.
//!
//! Identifiers and UUIDs are made from host name and address, so that a profile that is fetched again takes the place of
//! the earlier one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use sterna_core::Address;

use crate::answer::{Problem, ok};
use crate::clients::{MailServer, Protocol};
use crate::query::{Parameters, address};
use crate::service::{HttpConfig, Service};
use crate::xml::Xml;

/// `GET /mobileconfig?email=` and `/email.mobileconfig?email=`
pub(crate) async fn profile(State(service): State<Arc<Service>>, parameters: Parameters) -> Result<Response, Problem> {
    let address = address(&parameters, &["email", "emailaddress"])?;
    if !service.serves(address.domain()).await? {
        return Err(Problem::NotOurs);
    }
    let text = document(&service.config, &address).ok_or(Problem::NoSettings)?;
    let mut response = ok("application/x-apple-aspen-config; charset=utf-8", text);
    let disposition = HeaderValue::from_static("attachment; filename=\"email.mobileconfig\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// The profile; `None` if no mail can be read or sent.
fn document(config: &HttpConfig, address: &Address) -> Option<String> {
    let clients = &config.clients;
    let (kind, incoming) = match (clients.first(Protocol::Imap), clients.first(Protocol::Pop3)) {
        (Some(imap), _) => ("EmailTypeIMAP", imap),
        (None, Some(pop3)) => ("EmailTypePOP", pop3),
        (None, None) => return None,
    };
    let outgoing = clients.first(Protocol::Smtp)?;
    let identifier = identifier(&config.hostname, address);
    let mut xml = Xml::new();
    xml.raw(
        "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">",
    );
    xml.element("plist", &[("version", "1.0")], |xml| {
        xml.element("dict", &[], |xml| {
            xml.leaf("key", "PayloadContent");
            xml.element("array", &[], |xml| {
                xml.element("dict", &[], |xml| {
                    payload(xml, "com.apple.mail.managed", &format!("{identifier}.account"), address.as_str());
                    string(xml, "EmailAccountDescription", address.as_str());
                    string(xml, "EmailAccountType", kind);
                    string(xml, "EmailAddress", address.as_str());
                    server(xml, "Incoming", incoming, address);
                    server(xml, "Outgoing", outgoing, address);
                    truth(xml, "OutgoingPasswordSameAsIncomingPassword", true);
                });
            });
            payload(xml, "Configuration", &identifier, &format!("{} ({address})", clients.name));
            string(xml, "PayloadOrganization", &clients.name);
            truth(xml, "PayloadRemovalDisallowed", false);
        });
    });
    Some(xml.finish())
}

/// What every payload must say of itself.
fn payload(xml: &mut Xml, kind: &str, identifier: &str, name: &str) {
    string(xml, "PayloadType", kind);
    xml.leaf("key", "PayloadVersion");
    xml.leaf("integer", "1");
    string(xml, "PayloadIdentifier", identifier);
    string(xml, "PayloadUUID", &uuid(identifier));
    string(xml, "PayloadDisplayName", name);
}

fn server(xml: &mut Xml, direction: &str, server: &MailServer, address: &Address) {
    let key = |end: &str| format!("{direction}MailServer{end}");
    string(xml, &key("HostName"), &server.host);
    xml.leaf("key", &key("PortNumber"));
    xml.leaf("integer", &server.port.to_string());
    // Both ways of TLS: the port says which one.
    truth(xml, &key("UseSSL"), true);
    string(xml, &key("Authentication"), "EmailAuthPassword");
    string(xml, &key("Username"), address.as_str());
}

fn string(xml: &mut Xml, key: &str, value: &str) {
    xml.leaf("key", key);
    xml.leaf("string", value);
}

fn truth(xml: &mut Xml, key: &str, value: bool) {
    xml.leaf("key", key);
    xml.empty(if value { "true" } else { "false" });
}

/// The host name from its end, as Apple names things, and a name made from the address.
fn identifier(hostname: &str, address: &Address) -> String {
    let reversed: Vec<&str> = hostname.rsplit('.').collect();
    let hash = blake3::hash(address.as_str().as_bytes()).to_hex();
    format!("{}.mail.{}", reversed.join("."), hash.get(..16).unwrap_or_default())
}

/// A UUID of version 8 (RFC 9562 §5.8), made from a name.
fn uuid(name: &str) -> String {
    let mut bits =
        u128::from_be_bytes(blake3::hash(name.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default());
    bits = bits & !(0xf << 76) | 0x8 << 76;
    bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032X}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Client, clients};
    use sterna_tests::python;

    #[test]
    fn a_profile_takes_the_place_of_its_earlier_self_only() {
        let config = HttpConfig::new("mail.example.org", clients());
        let of = |address: &str| document(&config, &Address::parse(address).unwrap()).unwrap();
        assert_eq!(of("anne@example.org"), of("Anne@example.org"));
        assert_ne!(of("anne@example.org"), of("bob@example.org"));
        let uuid = uuid("org.example.mail");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "8"));
        assert!("89AB".contains(&uuid[19..20]), "{uuid}");
    }

    #[test]
    fn without_a_server_for_each_way_there_is_no_profile() {
        let mut config = HttpConfig::new("mail.example.org", clients());
        let address = Address::parse("anne@example.org").unwrap();
        config.clients.servers.retain(|server| server.protocol != Protocol::Imap);
        assert!(document(&config, &address).unwrap().contains("EmailTypePOP"));
        config.clients.servers.retain(|server| server.protocol != Protocol::Smtp);
        assert_eq!(document(&config, &address), None);
    }

    #[tokio::test]
    async fn the_profile_is_a_property_list_that_another_program_reads() {
        let client = Client::start().await;
        let address = "a%2Bb%26c%27@example.org";
        for path in ["/mobileconfig", "/email.mobileconfig"] {
            let answer = client.get(&format!("{path}?email={address}")).await;
            assert_eq!(answer.status, 200);
            assert!(answer.field("content-type").starts_with("application/x-apple-aspen-config"));
            let script = "import plistlib, sys\np = plistlib.loads(sys.argv[1].encode())\nm = p['PayloadContent'][0]\n\
                print(p['PayloadType'], m['EmailAddress'], m['EmailAccountType'])\n\
                print(m['IncomingMailServerHostName'], m['IncomingMailServerPortNumber'], m['IncomingMailServerUseSSL'])\n\
                print(m['OutgoingMailServerPortNumber'], m['PayloadUUID'] != p['PayloadUUID'])\n";
            let lines = python(script, &[&answer.body]).success().stdout;
            assert_eq!(lines, "Configuration a+b&c'@example.org EmailTypeIMAP\nmail.example.org 993 True\n465 True\n");
        }
        assert_eq!(client.get("/mobileconfig?email=anne@example.com").await.status, 404);
        assert_eq!(client.get("/mobileconfig").await.status, 400);
    }
}
