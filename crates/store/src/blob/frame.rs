//! One chunk to one zstd frame and back, with contexts that are shared by the process.

use std::sync::{Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};

use super::CHUNK;
use crate::error::{Error, Result};

/// zstd's fastest ordinary level: mail is mostly base64, from which a higher one gains nothing.
const LEVEL: i32 = 1;

/// Idle contexts kept at most; a context is about a megabyte.
const KEEP: usize = 8;

static COMPRESSORS: Mutex<Vec<Compressor<'static>>> = Mutex::new(Vec::new());
static DECOMPRESSORS: Mutex<Vec<Decompressor<'static>>> = Mutex::new(Vec::new());

fn with<C, T>(
    idle: &Mutex<Vec<C>>,
    new: impl FnOnce() -> std::io::Result<C>,
    f: impl FnOnce(&mut C) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut context = match kept {
        Some(c) => c,
        None => new()?,
    };
    let result = f(&mut context);
    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() < KEEP {
        idle.push(context);
    }
    result
}

/// Compresses at most [`CHUNK`] bytes.
pub(super) fn compress(chunk: &[u8]) -> Result<Vec<u8>> {
    with(&COMPRESSORS, || Compressor::new(LEVEL), |c| c.compress(chunk))
        .map_err(|e| Error::Internal(format!("zstd: {e}")))
}

/// Appends the original bytes of one frame to `out`. A frame that claims more than [`CHUNK`] bytes is damaged.
pub(super) fn decompress(frame: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let damaged = |why: &dyn std::fmt::Display| Error::Corrupt(format!("a body chunk does not decompress: {why}"));
    let claimed = match zstd::zstd_safe::get_frame_content_size(frame) {
        Ok(Some(n)) if n <= CHUNK as u64 => n as usize,
        _ => return Err(damaged(&"its size is not known or too large")),
    };
    let at = out.len();
    out.resize(at + claimed, 0);
    let n = with(&DECOMPRESSORS, Decompressor::new, |d| {
        d.decompress_to_buffer(frame, out.get_mut(at..).unwrap_or_default())
    })
    .map_err(|e| damaged(&e))?;
    out.truncate(at + n);
    Ok(())
}
