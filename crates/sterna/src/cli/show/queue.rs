//! Queued mail as lines for people.

use sterna_core::format_bytes;

use super::time;
use crate::admin::{QueueAction, QueueChanged, QueueStatsInfo, QueuedInfo};

/// Recipients that a list shows of one message.
const SHOWN: usize = 3;

fn sender(sender: &str) -> &str {
    if sender.is_empty() { "<> (a bounce)" } else { sender }
}

/// A message in a list.
pub(super) fn lines(q: &QueuedInfo) -> String {
    message(q, SHOWN)
}

/// A message by itself.
pub(super) fn page(q: &QueuedInfo) -> String {
    message(q, usize::MAX)
}

fn message(q: &QueuedInfo, shown: usize) -> String {
    let held = if q.held { "  held" } else { "" };
    let size = format_bytes(q.size);
    let mut text = format!("{}  {}  {size}  since {}{held}\n", q.id, sender(&q.sender), time(q.queued));
    for r in q.recipients.iter().take(shown) {
        let next = match (r.trying, r.due) {
            (true, _) => "being tried now".to_owned(),
            (false, Some(due)) => format!("next try {}", time(due)),
            (false, None) => "held".to_owned(),
        };
        text += &format!("  to {}  {} tries, {next}\n", r.address, r.attempts);
        if let Some(error) = &r.last_error {
            text += &format!("    {}\n", error.escape_debug());
        }
    }
    let told = q.recipients.len().min(shown) as u64;
    if q.recipients_total > told {
        text += &format!("  and {} more recipients\n", q.recipients_total - told);
    }
    if shown == usize::MAX {
        text += &format!("  goes back {}\n", time(q.expires));
    }
    text
}

pub(super) fn changed(c: &QueueChanged) -> String {
    let done = match c.action {
        QueueAction::Hold => "held",
        QueueAction::Release => "released",
        QueueAction::Retry => "tried now",
        QueueAction::Remove => "removed",
    };
    format!("{} messages {done}\n", c.messages)
}

pub(super) fn stats(s: &QueueStatsInfo) -> String {
    let mut text = format!("{} messages wait for {} recipients, {} of them are due", s.messages, s.recipients, s.due);
    text += &format!("; {} messages are held\n", s.held);
    if let Some(oldest) = s.oldest {
        text += &format!("the oldest since {}\n", time(oldest));
    }
    for (destination, recipients) in &s.destinations {
        text += &format!("  {destination}  {recipients}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_server_said_cannot_reach_the_terminal() {
        let json = r#"{"id":7,"sender":"","size":1024,"queued":0,"expires":60,"held":false,"recipients_total":5,
            "recipients":[{"address":"a@b.c","destination":"b.c","attempts":1,"due":1,"trying":false,
            "last_error":"450 \u001b[2J later"}]}"#;
        let queued: QueuedInfo = serde_json::from_str(json).unwrap();
        let text = lines(&queued);
        assert!(text.starts_with("7  <> (a bounce)  1.0 KiB") && text.ends_with("  and 4 more recipients\n"), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("450 \\u{1b}[2J later"), "{text}");
        assert!(page(&queued).ends_with("  goes back 1970-01-01 00:01:00 UTC\n"));
    }
}
