//! The conversations of a batch, as [`Tx::thread_for`] would find them message after message.

use std::collections::HashMap;

use sterna_core::ThreadId;

use crate::account::thread::INSERT_KEY;
use crate::db::{Tx, Val, vals};
use crate::error::Result;

/// A conversation that exists, or one that will have a number of the batch.
#[derive(Clone, Copy)]
pub(super) enum Thread {
    Known(ThreadId),
    Created(usize),
}

impl Thread {
    /// Its number, where those created by the batch begin with `first`.
    pub fn id(self, first: u64) -> ThreadId {
        match self {
            Thread::Known(id) => id,
            Thread::Created(n) => ThreadId(first + n as u64),
        }
    }
}

/// What was found.
pub(super) struct Threads {
    /// For each message.
    pub of: Vec<Thread>,
    /// How many are new.
    pub created: usize,
    /// Keys that lead nowhere yet, and where they will lead.
    keys: Vec<(u64, Thread)>,
}

impl Tx<'_> {
    /// Works out the conversations of messages with these keys.
    pub(super) fn known_threads<'k>(&self, messages: impl Iterator<Item = &'k [u64]> + Clone) -> Result<Threads> {
        let mut asked: Vec<u64> = messages.clone().flatten().copied().collect();
        asked.sort_unstable();
        asked.dedup();
        let values: Vec<Val<'_>> = asked.iter().map(|key| (*key).into()).collect();
        let mut leads = HashMap::new();
        self.each_in(
            "SELECT key, thread_id FROM thread_key WHERE account_id = ?1 AND key",
            vals![self.account],
            &values,
            |r| {
                leads.insert(r.u64(0)?, Thread::Known(ThreadId(r.u64(1)?)));
                Ok(())
            },
        )?;
        let mut threads = Threads { of: Vec::new(), created: 0, keys: Vec::new() };
        for keys in messages {
            let thread = keys.iter().find_map(|key| leads.get(key)).copied().unwrap_or_else(|| {
                threads.created += 1;
                Thread::Created(threads.created - 1)
            });
            threads.of.push(thread);
            for key in keys {
                leads.entry(*key).or_insert_with(|| {
                    threads.keys.push((*key, thread));
                    thread
                });
            }
        }
        Ok(threads)
    }

    /// Lets the new keys lead to their conversations.
    pub(super) fn insert_thread_keys(&self, threads: &Threads, first: u64) -> Result<()> {
        let rows: Vec<[Val<'_>; 3]> = threads
            .keys
            .iter()
            .map(|(key, thread)| [self.account.into(), (*key).into(), thread.id(first).into()])
            .collect();
        self.execute_many(INSERT_KEY, &rows)
    }
}
