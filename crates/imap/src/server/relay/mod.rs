//! The relay of a session whose mailbox is on a platform: commands go there, responses come back, and when the mailbox moves
//! here the session goes on as a local one on the same connection.
//!
//! [`open`] logs in at the platform, [`run`] relays until the session ends or is handed over. A command is sent on only when the
//! client has sent all of it ([`commands`]; large messages are streamed), so that a hold finds the session at a command
//! boundary even if the client stops in the middle of a literal. Responses are passed on unchanged but for what the platform
//! can do and Sterna could not go on with ([`responses`]). The states of a hold are in [`park`], its end in [`handover`].

mod commands;
mod handover;
mod open;
mod outgoing;
mod park;
mod responses;
mod told;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sterna_frontdoor::{Guest, Signal};
use sterna_store::{Account, MailboxIndex};
use tokio::time::Instant;

use super::problem::Problem;
use super::session::{Session, going_down, turned_true};
use crate::client::Capabilities;
use crate::codec::command::notify::Notify;
use crate::codec::framing::Framer;
use crate::codec::mailbox::NameEncoding;
use crate::codec::response_parser::{self, Limits};
use crate::codec::sequence::NumberSet;
use crate::codec::write::status::names;
use commands::{Gathering, Streaming};
use outgoing::{Literals, Outgoing};
use park::Phase;
use told::Told;
use wire::Wire;

pub(super) use open::{Opened, open};
pub(super) use park::moved;

/// Responses with larger literals are passed on in pieces.
const LIMITS: Limits = Limits { response: 64 << 20, literal: 16 << 10 };

/// Commands of a client that are under way at a time.
const MAX_IN_FLIGHT: usize = 64;

/// Bytes of the client that wait while it is parked; beyond, it must wait to send more.
const MAX_AHEAD: usize = 64 << 10;

/// What a client sent before it closed its side may take so long.
const CLOSING: Duration = Duration::from_secs(10);

/// A relayed session.
pub(super) struct Relay {
    guest: Guest,
    account: Account,
    client: Wire,
    platform: Wire,
    literals: Literals,
    /// Of the client's commands: the session's own, so that a hand-over goes on in the middle of one.
    framer: Framer,
    /// Of the platform's responses.
    responses: response_parser::Framer,
    /// A message of the client that is on its way to the platform, or waits for its end.
    gathering: Option<Gathering>,
    /// A message that is passed on as it comes.
    streaming: Option<Streaming>,
    outgoing: Outgoing,
    flight: VecDeque<InFlight>,
    told: Told,
    /// The NOTIFY in force.
    notify: Option<Notify>,
    /// The client has a saved search result (RFC 5182).
    saved: bool,
    /// What it was when the platform was last asked for it.
    saved_uids: NumberSet,
    idle: Option<Idle>,
    phase: Phase,
    /// The session is parked: the client waits for nothing, and may be told only what can be told between commands.
    quiet: bool,
    /// The client has closed its side: what it sent before is still done, until then.
    closing: Option<Instant>,
    /// The platform has let the client out: nothing more is said, also when its connection ends.
    logged_out: bool,
    /// The platform has ended the connection: what it said last, if it said anything.
    lost: Option<String>,
    /// Bytes of a literal that are passed on as they come.
    passing: u64,
    /// The rest of a response of which a literal was passed on.
    in_response: bool,
    /// What is to be told to the client before its next command is: responses that had to be withheld.
    owed: Vec<u8>,
    /// Answers of the relay itself, until no response is half passed on.
    own_answers: Vec<u8>,
    /// The mailbox here as it was when the client's session was last compared with it.
    snapshot: Option<Arc<MailboxIndex>>,
    own_tags: u32,
    /// How many messages of the command at the beginning of its input the client was told to send.
    promised: u32,
}

/// A command that the platform has not yet ended.
struct InFlight {
    tag: String,
    what: What,
    /// If it succeeds, the client is told MODSEQs from then on.
    condstore: bool,
}

impl InFlight {
    fn other(tag: String) -> InFlight {
        InFlight { tag, what: What::Other, condstore: false }
    }
}

/// What has to be known of a command when its response comes.
#[derive(Debug, PartialEq, Eq)]
enum What {
    /// Nothing.
    Other,
    /// SELECT or EXAMINE: what will be open if it succeeds.
    Select(Box<told::Open>),
    /// CLOSE or UNSELECT.
    Close,
    /// A NOTIFY.
    Notify(Box<Notify>),
    /// SEARCH or SORT with RETURN (SAVE).
    Save,
    Idle,
    Logout,
    /// The relay's own NOOP: whatever it brings, the client did not ask.
    Look,
    /// The relay's own question for the saved search result.
    Saved,
}

/// An IDLE of the client.
struct Idle {
    tag: String,
    /// The platform has said that it idles, or that a hold has interrupted it.
    begun: bool,
    /// A hold has sent DONE, and the platform has not answered yet. It is sent once, however many rounds and holds come meanwhile.
    interrupted: bool,
    /// The client does not know that it was interrupted.
    resumed: bool,
}

/// Why relaying ends.
enum End {
    /// The client is gone, or has logged out.
    Over,
    /// The mailbox is here: the session goes on as a local one, in an IDLE with this tag.
    Local(Option<String>),
}

enum Happened {
    Moved,
    ClientGone,
    ClientClosed,
    PlatformGone(Option<io::Error>),
    Signal(Signal),
    Shutdown,
    Due,
    Silent,
}

impl Relay {
    fn new(
        session: &mut Session,
        guest: Guest,
        account: Account,
        platform: Wire,
        capabilities: &Capabilities,
    ) -> Result<Relay, Box<Guest>> {
        let Some(client) = session.out.stream.take() else { return Err(Box::new(guest)) };
        let mut framer = session.framer.clone();
        framer.set_limits(session.service.config.limits);
        Ok(Relay {
            guest,
            account,
            client: Wire::new(client, std::mem::take(&mut session.input)),
            platform,
            literals: Literals::of(capabilities),
            framer,
            responses: response_parser::Framer::new(LIMITS),
            gathering: None,
            streaming: None,
            outgoing: Outgoing::default(),
            flight: VecDeque::new(),
            told: Told { enabled: session.enabled, open: None },
            notify: None,
            saved: false,
            saved_uids: NumberSet::new(),
            idle: None,
            phase: Phase::Open,
            quiet: false,
            closing: None,
            logged_out: false,
            lost: None,
            passing: 0,
            in_response: false,
            owed: Vec::new(),
            own_answers: Vec::new(),
            snapshot: None,
            own_tags: 0,
            promised: 0,
        })
    }

    /// The platform let the client in.
    pub(super) async fn accepted(&self) {
        tracing::Span::current().record("account", self.account.id().0);
        tracing::info!(platform = %self.guest.platform.name, "logged in at a platform");
        self.guest.accepted().await;
    }

    /// How mailbox names are written on this connection.
    fn names(&self) -> NameEncoding {
        match self.told.enabled.utf8_accept || self.told.enabled.imap4rev2 {
            true => NameEncoding::Utf8,
            false => NameEncoding::ModifiedUtf7,
        }
    }

    async fn serve(&mut self, session: &mut Session) -> Result<End, Problem> {
        let (silence, write_timeout) = (session.service.config.idle_timeout, session.service.config.write_timeout);
        let mut silent_at = Instant::now() + silence;
        let mut stuck_at: Option<Instant> = None;
        loop {
            self.take_responses()?;
            if let Some(end) = self.advance(session).await? {
                return Ok(end);
            }
            if self.guest.stay.signal() == Signal::Fenced {
                self.phase = Phase::Fenced;
                continue;
            }
            self.take_commands()?;
            self.outgoing.pump(&mut self.platform.output, wire::FULL);
            if let Some(until) = self.closing
                && (self.lost.is_some()
                    || Instant::now() >= until
                    || self.is_at_boundary() && self.platform.is_written())
            {
                return Ok(End::Over);
            }
            if !self.in_response && !self.own_answers.is_empty() {
                self.client.output.append(&mut self.own_answers);
            }
            if self.client.is_written() {
                stuck_at = None;
                // What is left of its input is the beginning of a response whose end will not come.
                if self.lost.is_some() && self.phase.is_open() {
                    return self.platform_lost();
                }
            } else {
                stuck_at.get_or_insert(Instant::now() + write_timeout);
            }
            match self.wait(session, silent_at.min(stuck_at.unwrap_or(silent_at))).await {
                Happened::Moved => {
                    silent_at = Instant::now() + silence;
                    stuck_at = None;
                }
                Happened::ClientGone => return Ok(End::Over),
                Happened::ClientClosed => self.closing = Some(Instant::now() + CLOSING),
                Happened::PlatformGone(error) => {
                    let why = error.map_or_else(|| "it closed the connection".to_owned(), |e| e.to_string());
                    self.lost.get_or_insert(why);
                }
                Happened::Signal(signal) => self.signalled(signal),
                Happened::Shutdown => return Err(going_down()),
                Happened::Due => {}
                Happened::Silent => return Err(Problem::bye("autologout after a long silence")),
            }
        }
    }

    /// What the client learns when the platform has gone.
    fn platform_lost(&mut self) -> Result<End, Problem> {
        if self.logged_out || self.flight.iter().any(|f| f.what == What::Logout) {
            return Ok(End::Over);
        }
        let why = self.lost.clone().unwrap_or_default();
        tracing::info!(platform = %self.guest.platform.name, why, "the platform ended a session");
        let code = Some(names::UNAVAILABLE.into());
        Err(Problem::Bye { code, text: "the mailbox's server has closed the connection, please reconnect".into() })
    }

    /// Waits for whatever comes first, and moves bytes on both sides meanwhile.
    async fn wait(&mut self, session: &mut Session, silent_at: Instant) -> Happened {
        let due = self.phase.due().or(self.closing);
        let (reads_client, reads_platform) = (self.reads_client(), !self.client.is_full() && self.lost.is_none());
        let Relay { client, platform, guest, phase, lost, .. } = self;
        let moving = poll_fn(|cx| {
            let mut moved = false;
            match client.poll_output(cx) {
                Poll::Ready(Ok(some)) => moved |= some,
                Poll::Ready(Err(_)) => return Poll::Ready(Happened::ClientGone),
                Poll::Pending => {}
            }
            if lost.is_none() {
                match platform.poll_output(cx) {
                    Poll::Ready(Ok(some)) => moved |= some,
                    Poll::Ready(Err(error)) => return Poll::Ready(Happened::PlatformGone(Some(error))),
                    Poll::Pending => {}
                }
            }
            if reads_platform && !platform.ended {
                match platform.poll_input(cx) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Happened::PlatformGone(None)),
                    Poll::Ready(Ok(_)) => moved = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Happened::PlatformGone(Some(error))),
                    Poll::Pending => {}
                }
            }
            if reads_client && !client.ended {
                match client.poll_input(cx) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Happened::ClientClosed),
                    Poll::Ready(Ok(_)) => moved = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(Happened::ClientGone),
                    Poll::Pending => {}
                }
            }
            if moved { Poll::Ready(Happened::Moved) } else { Poll::Pending }
        });
        tokio::select! {
            biased;
            signal = phase.signal(&mut guest.stay) => Happened::Signal(signal),
            happened = moving => happened,
            () = turned_true(&mut session.shutdown) => Happened::Shutdown,
            () = super::session::at(due) => Happened::Due,
            () = tokio::time::sleep_until(silent_at) => Happened::Silent,
        }
    }

    /// Whether more of the client is wanted: bounded by what one command may have, and by what the platform takes.
    fn reads_client(&self) -> bool {
        match self.phase.is_open() {
            true => !self.platform.is_full() && self.client.input.len() < commands::GATHER * 2,
            false => self.client.input.len() < MAX_AHEAD,
        }
    }
}

/// Relays until the session is over, or is a local one; then gives the tag of the IDLE that the client is in.
pub(super) async fn run(session: &mut Session, mut relay: Box<Relay>) -> Result<Option<String>, Problem> {
    // The answer to the login has not been sent.
    relay.client.output = std::mem::take(session.out.buffer());
    let ended = Box::pin(relay.serve(session)).await;
    let local = match &ended {
        Ok(End::Local(_)) => handover::take_over(session, &mut relay).await,
        _ => Ok(()),
    };
    let Relay { client, mut platform, framer, guest, promised, in_response, .. } = *relay;
    // What was written to the client and not yet sent goes before everything else.
    let Wire { stream, input, output, .. } = client.rest();
    session.out.stream.put_back(stream);
    session.out.buffer().splice(0..0, output);
    (session.input, session.framer, session.promised) = (input, framer, promised);
    // The old session's end is nobody's business any more.
    tokio::spawn(async move {
        let _ = tokio::time::timeout(Duration::from_secs(5), platform.stream.shutdown()).await;
    });
    local?;
    let ended = match ended {
        // Whatever was said now would be taken for the rest of a literal.
        Err(Problem::Bye { .. }) if in_response => End::Over,
        ended => ended?,
    };
    match ended {
        End::Local(idle) => {
            session.stay = Some(guest.into_stay());
            Ok(idle)
        }
        End::Over => {
            session.after = super::session::After::Close;
            Ok(None)
        }
    }
}
