//! The header after `addheader` and `deleteheader` (RFC 5293).

use std::collections::HashSet;
use std::sync::Arc;

use sterna_message::headers::fields;

use super::shown::Shown;
use crate::RunError;
use crate::header;

/// Takes the header out of the message that the evaluator wrote, which is the edited header and the body it was shown.
///
/// What the script added is encoded where it is not ASCII (RFC 5293 §4), what the message had stays as it was.
pub(super) fn header_of(written: &[u8], shown: &Shown) -> Result<Arc<[u8]>, RunError> {
    let (head, body) = written.split_at_checked(written.len().saturating_sub(shown.body)).ok_or(RunError::Evaluator)?;
    let original = shown.bytes.get(..shown.bytes.len() - shown.body).unwrap_or_default();
    let same_body = shown.bytes.ends_with(body) && body.len() == shown.body;
    if !same_body || header::length(head) != head.len() || !head.ends_with(b"\r\n") {
        return Err(RunError::Evaluator);
    }
    let known: HashSet<&[u8]> = fields(original).filter_map(|field| original.get(field.range)).collect();
    let mut edited = Vec::with_capacity(head.len() + shown.hidden.len());
    for field in fields(head) {
        let raw = head.get(field.range.clone()).unwrap_or_default();
        if known.contains(raw) {
            edited.extend_from_slice(raw);
        } else {
            let (name, value) = (String::from_utf8_lossy(field.name), String::from_utf8_lossy(field.value));
            let mut out = String::new();
            header::write(&mut out, &name, &value);
            edited.extend_from_slice(out.as_bytes());
        }
    }
    // The evaluator loses lines that are no fields: they are the message's all the same.
    for line in fields(original).filter(|field| field.name.is_empty()) {
        let raw = original.get(line.range).unwrap_or_default();
        if !fields(head).any(|field| head.get(field.range) == Some(raw)) {
            edited.extend_from_slice(raw);
        }
    }
    edited.extend_from_slice(&shown.hidden);
    edited.extend_from_slice(b"\r\n");
    Ok(edited.into())
}
