//! APPEND (RFC 9051 §6.3.12): one message streamed from a reader, or many small ones at once.

use bytes::{Bytes, BytesMut};
use sterna_core::{DateTime, Flags, Uid, UidValidity};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use crate::codec::mailbox::MailboxName;
use crate::codec::response_parser::{Code, StatusText};

/// How much of a message is read ahead of the network.
const BLOCK: usize = 256 << 10;

/// A message in memory.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Flags to set; `\Recent` cannot be.
    pub flags: Flags,
    /// INTERNALDATE; `None` for the server's clock.
    pub date: Option<DateTime>,
    /// The message.
    pub body: Bytes,
}

/// Where a message went; `None` if the server does not tell (no UIDPLUS).
pub type Appended = Option<(UidValidity, Uid)>;

fn arguments(flags: &Flags, date: Option<DateTime>) -> String {
    let date = date.map(|d| format!(" \"{}\"", d.imap())).unwrap_or_default();
    format!(" ({flags}){date} ")
}

/// The one UID, or all in order.
fn appended(status: &StatusText) -> Vec<(UidValidity, Uid)> {
    match &status.code {
        Some(Code::AppendUid { validity, uids }) => uids.uids().take(100_000).map(|uid| (*validity, uid)).collect(),
        _ => Vec::new(),
    }
}

impl Connection {
    /// Appends a message of exactly `size` bytes that `source` gives. Memory is bounded whatever the size.
    ///
    /// A source that ends early or fails leaves half a message on the wire: the connection is unusable afterwards, and the
    /// server stores nothing.
    pub async fn append(
        &mut self,
        mailbox: &MailboxName,
        flags: &Flags,
        date: Option<DateTime>,
        size: u64,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<Appended, Error> {
        self.must_be_free()?;
        self.refuse_too_large(size)?;
        let tag = self.send_head(mailbox, flags, date, size);
        let mut left = size;
        while left > 0 {
            let block = match read_block(source, left.min(BLOCK as u64) as usize).await {
                Ok(block) => block,
                Err(error) => {
                    self.abandon();
                    return Err(self.error(ErrorKind::AppendSource(error)));
                }
            };
            left -= block.len() as u64;
            self.push_block(tag, block);
            if !self.written_unless_ended(tag).await? {
                break;
            }
        }
        self.push_unless_ended(tag, b"\r\n");
        let status = self.finish(tag, |_| {}).await?;
        Ok(appended(&status).into_iter().next())
    }

    /// Appends messages in one round trip: as one command with MULTIAPPEND (RFC 3502), which stores all or none, else as
    /// pipelined commands, of which some may be done when another is refused. The answers are in the order of the messages.
    pub async fn append_all(&mut self, mailbox: &MailboxName, messages: &[NewMessage]) -> Result<Vec<Appended>, Error> {
        self.must_be_free()?;
        let Some((first, rest)) = messages.split_first() else { return Ok(Vec::new()) };
        for message in messages {
            self.refuse_too_large(message.body.len() as u64)?;
        }
        if !self.capabilities().has("MULTIAPPEND") {
            let tags: Vec<Tag> = messages.iter().map(|m| self.send_whole(mailbox, m)).collect();
            let mut all = Vec::with_capacity(tags.len());
            let mut first = Ok(());
            for tag in tags {
                // A refusal is given when all have ended, so that the connection stays usable.
                match self.finish(tag, |_| {}).await {
                    Ok(status) => all.push(appended(&status).into_iter().next()),
                    Err(error) if !error.connection_usable() => return Err(error),
                    Err(error) => first = first.and(Err(error)),
                }
            }
            return first.map(|()| all);
        }
        let tag = self.send_head(mailbox, &first.flags, first.date, first.body.len() as u64);
        self.push(tag, &first.body);
        for message in rest {
            self.push(tag, arguments(&message.flags, message.date).as_bytes());
            self.push_literal_head(tag, message.body.len() as u64);
            self.push(tag, &message.body);
        }
        self.push(tag, b"\r\n");
        let uids = appended(&self.finish(tag, |_| {}).await?);
        // A server that tells fewer UIDs than messages tells nothing reliable.
        let told = uids.len() == messages.len();
        Ok((0..messages.len()).map(|i| uids.get(i).copied().filter(|_| told)).collect())
    }

    /// RFC 7889: a message beyond the limit would only be sent in vain.
    fn refuse_too_large(&self, size: u64) -> Result<(), Error> {
        match self.capabilities().append_limit() {
            Some(limit) if size > limit => {
                let text = format!("the message has {size} bytes, the server takes at most {limit}");
                Err(self.error(ErrorKind::No { command: "APPEND", code: Some("TOOBIG".to_owned()), text }))
            }
            _ => Ok(()),
        }
    }

    /// Everything before the first byte of the (first) message.
    fn send_head(&mut self, mailbox: &MailboxName, flags: &Flags, date: Option<DateTime>, size: u64) -> Tag {
        let head = self.command("APPEND").mailbox(mailbox).text(&arguments(flags, date));
        let tag = self.send_open(head);
        self.push_literal_head(tag, size);
        tag
    }

    fn send_whole(&mut self, mailbox: &MailboxName, message: &NewMessage) -> Tag {
        let tag = self.send_head(mailbox, &message.flags, message.date, message.body.len() as u64);
        self.push(tag, &message.body);
        self.push(tag, b"\r\n");
        tag
    }

    /// Writes what is queued. `false` if the server ended the command before it had the message.
    async fn written_unless_ended(&mut self, tag: Tag) -> Result<bool, Error> {
        while !self.all_written() && self.is_in_flight(tag) {
            match self.step().await? {
                Some(Event::Done { tag: ended, command, status }) if ended == tag => {
                    return Err(match self.accepted(command, status) {
                        Err(error) => error,
                        Ok(_) => self.error(ErrorKind::Protocol("APPEND ended before its message".to_owned())),
                    });
                }
                _ => {}
            }
        }
        Ok(self.is_in_flight(tag))
    }

    fn push_unless_ended(&mut self, tag: Tag, bytes: &[u8]) {
        if self.is_in_flight(tag) {
            self.push(tag, bytes);
        }
    }
}

/// Exactly so many bytes.
async fn read_block(source: &mut (impl AsyncRead + Unpin), size: usize) -> std::io::Result<BytesMut> {
    let mut block = BytesMut::with_capacity(size);
    let mut limited = source.take(size as u64);
    while block.len() < size {
        if limited.read_buf(&mut block).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(block)
}
