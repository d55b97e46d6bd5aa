//! The report of the live move: tables of figures that have no first contender to be divided by.

use std::fmt::Write as _;

/// A heading, the columns and the rows below it.
#[derive(Debug)]
pub struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub fn new(title: &str, columns: &[&str]) -> Table {
        Table { title: title.to_owned(), columns: columns.iter().map(|c| (*c).to_owned()).collect(), rows: Vec::new() }
    }

    /// One more row, told on standard error as well.
    pub fn row(&mut self, cells: &[&str]) {
        assert_eq!(cells.len(), self.columns.len(), "a row of {}", self.title);
        eprintln!("{}", cells.join(" | "));
        self.rows.push(cells.iter().map(|c| (*c).to_owned()).collect());
    }
}

/// All that a run has found.
#[derive(Debug, Default)]
pub struct Page {
    tables: Vec<Table>,
    notes: Vec<String>,
}

impl Page {
    /// A table that is complete.
    pub fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// A sentence below the tables; the same sentence is told once.
    pub fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|n| n == text) {
            self.notes.push(text.to_owned());
        }
    }

    /// As Markdown.
    pub fn markdown(&self, command: &str, machine: &str, seconds: u64) -> String {
        let mut out = format!(
            "# Measurements of the live move\n\nWritten by `{command}` in {seconds} s. Everything below was measured in one \
             run on one machine.\n\n{machine}.\n"
        );
        for table in &self.tables {
            let _ = write!(out, "\n## {}\n\n|", table.title);
            table.columns.iter().for_each(|column| out.push_str(&format!(" {column} |")));
            out.push_str("\n|");
            // Words to the left, figures to the right.
            for column in 0..table.columns.len() {
                let words = table.rows.iter().all(|row| !row[column].starts_with(|c: char| c.is_ascii_digit()));
                out.push_str(if words { "---|" } else { "--:|" });
            }
            out.push('\n');
            for row in &table.rows {
                let _ = writeln!(out, "| {} |", row.join(" | "));
            }
        }
        if !self.notes.is_empty() {
            out.push('\n');
            self.notes.iter().for_each(|note| out.push_str(&format!("- {note}\n")));
        }
        out
    }
}

/// The value below which `percent` of the sample lie (nearest rank); NaN for an empty sample.
pub fn percentile(sample: &[f64], percent: usize) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Three significant digits.
pub fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A number with a comma after each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let sample: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&sample, 50), percentile(&sample, 99), percentile(&sample, 100)), (100.0, 198.0, 200.0));
        assert_eq!(percentile(&[7.0], 99), 7.0);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn figures_stand_to_the_right() {
        let mut table = Table::new("Hold", &["what", "p50"]);
        table.row(&["gap", "3.00 ms"]);
        let mut page = Page::default();
        page.add(table);
        let text = page.markdown("x", "machine", 1);
        assert!(text.contains("## Hold\n\n| what | p50 |\n|---|--:|\n| gap | 3.00 ms |\n"), "{text}");
        assert_eq!((grouped(7), grouped(1_000), grouped(1_234_567)), ("7".into(), "1,000".into(), "1,234,567".into()));
    }
}
