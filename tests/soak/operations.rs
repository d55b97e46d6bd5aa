//! What clients do, at random, and what it must change.

use std::time::Duration;

use sterna_tests::wire::{fetch, quote};

use crate::client::{Answer, Meanwhile, Reply};
use crate::model::{Copy, Part};
use crate::view::{FlagSet, Progress, flag_set};
use crate::wire::{HEADER, deliver, identity};
use crate::world::{ADDRESS, World};

const FLAGS: [&str; 8] = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "Work", "later"];

/// Names of mailboxes: with a space, with what is not ASCII (in modified UTF-7), below one that is not there.
const NAMES: [&str; 6] = ["Archive", "Old mail", "Caf&AOk-", "deep/one", "deep/two", "Lists"];

/// Mailboxes at a time.
const MOST: usize = 8;

/// A message of this size is passed on as it comes, and not gathered.
const LARGE: usize = 1_200_000;

/// The text of a message follows from its identity.
pub fn message(id: &str, large: bool) -> Vec<u8> {
    let mut text =
        format!("Message-ID: <{id}@soak.test>\r\nFrom: bob@there.test\r\nSubject: {id}\r\n\r\n").into_bytes();
    while text.len() < if large { LARGE } else { 300 } {
        text.extend_from_slice(format!("{id} is at {}\r\n", text.len()).as_bytes());
    }
    text
}

fn lower(flags: &[&str]) -> FlagSet {
    flags.iter().map(|flag| flag.to_ascii_lowercase()).collect()
}

/// UIDs of a set, in order.
fn spelt(set: &str) -> Vec<u32> {
    crate::view::ranges(set).into_iter().flat_map(|(first, last)| first..=last).collect()
}

impl World {
    /// One operation of one client; `meanwhile` happens in the middle of it.
    pub fn operate(&mut self, meanwhile: Meanwhile<'_>) {
        let n = self.random.below(self.clients.len());
        let choice = self.random.below(100);
        if choice < 10 {
            return self.deliver(choice < 3, meanwhile);
        }
        if !self.ready(n) {
            return;
        }
        match choice {
            10..=24 => self.append(n, meanwhile),
            25..=42 => self.store(n, meanwhile),
            43..=48 => self.expunge(n, false, meanwhile),
            49..=52 => self.expunge(n, true, meanwhile),
            53..=59 => self.copy(n, false, meanwhile),
            60..=66 => self.copy(n, true, meanwhile),
            67..=74 => self.read(n, meanwhile),
            75..=77 => self.search(n, meanwhile),
            78..=80 => self.plain(n, "NOOP", meanwhile),
            81..=84 => self.create(n, meanwhile),
            85..=86 => self.rename(n, meanwhile),
            87..=88 => self.delete(n, meanwhile),
            89..=92 => self.select(n),
            93..=94 => self.logout(n),
            _ => self.idle(n),
        }
    }

    /// Connected, with a mailbox open of which it knows everything.
    fn ready(&mut self, n: usize) -> bool {
        if !self.clients[n].is_connected()
            && let Err(why) = self.connect(n)
        {
            self.note(format!("{n} cannot log in: {why}"));
            std::thread::sleep(Duration::from_millis(50));
            return false;
        }
        if self.clients[n].selected.is_none() {
            self.select(n);
        }
        self.clients[n].selected.is_some()
    }

    fn select(&mut self, n: usize) {
        let names = self.model.names();
        let Some(name) = self.random.choose(&names).cloned() else { return };
        self.note(format!("{n} SELECT {name}"));
        match self.clients[n].select(&name) {
            Reply::Ok(_) | Reply::Lost => {}
            Reply::Refused(text) => self.refused(n, &text),
        }
    }

    /// What a refusal may be: not for ever, and with a reason that the client can do something about.
    fn refused(&mut self, n: usize, text: &str) {
        self.note(format!("{n}: {text}"));
        // Dovecot says ALREADYEXISTS also to the first CREATE of all, if another process has just made the account's first folder.
        let codes = ["EXPUNGEISSUED", "UNAVAILABLE", "INUSE", "ALREADYEXISTS"];
        let temporary = codes.iter().any(|code| text.contains(code));
        if !temporary {
            let last: Vec<&str> = self.log.iter().rev().take(200).rev().map(String::as_str).collect();
            self.clients[n].fails(&format!("refused: {text}\n{}\n", last.join("\n")));
        }
    }

    /// The end of an operation that changes something.
    fn changed(&mut self, n: usize, reply: Reply, parts: Vec<Part>) -> Option<Answer> {
        match reply {
            Reply::Ok(answer) => {
                self.model.done(parts);
                return Some(answer);
            }
            Reply::Refused(text) => self.refused(n, &text),
            Reply::Lost => self.note(format!("{n}: no answer")),
        }
        self.model.unsure(parts);
        None
    }

    /// Has the client hear of what other clients did, and gives the messages of its mailbox that it knows.
    fn known(&mut self, n: usize) -> Vec<(String, u32)> {
        for asks in [true, false] {
            let client = &mut self.clients[n];
            let reply = if asks { client.command("NOOP") } else { client.fetch_unknown() };
            match reply {
                Reply::Ok(_) => {}
                Reply::Refused(text) => self.refused(n, &text),
                Reply::Lost => self.note(format!("{n}: no answer")),
            }
        }
        let Some((name, view)) = self.clients[n].view() else { return Vec::new() };
        let folder = self.model.folders.get(name);
        let known = view.uids().into_iter().filter_map(|uid| {
            let id = self.model.meaning(name, view.validity, uid)?;
            folder?.contains_key(id).then(|| (id.clone(), uid))
        });
        known.collect()
    }

    fn open(&self, n: usize) -> (String, u32) {
        self.clients[n].view().map_or((String::new(), 0), |(name, view)| (name.to_owned(), view.validity))
    }

    fn next_id(&mut self, kind: &str) -> String {
        self.messages += 1;
        format!("{kind}{}", self.messages)
    }

    fn append(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let names = self.model.names();
        let Some(folder) = self.random.choose(&names).cloned() else { return };
        let id = self.next_id("m");
        let flags = self.random.some(&FLAGS[..], 3);
        let large = self.random.one_in(60);
        let text = message(&id, large);
        let date = format!("{}-Feb-2026 09:{:02}:07 +0000", self.random.below(19) + 10, self.random.below(60));
        let head = format!("APPEND {} ({}) \"{date}\"", quote(&folder), flags.join(" "));
        let waits = self.random.one_in(3);
        self.note(format!("{n} {head} {id} {}", text.len()));
        let reply = self.clients[n].append(&head, &text, waits, meanwhile);
        let copy = Copy { flags: lower(&flags), date: Some(date), size: Some(text.len() as u64), uid: None };
        let parts = vec![Part::Add { folder: folder.clone(), id: id.clone(), copy }];
        let answer = self.changed(n, reply, parts);
        if let Some((validity, uid)) =
            answer.and_then(|a| a.code("APPENDUID")).as_deref().and_then(|c| c.split_once(' '))
        {
            self.told_uid(&folder, validity, uid, &id);
        }
    }

    fn told_uid(&mut self, folder: &str, validity: &str, uid: &str, id: &str) {
        let (Ok(validity), Ok(uid)) = (validity.parse(), uid.parse()) else { self.fails("a UID code that is none") };
        if let Err(why) = self.model.means(folder, validity, uid, id) {
            self.fails(&why);
        }
        self.model.learn_uid(folder, id, (validity, uid));
    }

    fn store(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let known = self.known(n);
        let chosen = self.random.some(&known, 4);
        if chosen.is_empty() {
            return;
        }
        let (folder, _) = self.open(n);
        let flags = self.random.some(&FLAGS[..], 3);
        let how = self.random.below(3);
        let silent = if self.random.one_in(3) { ".SILENT" } else { "" };
        let by_number = self.random.one_in(4);
        let mut parts = Vec::new();
        for (id, _) in &chosen {
            let mut now = self.model.folders[&folder][id].flags.clone();
            match how {
                0 => now.extend(lower(&flags)),
                1 => now.retain(|flag| !lower(&flags).contains(flag)),
                _ => now = lower(&flags),
            }
            parts.push(Part::Flags { folder: folder.clone(), id: id.clone(), flags: now });
        }
        let view = self.clients[n].view().map(|(_, view)| view.clone()).unwrap_or_default();
        let set: Vec<String> = chosen
            .iter()
            .map(|(_, uid)| if by_number { view.number(*uid).unwrap_or_default() as u32 } else { *uid })
            .map(|number| number.to_string())
            .collect();
        let word = if by_number { "STORE" } else { "UID STORE" };
        let command = format!("{word} {} {}FLAGS{silent} ({})", set.join(","), ["+", "-", ""][how], flags.join(" "));
        self.note(format!("{n} {command} in {folder}: {chosen:?}"));
        let progress = if by_number { Progress::Fixed } else { Progress::Other };
        let reply = self.clients[n].run(command.as_bytes(), progress, meanwhile);
        if let Some(answer) = self.changed(n, reply, parts) {
            self.told_flags(n, &folder, &answer);
        }
        // A silent one is not told; the client knows what it did.
        let told: Vec<(u32, FlagSet)> =
            chosen.iter().map(|(id, uid)| (*uid, self.model.folders[&folder][id].flags.clone())).collect();
        if let Some((_, view)) = &mut self.clients[n].selected
            && !silent.is_empty()
            && !self.model.is_unsure()
        {
            for message in &mut view.messages {
                if let Some((_, flags)) = told.iter().find(|(uid, _)| Some(*uid) == message.uid) {
                    message.flags = Some(flags.clone());
                }
            }
        }
    }

    /// Flags in an answer are what the model has.
    fn told_flags(&self, n: usize, folder: &str, answer: &Answer) {
        for (_, items) in answer.untagged.iter().filter_map(fetch) {
            let uid = items.get("UID").and_then(|uid| uid.number());
            let told_uid = |copy: &&Copy| copy.uid.map(|(_, uid)| u64::from(uid)) == uid && uid.is_some();
            let copy = self.model.folders[folder].values().find(told_uid);
            if let (Some(copy), Some(told)) = (copy, items.get("FLAGS").and_then(flag_set))
                && told != copy.flags
            {
                self.clients[n].fails(&format!("{folder}: told {told:?} of UID {uid:?}, which has {:?}", copy.flags));
            }
        }
    }

    fn expunge(&mut self, n: usize, by_uid: bool, meanwhile: Meanwhile<'_>) {
        let known = self.known(n);
        let (folder, _) = self.open(n);
        let Some((_, before)) = self.clients[n].view() else { return };
        let before = before.uids();
        if known.len() != before.len() {
            // A mailbox under another name: first it must be known what would be removed.
            return self.settle();
        }
        let deleted = |id: &str| self.model.folders[&folder][id].flags.contains("\\deleted");
        let mut doomed: Vec<(String, u32)> = known.into_iter().filter(|(id, _)| deleted(id)).collect();
        let mut command = "EXPUNGE".to_owned();
        if by_uid {
            doomed = self.random.some(&doomed, 3);
            if doomed.is_empty() {
                return;
            }
            let set: Vec<String> = doomed.iter().map(|(_, uid)| uid.to_string()).collect();
            command = format!("UID EXPUNGE {}", set.join(","));
        }
        self.note(format!("{n} {command} in {folder}: {doomed:?}"));
        let reply = self.clients[n].run(command.as_bytes(), Progress::Other, meanwhile);
        if let (Reply::Ok(_), Some((_, view))) = (&reply, self.clients[n].view()) {
            let told = |uid: &u32| before.contains(uid) && !view.has(*uid);
            if let Some((id, _)) = doomed.iter().find(|(_, uid)| !told(uid)) {
                self.clients[n].fails(&format!("{folder}: {id} was not expunged"));
            }
        }
        let parts = doomed.into_iter().map(|(id, _)| Part::Remove { folder: folder.clone(), id }).collect();
        self.changed(n, reply, parts);
    }

    fn copy(&mut self, n: usize, moves: bool, meanwhile: Meanwhile<'_>) {
        let known = self.known(n);
        let (folder, _) = self.open(n);
        let names = self.model.names();
        let Some(to) = self.random.choose(&names).cloned().filter(|to| *to != folder) else { return };
        let mut chosen = self.random.some(&known, 4);
        chosen.retain(|(id, _)| !self.model.folders[&to].contains_key(id));
        chosen.sort_by_key(|(_, uid)| *uid);
        if chosen.is_empty() {
            return;
        }
        let set: Vec<String> = chosen.iter().map(|(_, uid)| uid.to_string()).collect();
        let command = format!("UID {} {} {}", if moves { "MOVE" } else { "COPY" }, set.join(","), quote(&to));
        self.note(format!("{n} {command} from {folder}: {chosen:?}"));
        let reply = self.clients[n].run(command.as_bytes(), Progress::Other, meanwhile);
        let parts = chosen.iter().map(|(id, _)| match moves {
            true => Part::Move { from: folder.clone(), to: to.clone(), id: id.clone() },
            false => {
                let copy = Copy { uid: None, ..self.model.folders[&folder][id].clone() };
                Part::Add { folder: to.clone(), id: id.clone(), copy }
            }
        });
        let parts = parts.collect();
        let Some(code) = self.changed(n, reply, parts).and_then(|answer| answer.code("COPYUID")) else { return };
        let words: Vec<&str> = code.split(' ').collect();
        let [validity, from, here] = words.as_slice() else { self.fails("a COPYUID that is none") };
        for (old, new) in spelt(from).into_iter().zip(spelt(here)) {
            let Some((id, _)) = chosen.iter().find(|(_, uid)| *uid == old).cloned() else {
                self.fails(&format!("COPYUID names UID {old}, which nobody asked for"));
            };
            self.told_uid(&to, validity, &new.to_string(), &id);
        }
    }

    /// Reads a message, by number or UID: it is the one that is meant.
    fn read(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let known = self.known(n);
        let Some((id, uid)) = self.random.choose(&known).cloned() else { return };
        let (folder, _) = self.open(n);
        let number = self.clients[n].view().and_then(|(_, view)| view.number(uid)).unwrap_or_default();
        let (word, target, progress) = match self.random.one_in(2) {
            true => ("FETCH", number, Progress::Fixed),
            false => ("UID FETCH", uid as usize, Progress::Other),
        };
        let marks = self.random.one_in(3);
        let body = if marks { "BODY[]" } else { "BODY.PEEK[]" };
        let command = format!("{word} {target} (UID {body} BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])");
        self.note(format!("{n} {command} in {folder}: {id}"));
        let reply = self.clients[n].run(command.as_bytes(), progress, meanwhile);
        let mut flags = self.model.folders[&folder][&id].flags.clone();
        flags.insert("\\seen".into());
        let parts = if marks { vec![Part::Flags { folder, id: id.clone(), flags }] } else { Vec::new() };
        let Some(answer) = self.changed(n, reply, parts) else { return };
        let told = answer.untagged.iter().filter_map(fetch).find_map(|(_, items)| {
            let text = items.get("BODY[]")?.bytes()?.to_vec();
            Some((identity(items.get(HEADER)?)?, text))
        });
        let Some((told, text)) = told else { self.clients[n].fails(&format!("{id} is not told")) };
        if told != id || !(text.ends_with(&message(&id, false)) || text.ends_with(&message(&id, true))) {
            self.clients[n].fails(&format!("{told} is told for {id}"));
        }
    }

    /// A search finds what was told before.
    fn search(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let known = self.known(n);
        let (folder, _) = self.open(n);
        let flag = self.random.choose(&FLAGS).copied().unwrap_or("\\Seen");
        let key = flag.strip_prefix('\\').map_or(format!("KEYWORD {flag}"), str::to_ascii_uppercase);
        self.note(format!("{n} UID SEARCH {key} in {folder}"));
        let reply = self.clients[n].run(format!("UID SEARCH {key}").as_bytes(), Progress::Other, meanwhile);
        let Some(answer) = self.changed(n, reply, Vec::new()) else { return };
        let found: Vec<u32> = answer
            .untagged
            .iter()
            .filter_map(|r| r.strip("* SEARCH").map(|rest| String::from_utf8_lossy(rest).into_owned()))
            .flat_map(|rest| rest.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<u32>>())
            .collect();
        for (id, uid) in known {
            let must = self.model.folders[&folder][&id].flags.contains(&flag.to_ascii_lowercase());
            if found.contains(&uid) != must {
                self.clients[n].fails(&format!("{folder}: SEARCH {key} and {id}: {must}"));
            }
        }
    }

    fn plain(&mut self, n: usize, command: &str, meanwhile: Meanwhile<'_>) {
        self.note(format!("{n} {command}"));
        let reply = self.clients[n].run(command.as_bytes(), Progress::Other, meanwhile);
        self.changed(n, reply, Vec::new());
    }

    /// A name that was never used: Dovecot's UIDVALIDITYs run ahead of the clock where several mailboxes are made in a
    /// second, so that another server may give the same one to a mailbox of the same name a second later.
    fn new_name(&mut self) -> Option<String> {
        self.mailboxes += 1;
        let name = self.random.choose(&NAMES)?;
        (self.model.folders.len() < MOST).then(|| format!("{name}{}", self.mailboxes))
    }

    /// A mailbox that nobody has open.
    fn unused(&mut self) -> Option<String> {
        let open: Vec<String> = self.clients.iter().filter_map(|c| Some(c.view()?.0.to_owned())).collect();
        let names: Vec<String> =
            self.model.names().into_iter().filter(|name| name != "INBOX" && !open.contains(name)).collect();
        self.random.choose(&names).cloned()
    }

    fn folder(&mut self, n: usize, command: &str, part: Part, meanwhile: Meanwhile<'_>) {
        self.note(format!("{n} {command}"));
        let reply = self.clients[n].run(command.as_bytes(), Progress::Other, meanwhile);
        self.changed(n, reply, vec![part]);
    }

    fn create(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let Some(name) = self.new_name() else { return };
        self.folder(n, &format!("CREATE {}", quote(&name)), Part::Create(name.clone()), meanwhile);
    }

    fn rename(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let (Some(old), Some(new)) = (self.unused(), self.new_name()) else { return };
        let command = format!("RENAME {} {}", quote(&old), quote(&new));
        self.folder(n, &command, Part::Rename(old, new), meanwhile);
    }

    fn delete(&mut self, n: usize, meanwhile: Meanwhile<'_>) {
        let Some(name) = self.unused() else { return };
        self.folder(n, &format!("DELETE {}", quote(&name)), Part::Delete(name.clone()), meanwhile);
    }

    fn logout(&mut self, n: usize) {
        self.note(format!("{n} LOGOUT"));
        if let Reply::Refused(text) = self.clients[n].command("LOGOUT") {
            self.refused(n, &text);
        }
        self.clients[n].drop_link();
    }

    fn idle(&mut self, n: usize) {
        if !self.clients[n].is_idle() {
            self.note(format!("{n} IDLE"));
            self.clients[n].idle();
        }
    }

    /// Mail comes in: by the front door, or past it by the old platform's own.
    fn deliver(&mut self, direct: bool, meanwhile: Meanwhile<'_>) {
        let id = self.next_id("d");
        let port = {
            let servers = self.servers.borrow();
            if direct { servers.dovecot.lmtp_port() } else { servers.sterna.port_of("lmtp") }
        };
        let taken = deliver(port, ADDRESS, &message(&id, false));
        self.note(format!("delivery {id} to {port}: {taken:?}"));
        match taken {
            Ok(true) => self.model.delivered(&id),
            Ok(false) => {}
            Err(_) => self.model.perhaps_delivered(&id),
        }
        meanwhile();
    }
}
