//! Objects as files of the account's directory. A file has its name only when its bytes are durable.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::spool::Spool;
use super::sync_dir;
use crate::error::{Error, Result};

/// Makes the spooled bytes durable as `dir/key`.
pub(super) fn put(dir: &Path, key: &str, spool: &Spool) -> Result<()> {
    spool.sync()?;
    let to = dir.join(key);
    let stored = match move_to(spool.path(), dir, key) {
        Err(e) if e.kind() == ErrorKind::NotFound => make(dir).and_then(|()| move_to(spool.path(), dir, key)),
        result => result,
    };
    stored.map_err(|e| Error::io("store", &to, &e))?;
    sync_dir(dir)
}

/// Renames, or copies where the account's directory is a file system of its own.
fn move_to(from: &Path, dir: &Path, key: &str) -> std::io::Result<()> {
    match std::fs::rename(from, dir.join(key)) {
        Err(e) if e.kind() == ErrorKind::CrossesDevices => {
            let part = part(dir, key);
            std::fs::copy(from, &part)?;
            File::open(&part)?.sync_all()?;
            std::fs::rename(part, dir.join(key))
        }
        result => result,
    }
}

/// Makes the directory, and its name durable up to the one that was there before.
fn make(dir: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|d| !d.exists()).collect();
    std::fs::create_dir_all(dir)?;
    missing.iter().filter_map(|d| d.parent()).try_for_each(|parent| File::open(parent)?.sync_all())
}

/// The name of a copy that is not whole yet.
fn part(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!(".{key}"))
}

/// Exactly the bytes of `range`.
pub(super) fn read(dir: &Path, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
    let path = dir.join(key);
    let failed = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => Error::Corrupt(format!("body file {} is missing", path.display())),
        ErrorKind::UnexpectedEof => Error::Corrupt(format!("body file {} is too short", path.display())),
        _ => Error::io("read", &path, &e),
    };
    let file = File::open(&path).map_err(failed)?;
    // Not more than the file has, whatever a damaged row says.
    if file.metadata().map_err(failed)?.len() < range.end {
        return Err(failed(ErrorKind::UnexpectedEof.into()));
    }
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
    file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
    Ok(bytes)
}

/// Removes the file; one that is absent is removed already.
pub(super) fn delete(dir: &Path, key: &str) -> Result<()> {
    [part(dir, key), dir.join(key)].iter().try_for_each(|path| match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &e)),
        _ => Ok(()),
    })
}
