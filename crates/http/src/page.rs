//! `GET /`: a page for people that says what this server is and how to configure a mail client, in French or English.
//! No script runs on it, and its only form fetches Apple's profile.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use quick_xml::escape::escape;

use crate::answer::ok;
use crate::clients::{MailServer, Protocol, Security};
use crate::language::{Language, of};
use crate::service::{HttpConfig, Service};

/// The style sheet.
const STYLE: &str = include_str!("page.css");

/// `GET /page.css`
pub(crate) async fn style() -> Response {
    ok("text/css; charset=utf-8", STYLE.to_owned())
}

/// `GET /`
pub(crate) async fn page(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let words = match of(&headers) {
        Language::English => &ENGLISH,
        Language::French => &FRENCH,
    };
    let mut response = ok("text/html; charset=utf-8", html(words, &service.config));
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(words.language));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

/// All words of the page in one language.
struct Words {
    language: &'static str,
    title: &'static str,
    what: &'static str,
    by_itself: &'static str,
    by_hand: &'static str,
    columns: [&'static str; 4],
    imap: &'static str,
    pop3: &'static str,
    smtp: &'static str,
    tls: &'static str,
    starttls: &'static str,
    login: &'static str,
    apple: &'static str,
    address: &'static str,
    fetch: &'static str,
    webmail: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    title: "Mail server",
    what: "This is the mail server",
    by_itself: "Most mail programs find their settings by themselves: give them your e-mail address and your password.",
    by_hand: "If yours asks for them, these are the settings:",
    columns: ["Purpose", "Server", "Port", "Security"],
    imap: "Incoming mail (IMAP)",
    pop3: "Incoming mail (POP3)",
    smtp: "Outgoing mail (SMTP)",
    tls: "SSL/TLS",
    starttls: "STARTTLS",
    login: "The user name is the whole e-mail address, for incoming and for outgoing mail; the password is the same for both.",
    apple: "iPhone, iPad and Mac: fetch a profile, open it and confirm it in the settings of the device.",
    address: "E-mail address",
    fetch: "Fetch the profile",
    webmail: "Read your mail in the browser",
};

const FRENCH: Words = Words {
    language: "fr",
    title: "Serveur de messagerie",
    what: "Ceci est le serveur de messagerie",
    by_itself: "La plupart des logiciels de messagerie se configurent seuls : indiquez votre adresse e-mail et votre mot de passe.",
    by_hand: "Si le vôtre les demande, voici les réglages :",
    columns: ["Usage", "Serveur", "Port", "Sécurité"],
    imap: "Courrier entrant (IMAP)",
    pop3: "Courrier entrant (POP3)",
    smtp: "Courrier sortant (SMTP)",
    tls: "SSL/TLS",
    starttls: "STARTTLS",
    login: "Le nom d’utilisateur est l’adresse e-mail entière, pour le courrier entrant comme pour le courrier sortant ; le mot de passe est le même.",
    apple: "iPhone, iPad et Mac : téléchargez un profil, ouvrez-le et confirmez-le dans les réglages de l’appareil.",
    address: "Adresse e-mail",
    fetch: "Télécharger le profil",
    webmail: "Lire votre courrier dans le navigateur",
};

fn html(words: &Words, config: &HttpConfig) -> String {
    let clients = &config.clients;
    let title = if clients.name.is_empty() { words.title } else { &clients.name };
    let title = escape(title);
    let Words { language, what, by_itself, by_hand, login, apple, address, fetch, webmail, .. } = words;
    let heads: String = words.columns.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
    let rows: String = clients.servers.iter().map(|server| row(words, server)).collect();
    let host = escape(&config.hostname);
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"/page.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         <p>{what} <strong>{host}</strong>.</p>\n<p><a href=\"/webmail\">{webmail}</a></p>\n<p>{by_itself}</p>\n<p>{by_hand}</p>\n\
         <table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n<p>{login}</p>\n\
         <form action=\"/mobileconfig\" method=\"get\">\n<p>{apple}</p>\n\
         <label for=\"email\">{address}</label> <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" required> \
         <button type=\"submit\">{fetch}</button>\n</form>\n</main>\n</body>\n</html>\n"
    )
}

fn row(words: &Words, server: &MailServer) -> String {
    let purpose = match server.protocol {
        Protocol::Imap => words.imap,
        Protocol::Pop3 => words.pop3,
        Protocol::Smtp => words.smtp,
    };
    let security = match server.security {
        Security::Tls => words.tls,
        Security::StartTls => words.starttls,
    };
    let host = escape(&server.host);
    format!("<tr><th scope=\"row\">{purpose}</th><td>{host}</td><td>{}</td><td>{security}</td></tr>\n", server.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Client;

    #[tokio::test]
    async fn the_page_speaks_the_readers_language_and_runs_nothing() {
        let client = Client::start().await;
        let ask = async |language: &str| {
            client.ask(&format!("GET / HTTP/1.1\r\nHost: h\r\nAccept-Language: {language}\r\n\r\n")).await
        };
        let (french, english) = (ask("fr-CA").await, ask("en").await);
        assert!(french.body.contains("<html lang=\"fr\">") && french.body.contains("Courrier entrant (IMAP)"));
        assert!(english.body.contains("<html lang=\"en\">") && english.body.contains("Incoming mail (POP3)"));
        for answer in [french, english] {
            assert_eq!((answer.status, answer.field("vary")), (200, "accept-language"));
            assert!(answer.field("content-security-policy").contains("default-src 'none'"));
            assert!(!answer.body.contains("<script") && !answer.body.contains("style="));
            assert!(answer.body.contains("mail.example.org") && answer.body.contains("<td>465</td>"));
        }
        assert!(client.get("/page.css").await.field("content-type").starts_with("text/css"));
    }

    #[test]
    fn a_name_is_text_on_the_page() {
        let mut config = HttpConfig::new("mail.example.org", Default::default());
        config.clients.name = "<script>".into();
        assert!(!html(&ENGLISH, &config).contains("<script>"));
    }
}
