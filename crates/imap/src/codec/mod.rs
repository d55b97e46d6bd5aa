//! The pure IMAP codec: bytes in, values out, and back. No socket, no store, no clock.
//!
//! As a server: [`framing`] cuts the stream into commands, [`command`] parses one, [`write`] writes the answers.
//! Shared by both directions: [`lexer`], [`sequence`], [`mailbox`], [`mutf7`], [`flag`], [`date`].

pub mod command;
pub mod date;
pub mod flag;
pub mod framing;
pub mod lexer;
pub mod mailbox;
pub mod mutf7;
pub mod response_parser;
pub mod sequence;
pub mod write;
