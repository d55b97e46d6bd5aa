//! The servers of a run, and the look at the mailboxes that settles what the model must be.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sterna_tests::wire::{Value, fetch, quote};
use sterna_tests::{Dovecot, DovecotOptions, SternaConfig, SternaServer, Tap, User};

use crate::client::{Client, Mode, Reply};
use crate::model::{Copy, Folder, Model, Seen};
use crate::random::Random;
use crate::view::flag_set;
use crate::wire::{HEADER, identity};

/// What is late by more than this is missing.
const PATIENCE: Duration = Duration::from_secs(40);

/// Looks in vain until the queue is told to try again.
const LOOKS: u32 = 10;

/// Both platforms, and the link between them.
pub struct Servers {
    pub sterna: SternaServer,
    pub tap: Tap,
    pub dovecot: Dovecot,
}

pub struct World {
    /// Shared with what strikes them in the middle of an operation.
    pub servers: Rc<RefCell<Servers>>,
    user: User,
    pub model: Model,
    pub clients: Vec<Client>,
    pub random: Random,
    pub messages: u32,
    /// Names given to mailboxes so far.
    pub mailboxes: u32,
    pub log: Vec<String>,
    /// A rollback was asked for, and nobody has seen yet that the route has changed.
    pub returning: bool,
    started: Instant,
}

/// What becomes of mailboxes is in Dovecot's log.
const LOGGED: &str = "mail_plugins = $mail_plugins mail_log notify\n\
                      plugin {\n mail_log_events = delete undelete expunge copy save mailbox_create mailbox_delete mailbox_rename flag_change\n \
                      mail_log_fields = uid box msgid flags\n}\n";

/// The mailbox that some others are below.
const PARENT: &str = "deep";

/// Whose mailbox it is.
pub const ADDRESS: &str = "anne@example.org";
pub const PASSWORD: &str = "secret";

impl World {
    pub fn start(seed: u64) -> World {
        let mut dovecot =
            Dovecot::with(DovecotOptions { lmtp: true, extra: LOGGED.to_owned(), ..DovecotOptions::default() });
        let user = dovecot.user(ADDRESS, PASSWORD);
        let tap = Tap::start(dovecot.port());
        let sterna = SternaServer::with(&SternaConfig { listen: &["lmtp"], ..SternaConfig::default() });
        sterna.cli(&["domain", "add", "example.org"], "").success();
        sterna.user(ADDRESS, PASSWORD);
        let imap = format!("imap://127.0.0.1:{}?tls=none", tap.port());
        let deliver = format!("lmtp://127.0.0.1:{}?tls=none", dovecot.lmtp_port());
        sterna.cli(&["platform", "add", "old", "--imap", &imap, "--deliver", &deliver], "").success();
        sterna.cli(&["account", "set", ADDRESS, "--platform", "old"], "").success();
        let modes = [Mode::Qresync, Mode::Plain, Mode::Condstore, Mode::Plain];
        let clients = modes.iter().enumerate().map(|(n, mode)| Client::new(n, *mode)).collect();
        let servers = Rc::new(RefCell::new(Servers { sterna, tap, dovecot }));
        World {
            servers,
            user,
            model: Model::new(),
            clients,
            random: Random::new(seed),
            messages: 0,
            mailboxes: 0,
            log: Vec::new(),
            returning: false,
            started: Instant::now(),
        }
    }

    /// What was done last, for a failure.
    pub fn note(&mut self, what: String) {
        let millis = self.started.elapsed().as_millis();
        self.log.push(format!("{:>3}.{:03} {what}", millis / 1000, millis % 1000));
    }

    /// The run has shown a fault.
    #[track_caller]
    pub fn fails(&self, why: &str) -> ! {
        let mut last = String::new();
        for line in self.log.iter().rev().take(250).rev() {
            let _ = writeln!(last, "{line}");
        }
        let servers = self.servers.borrow();
        let tail = |log: String| {
            log.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        let (sterna, dovecot) = (tail(servers.sterna.log()), tail(servers.dovecot.log()));
        panic!("--- Sterna's log\n{sterna}\n--- Dovecot's log\n{dovecot}\n--- the last operations\n{last}--- {why}")
    }

    /// Looks until the mailboxes are what they must be.
    #[track_caller]
    pub fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // A command whose link was cut is neither done nor not done while the old platform may still be at it.
        while self.model.is_unsure() && self.servers.borrow().tap.deserted() > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        for n in 1.. {
            if n % LOOKS == 0 {
                // What a dead server did not take waits for longer than this test does.
                self.servers.borrow().sterna.cli(&["queue", "retry", "--all"], "").success();
            }
            let look = self.look().and_then(|seen| self.take(&seen));
            if self.servers.borrow().sterna.has_panicked() {
                self.fails("Sterna has panicked");
            }
            match look {
                Ok(()) => return,
                Err(why) if Instant::now() >= deadline => self.fails(&format!("not so after {PATIENCE:?}: {why}")),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn take(&mut self, seen: &Seen) -> Result<(), String> {
        for (folder, id, uid) in &seen.doubled {
            if !self.model.may_be_doubled(folder, id) {
                self.fails(&format!("{folder}: {id} is there twice"));
            }
            self.note(format!("{id} was delivered twice, and the second is removed"));
            let mut client = self.fresh()?;
            for command in [
                format!("SELECT {}", quote(folder)),
                format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"),
                format!("UID EXPUNGE {uid}"),
            ] {
                client.command(&command).ok()?;
            }
        }
        if !seen.doubled.is_empty() {
            return Err("a delivery was there twice".into());
        }
        self.name_keywords(seen)?;
        self.model.settle(seen)
    }

    /// A Dovecot that is killed forgets names of keywords that it has just given to messages, and calls them `unknown-1`.
    fn name_keywords(&mut self, seen: &Seen) -> Result<(), String> {
        let nameless = |flag: &String| flag.starts_with("unknown-");
        for (folder, id, copy) in seen.folders.iter().flat_map(|(f, all)| all.iter().map(move |(id, c)| (f, id, c))) {
            let Some((_, uid)) = copy.uid.filter(|_| copy.flags.iter().any(nameless)) else { continue };
            let known = self.model.flags(folder, id).unwrap_or_else(|| copy.flags.clone());
            let flags = known.into_iter().filter(|flag| !nameless(flag)).collect::<Vec<_>>().join(" ");
            self.note(format!("a keyword of {id} in {folder} was lost with a killed Dovecot: set to ({flags})"));
            let mut client = self.fresh()?;
            client.command(&format!("SELECT {}", quote(folder))).ok()?;
            client.command(&format!("UID STORE {uid} FLAGS.SILENT ({flags})")).ok()?;
            return Err("a keyword had no name".into());
        }
        Ok(())
    }

    fn fresh(&mut self) -> Result<Client, String> {
        let mut client = Client::new(99, Mode::Plain);
        let port = self.servers.borrow().sterna.port();
        client.login(port, &self.user.login, &self.user.password)?;
        self.take_declared();
        Ok(client)
    }

    /// Connects a client; an error says why not now.
    pub fn connect(&mut self, n: usize) -> Result<(), String> {
        let port = self.servers.borrow().sterna.port();
        let user = &self.user;
        self.clients[n].login(port, &user.login, &user.password)?;
        self.take_declared();
        Ok(())
    }

    /// All mailboxes as a fresh client sees them.
    fn look(&mut self) -> Result<Seen, String> {
        let mut client = self.fresh()?;
        let listed = client.command("LIST \"\" \"*\"").ok()?;
        let mut seen = Seen::default();
        for response in &listed.untagged {
            let Some(rest) = response.strip("* LIST ") else { continue };
            let values = Value::parse_all(rest).ok_or("LIST")?;
            let [attributes, _, name] = values.as_slice() else { return Err("LIST".into()) };
            let attributes: Vec<_> = attributes.list().into_iter().flatten().filter_map(Value::text).collect();
            if attributes.iter().any(|a| ["\\noselect", "\\nonexistent"].contains(&a.to_ascii_lowercase().as_str())) {
                continue;
            }
            let name = name.text().ok_or("LIST")?;
            let folder = match self.look_into(&mut client, &name, &mut seen.doubled) {
                Err(why) if why.contains("deleted under us") => {
                    self.bury(&name);
                    return Err(why);
                }
                looked => looked?,
            };
            // Made along with a mailbox below it (RFC 9051 §6.3.4).
            if name != PARENT || !folder.is_empty() {
                seen.folders.insert(name, folder);
            }
        }
        client.command("LOGOUT").ok()?;
        Ok(seen)
    }

    /// A Dovecot that is killed in a DELETE leaves a mailbox that is listed and can neither be opened nor deleted.
    fn bury(&mut self, name: &str) {
        self.note(format!("{name} was half deleted by a killed Dovecot, and its files are removed"));
        let servers = self.servers.borrow();
        let directory = format!(".{}", name.replace('/', "."));
        let _ = std::fs::remove_dir_all(servers.dovecot.home(ADDRESS).join("Maildir").join(directory));
    }

    fn look_into(
        &mut self,
        client: &mut Client,
        name: &str,
        doubled: &mut Vec<(String, String, u32)>,
    ) -> Result<Folder, String> {
        let opened =
            client.command(&format!("EXAMINE {}", quote(name))).ok().map_err(|why| format!("{name}: {why}"))?;
        let validity = opened.code("UIDVALIDITY").and_then(|v| v.parse().ok()).ok_or("no UIDVALIDITY")?;
        let count = opened.untagged.iter().filter_map(|r| r.text().strip_suffix(" EXISTS").map(str::to_owned)).next();
        let items = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";
        let mut folder = Folder::new();
        let mut fetched = 0;
        for response in client.command(&format!("UID FETCH 1:* {items}")).ok()?.untagged {
            let Some((_, told)) = fetch(&response) else { continue };
            let Some(id) = told.get(HEADER).and_then(identity) else { continue };
            let number = |name: &str| told.get(name).and_then(Value::number);
            let uid = number("UID").and_then(|uid| u32::try_from(uid).ok()).ok_or("FETCH without UID")?;
            fetched += 1;
            if let Err(why) = self.model.means(name, validity, uid, &id) {
                self.fails(&why);
            }
            let copy = Copy {
                flags: told.get("FLAGS").and_then(flag_set).ok_or("FETCH without FLAGS")?,
                date: told.get("INTERNALDATE").and_then(Value::text),
                size: number("RFC822.SIZE"),
                uid: Some((validity, uid)),
            };
            match folder.contains_key(&id) {
                true => doubled.push((name.to_owned(), id, uid)),
                false => drop(folder.insert(id, copy)),
            }
        }
        if count != Some(format!("* {fetched}")) {
            return Err(format!("{name}: {count:?} and {fetched} fetched"));
        }
        Ok(folder)
    }

    /// The mailboxes are what they must be, and every client that is connected has been told so.
    #[track_caller]
    pub fn verify(&mut self) {
        self.settle();
        let deadline = Instant::now() + PATIENCE;
        for n in 0..self.clients.len() {
            loop {
                let why = self.knows_all(n);
                match why {
                    Ok(()) => break,
                    Err(why) if Instant::now() >= deadline => self.clients[n].fails(&why),
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        }
    }

    fn knows_all(&mut self, n: usize) -> Result<(), String> {
        let client = &mut self.clients[n];
        if !client.is_connected() || client.selected.is_none() {
            return Ok(());
        }
        for reply in [client.command("NOOP"), client.fetch_unknown()] {
            match reply {
                Reply::Ok(_) => {}
                Reply::Refused(text) if text.contains("EXPUNGEISSUED") => return Err(text),
                Reply::Refused(text) => client.fails(&text),
                // It will connect again.
                Reply::Lost => return Ok(()),
            }
        }
        let Some((name, view)) = client.view() else { return Ok(()) };
        let folder = self.model.folders.get(name).ok_or_else(|| format!("{name} is open and not there"))?;
        let must: std::collections::BTreeSet<u32> = folder.values().filter_map(|copy| Some(copy.uid?.1)).collect();
        if view.uids() != must {
            return Err(format!("{name}: the client knows {:?} and must know {must:?}", view.uids()));
        }
        for told in &view.messages {
            let copy = folder.values().find(|copy| copy.uid.map(|(_, uid)| uid) == told.uid);
            if let (Some(flags), Some(copy)) = (&told.flags, copy)
                && *flags != copy.flags
            {
                return Err(format!("{name}: the client was told {told:?} of {copy:?}"));
            }
        }
        Ok(())
    }
}

/// Everything, for whoever looks for the cause of a failure: into the directory `STERNA_SOAK_LOGS`.
impl Drop for World {
    fn drop(&mut self) {
        let Some(directory) = std::env::var_os("STERNA_SOAK_LOGS").map(std::path::PathBuf::from) else { return };
        let Ok(servers) = self.servers.try_borrow() else { return };
        if !std::thread::panicking() {
            return;
        }
        let listed = |arguments: &[&str]| servers.sterna.cli(arguments, "").stdout;
        let of = |program: &str, arguments: &[&str]| {
            let output = std::process::Command::new(program).args(arguments).output();
            output.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default()
        };
        let home = servers.dovecot.home(ADDRESS).display().to_string();
        let all = [
            ("operations", self.log.join("\n")),
            ("sterna", servers.sterna.log()),
            ("dovecot", servers.dovecot.log()),
            ("files", of("find", &[&home, "-printf", "%P %y %s\n"])),
            ("locks", of("cat", &["/proc/locks"])),
            ("processes", of("ps", &["-eo", "pid,pgid,stat,wchan:30,args"])),
            ("status", listed(&["move", "status", ADDRESS, "--json"])),
        ];
        for (name, text) in all {
            let _ = std::fs::write(directory.join(name), text);
        }
        // Dovecot may be dead or hang, and nothing may fail here.
        let (port, user) = (servers.dovecot.port(), &self.user);
        let names = std::panic::catch_unwind(|| {
            let mut direct = Client::new(98, Mode::Plain);
            direct.login(port, &user.login, &user.password)?;
            let told = direct.command("LIST \"\" \"*\"").ok()?;
            Ok::<_, String>(told.untagged.iter().map(|r| r.text()).collect::<Vec<_>>().join("\n"))
        });
        let names = names.unwrap_or_else(|_| Err("it hangs".into())).unwrap_or_else(|why| why);
        let _ = std::fs::write(directory.join("names"), names);
    }
}
