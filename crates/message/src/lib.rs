//! MIME: parse once at arrival into the stored structure.
//!
//! A message is scanned once, as a stream, by [`Scanner`]; the [`Structure`] it gives is stored beside the message and
//! read back without a copy through [`StructureRef`] by IMAP FETCH, SEARCH, SORT and THREAD, by JMAP and by everything
//! else that asks about a message. Any byte sequence is a message: nothing here fails on one, changes one, or takes
//! memory in proportion to one ([`limits`]).

pub mod body;
mod envelope;
pub mod headers;
mod html;
mod ingest;
pub mod limits;
mod part;
mod scan;
mod structure;
mod text;
mod wire;

pub use body::{BodyDecoder, Encoding, UnknownEncoding, decode_body};
pub use envelope::{Address, Addresses, Envelope};
pub use headers::params::Params;
pub use headers::{base_subject, decode_header, message_ids, parse_date};
pub use ingest::{Ingest, check_structure};
pub use part::{Children, PartRef};
pub use scan::{Scanner, parse};
pub use structure::{CorruptStructure, Section, Structure, StructureRef, VERSION};
pub use text::{SearchScope, search_text, text_of};
