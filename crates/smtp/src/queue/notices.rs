//! Reports to senders, made ready for the transaction that settles what they are about.

use std::sync::Arc;

use sterna_delivery::Mail;
use sterna_delivery::queued::{message_options, recipient_options};
use sterna_store::{BlobWriter, Error, NewQueued, NewQueuedRecipient, Result, Store};

use super::runner::Shared;
use crate::dsn::{self, Kind, Reported};

/// The report of a kind, if there is anything to report and anybody to report to.
pub(super) async fn queued(
    shared: &Arc<Shared>,
    kind: Kind,
    mail: &Mail,
    reported: &[Reported],
) -> Result<Option<NewQueued>> {
    let Some(report) = dsn::report(&shared.delivery, kind, mail, reported).await? else { return Ok(None) };
    let days = i64::from(shared.delivery.config().queue_days);
    let expires_ms = shared.now_ms() + days * 86_400_000;
    prepare(shared.delivery.store(), &report, expires_ms).await.map(Some)
}

/// The report with its body in the queue's store, not yet named by any row.
async fn prepare(store: &Store, report: &dsn::Report, expires_ms: i64) -> Result<NewQueued> {
    let (blobs, mail) = (store.queue_blobs(), report.mail.clone());
    let blob = tokio::task::spawn_blocking(move || {
        let mut writer = BlobWriter::new(&blobs);
        writer.write(&mail.trace)?;
        let mut bytes = Vec::new();
        let mut reader = mail.body.reader().map_err(|e| Error::Io(e.to_string()))?;
        // A report is bounded: it holds a part of what it is about.
        std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|e| Error::Io(e.to_string()))?;
        writer.write(&bytes)?;
        writer.finish()
    })
    .await
    .map_err(|e| Error::Internal(format!("a task was lost: {e}")))??;
    let recipient = NewQueuedRecipient {
        address: report.recipient.address.clone(),
        destination: destination(&report.recipient.address),
        options: recipient_options(&report.recipient),
        due_ms: 0,
    };
    Ok(NewQueued {
        sender: String::new(),
        blob,
        options: message_options(&report.mail),
        submitter: None,
        expires_ms,
        recipients: vec![recipient],
    })
}

/// The domain in lower case and A-labels.
fn destination(address: &str) -> String {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    crate::dns::ascii(domain).unwrap_or_else(|| domain.to_ascii_lowercase())
}
