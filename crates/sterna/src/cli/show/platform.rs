//! Platforms, and the places of mailboxes, as lines for people.

use sterna_frontdoor::{PlatformLogin, UserForm};
use sterna_store::Route;

use super::time;
use crate::admin::PlatformInfo;

/// Where a mailbox is.
pub(super) fn place(route: &str) -> String {
    match Route::parse(route) {
        Route::Local => "here".to_owned(),
        Route::Platform(name) => format!("on platform {name}"),
        Route::Relay(url) => format!("on {url}"),
    }
}

pub(super) fn line(p: &PlatformInfo) -> String {
    let imap = p.settings.imap.as_deref().unwrap_or("no IMAP");
    format!("{}  {imap}  {} accounts\n", p.name, p.accounts)
}

pub(super) fn page(p: &PlatformInfo) -> String {
    let s = &p.settings;
    let mut text = format!("{}\n", p.name);
    let mut row = |name: &str, value: &str| text += &format!("  {name:<10}  {value}\n");
    row("accounts", &p.accounts.to_string());
    if !p.domains.is_empty() {
        row("domains", &p.domains.join(", "));
    }
    for (name, url) in [
        ("imap", &s.imap),
        ("pop3", &s.pop3),
        ("sieve", &s.sieve),
        ("deliver", &s.deliver),
        ("submission", &s.submission),
        ("dav", &s.dav),
        ("web", &s.web),
    ] {
        match (name, url) {
            (_, Some(url)) => row(name, url),
            ("deliver", None) => row(name, "none; mail for its mailboxes waits here"),
            _ => {}
        }
    }
    let login = match &s.login {
        PlatformLogin::User => "with the user's own password".to_owned(),
        PlatformLogin::Master { login, separator } => format!("as master USER{separator}{login}"),
        PlatformLogin::Authzid { login } => format!("as {login}, for the user (SASL PLAIN)"),
        PlatformLogin::OAuth2 => "with a token for all users (XOAUTH2)".to_owned(),
    };
    row("login", &login);
    let user = match s.user {
        UserForm::Address => "by their address",
        UserForm::Local => "by the part before the @",
    };
    row("users", user);
    let sessions = s.max_sessions.map_or("no limit".to_owned(), |most| format!("{most} at a time"));
    row("sessions", &sessions);
    if let Some(seconds) = s.timeout {
        row("timeout", &format!("{seconds} s"));
    }
    if s.tell_client {
        row("clients", "their addresses are told");
    }
    if s.learn {
        row("passwords", "are learned");
    }
    row("created", &time(p.created));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_said_in_words() {
        assert_eq!(place("local"), "here");
        assert_eq!(place("platform:old"), "on platform old");
        assert_eq!(place("lmtp://h:24?tls=none"), "on lmtp://h:24?tls=none");
    }
}
