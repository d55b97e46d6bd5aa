//! `[clients]`: what mail clients are told of this server. By default its own name and the standard port of each protocol
//! that it listens for, which is right unless a balancer or a translation of ports stands in front of it.

use serde::Deserialize;
use sterna_http::{ClientSettings, MailServer, Protocol, Security};

use super::listen::Listen;
use super::route::host_and_port;

/// What says that a server is not to be told.
const NONE: &str = "none";

/// The table as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ClientsTable {
    name: Option<String>,
    url: Option<String>,
    webmail: Option<String>,
    imap: Option<String>,
    imaps: Option<String>,
    pop3: Option<String>,
    pop3s: Option<String>,
    submission: Option<String>,
    submissions: Option<String>,
}

impl ClientsTable {
    pub fn read(self, hostname: &str, listen: &Listen) -> Result<ClientSettings, String> {
        use Protocol::{Imap, Pop3, Smtp};
        use Security::{StartTls, Tls};
        // The preferred one of each protocol first: implicit TLS (RFC 8314 §3).
        let rows = [
            ("imaps", Imap, Tls, 993, self.imaps, !listen.imaps.is_empty()),
            ("imap", Imap, StartTls, 143, self.imap, !listen.imap.is_empty()),
            ("pop3s", Pop3, Tls, 995, self.pop3s, !listen.pop3s.is_empty()),
            ("pop3", Pop3, StartTls, 110, self.pop3, !listen.pop3.is_empty()),
            ("submissions", Smtp, Tls, 465, self.submissions, !listen.submissions.is_empty()),
            ("submission", Smtp, StartTls, 587, self.submission, !listen.submission.is_empty()),
        ];
        let mut servers = Vec::new();
        for (key, protocol, security, standard, given, listens) in rows {
            let (host, port) = match given.as_deref() {
                Some(NONE) => continue,
                Some(text) => {
                    let wrong = || {
                        format!(
                            "clients.{key}: \"{text}\" is no server; write \"mail.example.org:{standard}\" or \"{NONE}\""
                        )
                    };
                    host_and_port(text).ok_or_else(wrong)?
                }
                None if listens => (hostname, None),
                None => continue,
            };
            servers.push(MailServer { protocol, host: host.to_owned(), port: port.unwrap_or(standard), security });
        }
        let listens = !(listen.http.is_empty() && listen.https.is_empty());
        let url = match self.url.as_deref() {
            Some(NONE) => None,
            Some(text) => Some(url(text)?),
            None => listens.then(|| format!("https://{hostname}")),
        };
        let webmail = self.webmail.map(webmail).transpose()?;
        Ok(ClientSettings { name: self.name.unwrap_or_else(|| hostname.to_owned()), servers, url, webmail })
    }
}

fn url(text: &str) -> Result<String, String> {
    let place = text.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
    match place.and_then(host_and_port) {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err(format!("clients.url: \"{text}\" is not known; write \"https://mail.example.org\" or \"{NONE}\"")),
    }
}

/// A webmail may lie anywhere on its host, and also without TLS on a private network.
fn webmail(text: String) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let place = rest.and_then(|rest| rest.split('/').next()).and_then(host_and_port);
    match place.is_some() && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(format!("clients.webmail: \"{text}\" is not known; write \"https://mail.example.org/\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, listen: &Listen) -> Result<ClientSettings, String> {
        toml::from_str::<ClientsTable>(text).unwrap().read("mail.example.org", listen)
    }

    #[test]
    fn what_is_listened_for_is_told_with_its_standard_port() {
        let somewhere = vec!["127.0.0.1:1143".parse().unwrap()];
        let listen = Listen {
            imap: somewhere.clone(),
            imaps: somewhere.clone(),
            submissions: somewhere.clone(),
            https: somewhere.clone(),
            ..Listen::default()
        };
        let clients = read("", &listen).unwrap();
        let told: Vec<(&str, u16)> = clients.servers.iter().map(|s| (s.host.as_str(), s.port)).collect();
        assert_eq!(told, [("mail.example.org", 993), ("mail.example.org", 143), ("mail.example.org", 465)]);
        assert_eq!(clients.url.as_deref(), Some("https://mail.example.org"));
        assert_eq!(clients.name, "mail.example.org");
        assert_eq!(read("", &Listen::default()).unwrap().servers, []);
    }

    #[test]
    fn what_is_said_counts_more_than_what_is_listened_for() {
        let listen = Listen { imap: vec!["127.0.0.1:143".parse().unwrap()], ..Listen::default() };
        let text = "name = \"Example\"\nimap = \"none\"\nimaps = \"imap.example.org\"\nsubmission = \"smtp.example.org:2587\"\n\
                    url = \"https://auto.example.org:8443/\"\nwebmail = \"https://example.org/mail/\"";

        let clients = read(text, &listen).unwrap();
        let told: Vec<(&str, u16)> = clients.servers.iter().map(|s| (s.host.as_str(), s.port)).collect();
        assert_eq!(told, [("imap.example.org", 993), ("smtp.example.org", 2587)]);
        assert_eq!((clients.name.as_str(), clients.url.as_deref()), ("Example", Some("https://auto.example.org:8443")));
        assert_eq!(clients.webmail.as_deref(), Some("https://example.org/mail/"));
    }

    #[test]
    fn what_is_no_server_is_told() {
        for (text, word) in [
            ("imaps = \"imap example\"", "mail.example.org:993"),
            ("pop3 = \"h:0\"", "clients.pop3"),
            ("url = \"http://h\"", "https://mail.example.org"),
            ("webmail = \"mail.example.org\"", "clients.webmail"),
            ("webmail = \"https://h/a b\"", "clients.webmail"),
        ] {
            let error = read(text, &Listen::default()).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
