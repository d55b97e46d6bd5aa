//! Before the hold: the copy is brought up to date, compared with the source message by message, and put right.

use std::collections::HashMap;

use sterna_frontdoor::Platform;
use sterna_imap::client::Connection;

use crate::cursor;
use crate::error::{Error, Result};
use crate::pass::{Outcome, Pass};
use crate::receipt::{FolderComparison, ReceiptOptions, compare};
use crate::record::Totals;
use crate::run::Run;

/// Passes before the hold that may each find something. What changes faster than that is carried under it.
const PASSES: u32 = 5;

/// Mailboxes whose indexes are read ahead, the largest first.
const WARMED: usize = 32;

/// Both sides before the hold.
#[derive(Default)]
pub(super) struct Baseline {
    /// So many messages more (or fewer) are here than at the source, by the folder's name on the wire: explained differences.
    pub offsets: HashMap<Vec<u8>, i64>,
    /// UIDVALIDITY of the source: it must not change under the hold.
    pub validities: HashMap<Vec<u8>, u32>,
    /// What differs and could not be put right.
    pub remarks: Vec<String>,
}

impl Run<'_> {
    /// Makes the copy ready for a hold.
    pub(super) async fn prepare(&mut self, connection: &mut Connection) -> Result<Baseline> {
        for _ in 0..PASSES {
            if !self.carries(connection).await? {
                break;
            }
        }
        self.pop3.1 = None;
        self.unique_ids().await?;
        let mut compared = self.compare(connection).await?;
        let unequal: Vec<Vec<u8>> = compared.iter().filter(|(_, f)| differs(f)).map(|(w, _)| w.clone()).collect();
        if !unequal.is_empty() {
            self.look_at_everything(unequal).await?;
            self.carries(connection).await?;
            compared = self.compare(connection).await?;
        }
        let mut baseline = Baseline::default();
        for (wire, folder) in compared {
            if differs(&folder) {
                baseline.remarks.push(remark(&folder));
            }
            let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            baseline.offsets.insert(wire.clone(), count(folder.messages) - count(folder.source_messages));
            baseline.validities.insert(wire, folder.source_uid_validity);
        }
        self.warm().await?;
        // What changed meanwhile is carried now and not under the hold. Besides, a server does with the next NOOP what reading a
        // mailbox has given it to do: Dovecot writes its cache anew, 100 ms for 100,000 messages.
        self.carries(connection).await?;
        Ok(baseline)
    }

    /// Has the store remember the mailboxes that sessions are compared with under the hold, which then costs as little for a
    /// large one as for a small one: 70 ms less for 100,000 messages. (Other nodes read them under it.)
    async fn warm(&self) -> Result<()> {
        let account = &self.context.account;
        let mut mailboxes = account.read(|tx| tx.mailboxes()).await?;
        mailboxes.retain(|mailbox| mailbox.selectable && mailbox.total > 0);
        mailboxes.sort_by_key(|mailbox| std::cmp::Reverse(mailbox.total));
        for mailbox in mailboxes.iter().take(WARMED) {
            account.index(mailbox.id).await?;
        }
        Ok(())
    }

    /// One pass; whether it carried something.
    async fn carries(&mut self, connection: &mut Connection) -> Result<bool> {
        let (outcome, carried) = self.counted_pass(connection).await?;
        Ok(outcome.changed || carried != Totals::default())
    }

    /// One pass with what it found, and what it carried, which goes to the record.
    pub(super) async fn counted_pass(&mut self, connection: &mut Connection) -> Result<(Outcome, Totals)> {
        self.context.counters.take_into(&mut self.record.totals);
        let connections = self.record.options.connections;
        let outcome = Pass::new(&self.context, &self.login, connections).run(connection).await?;
        let mut carried = Totals::default();
        self.context.counters.take_into(&mut carried);
        let totals = &mut self.record.totals;
        totals.messages += carried.messages;
        totals.bytes += carried.bytes;
        totals.flags += carried.flags;
        totals.expunged += carried.expunged;
        totals.passes += carried.passes;
        carried.passes = 0;
        Ok((outcome, carried))
    }

    async fn compare(&self, connection: &mut Connection) -> Result<Vec<(Vec<u8>, FolderComparison)>> {
        compare::folders(&self.context.account, connection, &ReceiptOptions::default(), None).await
    }

    /// Makes the next pass compare every UID and all flags of some folders.
    async fn look_at_everything(&self, folders: Vec<Vec<u8>>) -> Result<()> {
        let forget = move |tx: &sterna_store::Tx<'_>| {
            for wire in folders {
                if tx.move_folder(&wire)?.is_some() {
                    cursor::update(tx, &wire, |cursor| {
                        (cursor.seen, cursor.modseq) = (None, 0);
                        Ok(())
                    })?;
                }
            }
            Ok(())
        };
        Ok(self.context.account.write(forget).await?)
    }

    /// What is to be said of a platform that is not the server which the move reads.
    pub(super) fn remark_on(&self, platform: &Platform) -> Option<String> {
        let source = &self.record.source;
        match &platform.imap {
            Some(url) if url.host.eq_ignore_ascii_case(&source.host) && url.port == source.port => None,
            Some(url) => Some(format!(
                "the move reads {source}, and platform {} is {url}: that both are the same server is not known",
                platform.name
            )),
            None => Some(format!("platform {} has no IMAP server: its sessions could not be parked", platform.name)),
        }
    }

    /// The platform as the door knows it.
    pub(super) async fn platform_at_door(&self, name: &str) -> Result<std::sync::Arc<Platform>> {
        let door = self.door()?;
        door.platform(name).await.map_err(|error| Error::Invalid(format!("platform {name}: {error}")))
    }

    /// Where accounts are held.
    pub(super) fn door(&self) -> Result<sterna_frontdoor::Door> {
        self.mover.door.clone().ok_or_else(|| {
            Error::Invalid("no front door is open in this process, so that nobody can be held; run the server".into())
        })
    }
}

fn differs(folder: &FolderComparison) -> bool {
    !folder.equal
}

fn remark(folder: &FolderComparison) -> String {
    let first = folder.refused.as_deref().or(folder.differences.first().map(String::as_str)).unwrap_or("it differs");
    format!("\"{}\" was not equal when it was compared before the hold, with clients at work: {first}", folder.name)
}
