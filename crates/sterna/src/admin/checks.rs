//! `check`: every invariant of accounts, one account after the other, and of what they have in common.

use sterna_store::CheckReport;

use super::answer::{Answer, CheckInfo, Event, ProgressInfo};
use super::handler::Events;
use super::platform::Platform;
use crate::error::Result;

/// What the check of what concerns several accounts is called, where accounts have their address.
const DIRECTORY: &str = "directory and queue";

pub(super) async fn check(platform: &Platform, addresses: &[String], events: Events<'_>) -> Result<Answer> {
    let mut records = Vec::new();
    for address in addresses {
        records.push(platform.record(address).await?);
    }
    if addresses.is_empty() {
        records = platform.store.accounts(None).await?;
    }
    let mut checks = Vec::new();
    for (done, record) in records.iter().enumerate() {
        let address = record.address.to_string();
        let (messages_done, messages_total) = (done as u64, records.len() as u64);
        let progress = ProgressInfo { state: "checking".into(), messages_done, messages_total, ..Default::default() };
        events(Event { address: address.clone(), progress });
        let report = platform.account(record).await?.check(sterna_message::check_structure).await?;
        checks.push(info(address, report));
    }
    if addresses.is_empty() {
        checks.push(info(DIRECTORY.to_owned(), platform.store.check_directory().await?));
    }
    Ok(Answer::Checks(checks))
}

fn info(address: String, report: CheckReport) -> CheckInfo {
    CheckInfo {
        address,
        sound: report.is_sound(),
        mailboxes: report.mailboxes,
        messages: report.messages,
        bytes: report.bytes,
        findings: report.findings.into_iter().map(|f| (f.invariant, f.detail)).collect(),
    }
}
