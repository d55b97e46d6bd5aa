//! `import` and `export`.
use super::answer::Answer;
use super::handler::Events;
use super::platform::Platform;
use super::request::FileFormat;
use crate::error::{Error, Result};
use std::path::Path;
pub(super) async fn import(_: &Platform, _: &str, _: FileFormat, _: &Path, _: Events<'_>) -> Result<Answer> {
    Err(Error::new("this version does not import or export files yet"))
}
pub(super) async fn export(_: &Platform, _: &str, _: FileFormat, _: &Path, _: Events<'_>) -> Result<Answer> {
    Err(Error::new("this version does not import or export files yet"))
}
