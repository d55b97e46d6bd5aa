//! Responses of the platform, on their way to the client.

use bytes::Bytes;

use super::{Idle, Relay, What};
use crate::codec::response_parser::{Code, Response, Status, StatusText, Step, parse};
use crate::codec::write;
use crate::server::capability;
use crate::server::problem::Problem;

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To the client.
    On,
    /// Nowhere.
    Nowhere,
    /// To the client, later: it cannot be told now.
    Withheld,
}

/// Withheld responses of more bytes are not kept.
const MAX_WITHHELD: usize = 1 << 20;

/// The kinds of untagged responses that must be understood; all others are passed on unread.
enum Kind {
    Exists(u32),
    Expunge(u32),
    Fetch(u32),
    Recent,
    /// Parsed as a whole: short, and rare.
    Parsed,
    Other,
}

fn kind(frame: &[u8]) -> Kind {
    let Some(rest) = frame.strip_prefix(b"* ") else { return Kind::Parsed };
    let word = |rest: &[u8]| {
        let end = rest.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n')).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().to_ascii_uppercase()
    };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return match word(rest).as_slice() {
            b"CAPABILITY" | b"ENABLED" | b"VANISHED" | b"OK" | b"NO" | b"BAD" | b"BYE" | b"SEARCH" | b"ESEARCH" => {
                Kind::Parsed
            }
            _ => Kind::Other,
        };
    }
    let number = rest.get(..digits).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| d.parse().ok());
    match (word(rest.get(digits + 1..).unwrap_or_default()).as_slice(), number) {
        (b"EXISTS", Some(n)) => Kind::Exists(n),
        (b"EXPUNGE", Some(n)) => Kind::Expunge(n),
        (b"FETCH", Some(n)) => Kind::Fetch(n),
        (b"RECENT", _) => Kind::Recent,
        _ => Kind::Other,
    }
}

impl Relay {
    /// Moves complete responses from the platform to the client, and large literals in pieces.
    pub(super) fn take_responses(&mut self) -> Result<(), Problem> {
        while !self.client.is_full() {
            if self.passing > 0 {
                let most = usize::try_from(self.passing).unwrap_or(usize::MAX).min(self.platform.input.len());
                if most == 0 {
                    return Ok(());
                }
                let piece = self.platform.input.split_to(most);
                self.client.output.extend_from_slice(&piece);
                self.passing -= most as u64;
                continue;
            }
            match self.responses.step(&self.platform.input) {
                Ok(Step::NeedMore(_)) => return Ok(()),
                Ok(Step::Complete(length)) => {
                    let frame = self.platform.input.split_to(length);
                    self.responses.take_elided();
                    if std::mem::take(&mut self.in_response) {
                        self.client.output.extend_from_slice(&frame);
                        continue;
                    }
                    match self.response(&frame)? {
                        Way::On => self.client.output.extend_from_slice(&frame),
                        Way::Nowhere => {}
                        Way::Withheld => self.withhold(&frame)?,
                    }
                }
                Ok(Step::Elided { offset, size }) => {
                    let head = self.platform.input.split_to(offset);
                    self.client.output.extend_from_slice(&head);
                    (self.passing, self.in_response) = (size, true);
                }
                Err(error) => {
                    tracing::warn!(platform = %self.guest.platform.name, %error, "a response cannot be read");
                    return Err(Problem::bye("the mailbox's server sent something that cannot be read"));
                }
            }
        }
        Ok(())
    }

    fn withhold(&mut self, frame: &[u8]) -> Result<(), Problem> {
        if self.owed.len() + frame.len() > MAX_WITHHELD {
            return Err(Problem::bye("too much has changed in the mailbox, please open it again"));
        }
        self.owed.extend_from_slice(frame);
        Ok(())
    }

    /// Learns from a response what concerns the session.
    fn response(&mut self, frame: &[u8]) -> Result<Way, Problem> {
        // In IDLE the client can be told everything.
        let withhold = (self.quiet || self.asks()) && self.idle.is_none();
        match kind(frame) {
            Kind::Exists(count) => {
                if let Some(What::Select(open)) = self.flight.front_mut().map(|f| &mut f.what) {
                    open.exists = count;
                } else if let Some(open) = &mut self.told.open {
                    if withhold {
                        if count != open.at_platform() {
                            open.withhold_exists(count);
                            return Ok(Way::Withheld);
                        }
                        return Ok(Way::Nowhere);
                    }
                    open.exists = count;
                }
            }
            Kind::Expunge(number) => {
                if let Some(open) = &mut self.told.open {
                    if withhold {
                        open.withhold_expunge(number);
                        return Ok(Way::Withheld);
                    }
                    open.exists = open.exists.saturating_sub(1);
                }
            }
            Kind::Fetch(number) => {
                if withhold && let Some(open) = &mut self.told.open {
                    open.withhold_fetch(number);
                    return Ok(Way::Withheld);
                }
            }
            Kind::Recent if withhold => return Ok(Way::Nowhere),
            Kind::Recent | Kind::Other => {}
            Kind::Parsed => return self.parsed(frame, withhold),
        }
        Ok(Way::On)
    }

    fn parsed(&mut self, frame: &[u8], withhold: bool) -> Result<Way, Problem> {
        match parse(&Bytes::copy_from_slice(frame), &[], self.names()) {
            Response::Continuation(_) => {
                if self.outgoing.is_waiting() {
                    self.outgoing.continued();
                    return Ok(Way::Nowhere);
                }
                if let Some(Idle { begun, resumed, .. }) = &mut self.idle
                    && !*begun
                {
                    *begun = true;
                    return Ok(if std::mem::take(resumed) { Way::Nowhere } else { Way::On });
                }
                Ok(Way::On)
            }
            Response::Tagged { tag, status } => Ok(self.tagged(&tag, &status)),
            Response::Capability(capabilities) => {
                let names = capability::shared(&capabilities);
                write::session::capability(&mut self.client.output, &names);
                Ok(Way::Nowhere)
            }
            Response::Enabled(names) => {
                names.iter().for_each(|name| self.told.enabled.switch_on(name));
                Ok(Way::On)
            }
            Response::Vanished { earlier: false, uids } => {
                if let Some(open) = &mut self.told.open {
                    if withhold {
                        open.withhold_vanished(&uids);
                        return Ok(Way::Withheld);
                    }
                    open.exists = open.exists.saturating_sub(u32::try_from(uids.len()).unwrap_or(u32::MAX));
                }
                Ok(Way::On)
            }
            Response::Search { numbers, .. } if self.asks_for_saved() => {
                self.set_saved(numbers);
                Ok(Way::Nowhere)
            }
            Response::Status(status) => Ok(self.status(&status)),
            _ => Ok(Way::On),
        }
    }

    fn status(&mut self, status: &StatusText) -> Way {
        if status.status == Status::Bye && !self.flight.iter().any(|f| f.what == What::Logout) {
            // Told in our own words, unless the session goes on here.
            self.lost = Some(status.text.clone());
            return Way::Nowhere;
        }
        match &status.code {
            // Sterna's own answer to LOGIN has told what both can do.
            Some(Code::Capability(_)) => return Way::Nowhere,
            Some(Code::UidValidity(validity)) => {
                if let Some(What::Select(open)) = self.flight.front_mut().map(|f| &mut f.what) {
                    open.uid_validity = Some(*validity);
                }
            }
            _ => {}
        }
        Way::On
    }

    fn tagged(&mut self, tag: &str, status: &StatusText) -> Way {
        self.outgoing.ended(tag);
        if let Some(idle) = self.idle.as_mut().filter(|idle| idle.tag == tag) {
            self.flight.retain(|f| f.tag != tag);
            if !std::mem::take(&mut idle.interrupted) {
                self.idle = None;
                return Way::On;
            }
            // The client is still in it.
            idle.begun = true;
            if self.phase.is_open() {
                self.resume_idle();
            }
            return Way::Nowhere;
        }
        let Some(at) = self.flight.iter().position(|f| f.tag == tag) else { return Way::On };
        let Some(ended) = self.flight.remove(at) else { return Way::On };
        if let Some(streaming) = self.streaming.take_if(|s| s.tag == tag) {
            // Refused before all of its message was sent.
            self.framer.skip_message(streaming.left);
        }
        let ok = status.status == Status::Ok;
        self.told.enabled.condstore |= ok && ended.condstore;
        match ended.what {
            What::Select(mut open) => {
                open.read_only |= matches!(status.code, Some(Code::ReadOnly));
                // Whether or not the new mailbox could be opened, the old one is closed (RFC 9051 §6.3.2).
                self.told.open = ok.then_some(*open);
                self.saved = false;
            }
            What::Close if ok => {
                self.told.open = None;
                self.saved = false;
            }
            What::Notify(notify) if ok => {
                self.notify = Some(*notify).filter(|n| *n != crate::codec::command::notify::Notify::None)
            }
            What::Save if ok => self.saved = true,
            What::Logout => self.logged_out = ok,
            What::Look | What::Saved => return Way::Nowhere,
            _ => {}
        }
        Way::On
    }
}
