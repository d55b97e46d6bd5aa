//! One mail client: its connection, which may break, what it was told, and what it kept for its next connection (RFC 7162).

use std::collections::BTreeMap;
use std::io;

use sterna_tests::wire::{Response, quote};

use crate::view::{FlagSet, Progress, View};
use crate::wire::Wire;

/// What a client enables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Condstore,
    Qresync,
}

/// What came of a command.
pub enum Reply {
    Ok(Answer),
    /// NO or BAD.
    Refused(String),
    /// The connection is gone.
    Lost,
}

impl Reply {
    /// The answer, or why there is none.
    pub fn ok(self) -> Result<Answer, String> {
        match self {
            Reply::Ok(answer) => Ok(answer),
            Reply::Refused(text) => Err(text),
            Reply::Lost => Err("the connection was lost".into()),
        }
    }
}

#[derive(Default)]
pub struct Answer {
    pub untagged: Vec<Response>,
    pub tagged: String,
}

impl Answer {
    /// The argument of a code such as APPENDUID, wherever it stands.
    pub fn code(&self, name: &str) -> Option<String> {
        let all = self.untagged.iter().map(Response::text).chain([self.tagged.clone()]);
        let start = format!("[{name} ");
        all.filter_map(|text| Some(text.split_once(&start)?.1.split(']').next()?.to_owned())).next()
    }
}

/// A mailbox as it was when the client left it.
struct Kept {
    validity: u32,
    mod_seq: u64,
    flags: BTreeMap<u32, FlagSet>,
}

pub struct Client {
    pub number: usize,
    pub mode: Mode,
    wire: Option<Wire>,
    tags: u32,
    pub selected: Option<(String, View)>,
    idle: Option<String>,
    kept: BTreeMap<String, Kept>,
}

/// Something that happens when a command has been sent and not yet answered.
pub type Meanwhile<'a> = &'a mut dyn FnMut();

impl Client {
    pub fn new(number: usize, mode: Mode) -> Client {
        let (tags, kept) = (0, BTreeMap::new());
        Client { number, mode, wire: None, tags, selected: None, idle: None, kept }
    }

    pub fn is_connected(&self) -> bool {
        self.wire.is_some()
    }

    pub fn is_idle(&self) -> bool {
        self.idle.is_some()
    }

    pub fn view(&self) -> Option<(&str, &View)> {
        self.selected.as_ref().map(|(name, view)| (name.as_str(), view))
    }

    /// A rule was broken or a promise was not kept.
    #[track_caller]
    pub fn fails(&self, why: &str) -> ! {
        let said = self.wire.as_ref().map(Wire::transcript).unwrap_or_default();
        panic!("client {} ({:?}): {why}\n{said}", self.number, self.mode)
    }

    /// Connects and logs in; an error says why not now.
    pub fn login(&mut self, port: u16, user: &str, password: &str) -> Result<(), String> {
        self.drop_link();
        let mut wire = Wire::connect(port).map_err(|e| e.to_string())?;
        let greeting = wire.read().map_err(|e| e.to_string())?;
        if !greeting.0.starts_with(b"* OK") {
            return Err(greeting.text());
        }
        self.wire = Some(wire);
        let login = format!("LOGIN {} {}", quote(user), quote(password));
        match self.command(&login) {
            Reply::Ok(_) => {}
            Reply::Refused(text) => {
                if !text.contains("[UNAVAILABLE]") {
                    self.fails(&format!("the right password is refused: {text}"));
                }
                self.drop_link();
                return Err(text);
            }
            Reply::Lost => return Err("the connection was lost".into()),
        }
        let enable = match self.mode {
            Mode::Plain => return Ok(()),
            Mode::Condstore => "ENABLE CONDSTORE",
            Mode::Qresync => "ENABLE QRESYNC",
        };
        match self.command(enable) {
            Reply::Ok(_) => Ok(()),
            Reply::Refused(text) => self.fails(&text),
            Reply::Lost => Err("the connection was lost".into()),
        }
    }

    /// What it kept of a mailbox is of no use any more.
    pub fn forget(&mut self, folder: &str) {
        self.kept.remove(folder);
        self.selected.take_if(|(name, _)| name == folder);
    }

    pub fn drop_link(&mut self) {
        self.keep();
        (self.wire, self.idle) = (None, None);
    }

    /// Puts away what is known of the open mailbox.
    fn keep(&mut self) {
        let Some((name, view)) = self.selected.take() else { return };
        let flags: Option<_> = view.messages.iter().map(|m| Some((m.uid?, m.flags.clone()?))).collect();
        let (Some(flags), Some(mod_seq)) = (flags, view.mod_seq) else { return };
        self.kept.insert(name, Kept { validity: view.validity, mod_seq, flags });
    }

    /// Opens a mailbox, and knows it afterwards: by what it kept and was told, where it enabled QRESYNC.
    pub fn select(&mut self, name: &str) -> Reply {
        if !self.done() {
            return Reply::Lost;
        }
        self.keep();
        let kept = self.kept.remove(name).filter(|_| self.mode == Mode::Qresync);
        let parameters = match &kept {
            Some(kept) => format!(" (QRESYNC ({} {}))", kept.validity, kept.mod_seq),
            None => String::new(),
        };
        self.selected = Some((name.to_owned(), View::default()));
        let select = format!("SELECT {}{parameters}", quote(name));
        let reply = self.run(select.as_bytes(), Progress::Select, &mut || {});
        let Reply::Ok(_) = &reply else {
            self.selected = None;
            return reply;
        };
        let known = match (kept, &mut self.selected) {
            (Some(kept), Some((_, view))) if kept.validity == view.validity => resynchronised(kept, view),
            _ => Ok(false),
        };
        match known {
            Err(why) => self.fails(&why),
            Ok(true) => reply,
            Ok(false) => self.fetch_unknown(),
        }
    }

    /// Asks for what it does not know of the open mailbox.
    pub fn fetch_unknown(&mut self) -> Reply {
        match self.selected.as_ref().and_then(|(_, view)| view.first_unknown()) {
            Some(first) => self.run(format!("FETCH {first}:* (UID FLAGS)").as_bytes(), Progress::Fixed, &mut || {}),
            None => Reply::Ok(Answer::default()),
        }
    }

    pub fn command(&mut self, command: &str) -> Reply {
        self.run(command.as_bytes(), Progress::Other, &mut || {})
    }

    /// Sends a command and reads its answer.
    pub fn run(&mut self, command: &[u8], progress: Progress, meanwhile: Meanwhile<'_>) -> Reply {
        if self.is_idle() && !self.done() {
            return Reply::Lost;
        }
        let tag = self.tag();
        let sent = self.send(&[tag.as_bytes(), b" ", command, b"\r\n"].concat());
        meanwhile();
        match sent.and_then(|()| self.finish(&tag, progress)) {
            Ok(reply) => reply,
            Err(_) => self.lost(),
        }
    }

    /// A command with a message, in two halves with something between them.
    pub fn append(&mut self, head: &str, message: &[u8], waits: bool, between: Meanwhile<'_>) -> Reply {
        if self.is_idle() && !self.done() {
            return Reply::Lost;
        }
        let tag = self.tag();
        let appended = (|| {
            let plus = if waits { "" } else { "+" };
            self.send(format!("{tag} {head} {{{}{plus}}}\r\n", message.len()).as_bytes())?;
            if waits {
                loop {
                    let response = self.read()?;
                    if response.0.starts_with(b"+") {
                        break;
                    }
                    if let Some(rest) = response.strip(&format!("{tag} ")) {
                        return Ok(Reply::Refused(String::from_utf8_lossy(rest).into_owned()));
                    }
                    self.apply(&response, Progress::Other);
                }
            }
            let (first, second) = message.split_at(message.len() / 2);
            self.send(first)?;
            between();
            self.send(&[second, b"\r\n"].concat())?;
            self.finish(&tag, Progress::Other)
        })();
        appended.unwrap_or_else(|_: io::Error| self.lost())
    }

    /// Enters IDLE.
    pub fn idle(&mut self) -> bool {
        let tag = self.tag();
        let begun = (|| {
            self.send(format!("{tag} IDLE\r\n").as_bytes())?;
            loop {
                let response = self.read()?;
                if response.0.starts_with(b"+") {
                    return Ok::<_, io::Error>(());
                }
                if response.0.starts_with(tag.as_bytes()) {
                    self.fails("IDLE is refused");
                }
                self.apply(&response, Progress::Other);
            }
        })();
        match begun {
            Ok(()) => self.idle = Some(tag),
            Err(_) => drop(self.lost()),
        }
        self.is_idle()
    }

    /// Ends IDLE; `false`: the connection is gone.
    pub fn done(&mut self) -> bool {
        let Some(tag) = self.idle.take() else { return true };
        let ended = self.send(b"DONE\r\n").and_then(|()| self.finish(&tag, Progress::Other));
        match ended {
            Ok(Reply::Ok(_)) => true,
            Ok(Reply::Refused(text)) => self.fails(&format!("IDLE ends with {text}")),
            Ok(Reply::Lost) | Err(_) => {
                self.lost();
                false
            }
        }
    }

    fn lost(&mut self) -> Reply {
        self.drop_link();
        Reply::Lost
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        format!("c{}.{}", self.number, self.tags)
    }

    fn wire(&mut self) -> io::Result<&mut Wire> {
        self.wire.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire()?.send(bytes)
    }

    fn read(&mut self) -> io::Result<Response> {
        self.wire()?.read()
    }

    fn apply(&mut self, response: &Response, progress: Progress) {
        let qresync = self.mode == Mode::Qresync;
        if let Some((_, view)) = &mut self.selected
            && let Err(why) = view.apply(response, progress, qresync)
        {
            self.fails(&why);
        }
    }

    fn finish(&mut self, tag: &str, progress: Progress) -> io::Result<Reply> {
        let mut answer = Answer::default();
        let prefix = format!("{tag} ");
        loop {
            let response = self.read()?;
            if let Some(rest) = response.strip(&prefix) {
                answer.tagged = String::from_utf8_lossy(rest).into_owned();
                return Ok(match answer.tagged.starts_with("OK") {
                    true => Reply::Ok(answer),
                    false => Reply::Refused(answer.tagged),
                });
            }
            if !response.0.starts_with(b"* ") {
                self.fails(&format!("a response to nobody: {response:?}"));
            }
            self.apply(&response, progress);
            answer.untagged.push(response);
        }
    }
}

/// Puts together what the client kept and what it was told; `false`: it must ask.
fn resynchronised(kept: Kept, view: &mut View) -> Result<bool, String> {
    let gone = |uid: &u32| view.earlier.iter().any(|(first, last)| (first..=last).contains(&uid));
    let mut flags: BTreeMap<u32, FlagSet> = kept.flags.into_iter().filter(|(uid, _)| !gone(uid)).collect();
    for told in &view.messages {
        if let (Some(uid), Some(new)) = (told.uid, &told.flags) {
            flags.insert(uid, new.clone());
        }
    }
    if flags.len() != view.messages.len() {
        let (knows, exist) = (flags.len(), view.messages.len());
        return Err(format!("after QRESYNC the client knows {knows} messages and {exist} exist"));
    }
    for (told, (uid, flags)) in view.messages.iter_mut().zip(flags) {
        if told.uid.is_some_and(|known| known != uid) {
            return Err(format!("after QRESYNC the client counts UID {uid} where {told:?} is"));
        }
        (told.uid, told.flags) = (Some(uid), Some(flags));
    }
    Ok(true)
}
