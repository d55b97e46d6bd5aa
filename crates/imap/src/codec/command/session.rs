//! Commands about the session itself: LOGIN, AUTHENTICATE, ENABLE, ID, COMPRESS.
//!
//! Secrets are wrapped so that no `Debug` output can put them into a log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::utf8;
use crate::codec::lexer::{Cursor, Parsed};

/// A field of ID and its value; a value may be NIL.
pub type IdField = (String, Option<String>);

/// The most pairs that ID may have (RFC 2971 §3.3).
const ID_FIELDS_MAX: usize = 30;

/// Bytes that never show in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// LOGIN (RFC 9051 §6.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name as sent.
    pub user: Vec<u8>,
    /// Password as sent.
    pub password: Secret,
}

/// AUTHENTICATE (RFC 9051 §6.2.2) with its initial response (RFC 4959).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticate {
    /// The SASL mechanism in upper case.
    pub mechanism: String,
    /// Decoded; `Some` and empty for `=`.
    pub initial_response: Option<Secret>,
}

/// What a client sends after a continuation request of AUTHENTICATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthResponse {
    /// Decoded.
    Data(Secret),
    /// `*`: the client gives up, the answer is BAD.
    Cancelled,
    /// Not base64: the answer is BAD.
    Invalid,
}

impl AuthResponse {
    /// Reads one line, with or without its CRLF (`base64 / "*"`).
    pub fn parse(line: &[u8]) -> AuthResponse {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match line.strip_suffix(b"\r").unwrap_or(line) {
            b"*" => AuthResponse::Cancelled,
            text => match STANDARD.decode(text) {
                Ok(data) => AuthResponse::Data(Secret(data)),
                Err(_) => AuthResponse::Invalid,
            },
        }
    }
}

/// `login = "LOGIN" SP userid SP password`
pub(super) fn login(c: &mut Cursor<'_>) -> Parsed<Login> {
    c.sp()?;
    // 8-bit atoms are not in the grammar, but clients do send such names and passwords unquoted.
    let user = c.mailbox()?.into_owned();
    c.sp()?;
    Ok(Login { user, password: Secret(c.mailbox()?.into_owned()) })
}

/// `authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]`, `initial-resp = (base64 / "=")`
pub(super) fn authenticate(c: &mut Cursor<'_>) -> Parsed<Authenticate> {
    c.sp()?;
    let mechanism = c.atom()?.to_ascii_uppercase();
    if !c.take(b" ") {
        return Ok(Authenticate { mechanism, initial_response: None });
    }
    let error = c.error("an initial response in base64");
    let text = c.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    let data = match text {
        b"" => return Err(error),
        b"=" => Vec::new(),
        _ => STANDARD.decode(text).map_err(|_| error)?,
    };
    Ok(Authenticate { mechanism, initial_response: Some(Secret(data)) })
}

/// `enable = "ENABLE" 1*(SP capability)`; names in upper case.
pub(super) fn enable(c: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut names = Vec::new();
    loop {
        c.sp()?;
        names.push(c.atom()?.to_ascii_uppercase());
        if c.at_end() {
            return Ok(names);
        }
    }
}

/// `compress = "COMPRESS" SP algorithm`
pub(super) fn compress(c: &mut Cursor<'_>) -> Parsed<String> {
    c.sp()?;
    Ok(c.atom()?.to_ascii_uppercase())
}

/// `id = "ID" SP id-params-list`, `id-params-list = "(" *(string SP nstring) ")" / nil`
pub(super) fn id(c: &mut Cursor<'_>) -> Parsed<Option<Vec<IdField>>> {
    c.sp()?;
    if c.take(b"NIL") {
        return Ok(None);
    }
    let start = c.clone();
    let pairs = c.list0(|c| {
        let field = c.string()?;
        let field = utf8(c, field)?;
        c.sp()?;
        let value = c.nstring()?;
        Ok((field, value.map(|v| utf8(c, v)).transpose()?))
    })?;
    if pairs.len() > ID_FIELDS_MAX { Err(start.error("at most 30 fields")) } else { Ok(Some(pairs)) }
}
