//! The keys that `sterna.toml` may have. An unknown one is an error that names the nearest known one: a misspelt key
//! must never be a setting that silently does not hold.

use toml::{Table, Value};

/// Every key, with its table in front.
const KEYS: &[&str] = &[
    "data",
    "hostname",
    "listen.imap",
    "listen.imaps",
    "listen.pop3",
    "listen.pop3s",
    "listen.smtp",
    "listen.submission",
    "listen.submissions",
    "listen.lmtp",
    "listen.sieve",
    "listen.http",
    "listen.https",
    "tls.cert",
    "tls.key",
    "auth.plaintext",
    "store.engine",
    "store.url",
    "store.password_file",
    "store.ca",
    "store.pool",
    "store.wait",
    "store.statement_timeout",
    "blobs.kind",
    "blobs.grace",
    "blobs.collect_every",
    "blobs.endpoint",
    "blobs.bucket",
    "blobs.region",
    "blobs.prefix",
    "blobs.access_key_id",
    "blobs.secret_access_key",
    "blobs.secret_access_key_file",
    "blobs.timeout",
    "blobs.retry_for",
    "limits.message",
    "limits.connections",
    "limits.hourly",
    "mail.postmaster",
    "mail.language",
    "mail.queue_days",
    "mail.message",
    "mail.max_recipients",
    "mail.greylist",
    "mail.dnsbl",
    "mail.reject_dmarc",
    "mail.relay",
    "mail.relay_user",
    "mail.relay_password_file",
    "mail.outbound_ipv6",
    "mail.outbound_port",
    "mail.own_addresses",
    "mail.allow_private",
    "mail.per_destination",
    "mail.connections",
    "mail.retry",
    "dns.servers",
    "dns.timeout",
    "clients.name",
    "clients.url",
    "clients.webmail",
    "clients.imap",
    "clients.imaps",
    "clients.pop3",
    "clients.pop3s",
    "clients.submission",
    "clients.submissions",
];

/// Keys of the design that this version does not serve yet.
const LATER: &[&str] = &["listen.metrics"];

/// The first key that is not known, as a sentence.
pub(super) fn unknown_key(table: &Table) -> Option<String> {
    paths(table).into_iter().find(|path| !KEYS.contains(&path.as_str())).map(|path| {
        if LATER.contains(&path.as_str()) {
            return format!("\"{path}\" is not served by this version of Sterna yet; remove it");
        }
        match nearest(&path) {
            Some(known) => format!("unknown key \"{path}\"; did you mean \"{known}\"?"),
            None => format!("unknown key \"{path}\"; the keys are {}", KEYS.join(", ")),
        }
    })
}

/// The keys of a table, those of its tables with their name in front. An empty table of a known name says nothing.
fn paths(table: &Table) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if inner.is_empty() && KEYS.iter().any(|k| k.starts_with(&format!("{key}."))) => {}
            Value::Table(inner) if !inner.is_empty() => paths.extend(inner.keys().map(|k| format!("{key}.{k}"))),
            _ => paths.push(key.clone()),
        }
    }
    paths
}

/// The known key that looks most like this one, if any does. The last part counts by itself, too: a key may only stand in
/// the wrong table.
fn nearest(path: &str) -> Option<&'static str> {
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let score = |known: &&&str| distance(known, path).min(distance(&name(known), &name(path)) + 1);
    KEYS.iter().min_by_key(score).filter(|known| score(known) <= 1 + path.len() / 4).copied()
}

/// Insertions, deletions and replacements between two texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            left = (before + usize::from(x != *y)).min(left + 1).min(*above + 1);
            before = std::mem::replace(above, left);
        }
    }
    // The first cell is never read, so that it need not be kept.
    if b.is_empty() { a.chars().count() } else { row.last().copied().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> Option<String> {
        unknown_key(&toml::from_str(text).unwrap())
    }

    #[test]
    fn the_nearest_known_key_is_named() {
        for (text, known) in [
            ("[listen]\nimapss = 1", "listen.imaps"),
            ("hostnam = 1", "hostname"),
            ("[auth]\nplain_text = 1", "auth.plaintext"),
            ("imap = 1", "listen.imap"),
            ("[tsl]\ncert = 1", "tls.cert"),
            ("[store]\npasword_file = 1", "store.password_file"),
            ("[blobs]\naccess_key = 1", "blobs.access_key_id"),
            ("[listen]\nsubmision = 1", "listen.submission"),
            ("[mail]\nrelay_password = 1", "mail.relay_password_file"),
            ("[mail]\npost_master = 1", "mail.postmaster"),
            ("[dns]\nserver = 1", "dns.servers"),
            ("[limits]\nhour = 1", "limits.hourly"),
        ] {
            let complaint = complaint(text).unwrap();
            assert!(complaint.ends_with(&format!("did you mean \"{known}\"?")), "{complaint}");
        }
        assert!(complaint("zzzzzz = 1").unwrap().contains("the keys are data, hostname"));
        assert!(complaint("[listen]\nmetrics = 1").unwrap().contains("not served by this version"));
    }

    #[test]
    fn known_keys_are_no_complaint() {
        assert_eq!(complaint("data = \"x\"\n[listen]\nimap = [\"a\"]\n[tls]\n[auth]\nplaintext = \"never\""), None);
    }

    #[test]
    fn distance_counts_changes() {
        for (a, b, n) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "axc", 1), ("abc", "", 3), ("", "ab", 2), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), n, "{a} {b}");
        }
    }
}
