//! Sieve scripts as lines for people.

use sterna_core::format_bytes;

use super::time;
use crate::admin::{SievePut, SieveScriptInfo};

pub(super) fn line(s: &SieveScriptInfo) -> String {
    let active = if s.active { "  active" } else { "" };
    format!("{}  {}  changed {}{active}\n", s.name.escape_debug(), format_bytes(s.size), time(s.modified))
}

pub(super) fn put(s: &SievePut) -> String {
    let active =
        if s.active { ", and is run at delivery" } else { ", and is not run; \"sterna sieve activate\" does that" };
    let mut text = format!("{} is stored{active}\n", s.name.escape_debug());
    s.warnings.iter().for_each(|warning| text += &format!("  {warning}\n"));
    text
}
