//! Domains, their keys, and aliases, as lines for people.

use super::platform::place;
use super::time;
use crate::admin::{AliasInfo, DkimInfo, DomainInfo};

pub(super) fn line(d: &DomainInfo) -> String {
    let aliases = if d.aliases > 0 { format!("  {} aliases", d.aliases) } else { String::new() };
    format!("{}  {} accounts{aliases}\n", d.name, d.accounts)
}

pub(super) fn page(d: &DomainInfo) -> String {
    let catch_all = d.catch_all.as_deref().unwrap_or("none, mail for unknown addresses is refused");
    let limit = d.hourly_limit.map_or("no limit".to_owned(), |n| format!("{n} messages"));
    let mut text = format!(
        "{}\n  accounts   {}\n  aliases    {}\n  catch-all  {catch_all}\n  mailboxes  {}\n  hourly     {limit}\n  created    {}\n",
        d.name,
        d.accounts,
        d.aliases,
        place(d.deliver_to.as_deref().unwrap_or("local")),
        time(d.created),
    );
    match d.dkim.as_deref() {
        Some([]) => text += &format!("  dkim       none; \"sterna domain dkim {} add\" makes a key\n", d.name),
        Some(keys) => {
            keys.iter().for_each(|k| text += &format!("  dkim       {}  {}  {}\n", k.selector, k.algorithm, k.state));
        }
        None => {}
    }
    text
}

pub(super) fn key(k: &DkimInfo) -> String {
    let (selector, algorithm, state) = (&k.selector, &k.algorithm, &k.state);
    let next = match state.as_str() {
        "pending" => "  publish its record, then activate it",
        "retired" => "  keep its record for a week, then remove both",
        _ => "",
    };
    let since = time(k.changed);
    format!("{selector}  {algorithm}  {state} since {since}{next}\n  {} TXT \"{}\"\n", k.record_name, k.record)
}

pub(super) fn alias(a: &AliasInfo) -> String {
    format!("{}  to {}\n", a.address, a.targets.join(", "))
}
