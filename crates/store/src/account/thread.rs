//! Conversations: messages that bear or refer to a common Message-ID.

use sterna_core::ThreadId;

use crate::db::{Tx, Val, vals};
use crate::error::Result;

/// Lets a key lead to a conversation, unless it leads to one already.
pub(super) const INSERT_KEY: &str =
    "INSERT INTO thread_key (account_id, key, thread_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

impl Tx<'_> {
    /// The conversation of a message with these keys (hashes of its Message-ID, In-Reply-To and References).
    /// All its keys lead there from now on, so that an older message which arrives later finds it too.
    /// A message's conversation never changes (RFC 8474 §5.3): two that turn out to be one stay apart.
    pub(crate) fn thread_for(&self, keys: &[u64]) -> Result<ThreadId> {
        let mut thread = None;
        for key in keys {
            let sql = "SELECT thread_id FROM thread_key WHERE account_id = ?1 AND key = ?2";
            thread = self.one(sql, vals![self.account, *key], |r| Ok(ThreadId(r.u64(0)?)))?;
            if thread.is_some() {
                break;
            }
        }
        let thread = match thread {
            Some(known) => known,
            None => ThreadId(self.next_id()?),
        };
        let rows: Vec<[Val<'_>; 3]> =
            keys.iter().map(|key| [self.account.into(), (*key).into(), thread.into()]).collect();
        self.execute_many(INSERT_KEY, &rows)?;
        Ok(thread)
    }
}
