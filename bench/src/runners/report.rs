//! Collects figures and writes them as Markdown: the median of the runs, their range, and the ratio to the first.

use std::fmt::Write as _;
use std::time::Duration;

/// Which direction is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Times, memory.
    Lower,
    /// Counts, rates.
    Higher,
}

/// All figures of a run, in the order in which they were first told.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    section: String,
    measure: String,
    unit: String,
    better: Better,
    contender: String,
    values: Vec<f64>,
}

impl Row {
    fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
    }
}

impl Report {
    /// One figure of one run.
    pub fn add(&mut self, section: &str, measure: &str, unit: &str, better: Better, contender: &str, value: f64) {
        let same = |r: &&mut Row| r.section == section && r.measure == measure && r.contender == contender;
        match self.rows.iter_mut().find(same) {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row {
                section: section.to_owned(),
                measure: measure.to_owned(),
                unit: unit.to_owned(),
                better,
                contender: contender.to_owned(),
                values: vec![value],
            }),
        }
        eprintln!("{measure}: {contender}: {} {unit}", figure(value));
    }

    /// A sentence below the tables; the same sentence is told once.
    pub fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|n| n == text) {
            self.notes.push(text.to_owned());
        }
    }

    /// The whole report.
    pub fn markdown(&self, machine: &str, took: Duration) -> String {
        let mut out = format!(
            "# Measurements\n\nWritten by `make bench` in {} s. Everything below was measured in one run on one machine; only \
             the ratios mean anything elsewhere.\n\n{machine}.\n",
            took.as_secs()
        );
        for section in unique(self.rows.iter().map(|r| r.section.as_str())) {
            let _ = write!(
                out,
                "\n## {section}\n\n| | | median | range | runs | times the first |\n|---|---|--:|--:|--:|--:|\n"
            );
            let rows: Vec<&Row> = self.rows.iter().filter(|r| r.section == section).collect();
            for measure in unique(rows.iter().map(|r| r.measure.as_str())) {
                let same: Vec<&&Row> = rows.iter().filter(|r| r.measure == measure).collect();
                for row in &same {
                    let _ = writeln!(out, "{}", line(row, same.first().copied().copied()));
                }
            }
        }
        if !self.notes.is_empty() {
            out.push('\n');
            self.notes.iter().for_each(|note| out.push_str(&format!("- {note}\n")));
        }
        out
    }
}

fn line(row: &Row, first: Option<&Row>) -> String {
    let (low, high) =
        row.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    // How many times as good as the first contender.
    let ratio = first.filter(|f| !std::ptr::eq(*f, row)).map(|first| match row.better {
        Better::Lower => first.median() / row.median(),
        Better::Higher => row.median() / first.median(),
    });
    format!(
        "| {} | {} | {} {} | {}–{} | {} | {} |",
        row.measure,
        row.contender,
        figure(row.median()),
        row.unit,
        figure(low),
        figure(high),
        row.values.len(),
        ratio.map_or_else(String::new, |r| format!("{r:.2}"))
    )
}

/// Three significant digits, no exponent.
fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn unique<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut out = Vec::new();
    items.for_each(|item| {
        if !out.contains(&item) {
            out.push(item);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_ratio_to_the_first_are_shown() {
        let mut report = Report::default();
        for value in [3.0, 1.0, 2.0] {
            report.add("Copy", "first copy", "s", Better::Lower, "Dovecot", value);
        }
        report.add("Copy", "first copy", "s", Better::Lower, "other", 0.5);
        let text = report.markdown("machine", Duration::from_secs(1));
        assert!(text.contains("| first copy | Dovecot | 2.00 s | 1.00–3.00 | 3 |  |"), "{text}");
        assert!(text.contains("| first copy | other | 0.500 s | 0.500–0.500 | 1 | 4.00 |"), "{text}");
    }
}
