//! A Sterna in front of a Dovecot that has the mailbox of its only user.

use sterna_tests::{Dovecot, DovecotOptions, LineWire, SternaConfig, SternaServer, User};

pub const PASSWORD: &str = "old secret";

pub struct House {
    pub sterna: SternaServer,
    pub dovecot: Dovecot,
    pub user: User,
}

impl House {
    /// Sterna knows no password of the user. `extra`: further options of `sterna platform add`.
    #[track_caller]
    pub fn new(options: DovecotOptions, extra: &[&str]) -> House {
        let config = SternaConfig {
            listen: &["pop3", "sieve", "submission", "http"],
            extra: "[clients]\nwebmail = \"https://here.example/\"\n".into(),
            ..SternaConfig::default()
        };
        House::with(&config, options, extra)
    }

    #[track_caller]
    pub fn with(config: &SternaConfig, options: DovecotOptions, extra: &[&str]) -> House {
        let mut dovecot = Dovecot::with(DovecotOptions { pop3: true, sieve: true, ..options });
        let sterna = SternaServer::with(config);
        let user = dovecot.user("anne@example.org", PASSWORD);
        let imap = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
        let pop3 = format!("pop3://127.0.0.1:{}?tls=none", dovecot.pop3_port());
        let sieve = format!("sieve://127.0.0.1:{}?tls=none", dovecot.sieve_port());
        let add = ["platform", "add", "old", "--imap", &imap, "--pop3", &pop3, "--sieve", &sieve, "--timeout", "10"];
        sterna.cli(&[&add, extra].concat(), "").success();
        sterna.cli(&["domain", "add", "example.org", "--platform", "old"], "").success();
        sterna.cli(&["account", "add", &user.login], "").success();
        House { sterna, dovecot, user }
    }

    /// A connection to Sterna's POP3 that has read the greeting.
    #[track_caller]
    pub fn pop3(&self) -> LineWire {
        let mut wire = LineWire::connect(self.sterna.port_of("pop3"));
        assert!(wire.line().unwrap().starts_with("+OK localhost Sterna"));
        wire
    }

    /// The answer of PASS.
    #[track_caller]
    pub fn pass(&self, wire: &mut LineWire, password: &str) -> String {
        assert!(ask(wire, &format!("USER {}", self.user.login)).starts_with("+OK"));
        ask(wire, &format!("PASS {password}"))
    }
}

/// The answer to one line.
#[track_caller]
pub fn ask(wire: &mut LineWire, line: &str) -> String {
    wire.send(format!("{line}\r\n"));
    wire.line().expect("an answer")
}

/// A Dovecot that believes the front door about its clients, and logs their ports: all addresses are loopback here.
pub fn trusting() -> DovecotOptions {
    let extra = "login_log_format_elements = user=<%u> rip=%r rport=%b\n".to_owned();
    DovecotOptions { trusts_loopback: true, extra, ..DovecotOptions::default() }
}
