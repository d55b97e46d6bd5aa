//! A receipt as a page for people.

mod cutover;

use std::fmt::Write;
use std::time::Duration;

use sterna_core::{DateTime, format_bytes};

use super::{Comparison, FolderComparison, Receipt};

/// Exceptions that are spelled out; the JSON has them all.
const SHOWN: usize = 200;

pub(super) fn render(receipt: &Receipt) -> String {
    let c = &receipt.comparison;
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = header(c, &mut page);
    let _ = folders(c, &mut page);
    let _ = c.cutover.as_ref().map_or(Ok(()), |told| cutover::render(told, &mut page));
    let _ = exceptions(c, &mut page);
    let _ = writeln!(
        page,
        "\n## Signature\n\nEd25519, public key `{}`, over the JSON form of this receipt:\n`{}`",
        receipt.public_key, receipt.signature
    );
    page
}

fn header(c: &Comparison, page: &mut String) -> std::fmt::Result {
    let time = |unix: Option<i64>| unix.map_or("not yet".to_owned(), |u| DateTime::utc(u).to_string());
    let verdict = match (c.equal, c.check_findings.is_empty()) {
        (true, true) => "**Both sides are equal.**",
        (true, false) => "**Both sides are equal, but the account is not sound.**",
        (false, _) => "**The sides differ.**",
    };
    let bodies = if c.bodies_verified { "compared, byte for byte" } else { "not read again" };
    writeln!(page, "# Receipt: {}\n\n{verdict}\n", text(&c.account))?;
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(page, "| source | {} |", text(&c.source))?;
    writeln!(page, "| state | {} |", c.state)?;
    if let Some(failure) = &c.failure {
        writeln!(page, "| stopped by | {} |", text(failure))?;
    }
    writeln!(page, "| compared | {} |", time(Some(c.compared_at)))?;
    writeln!(page, "| first copy | from {} to {} |", time(c.seeding_at), time(c.following_at))?;
    let took = Duration::from_millis(c.seeding_millis);
    let t = &c.totals;
    let rate = t.bytes.saturating_mul(1000).checked_div(c.seeding_millis).unwrap_or(0);
    writeln!(page, "| time copying | {:.1} s, {}/s |", took.as_secs_f64(), format_bytes(rate))?;
    writeln!(page, "| carried over | {} messages, {} |", t.messages, format_bytes(t.bytes))?;
    writeln!(page, "| later changes | {} of flags, {} removed |", t.flags, t.expunged)?;
    writeln!(page, "| bodies | {bodies} |")?;
    if let Some(p) = &c.pop3 {
        let told = match &p.failure {
            Some(failure) => format!("not known: {}", text(failure)),
            None => format!(
                "{} of {} kept{}, {} not; {} messages are not listed there",
                p.carried,
                p.listed,
                if p.in_order { " in their order" } else { ", **in another order**" },
                p.not_carried,
                p.not_listed
            ),
        };
        writeln!(page, "| unique ids of POP3 | {told} |")?;
    }
    let findings = c.check_findings.len();
    let sound = if findings == 0 { "every invariant holds".to_owned() } else { format!("{findings} findings") };
    writeln!(page, "| account check | {sound} |")?;
    for finding in c.check_findings.iter().take(SHOWN) {
        writeln!(page, "| | {} |", text(finding))?;
    }
    Ok(())
}

fn folders(c: &Comparison, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## Folders\n\n| folder | equal | source | here | bytes | UIDVALIDITY | digest |")?;
    writeln!(page, "|---|---|---:|---:|---:|---:|---|")?;
    for f in &c.folders {
        let equal = if f.equal { "yes" } else { "**no**" };
        let digest = f.digest.get(..16).unwrap_or_default();
        let (source, here, bytes, validity) = (f.source_messages, f.messages, format_bytes(f.bytes), f.uid_validity);
        writeln!(page, "| {} | {equal} | {source} | {here} | {bytes} | {validity} | `{digest}` |", text(&f.name))?;
    }
    for f in
        c.folders.iter().filter(|f| !f.equal || f.added_here > 0 || f.changed_since > 0 || f.sizes_claimed_wrongly > 0)
    {
        folder(f, page)?;
    }
    if !c.dangling_subscriptions.is_empty() {
        let names: Vec<String> = c.dangling_subscriptions.iter().map(|n| text(n)).collect();
        writeln!(page, "\nSubscribed without a folder, as at the source: {}.", names.join(", "))?;
    }
    Ok(())
}

fn folder(f: &FolderComparison, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n### {}\n", text(&f.name))?;
    if let Some(reason) = &f.refused {
        writeln!(page, "- {}", text(reason))?;
    }
    for (count, what) in [
        (f.only_source, "only at the source"),
        (f.only_here - f.added_here, "only here"),
        (f.added_here, "added here, left alone"),
        (f.changed_since, "changed since the flip, not compared"),
        (f.flags_differ, "with other flags"),
        (f.dates_differ, "with another INTERNALDATE"),
        (f.bodies_differ, "with other bytes"),
        (f.sizes_claimed_wrongly, "for which the source claims another size than it gives"),
    ] {
        if count > 0 {
            writeln!(page, "- {count} {what}")?;
        }
    }
    f.differences.iter().try_for_each(|d| writeln!(page, "- {}", text(d)))
}

fn exceptions(c: &Comparison, page: &mut String) -> std::fmt::Result {
    if c.exceptions.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## Exceptions\n\n| folder | UID | what |\n|---|---:|---|")?;
    for e in c.exceptions.iter().take(SHOWN) {
        let uid = e.uid.map(|u| u.to_string()).unwrap_or_default();
        writeln!(page, "| {} | {uid} | {} |", text(&e.folder), text(&e.reason))?;
    }
    let more = c.exceptions.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(page, "\nAnd {more} more; the JSON form has them all.")?;
    }
    Ok(())
}

/// Names come from outside: nothing in them may end a cell or begin a link.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '&' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_cannot_become_markup() {
        assert_eq!(super::text("a|b\n<script>"), "a\\|b\\n\\<script\\>");
    }
}
