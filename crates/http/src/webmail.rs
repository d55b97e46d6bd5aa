//! `GET /webmail`: asks for an address and sends its user to the webmail that has the mailbox, in French or English.
//!
//! An address without an account is sent where its domain's mailboxes are by default: nobody learns here who exists.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quick_xml::escape::escape;
use sterna_core::Address;
use sterna_frontdoor::Settings;
use sterna_store::Route;

use crate::answer::{Problem, answer};
use crate::language::{Language, of};
use crate::query::{decoded, parameter};
use crate::service::Service;

/// Browsers look at the target of the redirect, too, before they send a form: it may be any webmail.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self' https: http:; base-uri 'none'; \
                      frame-ancestors 'none'";

/// `GET /webmail`, with `?email=` or without.
pub(crate) async fn get(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    answered(&service, &headers, &query).await
}

/// `POST /webmail`, with the form in its body.
pub(crate) async fn post(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    answered(&service, &headers, &String::from_utf8_lossy(&body)).await
}

async fn answered(service: &Service, headers: &HeaderMap, form: &str) -> Response {
    let words = match of(headers) {
        Language::English => &ENGLISH,
        Language::French => &FRENCH,
    };
    let parameters = decoded(form);
    let Some(given) = parameter(&parameters, "email") else { return page(service, words, StatusCode::OK, None) };
    let Ok(address) = Address::parse(given.trim()) else {
        return page(service, words, StatusCode::BAD_REQUEST, Some(words.no_address));
    };
    match place(service, &address).await {
        Ok(Some(url)) => {
            redirect(&url).unwrap_or_else(|| page(service, words, StatusCode::NOT_FOUND, Some(words.none)))
        }
        Ok(None) => page(service, words, StatusCode::NOT_FOUND, Some(words.none)),
        Err(Problem::NotOurs) => page(service, words, StatusCode::NOT_FOUND, Some(words.not_ours)),
        Err(problem) => problem.into_response(),
    }
}

/// The webmail of the server that has the mailbox; `None`: there is none.
async fn place(service: &Service, address: &Address) -> Result<Option<String>, Problem> {
    let route = service.in_time(async {
        if let Some(routed) = service.store.routed(address).await? {
            return Ok(Some(routed.route));
        }
        Ok(service.store.domain(address.domain()).await?.map(|domain| domain.place()))
    });
    let name = match route.await?.ok_or(Problem::NotOurs)? {
        Route::Local | Route::Relay(_) => return Ok(service.config.clients.webmail.clone()),
        Route::Platform(name) => name,
    };
    let record = service.in_time(service.store.platform(&name)).await?;
    let settings = record.map(|record| serde_json::from_str::<Settings>(&record.settings));
    match settings {
        Some(Ok(settings)) => Ok(settings.web),
        Some(Err(error)) => {
            tracing::warn!(%error, platform = name, "the settings of a platform cannot be read");
            Err(Problem::Unavailable)
        }
        None => Ok(None),
    }
}

/// 303: the browser asks the other server with GET, whatever it asked here.
fn redirect(url: &str) -> Option<Response> {
    let location = HeaderValue::from_str(url).ok()?;
    let mut response = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

/// All words of the page in one language.
struct Words {
    language: &'static str,
    title: &'static str,
    what: &'static str,
    address: &'static str,
    open: &'static str,
    no_address: &'static str,
    not_ours: &'static str,
    none: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    title: "Read your mail",
    what: "Give your e-mail address: you are sent to the webmail that has your mailbox.",
    address: "E-mail address",
    open: "Open the webmail",
    no_address: "This is no e-mail address.",
    not_ours: "This server knows nothing about the domain of that address.",
    none: "There is no webmail for this mailbox. It can be read with a mail program.",
};

const FRENCH: Words = Words {
    language: "fr",
    title: "Lire votre courrier",
    what: "Indiquez votre adresse e-mail : vous serez dirigé vers le webmail où se trouve votre boîte.",
    address: "Adresse e-mail",
    open: "Ouvrir le webmail",
    no_address: "Ceci n’est pas une adresse e-mail.",
    not_ours: "Ce serveur ne connaît pas le domaine de cette adresse.",
    none: "Il n’y a pas de webmail pour cette boîte. Elle peut être lue avec un logiciel de messagerie.",
};

fn page(service: &Service, words: &Words, status: StatusCode, told: Option<&str>) -> Response {
    let Words { language, title, what, address, open, .. } = words;
    let told = told.map_or(String::new(), |told| format!("<p role=\"alert\"><strong>{told}</strong></p>\n"));
    let host = escape(&service.config.hostname);
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title} – {host}</title>\n<link rel=\"stylesheet\" href=\"/page.css\">\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{told}<form action=\"/webmail\" method=\"post\">\n<p>{what}</p>\n\
         <label for=\"email\">{address}</label> <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" required> \
         <button type=\"submit\">{open}</button>\n</form>\n</main>\n</body>\n</html>\n"
    );
    let mut response = answer(status, "text/html; charset=utf-8", html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(words.language));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

#[cfg(test)]
mod tests {
    use sterna_net::PortTls;

    use super::*;
    use crate::testing::Client;

    const OLD: &str = "https://webmail.old.example/";

    async fn start(webmail: Option<&str>) -> Client {
        let webmail = webmail.map(str::to_owned);
        let client = Client::start_with(|config| config.clients.webmail = webmail, PortTls::Plain).await;
        let store = &client.store;
        store.add_platform("old", format!("{{\"web\":\"{OLD}\"}}"), None).await.unwrap();
        store.add_platform("bare", "{}".into(), None).await.unwrap();
        let anne = store.add_account(&Address::parse("anne@example.org").unwrap(), None, None).await.unwrap();
        store.set_route(anne, Some("platform:old".into())).await.unwrap();
        let bare = store.add_account(&Address::parse("bare@example.org").unwrap(), None, None).await.unwrap();
        store.set_route(bare, Some("platform:bare".into())).await.unwrap();
        client
    }

    #[tokio::test]
    async fn an_address_leads_to_the_webmail_that_has_its_mailbox() {
        let client = start(Some("https://mail.example.org/")).await;
        for (address, place) in [
            ("anne%40example.org", OLD),
            ("+Anne%40Example.ORG+", OLD),
            // No account: as the domain says.
            ("nobody%40example.org", "https://mail.example.org/"),
        ] {
            for got in [
                client.get(&format!("/webmail?email={address}")).await,
                client.post("/webmail", &format!("email={address}")).await,
            ] {
                assert_eq!((got.status, got.field("location"), got.body.as_str()), (303, place, ""), "{address}");
            }
        }
        let domain = client.store.domain("example.org").await.unwrap().unwrap();
        assert_eq!(domain.place(), Route::Local);
        let change = sterna_store::DomainChange::Route(Some("platform:old".into()));
        client.store.set_domain("example.org", change).await.unwrap();
        assert_eq!(client.get("/webmail?email=nobody%40example.org").await.field("location"), OLD);
    }

    #[tokio::test]
    async fn where_there_is_no_webmail_nothing_is_pretended() {
        let client = start(None).await;
        for (address, status, word) in [
            ("nobody%40example.org", 404, "There is no webmail"),
            ("bare%40example.org", 404, "There is no webmail"),
            ("anne%40elsewhere.example", 404, "knows nothing"),
            ("anne", 400, "no e-mail address"),
            ("", 400, "no e-mail address"),
        ] {
            let got = client.get(&format!("/webmail?email={address}")).await;
            assert_eq!((got.status, got.field("location")), (status, ""), "{address}");
            assert!(got.body.contains(word) && got.body.contains("<form"), "{}", got.body);
        }
    }

    #[tokio::test]
    async fn the_page_asks_in_the_readers_language() {
        let client = start(None).await;
        let french = client.ask("GET /webmail HTTP/1.1\r\nHost: h\r\nAccept-Language: fr\r\n\r\n").await;
        assert!(french.status == 200 && french.body.contains("Lire votre courrier"));
        let english = client.get("/webmail").await;
        assert!(english.body.contains("Read your mail") && !english.body.contains("<script"));
        let policy = english.field("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self' https:"), "{policy}");
        assert!(client.get("/").await.body.contains("href=\"/webmail\""));
    }
}
