//! The cutover's part of the page: the hold, the flip, what came after it, the way back.

use std::fmt::Write;

use sterna_core::{DateTime, format_bytes};

use super::{SHOWN, text};
use crate::cutover::{BackSync, CarriedBack, Cutover, Flipped, Undone};
use crate::record::Failure;

pub(super) fn render(c: &Cutover, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## Cutover\n\n| | |\n|---|---|")?;
    writeln!(page, "| platform | {} |", text(&c.platform))?;
    writeln!(page, "| asked for | {} |", DateTime::utc(c.asked_at))?;
    holds(c.failed_holds, c.refusal.as_ref(), page)?;
    if let Some(flip) = &c.flip {
        flipped(flip, page)?;
    }
    if let Some(kept) = &c.back_sync {
        back_sync(kept, page)?;
    }
    for remark in c.remarks.iter().take(SHOWN) {
        writeln!(page, "- {}", text(remark))?;
    }
    c.rollback.as_ref().map_or(Ok(()), |undone| undoing(undone, page))
}

fn holds(failed: u32, refusal: Option<&Failure>, page: &mut String) -> std::fmt::Result {
    if failed > 0 {
        writeln!(page, "| holds that failed | {failed} |")?;
    }
    let Some(refusal) = refusal else { return Ok(()) };
    let next = refusal.retry_at.map_or("given up".to_owned(), |at| format!("tried again at {}", DateTime::utc(at)));
    writeln!(page, "| last failure | {}; {next} |", text(&refusal.reason))
}

fn flipped(f: &Flipped, page: &mut String) -> std::fmt::Result {
    writeln!(page, "| flipped | {} |", DateTime::utc(f.at))?;
    writeln!(page, "| hold | {} ms, {} passes |", f.hold_millis, f.passes)?;
    writeln!(page, "| sessions | {} handed over, {} dropped |", f.sessions, f.sessions_dropped)?;
    writeln!(page, "| carried under the hold | {} messages, {} |", f.messages, format_bytes(f.bytes))?;
    let verified = f.verified_at.map_or("not yet".to_owned(), |at| DateTime::utc(at).to_string());
    writeln!(page, "| compared as at the flip | {verified}, {} differences |", f.differences.len())?;
    writeln!(page, "| stragglers | {} messages, {} |", f.stragglers, format_bytes(f.straggler_bytes))?;
    writeln!(page, "\n| folder at the flip | source | here | UIDNEXT | MODSEQ | changed since | digests |")?;
    writeln!(page, "|---|---:|---:|---:|---:|---:|---|")?;
    for folder in &f.folders {
        let digest = match (folder.source_digest.get(..16), folder.digest.get(..16)) {
            (Some(_), Some(digest)) if folder.source_digest == folder.digest => format!("`{digest}`"),
            (Some(source), Some(digest)) => format!("**`{source}` and `{digest}`**"),
            _ => String::new(),
        };
        let (name, source, here) = (text(&folder.name), folder.source_messages, folder.messages);
        let (next, modseq, since) = (folder.uid_next, folder.highest_modseq, folder.changed_since);
        writeln!(page, "| {name} | {source} | {here} | {next} | {modseq} | {since} | {digest} |")?;
    }
    writeln!(page)?;
    f.differences.iter().take(SHOWN).try_for_each(|d| writeln!(page, "- {}", text(d)))
}

fn undoing(u: &Undone, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## Rollback\n\n| | |\n|---|---|")?;
    writeln!(page, "| asked for | {} |", DateTime::utc(u.asked_at))?;
    holds(u.failed_holds, u.refusal.as_ref(), page)?;
    if let Some(at) = u.at {
        writeln!(page, "| back on the platform | {} |", DateTime::utc(at))?;
        writeln!(page, "| hold | {} ms |", u.hold_millis)?;
    }
    carried(&u.carried, page)?;
    writeln!(page, "| other UIDs on the old side | {} |\n", u.changed_uids.len())?;
    lines(u.changed_uids.iter().chain(told(&u.carried)), page)
}

fn back_sync(kept: &BackSync, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## The old side, kept up to date\n\n| | |\n|---|---|")?;
    writeln!(page, "| up to date at | {} |", DateTime::utc(kept.at))?;
    carried(&kept.carried, page)?;
    writeln!(page)?;
    lines(told(&kept.carried), page)
}

fn carried(c: &CarriedBack, page: &mut String) -> std::fmt::Result {
    writeln!(page, "| carried back | {} messages, {} |", c.messages, format_bytes(c.bytes))?;
    writeln!(page, "| changes carried back | {} of flags, {} removed |", c.flags, c.expunged)
}

fn told(c: &CarriedBack) -> impl Iterator<Item = &String> {
    c.left.iter().chain(&c.behind).chain(&c.remarks)
}

fn lines<'l>(lines: impl Iterator<Item = &'l String>, page: &mut String) -> std::fmt::Result {
    lines.take(SHOWN).try_for_each(|line| writeln!(page, "- {}", text(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_of_unequal_digests_and_of_the_way_back() {
        let folder = crate::FlippedFolder {
            name: "IN|BOX".into(),
            source_digest: "a".repeat(64),
            digest: "b".repeat(64),
            ..crate::FlippedFolder::default()
        };
        let flip = Flipped { hold_millis: 17, stragglers: 2, folders: vec![folder], ..Flipped::default() };
        let rollback = Undone { changed_uids: vec!["INBOX: 9 is 12".into()], at: Some(1), ..Undone::default() };
        let carried = CarriedBack { messages: 3, left: vec!["INBOX, message 8".into()], ..CarriedBack::default() };
        let back_sync = Some(BackSync { at: 0, carried });
        let told = Cutover { flip: Some(flip), rollback: Some(rollback), back_sync, ..Cutover::default() };
        let mut page = String::new();
        render(&told, &mut page).unwrap();
        for part in ["| hold | 17 ms", "2 messages", "**`aaaa", "IN\\|BOX", "INBOX: 9 is 12", "3 messages", "message 8"]
        {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
