//! Moves as lines for people.

use sterna_core::format_bytes;
use sterna_migrate::{BackSync, CarriedBack, Cutover, Failure, Flipped, Undone};

use super::time;
use crate::admin::MoveInfo;

pub(super) fn lines(m: &MoveInfo) -> String {
    let running = match &m.holder {
        Some(holder) => format!(", at work on {holder}"),
        None if m.running => ", at work".to_owned(),
        None => String::new(),
    };
    let mut text = format!("{}  {}{running}  from {}\n", m.address, m.state, m.source);
    let (messages, bytes) = (m.totals.messages, format_bytes(m.totals.bytes));
    text += &format!("  {} of {} folders up to date; {messages} messages, {bytes} brought", m.folders_equal, m.folders);
    if let Some(at) = m.last_pass_at {
        text += &format!("; last pass {}", time(at));
    }
    text.push('\n');
    let waiting = m.progress.as_ref().and_then(|p| p.waiting.as_ref()).filter(|_| m.failure.is_none());
    if let Some(waiting) = waiting {
        text += &format!("  waiting: {waiting}\n");
    } else if let Some(p) = m.progress.as_ref().filter(|p| p.bytes_total > p.bytes_done) {
        let (done, total) = (format_bytes(p.bytes_done), format_bytes(p.bytes_total));
        text += &format!("  now {done} of {total} at {}/s {}\n", format_bytes(p.bytes_per_second), p.folder);
    }
    if let Some(failure) = &m.failure {
        let next = match failure.retry_at {
            Some(at) => format!("tried again {}", time(at)),
            None => "mend it and start the move again".to_owned(),
        };
        text += &format!("  {}: {}; {next}\n", time(failure.at), failure.reason);
    }
    if let Some(wanted) = &m.wanted {
        text += &format!("  asked for: {wanted}\n");
    }
    if let Some(cutover) = &m.cutover {
        text += &cutover_lines(cutover);
    }
    for (folder, reason) in &m.refused {
        text += &format!("  the source refuses folder {folder}: {reason}\n");
    }
    if m.missing + m.exceptions > 0 {
        text += &format!("  {} messages not given by the source, {} exceptions: see", m.missing, m.exceptions);
        text += &format!(" \"sterna move receipt {}\"\n", m.address);
    }
    text
}

fn cutover_lines(c: &Cutover) -> String {
    let mut text = String::new();
    if let Some(refusal) = c.refusal.as_ref().filter(|_| c.flip.is_none()) {
        text += &refusal_line(refusal, c.failed_holds);
    }
    if let Some(flip) = &c.flip {
        text += &flip_lines(flip);
        let window = i64::try_from(c.options.rollback_window.as_secs()).unwrap_or(i64::MAX);
        if c.rollback.as_ref().is_none_or(|undone| undone.at.is_none()) {
            text += &format!("  can be rolled back until {}\n", time(flip.at.saturating_add(window)));
        }
    }
    if let Some(kept) = &c.back_sync {
        text += &back_sync_lines(kept);
    }
    c.remarks.iter().for_each(|remark| text += &format!("  {remark}\n"));
    if let Some(undone) = &c.rollback {
        text += &undone_lines(undone);
    }
    text
}

fn refusal_line(refusal: &Failure, holds: u32) -> String {
    let next = match refusal.retry_at {
        Some(at) => format!("tried again {}", time(at)),
        None => "given up".to_owned(),
    };
    format!("  {holds} holds failed, the last {}: {}; {next}\n", time(refusal.at), refusal.reason)
}

fn flip_lines(f: &Flipped) -> String {
    let mut text = format!("  flipped {} from {}", time(f.at), hold(f.hold_millis));
    text += &format!("; {} sessions handed over, {} dropped", f.sessions, f.sessions_dropped);
    text += &format!("; {} messages brought under it\n", f.messages);
    if f.stragglers > 0 {
        let bytes = format_bytes(f.straggler_bytes);
        text +=
            &format!("  {} messages, {bytes}, came to the old side afterwards and were brought over\n", f.stragglers);
    }
    if let Some(at) = f.verified_at {
        let found = if f.differences.is_empty() { "both sides are equal" } else { "THE SIDES DIFFER" };
        text += &format!("  compared {}: {found}\n", time(at));
    }
    f.differences.iter().for_each(|difference| text += &format!("  {difference}\n"));
    text
}

fn undone_lines(u: &Undone) -> String {
    let mut text = String::new();
    if let Some(refusal) = u.refusal.as_ref().filter(|_| u.at.is_none()) {
        text += &refusal_line(refusal, u.failed_holds);
    }
    if let Some(at) = u.at {
        text += &format!("  rolled back {} from {}", time(at), hold(u.hold_millis));
        text += &format!("; {}\n", carried(&u.carried));
    }
    if !u.changed_uids.is_empty() {
        text += &format!("  {} messages have another UID there; the receipt lists them\n", u.changed_uids.len());
    }
    text + &notes(&u.carried)
}

fn back_sync_lines(kept: &BackSync) -> String {
    format!("  the old side was up to date {}; {}\n{}", time(kept.at), carried(&kept.carried), notes(&kept.carried))
}

fn carried(c: &CarriedBack) -> String {
    let (messages, bytes) = (c.messages, format_bytes(c.bytes));
    format!("{messages} messages, {bytes} carried back, {} flagged, {} removed there", c.flags, c.expunged)
}

fn notes(c: &CarriedBack) -> String {
    let left = c.left.iter().map(|left| format!("  stays here: {left}\n"));
    left.chain(c.behind.iter().chain(&c.remarks).map(|remark| format!("  note: {remark}\n"))).collect()
}

fn hold(millis: u64) -> String {
    format!("a hold of {millis} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutover_tells_its_hold_and_its_end() {
        let flip = Flipped { at: 60, hold_millis: 120, sessions: 5, verified_at: Some(120), ..Flipped::default() };
        let mut cutover = Cutover { flip: Some(flip), ..Cutover::default() };
        let text = cutover_lines(&cutover);
        assert!(
            text.contains("flipped 1970-01-01 00:01:00 UTC from a hold of 120 ms; 5 sessions handed over, 0 dropped")
        );
        assert!(text.contains("both sides are equal") && text.contains("can be rolled back until 1970-01-15 00:01:00"));
        let carried = CarriedBack { messages: 2, left: vec!["INBOX: a message".into()], ..CarriedBack::default() };
        cutover.back_sync = Some(BackSync { at: 120, carried: carried.clone() });
        let text = cutover_lines(&cutover);
        assert!(text.contains("up to date 1970-01-01 00:02:00 UTC; 2 messages, 0 B carried back"), "{text}");
        assert!(text.contains("stays here: INBOX: a message"), "{text}");
        cutover.rollback = Some(Undone { at: Some(180), hold_millis: 80, carried, ..Undone::default() });
        let text = cutover_lines(&cutover);
        assert!(text.contains("rolled back 1970-01-01 00:03:00 UTC from a hold of 80 ms; 2 messages"), "{text}");
        assert!(!text.contains("can be rolled back"), "{text}");
        let refusal = Failure { reason: "a session could not be parked".into(), at: 0, retry_at: None };
        let failed = Cutover { failed_holds: 3, refusal: Some(refusal), ..Cutover::default() };
        assert!(cutover_lines(&failed).contains("3 holds failed") && cutover_lines(&failed).contains("given up"));
    }
}
