//! Accounts as lines for people.

use sterna_core::format_bytes;

use super::platform::place;
use super::time;
use crate::admin::AccountInfo;

fn size(a: &AccountInfo) -> String {
    let limit = a.quota_bytes.map_or("no limit".to_owned(), format_bytes);
    format!("{} of {limit}", format_bytes(a.used_bytes))
}

pub(super) fn line(a: &AccountInfo) -> String {
    let lock = if a.lock.is_some() { ", may not send" } else { "" };
    format!("{}  {}{lock}  {}  {} messages\n", a.address, a.status, size(a), a.messages)
}

pub(super) fn page(a: &AccountInfo) -> String {
    let password = if a.has_password { "set" } else { "none, nobody can log in" };
    let mut text = format!(
        "{}\n  status    {}\n  password  {password}\n  size      {}\n  messages  {} in {} mailboxes\n  created   {}\n",
        a.address,
        a.status,
        size(a),
        a.messages,
        a.mailboxes,
        time(a.created),
    );
    let mut row = |name: &str, value: &str| text += &format!("  {name:<8}  {value}\n");
    if !a.aliases.is_empty() {
        row("aliases", &a.aliases.join(", "));
    }
    if !a.forwards.is_empty() {
        let copy = if a.keep_copy { "a copy is kept" } else { "no copy is kept" };
        row("forward", &format!("{}; {copy}", a.forwards.join(", ")));
    }
    let moved = match a.route_epoch {
        0 => String::new(),
        epoch => format!(", epoch {epoch}"),
    };
    row("mailbox", &format!("{}{moved}", place(&a.place)));
    if let Some(language) = &a.language {
        row("language", language);
    }
    if let Some(limit) = a.hourly_limit {
        row("hourly", &format!("{limit} messages"));
    }
    if let Some(script) = &a.sieve {
        row("sieve", script);
    }
    if let Some(lock) = &a.lock {
        row("locked", &format!("since {}: {}; --unlock lets it send again", time(lock.since), lock.reason));
    }
    if !a.utf8_accept {
        row("names", "as the old server spelled them: no UTF8=ACCEPT");
    }
    if let Some(home) = &a.home {
        row("data", home);
    }
    text
}
