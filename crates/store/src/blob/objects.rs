//! Where large bodies lie: files or an S3 service. [`Storage`] belongs to the store, [`Objects`] is one account's view.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sterna_core::AccountId;

use super::s3::S3;
use super::spool::Spool;
use super::table::{Shape, Table, Tables};
use super::{BLOBS, INCOMING, file};
use crate::config::{BlobKind, StoreConfig};
use crate::error::{Error, Result};

/// What all accounts of this node share.
pub(crate) struct Storage {
    incoming: PathBuf,
    /// `None`: files.
    s3: Option<S3>,
    tables: Tables,
}

impl Storage {
    /// Clears away what a crash left of bodies on their way in: the caller holds the lock of the data directory.
    /// Does not ask the S3 service anything yet, so that a node starts without it.
    pub fn open(config: &StoreConfig) -> Result<Arc<Storage>> {
        let incoming = config.data.join(INCOMING);
        match std::fs::remove_dir_all(&incoming) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("clear", &incoming, &e)),
            _ => std::fs::create_dir_all(&incoming).map_err(|e| Error::io("create", &incoming, &e))?,
        }
        let s3 = match &config.blobs {
            BlobKind::File => None,
            BlobKind::S3(config) => Some(S3::open(config)?),
        };
        Ok(Arc::new(Storage { incoming, s3, tables: Tables::default() }))
    }

    /// The view of the account whose directory is `home`.
    pub fn of(self: &Arc<Storage>, account: AccountId, home: &Path) -> Objects {
        Objects { storage: self.clone(), account, dir: home.join(BLOBS) }
    }
}

/// The objects of one account. Blocking. What fails for the moment is [`Error::Unavailable`]; what should be there and
/// is not is [`Error::Corrupt`].
pub(crate) struct Objects {
    storage: Arc<Storage>,
    account: AccountId,
    dir: PathBuf,
}

impl Objects {
    /// Whether removing the account's directory leaves its objects where they are.
    pub fn outlive_home(&self) -> bool {
        self.storage.s3.is_some()
    }

    /// A file for a body on its way in.
    pub(super) fn spool(&self) -> Result<Spool> {
        Spool::create(&self.storage.incoming)
    }

    /// Stores the spooled bytes; they are durable when this returns.
    pub(super) fn put(&self, key: &str, spool: &Spool) -> Result<()> {
        match &self.storage.s3 {
            None => file::put(&self.dir, key, spool),
            Some(s3) => s3.put(&self.name(key), spool),
        }
    }

    /// Exactly the bytes of `range` of an object of that shape.
    pub(super) fn read(&self, key: &str, shape: Shape, range: Range<u64>) -> Result<Vec<u8>> {
        match &self.storage.s3 {
            None => file::read(&self.dir, key, range),
            Some(s3) => s3.get(&self.name(key), shape.length(), range),
        }
    }

    /// Where the frames of an object lie. Remembered where it would cost a request each time.
    pub(super) fn table(&self, key: &str, shape: Shape) -> Result<Arc<Table>> {
        let name = self.name(key);
        if let Some(table) = self.storage.tables.get(&name) {
            return Ok(table);
        }
        let bytes = self.read(key, shape, shape.table())?;
        let table = Table::parse(&bytes, shape)
            .map(Arc::new)
            .ok_or_else(|| Error::Corrupt(format!("the table of frames of body {key} is damaged")))?;
        if self.storage.s3.is_some() {
            self.storage.tables.put(name, table.clone());
        }
        Ok(table)
    }

    /// Forgets what is remembered of an object, so that the next read sees what is stored.
    pub fn forget(&self, key: &str) {
        self.storage.tables.forget(&self.name(key));
    }

    /// Deletes objects, absent ones too: which of them are gone for sure, and what stopped it.
    pub(super) fn delete(&self, keys: Vec<String>) -> (Vec<String>, Result<()>) {
        keys.iter().for_each(|key| self.forget(key));
        let mut result = Ok(());
        let gone: Vec<bool> = match &self.storage.s3 {
            None => {
                let mut delete = |key: &String| file::delete(&self.dir, key).map_err(|e| result = Err(e)).is_ok();
                keys.iter().map_while(|key| delete(key).then_some(true)).collect()
            }
            Some(s3) => {
                let (gone, deleted) = s3.delete(&keys.iter().map(|key| self.name(key)).collect::<Vec<_>>());
                result = deleted;
                gone
            }
        };
        (keys.into_iter().zip(gone).filter_map(|(key, gone)| gone.then_some(key)).collect(), result)
    }

    /// The name that tells the object from those of other accounts.
    fn name(&self, key: &str) -> String {
        format!("{}/{key}", self.account)
    }
}
