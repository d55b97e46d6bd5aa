//! `sterna domain dns NAME`: the records that a domain needs, and whether it has them.
//!
//! [`records`] says what should be there, [`observe`] asks what is, [`judge`] compares. The server is asked for the
//! domain's keys only: the DNS is asked by the command itself.

mod judge;
mod observe;
mod records;
mod srv;

use clap::Args;
use serde::Serialize;

use super::Context;
use super::show::print;
use crate::admin::{Answer, DomainInfo, Request};
use crate::config::Config;
use crate::error::{Error, Result};
use judge::{Finding, Severity};
use records::{Plan, Record};

/// What `dns` takes.
#[derive(Debug, Args)]
pub(super) struct Dns {
    /// Which domain
    name: String,
    /// Ask the DNS, and tell what is missing or wrong
    #[arg(long)]
    check: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    domain: &'a str,
    records: &'a [Record],
    /// Absent if nothing was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Finding>>,
}

impl Dns {
    /// Prints the records; with `--check`, what is found instead, and an error if mail would suffer.
    pub async fn run(self, context: &Context) -> Result<()> {
        let domain = domain(context, self.name).await?;
        let plan = Plan::new(&context.config, &domain);
        let findings = match self.check {
            true => Some(check(&context.config, &plan).await?),
            false => None,
        };
        let errors = findings.iter().flatten().filter(|finding| finding.severity == Severity::Error).count();
        if context.json {
            let report = Report { domain: &domain.name, records: &plan.records, findings };
            let text = serde_json::to_string_pretty(&report);
            print(&text.map_err(|e| Error::new(format!("cannot print the records: {e}")))?)?;
        } else {
            match &findings {
                None => print(records::zone(&plan).trim_end())?,
                Some(findings) if findings.is_empty() => {
                    print(&format!("{}  all records are as they should be", domain.name))?
                }
                Some(findings) => findings.iter().try_for_each(|finding| print(&finding.to_string()))?,
            }
        }
        match errors {
            0 => Ok(()),
            n => Err(Error::new(format!(
                "{n} of the findings concern mail itself; \"sterna domain dns {}\" prints the records to publish",
                domain.name
            ))),
        }
    }
}

async fn check(config: &Config, plan: &Plan) -> Result<Vec<Finding>> {
    let services = srv::Services::new(&config.dns).map_err(|e| config.no_resolver(&e))?;
    Ok(judge::judge(plan, &observe::observe(&config.resolver()?, &services, plan).await))
}

async fn domain(context: &Context, name: String) -> Result<DomainInfo> {
    match context.ask(Request::DomainShow { name }).await? {
        Answer::Domain(domain) => Ok(domain),
        _ => Err(Error::new("the server answers in another form; is it of the same version?")),
    }
}
