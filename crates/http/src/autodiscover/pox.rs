//! The answer in plain XML: what Outlook needs for IMAP, POP3 and SMTP, or an error in its own form, with status 200 as
//! its clients expect.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sterna_core::Address;

use super::{XML, request};
use crate::answer::{Problem, ok};
use crate::clients::{ClientSettings, MailServer, Protocol, Security};
use crate::service::Service;
use crate::xml::Xml;

/// Of the document, and of errors.
const ENVELOPE: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";

/// Of the settings: the only form that is answered in.
const SETTINGS: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// An error of the form, with its code and its words (MS-OXDSCLI §2.2.4.1.1.1).
#[derive(Clone, Copy)]
struct Refusal(u16, &'static str);

const NOT_OURS: Refusal = Refusal(500, "The e-mail address cannot be found");
const INVALID: Refusal = Refusal(600, "Invalid Request");
const OTHER_FORM: Refusal = Refusal(601, "The requested response schema is not provided");

/// `POST /autodiscover/autodiscover.xml`
pub(super) async fn post(service: &Arc<Service>, body: &[u8]) -> Response {
    let Some(request) = request::read(body) else { return refusal(INVALID) };
    let Some(address) = request.address.and_then(|text| Address::parse(&text).ok()) else { return refusal(INVALID) };
    // Without one, the form of the request is meant; ActiveSync has another.
    if request.schema.is_some_and(|schema| !schema.eq_ignore_ascii_case(SETTINGS)) {
        return refusal(OTHER_FORM);
    }
    match service.serves(address.domain()).await {
        Ok(true) => ok("text/xml; charset=utf-8", settings(&service.config.clients, &address)),
        Ok(false) => refusal(NOT_OURS),
        Err(problem) => problem.into_response(),
    }
}

/// `GET`: without TLS a client looks for a redirection to where it may ask (MS-OXDSCLI §3.1.5.4); with it, it has nothing
/// to get.
pub(super) fn get(service: &Arc<Service>, tls: bool) -> Response {
    if tls {
        return refusal(INVALID);
    }
    let location =
        service.config.clients.url.as_ref().and_then(|url| HeaderValue::try_from(format!("{url}{XML}")).ok());
    match location {
        Some(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        None => Problem::NoSettings.into_response(),
    }
}

fn refusal(Refusal(code, message): Refusal) -> Response {
    let mut xml = Xml::new();
    xml.element("Autodiscover", &[("xmlns", ENVELOPE)], |xml| {
        xml.element("Response", &[], |xml| {
            xml.element("Error", &[("Time", "00:00:00.0000000"), ("Id", "0")], |xml| {
                xml.leaf("ErrorCode", &code.to_string());
                xml.leaf("Message", message);
                xml.empty("DebugData");
            });
        });
    });
    ok("text/xml; charset=utf-8", xml.finish())
}

fn settings(clients: &ClientSettings, address: &Address) -> String {
    let mut xml = Xml::new();
    xml.element("Autodiscover", &[("xmlns", ENVELOPE)], |xml| {
        xml.element("Response", &[("xmlns", SETTINGS)], |xml| {
            xml.element("User", &[], |xml| xml.leaf("DisplayName", address.as_str()));
            xml.element("Account", &[], |xml| {
                xml.leaf("AccountType", "email");
                xml.leaf("Action", "settings");
                for (protocol, name) in [(Protocol::Imap, "IMAP"), (Protocol::Pop3, "POP3"), (Protocol::Smtp, "SMTP")] {
                    if let Some(found) = clients.first(protocol) {
                        server(xml, name, found, address);
                    }
                }
            });
        });
    });
    xml.finish()
}

fn server(xml: &mut Xml, kind: &str, server: &MailServer, address: &Address) {
    xml.element("Protocol", &[], |xml| {
        xml.leaf("Type", kind);
        xml.leaf("Server", &server.host);
        xml.leaf("Port", &server.port.to_string());
        xml.leaf("DomainRequired", "off");
        xml.leaf("LoginName", address.as_str());
        xml.leaf("SPA", "off");
        xml.leaf("SSL", "on");
        let encryption = match server.security {
            Security::Tls => "SSL",
            Security::StartTls => "TLS",
        };
        xml.leaf("Encryption", encryption);
        xml.leaf("AuthRequired", "on");
        if server.protocol == Protocol::Smtp {
            xml.leaf("UsePOPAuth", "on");
            xml.leaf("SMTPLast", "off");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, Client, elements};

    fn body(address: &str, schema: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><Autodiscover xmlns=\"x\"><Request><EMailAddress>{address}</EMailAddress>\
             <AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
        )
    }

    fn texts(answer: &Answer, end: &str) -> Vec<String> {
        elements(&answer.body).into_iter().filter(|(path, _)| path.ends_with(end)).map(|(_, text)| text).collect()
    }

    #[tokio::test]
    async fn outlook_finds_its_servers_under_any_spelling_of_the_path() {
        let client = Client::start().await;
        for path in
            ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.XML"]
        {
            let answer = client.post(path, &body("Anne@Example.org", SETTINGS)).await;
            assert_eq!((answer.status, answer.field("content-type")), (200, "text/xml; charset=utf-8"));
            assert_eq!(texts(&answer, "Protocol/Type"), ["IMAP", "POP3", "SMTP"]);
            assert_eq!(texts(&answer, "Protocol/Port"), ["993", "995", "465"]);
            assert_eq!(texts(&answer, "Protocol/Encryption"), ["SSL"; 3]);
            assert_eq!(texts(&answer, "Protocol/LoginName"), ["anne@example.org"; 3]);
            assert_eq!(texts(&answer, "Account/Action"), ["settings"]);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_answered_is_told_in_the_form() {
        let client = Client::start().await;
        let other = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";
        for (sent, code) in [
            (body("anne@example.com", SETTINGS), "500"),
            (body("anne", SETTINGS), "600"),
            ("hello".to_owned(), "600"),
            (format!("<!DOCTYPE x>{}", body("anne@example.org", SETTINGS)), "600"),
            (body("anne@example.org", other), "601"),
        ] {
            let answer = client.post(XML, &sent).await;
            assert_eq!((answer.status, texts(&answer, "Error/ErrorCode")), (200, vec![code.to_owned()]), "{sent}");
        }
        let anne = client.post(XML, &body("anne@example.org", SETTINGS)).await;
        let nobody = client.post(XML, &body("nobody@example.org", SETTINGS)).await;
        assert_eq!(anne.body.replace("anne", "nobody"), nobody.body);
    }

    #[tokio::test]
    async fn without_tls_a_client_is_sent_to_where_it_may_ask() {
        let client = Client::start().await;
        let answer = client.get("/Autodiscover/Autodiscover.xml").await;
        assert_eq!(
            (answer.status, answer.field("location")),
            (302, "https://mail.example.org/autodiscover/autodiscover.xml")
        );
        let answer = client.ask("DELETE /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!((answer.status, answer.field("allow")), (405, "GET, HEAD, POST"));
    }
}
