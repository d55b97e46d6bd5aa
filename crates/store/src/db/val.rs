//! Parameters of statements: the four kinds of values that both engines know.

use sterna_core::{AccountId, ModSeq};

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

macro_rules! int_val {
    ($($t:ty),*) => { $(impl From<$t> for Val<'_> {
        fn from(v: $t) -> Self { Val::Int(v as i64) }
    })* };
}
int_val!(i64, u64, u32, i32, i16, u16, u8, usize, bool);

macro_rules! id_val {
    ($($t:ty),*) => { $(impl From<$t> for Val<'_> {
        fn from(v: $t) -> Self { Val::Int(v.0 as i64) }
    })* };
}
id_val!(AccountId, ModSeq, sterna_core::MailboxId, sterna_core::EmailId, sterna_core::ThreadId, sterna_core::BlobId);

impl From<sterna_core::Uid> for Val<'_> {
    fn from(v: sterna_core::Uid) -> Self {
        Val::Int(i64::from(v.get()))
    }
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(v: &'a str) -> Self {
        Val::Text(v)
    }
}

impl<'a> From<&'a String> for Val<'a> {
    fn from(v: &'a String) -> Self {
        Val::Text(v)
    }
}

impl<'a> From<&'a [u8]> for Val<'a> {
    fn from(v: &'a [u8]) -> Self {
        Val::Blob(v)
    }
}

impl<'a> From<&'a Vec<u8>> for Val<'a> {
    fn from(v: &'a Vec<u8>) -> Self {
        Val::Blob(v)
    }
}

impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(v: Option<T>) -> Self {
        v.map_or(Val::Null, Into::into)
    }
}

/// Builds a parameter list from values of different types.
macro_rules! vals {
    ($($v:expr),* $(,)?) => { &[$($crate::db::Val::from($v)),*] };
}
pub(crate) use vals;
