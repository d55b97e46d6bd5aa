//! Reading messages of a mailbox in UID order, a page at a time.

use std::ops::ControlFlow;

use sterna_core::{EmailId, MailboxId, ModSeq, Uid};

use super::email::{self, Email};
use super::keyset::StoredFlags;
use crate::db::{Row, Tx, vals};
use crate::error::{Error, Result};

/// UIDs from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UidRange {
    /// The lowest.
    pub first: Uid,
    /// The highest.
    pub last: Uid,
}

impl UidRange {
    /// Every UID there can be.
    pub const ALL: UidRange = UidRange { first: Uid::MIN, last: Uid::MAX };

    /// One UID.
    pub fn one(uid: Uid) -> UidRange {
        UidRange { first: uid, last: uid }
    }
}

/// The part of a message that belongs to its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRow<'r> {
    /// In the mailbox.
    pub uid: Uid,
    /// The immutable part.
    pub email: EmailId,
    /// System flags and keyword set.
    pub flags: StoredFlags,
    /// Last change.
    pub modseq: ModSeq,
    /// The transaction that put it here.
    pub created_modseq: ModSeq,
    /// SAVEDATE (RFC 8514), seconds since 1970.
    pub saved_at: i64,
    /// POP3 unique id of the source, if it is not the one made from the UID.
    pub uidl: Option<&'r str>,
    /// Place in the listing of a POP3 source; a message without one comes after all that have one, by UID.
    pub pop_order: Option<u32>,
}

fn from_row<'r>(r: &Row<'r>) -> Result<MessageRow<'r>> {
    Ok(MessageRow {
        uid: Uid::new(r.u32(0)?).ok_or_else(|| Error::Corrupt("UID 0".into()))?,
        email: EmailId(r.u64(1)?),
        flags: StoredFlags(r.u32(2)?),
        modseq: ModSeq(r.u64(3)?),
        created_modseq: ModSeq(r.u64(4)?),
        saved_at: r.int(5)?,
        uidl: r.opt_text(6)?,
        pop_order: r.opt_int(7)?.and_then(|order| u32::try_from(order).ok()),
    })
}

const COLUMNS: &str = "m.uid, m.email_id, m.flags, m.modseq, m.created_modseq, m.saved_at, m.uidl, m.pop_order";
const RANGE: &str = "m.account_id = ?1 AND m.mailbox_id = ?2 AND m.uid BETWEEN ?3 AND ?4 ORDER BY m.uid LIMIT ?5";

/// Rows in the first page; each further one has twice as many. A caller that breaks early has not read much in vain.
const FIRST_PAGE: usize = 64;

impl Tx<'_> {
    /// The messages of a range, without their immutable part, until `f` breaks.
    pub fn messages(
        &self,
        mailbox: MailboxId,
        range: UidRange,
        mut f: impl FnMut(MessageRow<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let sql = ["SELECT ", COLUMNS, " FROM message m WHERE ", RANGE].concat();
        self.pages(&sql, (mailbox, range, 8192), |_| Ok(()), |_, message| f(message))
    }

    /// The messages of a range with their immutable part, until `f` breaks. `f` may read bodies by [`Tx::blob`].
    pub fn emails(
        &self,
        mailbox: MailboxId,
        range: UidRange,
        mut f: impl FnMut(MessageRow<'_>, Email<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let sql = [
            "SELECT ",
            COLUMNS,
            ", ",
            email::COLUMNS,
            " FROM message m JOIN email e ON e.account_id = m.account_id AND e.id = m.email_id WHERE ",
            RANGE,
        ]
        .concat();
        let coming = |rows: &[Row<'_>]| {
            let bodies = rows.iter().map(|row| email::from_row(row, 8).map(|email| (email.blob, email.size)));
            self.ahead.borrow_mut().begin(bodies.collect::<Result<_>>()?);
            Ok(())
        };
        self.pages(&sql, (mailbox, range, 512), coming, |row, message| {
            let email = email::from_row(row, 8)?;
            self.ahead.borrow_mut().advance(email.blob);
            f(message, email)
        })
    }

    /// Runs a query over [`RANGE`] in pages of up to `largest` rows, each behind the last UID of the one before.
    fn pages(
        &self,
        sql: &str,
        (mailbox, range, largest): (MailboxId, UidRange, usize),
        mut peek: impl FnMut(&[Row<'_>]) -> Result<()>,
        mut f: impl FnMut(&Row<'_>, MessageRow<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let (mut first, mut page) = (range.first, FIRST_PAGE);
        loop {
            let (mut rows, mut last) = (0, None);
            let params = vals![self.account, mailbox, first, range.last, page];
            let flow = self.each_peeked(sql, params, &mut peek, |r| {
                let message = from_row(r)?;
                (rows, last) = (rows + 1, Some(message.uid));
                f(r, message)
            })?;
            let next = last.filter(|last| rows == page && *last < range.last).and_then(|u| Uid::new(u.get() + 1));
            match next {
                Some(next) if flow.is_continue() => first = next,
                _ => return Ok(flow),
            }
            page = (page * 2).min(largest);
        }
    }
}
