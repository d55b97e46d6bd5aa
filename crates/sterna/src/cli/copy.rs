//! `sterna store copy`: every account from one configuration's store to another's, verified. It works on both stores itself
//! and not through a server, which must not run: nothing may change while it is copied.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use sterna_core::{Address, SystemClock, format_bytes};
use sterna_store::{AccountCopy, AccountRecord, CopyProgress, Error as StoreError, StoreCopy};

use super::progress::Bars;
use super::show::print;
use crate::admin::{Event, ProgressInfo};
use crate::config::Config;
use crate::error::{Error, Result};

/// What `copy` takes.
#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The configuration of the store to copy to; -c names that of the store to copy from
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Which accounts; without any, all of them and all domains
    addresses: Vec<String>,
}

/// What became of all of them, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    accounts: Vec<Outcome>,
    /// Accounts that were asked for.
    asked: usize,
    /// Those that are equal on both sides, and sound in the target.
    verified: usize,
    /// Messages of the queue that this run took over.
    queued: u64,
    messages: u64,
    bytes: u64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    address: String,
    verified: bool,
    messages: u64,
    bytes: u64,
    seconds: f64,
    /// 0: everything was there already.
    rows_copied: u64,
    tables: Vec<Table>,
    /// Broken invariants of the target: number and what is wrong.
    findings: Vec<(u8, String)>,
    /// Why it was not copied.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Table {
    table: &'static str,
    rows: u64,
    target_rows: u64,
    digest: String,
    target_digest: String,
}

impl Copy {
    /// Copies, and prints a line for each account as it is done.
    pub async fn run(self, from: &Config, json: bool) -> Result<()> {
        let to = Config::load(&self.to)?;
        tokio::select! {
            done = self.copy(from, &to, json) => done,
            _ = tokio::signal::ctrl_c() => Err(Error::interrupted("stopped; the same command goes on from here")),
        }
    }

    async fn copy(&self, from: &Config, to: &Config, json: bool) -> Result<()> {
        let begun = Instant::now();
        let check = sterna_message::check_structure;
        let copy = StoreCopy::open(from.store.clone(), to.store.clone(), Arc::new(SystemClock), check);
        let copy = copy.await.map_err(|e| match e {
            StoreError::Locked(data) => Error::new(format!(
                "{data} is in use by another Sterna process; stop it first: nothing may change while it is copied"
            )),
            e => e.into(),
        })?;
        let records = self.records(&copy).await?;
        if self.addresses.is_empty() {
            copy.domains().await?;
        }
        let mut bars = Bars::new();
        let mut report = Report {
            accounts: Vec::new(),
            asked: records.len(),
            verified: 0,
            queued: 0,
            messages: 0,
            bytes: 0,
            seconds: 0.0,
        };
        for record in &records {
            let (outcome, hopeless) = account(&copy, record, &mut bars).await;
            bars.end(&outcome.address);
            if !json {
                print(&outcome.to_string())?;
            }
            report.verified += usize::from(outcome.verified);
            report.messages += outcome.messages;
            report.bytes += outcome.bytes;
            report.accounts.push(outcome);
            if hopeless {
                break;
            }
        }
        if self.addresses.is_empty() && report.verified == report.asked {
            // Last: from now on the target delivers what waits.
            report.queued = copy.queue().await?;
        }
        report.seconds = begun.elapsed().as_secs_f64();
        if json {
            let failed = |e: serde_json::Error| Error::new(format!("cannot print the report: {e}"));
            print(&serde_json::to_string_pretty(&report).map_err(failed)?)?;
        } else {
            print(&report.to_string())?;
        }
        match report.asked - report.verified {
            0 => Ok(()),
            missing => Err(Error::new(format!(
                "{missing} of {} accounts are not copied or not equal; mend what is told and run the command again",
                report.asked
            ))),
        }
    }

    async fn records(&self, copy: &StoreCopy) -> Result<Vec<AccountRecord>> {
        if self.addresses.is_empty() {
            return Ok(copy.source().accounts(None).await?);
        }
        let mut records = Vec::new();
        for address in &self.addresses {
            let found = copy.source().find_account(&Address::parse(address)?).await?;
            let missing =
                || Error::new(format!("account {address} does not exist; \"sterna account list\" shows those that do"));
            let record = found.ok_or_else(missing)?;
            if !records.contains(&record) {
                records.push(record);
            }
        }
        Ok(records)
    }
}

/// Copies one account; `true` if going on with others makes no sense.
async fn account(copy: &StoreCopy, record: &AccountRecord, bars: &mut Bars) -> (Outcome, bool) {
    let begun = Instant::now();
    let address = record.address.to_string();
    let mut rate = Rate::default();
    let mut told = |p: CopyProgress| bars.show(&Event { address: address.clone(), progress: rate.info(&p) });
    let result = copy.account(record, &mut told).await;
    let hopeless = matches!(&result, Err(StoreError::Unavailable(_) | StoreError::DiskFull));
    (Outcome::new(address, result, begun.elapsed().as_secs_f64()), hopeless)
}

impl Outcome {
    fn new(address: String, result: sterna_store::Result<AccountCopy>, seconds: f64) -> Outcome {
        let nothing = Outcome {
            address,
            verified: false,
            messages: 0,
            bytes: 0,
            seconds,
            rows_copied: 0,
            tables: Vec::new(),
            findings: Vec::new(),
            error: None,
        };
        match result {
            Err(e) => Outcome { error: Some(e.to_string()), ..nothing },
            Ok(copy) => Outcome {
                verified: copy.is_verified(),
                messages: copy.messages,
                bytes: copy.bytes,
                rows_copied: copy.rows_copied,
                findings: copy.findings.into_iter().map(|f| (f.invariant, f.detail)).collect(),
                tables: copy.tables.into_iter().map(Table::from).collect(),
                ..nothing
            },
        }
    }
}

impl From<sterna_store::TableComparison> for Table {
    fn from(t: sterna_store::TableComparison) -> Table {
        let sterna_store::TableComparison { table, rows, target_rows, digest, target_digest } = t;
        Table { table, rows, target_rows, digest, target_digest }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(error) = &self.error {
            return write!(f, "{}  NOT COPIED  {error}", self.address);
        }
        let state = match (self.verified, self.rows_copied) {
            (true, 0) => "verified, was there already",
            (true, _) => "copied and verified",
            (false, _) => "NOT EQUAL",
        };
        let (messages, bytes) = (self.messages, format_bytes(self.bytes));
        write!(f, "{}  {state}  {messages} messages, {bytes}, {:.1} s", self.address, self.seconds)?;
        for t in self.tables.iter().filter(|t| (t.rows, &t.digest) != (t.target_rows, &t.target_digest)) {
            write!(f, "\n  {} differs: {} rows at the source, {} in the target", t.table, t.rows, t.target_rows)?;
        }
        for (invariant, detail) in &self.findings {
            write!(f, "\n  invariant {invariant} of the target: {detail}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (bytes, seconds) = (format_bytes(self.bytes), self.seconds);
        let Report { asked, verified, messages, .. } = self;
        write!(f, "{verified} of {asked} accounts verified: {messages} messages, {bytes}, {seconds:.1} s")?;
        match self.queued {
            0 => Ok(()),
            n => write!(f, "\n{n} messages that wait in the queue were taken over"),
        }
    }
}

/// How fast the bodies of an account come over.
#[derive(Default)]
struct Rate {
    step: &'static str,
    begun: Option<Instant>,
}

impl Rate {
    fn info(&mut self, p: &CopyProgress) -> ProgressInfo {
        if self.step != p.step {
            *self = Rate { step: p.step, begun: Some(Instant::now()) };
        }
        let seconds = self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        let bytes_per_second = if seconds > 0.0 { (p.bytes_done as f64 / seconds) as u64 } else { 0 };
        ProgressInfo {
            state: p.step.to_owned(),
            folder: p.table.to_owned(),
            messages_done: p.messages_done,
            messages_total: p.messages_total,
            bytes_done: p.bytes_done,
            bytes_total: p.bytes_total,
            bytes_per_second,
            eta_seconds: p.bytes_total.saturating_sub(p.bytes_done).checked_div(bytes_per_second),
            waiting: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::TableComparison;

    #[test]
    fn an_account_is_one_line_and_what_differs_is_told_below_it() {
        let table = |digest: &str| TableComparison {
            table: "message",
            rows: 3,
            target_rows: 4,
            digest: "a".into(),
            target_digest: digest.into(),
        };
        let copy = AccountCopy { messages: 3, bytes: 2048, rows_copied: 9, tables: vec![], findings: vec![] };
        let line = |copy| Outcome::new("a@b.c".into(), Ok(copy), 1.25).to_string();
        assert_eq!(line(copy.clone()), "a@b.c  copied and verified  3 messages, 2.0 KiB, 1.2 s");
        assert!(line(AccountCopy { rows_copied: 0, ..copy.clone() }).contains("was there already"));
        let unequal = line(AccountCopy { tables: vec![table("b")], ..copy });
        assert!(unequal.contains("NOT EQUAL") && unequal.contains("\n  message differs: 3 rows"), "{unequal}");
        let failed = Outcome::new("a@b.c".into(), Err(StoreError::Unavailable("gone".into())), 0.0).to_string();
        assert!(failed.starts_with("a@b.c  NOT COPIED  ") && failed.contains("gone"), "{failed}");
    }

    #[test]
    fn a_new_step_has_its_own_rate() {
        let mut rate = Rate::default();
        let p = CopyProgress { step: "copying", bytes_done: 10, bytes_total: 20, ..CopyProgress::default() };
        assert_eq!(rate.info(&p).state, "copying");
        let begun = rate.begun;
        assert_eq!(rate.info(&CopyProgress { bytes_done: 20, ..p }).eta_seconds.unwrap_or(0), 0);
        assert_eq!(rate.begun, begun);
        rate.info(&CopyProgress { step: "checking", ..p });
        assert_ne!(rate.begun, begun);
    }
}
