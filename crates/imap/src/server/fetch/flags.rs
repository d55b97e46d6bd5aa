//! From the flags of an index to those of a response.

use std::collections::HashMap;
use std::sync::Arc;

use sterna_core::Flags;
use sterna_store::{Keysets, StoredFlags};

use crate::server::problem::Problem;
use crate::server::session::Session;

/// Names of flags; each of the few combinations is worked out once.
pub(crate) struct FlagNames {
    keysets: Arc<Keysets>,
    known: HashMap<StoredFlags, Flags>,
}

impl FlagNames {
    /// `keysets` must know every set that will be asked for.
    pub fn new(keysets: Arc<Keysets>) -> FlagNames {
        FlagNames { keysets, known: HashMap::new() }
    }

    /// The flags in full.
    pub fn get(&mut self, stored: StoredFlags) -> &Flags {
        self.known.entry(stored).or_insert_with(|| self.keysets.flags(stored))
    }
}

/// Reads the keyword sets anew if the session does not know one of these.
pub(crate) async fn know_keysets(
    session: &mut Session,
    mut stored: impl Iterator<Item = StoredFlags>,
) -> Result<(), Problem> {
    let known = session.selected()?.keysets.clone();
    if stored.any(|flags| !known.knows(flags.keyset())) {
        let account = session.account()?.clone();
        session.selected_mut()?.keysets = Arc::new(account.read(|tx| tx.keysets()).await?);
    }
    Ok(())
}
