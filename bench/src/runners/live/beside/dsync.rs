//! Dovecot to Dovecot, behind a Dovecot proxy: a first dsync; then the proxy's passdb names the new host and delays logins,
//! the user's sessions are kicked, and a last dsync runs while logins wait.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sterna_tests::{Dovecot, DovecotOptions, User, peer};

use super::Way;
use crate::runners::live::mailboxes;

pub(super) const WHAT_IS_DONE: &str = "dsync: `doveadm backup` from the old Dovecot into the new one, twice; then the proxy's passdb \
    gets the new host with `delay_until` as late as the second pass took, rounded up to a second, and one more; `doveadm proxy \
    kick` of the user, and the last `doveadm backup`. The time starts before the passdb is written.";

/// How long a server may need to read its passdb again.
const REREAD: Duration = Duration::from_millis(1_200);

pub(super) struct Synchronised<'d> {
    old: &'d Dovecot,
    new: Dovecot,
    proxy: Dovecot,
    user: User,
    /// The time of the pass that had nothing to do.
    pass: Duration,
}

impl<'d> Synchronised<'d> {
    pub(super) fn start(old: &'d Dovecot, user: &User) -> Synchronised<'d> {
        let mut new = mailboxes::platform(DovecotOptions::default());
        new.user(&user.login, &user.password);
        let proxy = Dovecot::with(DovecotOptions::default());
        let started = Synchronised { old, new, proxy, user: user.clone(), pass: Duration::ZERO };
        started.point_at(old, "");
        started
    }

    /// Where the proxy sends the user, and what else its passdb says.
    fn point_at(&self, server: &Dovecot, more: &str) {
        let User { login, password } = &self.user;
        let port = server.port();
        let line = format!("{login}:{{PLAIN}}{password}::::::proxy=y host=127.0.0.1 port={port}{more}\n");
        let file = self.proxy.path().join("users");
        let new = file.with_extension("new");
        std::fs::write(&new, line).and_then(|()| std::fs::rename(new, file)).expect("write the proxy's passdb");
        std::thread::sleep(REREAD);
    }

    fn pass(&self) -> Duration {
        let configuration = self.new.configuration().to_string_lossy().into_owned();
        let login = &self.user.login;
        let doveadm = peer::require("doveadm", "dovecot-core").to_string_lossy().into_owned();
        // With an environment of its own: the first doveadm hands its configuration down in it.
        let other = ["env", "-i", &doveadm, "-c", &configuration, "dsync-server", "-u", login];
        let started = Instant::now();
        self.old.doveadm(&[&["backup", "-u", login][..], &other].concat()).success();
        started.elapsed()
    }
}

impl Way for Synchronised<'_> {
    fn name(&self) -> String {
        format!("dsync, Dovecot {} proxy with `delay_until` and kick", Dovecot::version())
    }

    fn port(&self) -> u16 {
        self.proxy.port()
    }

    fn copy(&mut self) {
        self.pass();
        self.pass = self.pass();
    }

    fn cut_over(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        let until = (now + REREAD + self.pass).as_secs() + 2;
        self.point_at(&self.new, &format!(" delay_until={until}"));
        self.proxy.doveadm(&["proxy", "kick", &self.user.login]).success();
        self.pass();
        let late = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs() > until;
        assert!(!late, "the last dsync took longer than `delay_until` waits: clients were let in too early");
        // The sessions that wait come in then.
        let open = UNIX_EPOCH + Duration::from_secs(until + 1);
        std::thread::sleep(open.duration_since(SystemTime::now()).unwrap_or_default());
    }
}
