//! `[mail]`: what is accepted from other servers, and how mail is sent to them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sterna_core::{Address, parse_bytes};
use sterna_smtp::queue::QueueConfig;

use super::duration::parse_duration;
use super::is_hostname;
use super::route::check_route;
use super::secret::Secrets;

/// The languages of notices.
pub const LANGUAGES: [&str; 2] = ["en", "fr"];

/// Pauses between attempts at most.
const MAX_RETRIES: usize = 20;

/// How mail comes in and goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    /// Who gets mail for postmaster@ of each domain that has no such account or alias; `None`: it is refused.
    pub postmaster: Option<Address>,
    /// Of notices to users, where their account says nothing else: `en` or `fr`.
    pub language: String,
    /// Days after which mail that cannot be sent goes back.
    pub queue_days: u32,
    /// The largest message that reception and submission take, bytes.
    pub max_size: u64,
    /// Recipients of one message at most.
    pub max_recipients: usize,
    /// Unknown senders are asked to come back once.
    pub greylist: bool,
    /// Zones of DNS block lists that are asked about each peer.
    pub dnsbl: Vec<String>,
    /// Mail that fails DMARC is refused where the sender's domain asks for it; else it is marked only.
    pub reject_dmarc: bool,
    /// All mail for other servers goes through this one.
    pub relay: Option<Relay>,
    /// Other servers are reached over IPv6, too.
    pub outbound_ipv6: bool,
    /// The port of other domains' servers.
    pub outbound_port: u16,
    /// Addresses under which the world reaches this server and that no interface of it has: mail is never sent there.
    pub own_addresses: Vec<IpAddr>,
    /// Servers of other domains at private addresses are spoken to, too.
    pub allow_private: bool,
    /// Connections to one destination at the same time.
    pub per_destination: usize,
    /// Connections to all destinations at the same time.
    pub connections: usize,
    /// Pauses between the attempts of one recipient, in order; the last one repeats.
    pub retry: Vec<Duration>,
}

impl Default for MailConfig {
    fn default() -> MailConfig {
        MailConfig {
            postmaster: None,
            language: "en".to_owned(),
            queue_days: 5,
            max_size: 50 << 20,
            max_recipients: 1000,
            greylist: false,
            dnsbl: Vec::new(),
            reject_dmarc: true,
            relay: None,
            outbound_ipv6: true,
            outbound_port: 25,
            own_addresses: Vec::new(),
            allow_private: false,
            per_destination: 20,
            connections: 200,
            retry: QueueConfig::default().retry,
        }
    }
}

/// The server that takes all outgoing mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Relay {
    /// `smtp://HOST:PORT?tls=none|starttls|implicit[&ca=FILE]`
    pub url: String,
    /// How to log in there: user name and password; `None`: not at all.
    pub login: Option<(String, String)>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| user);
        f.debug_struct("Relay").field("url", &self.url).field("user", &user).finish_non_exhaustive()
    }
}

/// The table as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MailTable {
    postmaster: Option<String>,
    language: Option<String>,
    queue_days: Option<u32>,
    message: Option<String>,
    max_recipients: Option<usize>,
    greylist: Option<bool>,
    dnsbl: Option<Vec<String>>,
    reject_dmarc: Option<bool>,
    relay: Option<String>,
    relay_user: Option<String>,
    relay_password_file: Option<PathBuf>,
    outbound_ipv6: Option<bool>,
    outbound_port: Option<u16>,
    own_addresses: Option<Vec<String>>,
    allow_private: Option<bool>,
    per_destination: Option<usize>,
    connections: Option<usize>,
    retry: Option<Vec<String>>,
}

impl MailTable {
    pub fn read(mut self, secrets: &mut Secrets<'_>) -> Result<MailConfig, String> {
        let default = MailConfig::default();
        let relay = self.relay(secrets)?;
        let postmaster = self.postmaster.map(|text| Address::parse(&text)).transpose();
        let language = self.language.unwrap_or(default.language);
        if !LANGUAGES.contains(&language.as_str()) {
            return Err(format!(
                "mail.language: \"{language}\" is not known; write \"{}\"",
                LANGUAGES.join("\" or \"")
            ));
        }
        let max_size = match &self.message {
            Some(size) => parse_bytes(size).map_err(|e| format!("mail.message: {e}"))?,
            None => default.max_size,
        };
        let dnsbl = self.dnsbl.unwrap_or_default();
        if let Some(zone) = dnsbl.iter().find(|zone| !is_hostname(zone)) {
            return Err(format!("mail.dnsbl: \"{zone}\" is no zone; write one such as \"zen.spamhaus.org\""));
        }
        Ok(MailConfig {
            postmaster: postmaster.map_err(|e| format!("mail.postmaster: {e}"))?,
            language,
            queue_days: within("mail.queue_days", self.queue_days, default.queue_days, 1, 30)?,
            max_size,
            max_recipients: within("mail.max_recipients", self.max_recipients, default.max_recipients, 1, 50_000)?,
            greylist: self.greylist.unwrap_or(default.greylist),
            dnsbl,
            reject_dmarc: self.reject_dmarc.unwrap_or(default.reject_dmarc),
            relay,
            outbound_ipv6: self.outbound_ipv6.unwrap_or(default.outbound_ipv6),
            outbound_port: within("mail.outbound_port", self.outbound_port, default.outbound_port, 1, u16::MAX)?,
            own_addresses: own_addresses(&self.own_addresses.unwrap_or_default())?,
            allow_private: self.allow_private.unwrap_or(default.allow_private),
            per_destination: within("mail.per_destination", self.per_destination, default.per_destination, 1, 1000)?,
            connections: within("mail.connections", self.connections, default.connections, 1, 10_000)?,
            retry: self.retry.map_or(Ok(default.retry), |given| retry(&given))?,
        })
    }

    fn relay(&mut self, secrets: &mut Secrets<'_>) -> Result<Option<Relay>, String> {
        let (user, file) = (self.relay_user.take(), self.relay_password_file.take());
        let Some(url) = self.relay.take() else {
            return match (user, file) {
                (None, None) => Ok(None),
                _ => Err("mail.relay_user and mail.relay_password_file need mail.relay beside them".into()),
            };
        };
        let url = check_route(&url, &["smtp"], secrets.directory).map_err(|e| format!("mail.relay: {e}"))?;
        let login = match (user, file) {
            (Some(user), Some(file)) => Some((user, secrets.file("mail.relay_password_file", &file)?)),
            (None, None) => None,
            _ => return Err("mail.relay_user and mail.relay_password_file are needed both, or neither".into()),
        };
        Ok(Some(Relay { url, login }))
    }
}

fn own_addresses(given: &[String]) -> Result<Vec<IpAddr>, String> {
    let wrong =
        |text: &String| format!("mail.own_addresses: \"{text}\" is no address; write one such as \"203.0.113.9\"");
    given.iter().map(|text| text.parse().map_err(|_| wrong(text))).collect()
}

fn retry(given: &[String]) -> Result<Vec<Duration>, String> {
    let wrong = |why: &str| Err(format!("mail.retry: {why}; write a list such as [\"5m\", \"30m\", \"2h\"]"));
    if given.is_empty() || given.len() > MAX_RETRIES {
        return wrong(&format!("it must hold 1 to {MAX_RETRIES} lengths of time"));
    }
    let pauses: Result<Vec<Duration>, String> = given.iter().map(|pause| parse_duration(pause)).collect();
    let pauses = pauses.map_err(|e| format!("mail.retry: {e}"))?;
    // Shorter than a second would press on servers that ask to be left alone for a while.
    if pauses.iter().any(|pause| *pause < Duration::from_secs(1)) {
        return wrong("a pause must be at least 1s");
    }
    Ok(pauses)
}

/// A number between two others.
pub(super) fn within<N: PartialOrd + Copy + std::fmt::Display>(
    key: &str,
    given: Option<N>,
    default: N,
    least: N,
    most: N,
) -> Result<N, String> {
    match given {
        Some(n) if n < least || n > most => Err(format!("{key} = {n} is out of range; write {least} to {most}")),
        Some(n) => Ok(n),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<MailConfig, String> {
        let table: MailTable = toml::from_str(text).unwrap();
        table.read(&mut Secrets::new(Path::new("/etc"), &|_| None))
    }

    #[test]
    fn what_is_given_takes_the_place_of_defaults() {
        assert_eq!(read(""), Ok(MailConfig::default()));
        let mail = read(
            "postmaster = \"Admin@example.org\"\nlanguage = \"fr\"\nmessage = \"100M\"\ngreylist = true\n\
             dnsbl = [\"zen.example.org\"]\nreject_dmarc = false\nretry = [\"1s\", \"2h\"]\nconnections = 10000",
        );
        let mail = mail.unwrap();
        assert_eq!(mail.postmaster.as_ref().map(Address::as_str), Some("admin@example.org"));
        assert_eq!((mail.language.as_str(), mail.max_size, mail.greylist), ("fr", 100 << 20, true));
        assert_eq!(mail.retry, [Duration::from_secs(1), Duration::from_secs(7200)]);
        assert!(!mail.reject_dmarc && mail.outbound_ipv6);
    }

    #[test]
    fn a_relay_may_have_a_login_whose_password_never_shows() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("p"), "geheim\n").unwrap();
        let text =
            "relay = \"smtp://smart.example.net:587?tls=starttls\"\nrelay_user = \"u\"\nrelay_password_file = \"p\"";
        let table: MailTable = toml::from_str(text).unwrap();
        let mail = table.read(&mut Secrets::new(directory.path(), &|_| None)).unwrap();
        assert!(!format!("{mail:?}").contains("geheim"));
        assert_eq!(mail.relay.unwrap().login, Some(("u".into(), "geheim".into())));
    }

    #[test]
    fn what_is_wrong_is_told_with_the_right_form() {
        for (text, word) in [
            ("postmaster = \"admin\"", "mail.postmaster: \"admin\" is not an address"),
            ("language = \"de\"", "\"en\" or \"fr\""),
            ("queue_days = 0", "mail.queue_days = 0 is out of range; write 1 to 30"),
            ("message = \"big\"", "mail.message: "),
            ("max_recipients = 0", "1 to 50000"),
            ("dnsbl = [\"http://x\"]", "is no zone"),
            ("relay = \"smart.example.net\"", "mail.relay: "),
            ("relay = \"lmtp://smart.example.net\"", "mail.relay: "),
            ("relay_user = \"u\"", "need mail.relay"),
            ("relay = \"smtp://h?tls=none\"\nrelay_user = \"u\"", "needed both"),
            ("per_destination = 0", "1 to 1000"),
            ("outbound_port = 0", "1 to 65535"),
            ("own_addresses = [\"mail.example.org\"]", "203.0.113.9"),
            ("retry = []", "1 to 20"),
            ("retry = [\"10\"]", "mail.retry: \"10\" is no length of time"),
            ("retry = [\"10ms\"]", "at least 1s"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
