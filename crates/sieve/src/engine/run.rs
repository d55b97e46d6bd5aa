//! One run: the evaluator asks and decides, event by event.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sieve::runtime::RuntimeError;
use sieve::{Envelope, Event, Input, Mailbox, Runtime, Script};
use sterna_core::Role;

use super::collect::{Collect, clean, duplicate, file};
use super::edited::header_of;
use super::shown::{Shown, budget, parse, shown};
use super::{Arguments, Compiled, MARK, MAX_FIELD};
use crate::message::bare_address;
use crate::syntax::MAX_VARIABLE;
use crate::{Action, Host, Limits, Location, Message, RunError, notify, vacation};

/// `duplicate` without `:seconds`.
const DUPLICATE: u64 = 7 * 86_400;

/// Scripts that one run can include, however often each.
const MAX_INCLUDED: usize = 100;

/// Header fields that no script adds or deletes: the traces of mail's way, on which loops and forgeries are found.
const PROTECTED: [&str; 7] = [
    "Received",
    "Auto-Submitted",
    "Return-Path",
    "Delivered-To",
    "Authentication-Results",
    "Received-SPF",
    "DKIM-Signature",
];

type Included = HashMap<(Location, String), Option<Compiled>>;

pub(super) fn run(
    script: &Compiled,
    message: &Message<'_>,
    host: &dyn Host,
    limits: &Limits,
) -> Result<Vec<Action>, RunError> {
    let (included, per_byte, body) = included(script, host)?;
    let shown = shown(message.bytes, budget(per_byte), body);
    let runtime = runtime(message, limits);
    // As a list: one by one the evaluator takes ASCII addresses only (RFC 6531).
    let envelope = vec![(Envelope::From, message.sender.into()), (Envelope::To, message.recipient.into())];
    let mut context = runtime.filter_parsed(parse(&shown.bytes)).with_envelope_list(envelope);
    let mut run = Run {
        message,
        host,
        limits,
        head: crate::header::length(message.bytes),
        shown: &shown,
        included,
        edited: HashMap::new(),
        collect: Collect::default(),
        started: Instant::now(),
    };
    let mut input = Input::Script { name: Script::Personal(String::new()), script: script.program.clone() };
    while let Some(event) = context.run(input) {
        input = run.event(event.map_err(run_error)?)?;
    }
    run.collect.finish()
}

fn run_error(error: RuntimeError) -> RunError {
    match error {
        RuntimeError::TooManyIncludes => RunError::Limit("nested includes"),
        RuntimeError::CPULimitReached => RunError::Limit("instructions"),
        other => RunError::Script(other.to_string()),
    }
}

fn runtime(message: &Message<'_>, limits: &Limits) -> Runtime {
    let mut runtime = Runtime::new()
        .with_protected_headers(PROTECTED)
        .with_max_nested_includes(limits.includes + 1)
        .with_cpu_limit(limits.instructions)
        .with_max_variable_size(MAX_VARIABLE)
        .with_max_header_size(MAX_FIELD)
        .with_max_redirects(usize::MAX)
        .with_max_received_headers(usize::MAX)
        .with_max_out_messages(usize::MAX)
        .with_default_duplicate_expiry(DUPLICATE)
        .with_valid_notification_uri("mailto");
    let domain = message.hostname.split_once('.').map_or(message.hostname, |(_, domain)| domain);
    let own = [
        ("name", "Sterna"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("location", "MDA"),
        ("phase", "during"),
        ("host", message.hostname),
        ("domain", domain),
    ];
    for (name, value) in own {
        runtime.set_env_variable(name, value);
    }
    for (name, value) in message.environment {
        runtime.set_env_variable(*name, value.as_str());
    }
    runtime
}

/// All scripts that a run may include, with what the most expensive test of all costs and whether one looks at the body.
fn included(script: &Compiled, host: &dyn Host) -> Result<(Included, u64, bool), RunError> {
    let mut included = Included::new();
    let (mut per_byte, mut body) = (script.cost.per_byte, script.body);
    let mut waiting: Vec<_> = script.includes.to_vec();
    while let Some((location, name)) = waiting.pop() {
        let Some(name) = name else {
            // It may be any: the script is looked up when its name is known, and shown what every script may see.
            (per_byte, body) = (per_byte.max(1 << 12), true);
            continue;
        };
        let key = (location, name);
        if included.contains_key(&key) {
            continue;
        }
        if included.len() >= MAX_INCLUDED {
            return Err(RunError::Limit("included scripts"));
        }
        let found = host.include(key.0, &key.1).map_err(RunError::Host)?;
        if let Some(found) = &found {
            per_byte = per_byte.max(found.cost.per_byte);
            body |= found.body;
            waiting.extend(found.includes.iter().cloned());
        }
        included.insert(key, found);
    }
    Ok((included, per_byte, body))
}

struct Run<'r> {
    message: &'r Message<'r>,
    host: &'r dyn Host,
    limits: &'r Limits,
    /// Bytes of the message that are header.
    head: usize,
    shown: &'r Shown,
    included: Included,
    /// Edited headers by the evaluator's number for the message.
    edited: HashMap<usize, Arc<[u8]>>,
    collect: Collect,
    started: Instant,
}

impl Run<'_> {
    fn event(&mut self, event: Event) -> Result<Input, RunError> {
        self.in_time()?;
        let answer = match event {
            Event::IncludeScript { name, optional } => return self.include(name, optional),
            Event::MailboxExists { mailboxes, special_use } => self.mailboxes(&mailboxes, &special_use)?,
            Event::DuplicateId { id, expiry, last } => self.duplicate(&id, expiry, last)?,
            Event::Keep { flags, message_id } => {
                self.add(Action::Keep { flags: clean(&flags), header: self.edited(message_id) })?;
                true
            }
            Event::Reject { extended, reason } => {
                self.add(Action::Reject { text: crate::letter::crlf(&reason).trim_end().to_owned(), extended })?;
                true
            }
            Event::FileInto { folder, flags, special_use, create, message_id, .. } => {
                let header = self.edited(message_id);
                match folder.strip_prefix(MARK.as_str()) {
                    Some("keep") => self.add(Action::Keep { flags: clean(&flags), header })?,
                    Some(action) => self.marked(action, &Arguments::new(flags), header)?,
                    None => self.add(file(folder, special_use, create, flags, header)?)?,
                }
                true
            }
            Event::CreatedMessage { message_id, message } => {
                self.edited.insert(message_id, header_of(&message, self.shown)?);
                true
            }
            Event::Discard => {
                self.collect.discard();
                true
            }
            // Nothing that a script can require leads here.
            Event::SetEnvelope { .. }
            | Event::ListContains { .. }
            | Event::Function { .. }
            | Event::SendMessage { .. }
            | Event::Notify { .. } => return Err(RunError::Evaluator),
        };
        Ok(if answer { Input::True } else { Input::False })
    }

    fn in_time(&self) -> Result<(), RunError> {
        if self.started.elapsed() > self.limits.time { Err(RunError::Limit("time")) } else { Ok(()) }
    }

    fn add(&mut self, action: Action) -> Result<(), RunError> {
        self.collect.add(action, self.limits)
    }

    fn edited(&self, message: usize) -> Option<Arc<[u8]>> {
        self.edited.get(&message).cloned()
    }

    /// Actions that the evaluator only expands the arguments of.
    fn marked(&mut self, action: &str, arguments: &Arguments, header: Option<Arc<[u8]>>) -> Result<(), RunError> {
        let head = self.message.bytes.get(..self.head).unwrap_or_default();
        match action {
            "redirect" => {
                let to = bare_address(arguments.one("").unwrap_or_default());
                let to = to.ok_or_else(|| RunError::Script("the address of a redirect is not valid".to_owned()))?;
                self.add(Action::Redirect { to: to.to_owned(), header })
            }
            "vacation" => {
                self.collect.vacation()?;
                let reply = vacation::reply(arguments, self.message, head, self.host)?;
                reply.map_or(Ok(()), |reply| self.add(reply))
            }
            "notify" => {
                let notification = notify::notification(arguments, self.message, head)?;
                notification.map_or(Ok(()), |notification| self.add(notification))
            }
            _ => Err(RunError::Evaluator),
        }
    }

    fn include(&mut self, name: Script, optional: bool) -> Result<Input, RunError> {
        let location = match &name {
            Script::Personal(_) => Location::Personal,
            Script::Global(_) => Location::Global,
        };
        let key = (location, name.as_str().clone());
        let found = match self.included.get(&key) {
            Some(found) => found.clone(),
            None if self.included.len() >= MAX_INCLUDED => return Err(RunError::Limit("included scripts")),
            None => {
                let found = self.host.include(location, &key.1).map_err(RunError::Host)?;
                self.included.insert(key.clone(), found.clone());
                found
            }
        };
        match found {
            Some(found) => Ok(Input::Script { name, script: found.program }),
            None if optional => Ok(Input::False),
            None => {
                let name: String = key.1.chars().filter(|c| !c.is_control()).take(60).collect();
                Err(RunError::Script(format!("the script \"{name}\", which is to be included, is not there")))
            }
        }
    }

    /// `mailboxexists`, `specialuse_exists`, and the questions that [`crate::syntax::emit`] put in their place.
    fn mailboxes(&self, mailboxes: &[Mailbox], special_use: &[String]) -> Result<bool, RunError> {
        let name = |mailbox: &Mailbox| match mailbox {
            Mailbox::Name(name) | Mailbox::Id(name) => name.clone(),
        };
        if !special_use.is_empty() {
            let mailbox = mailboxes.first().map(name);
            for role in special_use {
                let Some(role) = Role::from_imap_attribute(role) else { return Ok(false) };
                if !self.host.special_use_exists(mailbox.as_deref(), role).map_err(RunError::Host)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        for mailbox in mailboxes.iter().map(name) {
            let holds = match mailbox.strip_prefix(MARK.as_str()) {
                Some(question) => self.question(question),
                None => self.host.mailbox_exists(&mailbox).map_err(RunError::Host)?,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn question(&self, question: &str) -> bool {
        match question.split_once(' ') {
            Some(("size", test)) => match test.split_once(' ') {
                Some(("over", limit)) => limit.parse::<u64>().is_ok_and(|limit| self.message.size > limit),
                Some((_, limit)) => limit.parse::<u64>().is_ok_and(|limit| self.message.size < limit),
                None => false,
            },
            Some(("method", uri)) => notify::is_valid(uri),
            // The look at the clock: whoever comes here is in time.
            _ => true,
        }
    }

    fn duplicate(&mut self, id: &str, seconds: u64, last: bool) -> Result<bool, RunError> {
        let remember = duplicate(id, seconds, last);
        let seen = self.host.remembered(remember.kind, &remember.key).map_err(RunError::Host)?;
        if !seen || last {
            self.add(Action::Remember(remember))?;
        }
        Ok(seen)
    }
}
