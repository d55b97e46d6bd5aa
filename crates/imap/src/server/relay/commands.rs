//! Commands of the client, on their way to the platform.
//!
//! A command goes when the client has sent all of it, its literals included: what is not complete when a hold begins is answered
//! by whoever has the mailbox then. Only messages above [`GATHER`] are passed on as they come.

use super::told::Open;
use super::{Idle, InFlight, MAX_IN_FLIGHT, Relay, What, wire};
use crate::codec::command::fetch::FetchItem;
use crate::codec::command::mailbox::StatusItem;
use crate::codec::command::{Addressing, Command, CommandBody};
use crate::codec::framing::{LineStep, Step, plain_line, read_tag, trailing_literal};
use crate::codec::write::status::{self, Condition, names};
use crate::server::problem::Problem;

/// A command with its messages is gathered up to this size, bytes.
pub(super) const GATHER: usize = 1 << 20;

/// The longest line behind a message, and that can be DONE.
const MAX_LINE: usize = 65_536;

/// An APPEND or REPLACE that is being gathered at the beginning of the input.
#[derive(Debug)]
pub(super) struct Gathering {
    /// Everything up to the end of the message that comes.
    upto: usize,
}

/// A message that is passed on as it comes.
pub(super) struct Streaming {
    pub tag: String,
    /// Bytes that have not come.
    pub left: u64,
}

impl Relay {
    /// Sends on what the client has sent completely, as far as the relay may.
    pub(super) fn take_commands(&mut self) -> Result<(), Problem> {
        loop {
            if let Some(streaming) = &mut self.streaming {
                if !self.outgoing.is_empty() || self.platform.is_full() {
                    return Ok(());
                }
                let most = usize::try_from(streaming.left).unwrap_or(usize::MAX).min(self.client.input.len());
                let piece = self.client.input.split_to(most);
                self.platform.output.extend_from_slice(&piece);
                streaming.left -= most as u64;
                if streaming.left > 0 {
                    return Ok(());
                }
                self.framer.message_read();
                // The tag is needed again behind the message.
                let tag = std::mem::take(&mut streaming.tag);
                self.streaming = None;
                if !self.tail(&tag)? {
                    self.streaming = Some(Streaming { tag, left: 0 });
                    return Ok(());
                }
                continue;
            }
            if !self.phase.takes_commands() || self.asks() || self.flight.len() >= MAX_IN_FLIGHT {
                return Ok(());
            }
            if let Some(idle) = &self.idle {
                if !idle.begun || !self.done()? {
                    return Ok(());
                }
                continue;
            }
            if let Some(gathering) = &self.gathering {
                let upto = gathering.upto;
                if !self.gather(upto)? {
                    return Ok(());
                }
                continue;
            }
            match self.framer.next(&self.client.input) {
                Step::NeedMore => return Ok(()),
                Step::SendContinuation => status::continuation(&mut self.own_answers, "OK"),
                Step::Command { len } => {
                    let command = self.client.input.split_to(len);
                    self.command(&command)?;
                }
                Step::AppendHead { len } => self.message(len),
                // It can only belong to a message that was refused.
                Step::AppendTail { len } | Step::Discard { len } => drop(self.client.input.split_to(len)),
                Step::Reject(error) => {
                    let tag = error.tag.as_deref().unwrap_or("*");
                    let text = error.kind.to_string();
                    status::tagged(&mut self.own_answers, tag, Condition::Bad, None, &text);
                }
            }
        }
    }

    /// DONE, or whatever the client says instead: the platform knows what that means.
    fn done(&mut self) -> Result<bool, Problem> {
        match plain_line(&self.client.input, MAX_LINE) {
            LineStep::NeedMore => Ok(false),
            LineStep::TooLong => Err(Problem::bye("line too long")),
            LineStep::Line { len } => {
                let line = self.client.input.split_to(len);
                self.platform.output.extend_from_slice(&line);
                // In flight until its tagged response; nothing more is expected of the client.
                self.idle = None;
                Ok(true)
            }
        }
    }

    /// A message is announced by the first `len` bytes of the input.
    fn message(&mut self, len: usize) {
        let head = self.client.input.get(..len).unwrap_or_default();
        let Some(literal) = trailing_literal(head) else { return };
        if literal.synchronizing {
            self.promised += 1;
            status::continuation(&mut self.own_answers, "OK");
        }
        let upto = (len as u64).saturating_add(literal.size);
        match usize::try_from(upto) {
            Ok(upto) if upto <= GATHER => self.gathering = Some(Gathering { upto }),
            _ => self.stream(len, literal.size),
        }
    }

    /// Begins to pass a command on whose next message is large.
    fn stream(&mut self, len: usize, size: u64) {
        let head = self.client.input.split_to(len);
        let tag = read_tag(&head).unwrap_or_default();
        self.tell_owed();
        self.flight.push_back(InFlight::other(tag.clone()));
        self.pieces(&head, size);
        self.streaming = Some(Streaming { tag, left: size });
        self.promised = 0;
    }

    /// A line whose literal follows by itself.
    fn pieces(&mut self, line: &[u8], size: u64) {
        let (announced, waits) = self.literals.announce(line);
        self.outgoing.line(announced, waits && size > 0);
    }

    /// The line behind a message that was passed on; `false`: it has not come.
    fn tail(&mut self, tag: &str) -> Result<bool, Problem> {
        match self.framer.next(&self.client.input) {
            Step::AppendTail { len } => {
                let line = self.client.input.split_to(len);
                match trailing_literal(&line) {
                    None => self.platform.output.extend_from_slice(&line),
                    Some(literal) => {
                        if literal.synchronizing {
                            status::continuation(&mut self.own_answers, "OK");
                        }
                        self.pieces(&line, literal.size);
                        self.streaming = Some(Streaming { tag: tag.to_owned(), left: literal.size });
                    }
                }
                Ok(true)
            }
            Step::NeedMore => Ok(false),
            _ => Err(Problem::bye("the end of the message was lost")),
        }
    }

    /// Goes on gathering; `false`: more must come.
    fn gather(&mut self, upto: usize) -> Result<bool, Problem> {
        let Some(behind) = self.client.input.get(upto..) else { return Ok(false) };
        let end = match plain_line(behind, MAX_LINE) {
            LineStep::NeedMore => return Ok(false),
            LineStep::TooLong => return Err(Problem::bye("line too long")),
            LineStep::Line { len } => upto + len,
        };
        let line = self.client.input.get(upto..end).unwrap_or_default();
        if let Some(literal) = trailing_literal(line) {
            let next = (end as u64).saturating_add(literal.size);
            if let Some(next) = usize::try_from(next).ok().filter(|next| *next <= GATHER) {
                if literal.synchronizing {
                    self.promised += 1;
                    status::continuation(&mut self.own_answers, "OK");
                }
                self.gathering = Some(Gathering { upto: next });
                return Ok(true);
            }
            // Too much to be gathered: what is here goes, and the rest is passed on as it comes.
            let before = self.client.input.split_to(upto);
            let tag = read_tag(&before).unwrap_or_default();
            self.tell_owed();
            self.flight.push_back(InFlight::other(tag.clone()));
            self.outgoing.begin(&before, self.literals);
            self.gathering = None;
            self.framer.message_read();
            self.streaming = Some(Streaming { tag, left: 0 });
            return Ok(true);
        }
        let command = self.client.input.split_to(end);
        let tag = read_tag(&command).unwrap_or_default();
        (self.gathering, self.promised) = (None, 0);
        self.framer.again();
        self.tell_owed();
        self.send(InFlight::other(tag), &command);
        Ok(true)
    }

    /// One complete command.
    fn command(&mut self, command: &[u8]) -> Result<(), Problem> {
        let parsed = Command::parse(command, self.names());
        let tag = match &parsed {
            Ok(parsed) => parsed.tag.clone(),
            Err(bad) => bad.tag.clone().unwrap_or_default(),
        };
        // What does not parse here may be an extension that the platform has and the client knows of.
        let body = parsed.ok().map(|parsed| parsed.body);
        let refuse =
            |answers: &mut Vec<u8>, condition, text: &str| status::tagged(answers, &tag, condition, None, text);
        match &body {
            Some(CommandBody::StartTls | CommandBody::Login(_) | CommandBody::Authenticate(_)) => {
                refuse(&mut self.own_answers, Condition::Bad, "logged in already");
                return Ok(());
            }
            // It was not offered.
            Some(CommandBody::Compress(_)) => {
                refuse(&mut self.own_answers, Condition::No, "no compression for now");
                return Ok(());
            }
            Some(body) if !self.owed.is_empty() && counts(body) => {
                // Its numbers are the client's, who does not know yet what is gone (RFC 2180 §4.1.2).
                let code = Some(names::EXPUNGEISSUED);
                let text = "some of the messages are gone; NOOP tells which";
                status::tagged(&mut self.own_answers, &tag, Condition::No, code, text);
                return Ok(());
            }
            _ => {}
        }
        let condstore = body.as_ref().is_some_and(enables_condstore);
        let what = body.map_or(What::Other, what);
        match what {
            // It would be taken for news of the mailbox that is opened.
            What::Select(_) => self.owed.clear(),
            _ => self.tell_owed(),
        }
        if what == What::Idle {
            self.idle = Some(Idle { tag: tag.clone(), begun: false, interrupted: false, resumed: false });
        }
        self.send(InFlight { tag, what, condstore }, command);
        Ok(())
    }

    /// A command is in progress: what was withheld can be told.
    fn tell_owed(&mut self) {
        if !self.owed.is_empty() {
            self.own_answers.append(&mut self.owed);
            if let Some(open) = &mut self.told.open {
                open.tell_all();
            }
        }
    }

    fn send(&mut self, flight: InFlight, command: &[u8]) {
        self.outgoing.command(&flight.tag, command, self.literals);
        self.outgoing.pump(&mut self.platform.output, wire::FULL);
        self.flight.push_back(flight);
    }

    /// A command of the relay's own.
    pub(super) fn send_own(&mut self, what: What, command: &str) {
        self.own_tags += 1;
        // No client uses such a tag.
        let tag = format!("sterna!{}", self.own_tags);
        let line = format!("{tag} {command}\r\n");
        self.send(InFlight { tag, what, condstore: false }, line.as_bytes());
    }
}

/// What has to be known of a command when its response comes.
fn what(body: CommandBody) -> What {
    match body {
        CommandBody::Select(select) => What::Select(Box::new(Open::new(select.mailbox, select.read_only))),
        CommandBody::Close | CommandBody::Unselect => What::Close,
        CommandBody::Notify(notify) => What::Notify(Box::new(notify)),
        CommandBody::Search(search) if search.returns.is_some_and(|r| r.save) => What::Save,
        CommandBody::Sort(sort) if sort.returns.is_some_and(|r| r.save) => What::Save,
        CommandBody::Idle => What::Idle,
        CommandBody::Logout => What::Logout,
        _ => What::Other,
    }
}

/// Whether a command has the server tell MODSEQs from then on (RFC 7162 §3.1).
fn enables_condstore(body: &CommandBody) -> bool {
    match body {
        CommandBody::Select(select) => select.condstore || select.qresync.is_some(),
        CommandBody::Status { items, .. } => items.contains(&StatusItem::HighestModSeq),
        CommandBody::Fetch(fetch) => fetch.changed_since.is_some() || fetch.items.contains(&FetchItem::ModSeq),
        CommandBody::Store(store) => store.unchanged_since.is_some(),
        _ => false,
    }
}

/// Whether a command names messages by sequence number.
fn counts(body: &CommandBody) -> bool {
    let by = match body {
        CommandBody::Fetch(c) => c.by,
        CommandBody::Store(c) => c.by,
        CommandBody::Search(c) => c.by,
        CommandBody::Sort(c) => c.by,
        CommandBody::Thread(c) => c.by,
        CommandBody::Copy(c) | CommandBody::Move(c) => c.by,
        _ => return false,
    };
    by == Addressing::Sequence
}
