//! The commands of the strict client.

use crate::wire::{Answer, quote};

use super::{LiveClient, Progress, Remembered};

impl LiveClient {
    /// Sends one command (without tag and CRLF) and waits for its end.
    #[track_caller]
    pub fn command(&mut self, line: &str) -> Answer {
        self.begin(line, progress_of(line));
        self.finish()
    }

    /// Sends a command and returns at once; [`LiveClient::finish`] waits for its end.
    #[track_caller]
    pub fn start(&mut self, line: &str) {
        self.begin(line, progress_of(line));
    }

    /// As [`LiveClient::command`]; it must succeed.
    #[track_caller]
    pub fn ok(&mut self, line: &str) -> Answer {
        let answer = self.command(line);
        if !answer.is_ok() {
            self.fail(&format!("{line} is refused"));
        }
        answer
    }

    /// Enables CONDSTORE or QRESYNC (RFC 7162).
    #[track_caller]
    pub fn enable(&mut self, extension: &str) {
        let answer = self.ok(&format!("ENABLE {extension}"));
        let told = answer.untagged.iter().filter_map(|r| r.strip("* ENABLED").map(<[u8]>::to_ascii_uppercase));
        let told = told.map(|t| String::from_utf8_lossy(&t).into_owned()).collect::<Vec<_>>().join(" ");
        if !told.split(' ').any(|name| name == extension) {
            self.fail(&format!("{extension} is not enabled"));
        }
        self.view.condstore |= matches!(extension, "CONDSTORE" | "QRESYNC");
        self.view.qresync |= extension == "QRESYNC";
    }

    /// Opens a mailbox.
    #[track_caller]
    pub fn select(&mut self, mailbox: &str) -> Answer {
        self.open("SELECT", mailbox, "")
    }

    /// Opens a mailbox read-only.
    #[track_caller]
    pub fn examine(&mut self, mailbox: &str) -> Answer {
        self.open("EXAMINE", mailbox, "")
    }

    /// Opens a mailbox and asks for what happened since (RFC 7162 §3.2.5).
    #[track_caller]
    pub fn select_qresync(&mut self, mailbox: &str, uid_validity: u32, mod_seq: u64) -> Answer {
        self.open("SELECT", mailbox, &format!(" (QRESYNC ({uid_validity} {mod_seq}))"))
    }

    #[track_caller]
    fn open(&mut self, command: &str, mailbox: &str, options: &str) -> Answer {
        self.remember();
        // The old mailbox ends here, or a moment later with CLOSED.
        if !self.view.qresync || !self.view.selected {
            self.view.reset(true);
        }
        self.begin(&format!("{command} {}{options}", quote(mailbox)), Progress::Selecting);
        let answer = self.finish();
        if !answer.is_ok() {
            self.view.reset(false);
            self.fail(&format!("{command} {mailbox} is refused"));
        }
        self.mailbox = Some(mailbox.to_owned());
        let view = &self.view;
        let Some(known) = self.remembered.get(mailbox) else { return answer };
        if view.uid_validity != Some(known.uid_validity) {
            self.fail(&format!("UIDVALIDITY of {mailbox} was {}", known.uid_validity));
        }
        if view.uid_next.is_some_and(|next| next < known.uid_next) || view.highest_mod_seq < known.highest_mod_seq {
            self.fail(&format!("{mailbox} has gone back: {known:?}"));
        }
        answer
    }

    /// Keeps what is not to go back when the open mailbox is opened again.
    fn remember(&mut self) {
        if let (Some(mailbox), Some(uid_validity)) = (self.mailbox.take(), self.view.uid_validity) {
            let greatest = self.view.messages.iter().filter_map(|m| m.uid).max().unwrap_or_default();
            let uid_next = self.view.uid_next.unwrap_or_default().max(greatest + 1);
            let highest_mod_seq = self.view.highest_mod_seq;
            self.remembered.insert(mailbox, Remembered { uid_validity, uid_next, highest_mod_seq });
        }
    }

    /// Leaves the mailbox without expunging (RFC 3691).
    #[track_caller]
    pub fn unselect(&mut self) {
        self.remember();
        self.ok("UNSELECT");
        self.view.reset(false);
    }

    /// Fetches UID and flags (and MODSEQ, with CONDSTORE) of all messages: afterwards the view knows every one.
    #[track_caller]
    pub fn fetch_all(&mut self) {
        if self.view.messages.is_empty() {
            return;
        }
        let items = if self.view.condstore { "UID FLAGS MODSEQ" } else { "UID FLAGS" };
        self.ok(&format!("FETCH 1:* ({items})"));
        if self.view.messages.iter().any(|m| m.uid.is_none() || m.flags.is_none()) {
            self.fail("a message is missing from the answer to FETCH 1:*");
        }
    }

    /// What the client was told bit by bit is what the server has now: takes in the news by NOOP and by a look at the new
    /// messages, then fetches everything again. Nobody else may change the mailbox meanwhile.
    #[track_caller]
    pub fn assert_in_step(&mut self) {
        self.ok("NOOP");
        let first_unknown = self.view.messages.iter().position(|m| m.uid.is_none() || m.flags.is_none());
        if let Some(at) = first_unknown {
            self.ok(&format!("FETCH {}:* (UID FLAGS)", at + 1));
        }
        let (uids, flags) = (self.view.uids(), self.view.flags());
        self.fetch_all();
        if (self.view.uids(), self.view.flags()) != (uids.clone(), flags.clone()) {
            self.fail(&format!("the client was told {uids:?} {flags:?}, and that is not what the server has"));
        }
    }

    /// `UID STORE`: `how` is `+FLAGS`, `-FLAGS` or `FLAGS`, with `.SILENT` or without.
    #[track_caller]
    pub fn store(&mut self, uids: &str, how: &str, flags: &str) -> Answer {
        self.ok(&format!("UID STORE {uids} {how} ({flags})"))
    }

    /// Removes what is marked `\Deleted`.
    #[track_caller]
    pub fn expunge(&mut self) -> Answer {
        self.ok("EXPUNGE")
    }

    /// Appends a message; gives its UID if the server tells it (RFC 4315).
    #[track_caller]
    pub fn append(&mut self, mailbox: &str, flags: &str, message: &[u8]) -> Option<u32> {
        self.append_half(mailbox, flags, message, message.len());
        let answer = self.append_rest();
        if !answer.is_ok() {
            self.fail("APPEND is refused");
        }
        answer.code("APPENDUID")?.split(' ').nth(1)?.parse().ok()
    }

    /// Begins an APPEND and sends the first `sent` bytes of its literal; [`LiveClient::append_rest`] sends the rest.
    #[track_caller]
    pub fn append_half(&mut self, mailbox: &str, flags: &str, message: &[u8], sent: usize) {
        self.begin(&format!("APPEND {} ({flags}) {{{}}}", quote(mailbox), message.len()), Progress::Other);
        if self.continuation().is_some() {
            self.fail("APPEND is refused before its literal");
        }
        let (first, rest) = message.split_at(sent);
        self.send(first);
        self.owed = Some(rest.to_vec());
    }

    /// Sends what is left of the literal; gives the answer.
    #[track_caller]
    pub fn append_rest(&mut self) -> Answer {
        let Some(mut rest) = self.owed.take() else { self.fail("no literal was begun") };
        rest.extend_from_slice(b"\r\n");
        self.send(&rest);
        self.finish()
    }

    /// Enters IDLE; returns when the server listens. [`LiveClient::next_untagged`] waits for what it tells.
    #[track_caller]
    pub fn idle(&mut self) {
        self.begin("IDLE", Progress::Other);
        if self.continuation().is_some() {
            self.fail("IDLE is refused");
        }
        self.idling = true;
    }

    /// Ends IDLE.
    #[track_caller]
    pub fn done(&mut self) {
        if !self.idling {
            self.fail("DONE without IDLE");
        }
        self.send(b"DONE\r\n");
        if !self.finish().is_ok() {
            self.fail("IDLE ends badly");
        }
    }

    /// Logs out; the server says BYE and closes.
    #[track_caller]
    pub fn logout(mut self) {
        let answer = self.ok("LOGOUT");
        if !answer.untagged.iter().any(|r| r.strip("* BYE").is_some()) {
            self.fail("LOGOUT without BYE");
        }
    }
}

/// What may happen while a command is in progress.
fn progress_of(line: &str) -> Progress {
    let mut words = line.split(' ').map(str::to_ascii_uppercase);
    match (words.next().as_deref(), words.next().as_deref()) {
        (Some("FETCH" | "STORE" | "SEARCH"), _) => Progress::NumbersFixed,
        (Some("UID"), Some("FETCH")) => Progress::UidFetch,
        (Some("SELECT" | "EXAMINE"), _) => Progress::Selecting,
        _ => Progress::Other,
    }
}
