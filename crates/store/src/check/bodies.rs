//! Invariants 10, 11 and 14: bodies, their bytes, and the structures made from them.

use sterna_core::{BlobHash, BlobId};

use super::{CheckReport, StructureCheck};
use crate::blob::CHUNK;
use crate::db::{Tx, vals};
use crate::error::{Error, Result};

impl Tx<'_> {
    pub(super) fn check_emails(&self, report: &mut CheckReport, structure: StructureCheck) -> Result<()> {
        self.each("SELECT id, size, structure FROM email WHERE account_id = ?1", vals![self.account], |r| {
            if let Err(why) = structure(r.blob(2)?, r.u64(1)?) {
                report.found(14, format!("the structure of e-mail {}: {why}", r.int(0)?));
            }
            Ok(())
        })?;
        self.none(
            report,
            10,
            "the body is missing or of another size for e-mail",
            "SELECT e.id FROM email e LEFT JOIN blob b ON b.account_id = e.account_id AND b.id = e.blob_id \
             WHERE e.account_id = ?1 AND (b.id IS NULL OR b.size <> e.size)",
        )?;
        self.none(
            report,
            10,
            "no e-mail names body",
            "SELECT b.id FROM blob b LEFT JOIN email e ON e.account_id = b.account_id AND e.blob_id = b.id \
             WHERE b.account_id = ?1 AND e.id IS NULL",
        )
    }

    pub(super) fn check_bodies(&self, report: &mut CheckReport) -> Result<()> {
        self.none(
            report,
            11,
            "a chunk belongs to no body:",
            "SELECT c.id FROM blob_chunk c LEFT JOIN blob b ON b.account_id = c.account_id \
             AND b.id = c.id / 1048576 WHERE c.account_id = ?1 AND (b.id IS NULL OR b.in_file = 1)",
        )?;
        let blobs = self.query("SELECT id, hash, size FROM blob WHERE account_id = ?1", vals![self.account], |r| {
            Ok((BlobId(r.u64(0)?), r.blob(1)?.to_vec(), r.u64(2)?))
        })?;
        let mut chunk = Vec::new();
        for (id, hash, size) in blobs {
            report.bodies += 1;
            match self.hash_body(id, size, &mut chunk) {
                Ok(computed) if computed.0[..] == hash[..] => report.bytes += size,
                Ok(_) => report.found(11, format!("the bytes of body {id} have changed")),
                Err(e @ Error::Corrupt(_)) => report.found(11, format!("body {id}: {e}")),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// BLAKE3 of a stored body, read a chunk at a time; a body of another length than `size` hashes to something else.
    fn hash_body(&self, id: BlobId, size: u64, chunk: &mut Vec<u8>) -> Result<BlobHash> {
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        loop {
            chunk.clear();
            self.blob_append(id, offset, CHUNK as u64, chunk)?;
            if chunk.is_empty() {
                break;
            }
            hasher.update(chunk);
            offset += chunk.len() as u64;
        }
        if offset != size {
            return Err(Error::Corrupt(format!("it has {offset} bytes instead of {size}")));
        }
        Ok(BlobHash(*hasher.finalize().as_bytes()))
    }
}
