//! Invariants 10, 11 and 14: bodies, their bytes, and the structures made from them.

use sterna_core::{BlobHash, BlobId};

use super::{CheckReport, StructureCheck};
use crate::blob::CHUNK;
use crate::db::{Tx, vals};
use crate::error::{Error, Result};

/// Bytes of a body in memory: chunks that one request to an object storage brings.
const PIECE: u64 = 16 * CHUNK as u64;

/// Rows in memory; with their structures, those of e-mails weigh a few kilobytes each.
const PAGE: i64 = 500;

/// A row of `blob`.
struct Body {
    id: BlobId,
    hash: Vec<u8>,
    size: u64,
    object: Option<String>,
}

impl Tx<'_> {
    pub(super) fn check_emails(&self, report: &mut CheckReport, structure: StructureCheck) -> Result<()> {
        let mut after = 0;
        loop {
            let before = after;
            self.each(
                "SELECT id, size, structure FROM email WHERE account_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                vals![self.account, before, PAGE],
                |r| {
                    after = r.int(0)?;
                    if let Err(why) = structure(r.blob(2)?, r.u64(1)?) {
                        report.found(14, format!("the structure of e-mail {after}: {why}"));
                    }
                    Ok(())
                },
            )?;
            if after == before {
                break;
            }
        }
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
             AND b.id = c.id / 1048576 WHERE c.account_id = ?1 AND (b.id IS NULL OR b.object IS NOT NULL)",
        )?;
        self.none(
            report,
            11,
            "the collector may delete the object of body",
            "SELECT b.id FROM blob b LEFT JOIN blob_upload u ON u.account_id = b.account_id AND u.object = b.object \
             LEFT JOIN blob_garbage g ON g.account_id = b.account_id AND g.object = b.object \
             WHERE b.account_id = ?1 AND (u.object IS NOT NULL OR g.object IS NOT NULL)",
        )?;
        let mut piece = Vec::new();
        let mut after = BlobId(0);
        loop {
            let bodies = self.bodies_after(after)?;
            let Some(last) = bodies.last() else { return Ok(()) };
            after = last.id;
            for Body { id, hash, size, object } in bodies {
                report.bodies += 1;
                object.iter().for_each(|key| self.objects.forget(key));
                match self.hash_body(id, size, &mut piece) {
                    Ok(computed) if computed.0[..] == hash[..] => report.bytes += size,
                    Ok(_) => report.found(11, format!("the bytes of body {id} have changed")),
                    Err(e @ Error::Corrupt(_)) => report.found(11, format!("body {id}: {e}")),
                    Err(e) => return Err(e),
                }
            }
        }
    }

    fn bodies_after(&self, after: BlobId) -> Result<Vec<Body>> {
        self.query(
            "SELECT id, hash, size, object FROM blob WHERE account_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            vals![self.account, after, PAGE],
            |r| {
                let object = r.opt_text(3)?.map(str::to_owned);
                Ok(Body { id: BlobId(r.u64(0)?), hash: r.blob(1)?.to_vec(), size: r.u64(2)?, object })
            },
        )
    }

    /// BLAKE3 of a stored body, read a piece at a time; a body of another length than `size` hashes to something else.
    fn hash_body(&self, id: BlobId, size: u64, piece: &mut Vec<u8>) -> Result<BlobHash> {
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        loop {
            piece.clear();
            self.blob_append(id, offset, PIECE, piece)?;
            if piece.is_empty() {
                break;
            }
            hasher.update(piece);
            offset += piece.len() as u64;
        }
        if offset != size {
            return Err(Error::Corrupt(format!("it has {offset} bytes instead of {size}")));
        }
        Ok(BlobHash(*hasher.finalize().as_bytes()))
    }
}
