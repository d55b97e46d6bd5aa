//! Progress bars with rate and time left, on a terminal only: a pipe gets nothing but the answer.

use std::collections::HashMap;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use sterna_core::format_bytes;

use crate::admin::{Event, ProgressInfo};

/// One bar for each account that is being worked on.
pub(super) struct Bars {
    all: MultiProgress,
    bars: HashMap<String, ProgressBar>,
}

impl Bars {
    /// Shows nothing yet. Nothing ever shows where standard error is no terminal.
    pub fn new() -> Bars {
        Bars { all: MultiProgress::new(), bars: HashMap::new() }
    }

    /// Brings an account's bar up to date.
    pub fn show(&mut self, event: &Event) {
        let all = &self.all;
        let bar = self.bars.entry(event.address.clone()).or_insert_with(|| {
            let template = "{prefix} [{bar:24}] {percent:>3}% {msg}";
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            all.add(ProgressBar::new(0).with_style(style.progress_chars("=> ")).with_prefix(event.address.clone()))
        });
        let p = &event.progress;
        let (done, total) =
            if p.bytes_total > 0 { (p.bytes_done, p.bytes_total) } else { (p.messages_done, p.messages_total) };
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(line(p));
    }

    /// Takes away the bar of an account that is done.
    pub fn end(&mut self, address: &str) {
        if let Some(bar) = self.bars.remove(address) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bars.values().for_each(ProgressBar::finish_and_clear);
    }
}

/// What stands behind the bar.
fn line(p: &ProgressInfo) -> String {
    if let Some(waiting) = &p.waiting {
        return format!("{}: {waiting}", p.state);
    }
    let mut line = format!("{}: {} of {} messages", p.state, p.messages_done, p.messages_total);
    if p.bytes_total > 0 {
        line += &format!(", {} of {}", format_bytes(p.bytes_done), format_bytes(p.bytes_total));
        line += &format!(", {}/s", format_bytes(p.bytes_per_second));
    }
    if let Some(left) = p.eta_seconds.filter(|_| p.bytes_done < p.bytes_total) {
        line += &format!(", {} left", HumanDuration(std::time::Duration::from_secs(left)));
    }
    if !p.folder.is_empty() {
        line += &format!(", {}", p.folder);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let p = ProgressInfo {
            state: "seeding".into(),
            folder: "INBOX".into(),
            messages_done: 5,
            messages_total: 10,
            bytes_done: 1 << 20,
            bytes_total: 2 << 20,
            bytes_per_second: 1 << 19,
            eta_seconds: Some(2),
            waiting: None,
        };
        assert_eq!(line(&p), "seeding: 5 of 10 messages, 1.0 MiB of 2.0 MiB, 512.0 KiB/s, 2 seconds left, INBOX");
        let waiting = ProgressInfo { waiting: Some("the source asks to slow down".into()), ..p };
        assert_eq!(line(&waiting), "seeding: the source asks to slow down");
    }
}
