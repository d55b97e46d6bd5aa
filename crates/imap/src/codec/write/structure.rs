//! BODY and BODYSTRUCTURE (RFC 9051 §7.5.2), straight from the stored structure into the output buffer.
//!
//! Recursion follows the stored tree, whose depth the scanner bounds.

use sterna_message::{Params, PartRef, StructureRef};

use super::{envelope, nstring, number, quoted_or_literal};

/// Appends BODYSTRUCTURE's value: with extension data.
pub fn body_structure(out: &mut Vec<u8>, structure: &StructureRef<'_>) {
    part(out, &structure.root(), true);
}

/// Appends BODY's value: without extension data.
pub fn body(out: &mut Vec<u8>, structure: &StructureRef<'_>) {
    part(out, &structure.root(), false);
}

/// `body = "(" (body-type-1part / body-type-mpart) ")"`
fn part(out: &mut Vec<u8>, body: &PartRef<'_>, extended: bool) {
    out.push(b'(');
    if body.is_multipart() {
        multipart(out, body, extended);
    } else {
        single(out, body, extended);
    }
    out.push(b')');
}

/// `body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]`
fn multipart(out: &mut Vec<u8>, body: &PartRef<'_>, extended: bool) {
    body.children().for_each(|child| part(out, &child, extended));
    out.push(b' ');
    quoted_or_literal(out, body.subtype());
    if extended {
        out.push(b' ');
        params(out, body.params());
        disposition_language_location(out, body);
    }
}

/// `body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]`
fn single(out: &mut Vec<u8>, body: &PartRef<'_>, extended: bool) {
    quoted_or_literal(out, body.media_type());
    out.push(b' ');
    quoted_or_literal(out, body.subtype());
    out.push(b' ');
    params(out, body.params());
    out.push(b' ');
    nstring(out, body.content_id());
    out.push(b' ');
    nstring(out, body.description());
    out.push(b' ');
    quoted_or_literal(out, body.transfer_encoding());
    out.push(b' ');
    number(out, body.size());
    if let Some(message) = body.message() {
        out.push(b' ');
        match message.envelope() {
            Some(inner) => envelope(out, &inner),
            // Every embedded message has one; damage reads as an envelope without fields.
            None => out.extend_from_slice(b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
        }
        out.push(b' ');
        part(out, &message, extended);
    }
    if body.is_text() || body.is_message() {
        out.push(b' ');
        number(out, body.lines());
    }
    if extended {
        out.push(b' ');
        nstring(out, body.md5());
        disposition_language_location(out, body);
    }
}

/// `body-fld-param = "(" string SP string *(SP string SP string) ")" / nil`
fn params(out: &mut Vec<u8>, params: Params<'_>) {
    let start = out.len();
    for (name, value) in params.iter() {
        out.push(if out.len() == start { b'(' } else { b' ' });
        quoted_or_literal(out, name);
        out.push(b' ');
        quoted_or_literal(out, value);
    }
    out.extend_from_slice(if out.len() == start { b"NIL" } else { b")" });
}

/// ` body-fld-dsp SP body-fld-lang SP body-fld-loc`
fn disposition_language_location(out: &mut Vec<u8>, body: &PartRef<'_>) {
    match body.disposition() {
        Some((kind, parameters)) => {
            out.extend_from_slice(b" (");
            quoted_or_literal(out, kind);
            out.push(b' ');
            params(out, parameters);
            out.push(b')');
        }
        None => out.extend_from_slice(b" NIL"),
    }
    out.push(b' ');
    let start = out.len();
    for language in body.languages() {
        out.push(if out.len() == start { b'(' } else { b' ' });
        quoted_or_literal(out, language);
    }
    out.extend_from_slice(if out.len() == start { b"NIL " } else { b") " });
    nstring(out, body.location());
}
