//! What a test may choose about its Cyrus, and the configuration files that follow from it.

use std::fmt::Write as _;
use std::path::Path;

use crate::dovecot::Certificate;

/// The choices. The default is a server without TLS, separator `/`, whose folders stand beside INBOX.
#[derive(Clone, Debug)]
pub struct CyrusOptions {
    /// The hierarchy separator, `/` or `.`.
    pub separator: char,
    /// Folders stand beside INBOX; if not, below it, with names as in `INBOX.Sent`.
    pub beside_inbox: bool,
    /// Serves STARTTLS and implicit TLS with such a certificate.
    pub tls: Option<Certificate>,
    /// Creates and subscribes Sent, Drafts, Trash and Junk with their special use for each user.
    pub special_use: bool,
    /// The storage quota of every user, in KiB.
    pub quota: Option<u64>,
    /// Further lines at the end of `imapd.conf`.
    pub extra: String,
}

impl Default for CyrusOptions {
    fn default() -> CyrusOptions {
        CyrusOptions {
            separator: '/',
            beside_inbox: true,
            tls: None,
            special_use: false,
            quota: None,
            extra: String::new(),
        }
    }
}

/// Numbers of the listening ports.
pub(super) struct Numbers {
    pub(super) imap: u16,
    pub(super) imaps: u16,
    pub(super) pop3: u16,
    pub(super) lmtp: u16,
    pub(super) sieve: u16,
}

impl CyrusOptions {
    /// The text of `imapd.conf` for a server in `directory` whose processes belong to `user` and `group`.
    pub(super) fn imapd(&self, directory: &Path, user: &str, group: &str) -> String {
        let d = directory.display();
        let switch = |on: bool| if on { "yes" } else { "no" };
        let mut text = format!(
            "configdirectory: {d}/conf\npartition-default: {d}/spool\ndefaultpartition: default\n\
             cyrus_user: {user}\ncyrus_group: {group}\nservername: localhost\ndefaultdomain: localhost\n\
             virtdomains: userid\nunixhierarchysep: {}\naltnamespace: {}\n\
             admins: {}\nproxyservers: {}\n\
             allowplaintext: yes\nsasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\n\
             sasl_sasldb_path: {d}/sasldb\nsasl_mech_list: PLAIN LOGIN\nfailedloginpause: 0\n\
             sievedir: {d}/sieve\nduplicatesuppression: no\n",
            switch(self.separator == '/'),
            switch(self.beside_inbox),
            super::ADMIN,
            super::Cyrus::MASTER,
        );
        if self.tls.is_some() {
            let _ = writeln!(text, "tls_server_cert: {d}/tls/server.pem\ntls_server_key: {d}/tls/server.key");
        }
        text.push_str(&self.extra);
        text
    }

    /// The text of `cyrus.conf`: which processes the master runs. It does not tell them where their `imapd.conf` is. The
    /// programs in `bin` are those that the master would not find.
    pub(super) fn services(&self, imapd_conf: &Path, bin: &Path, numbers: &Numbers) -> String {
        let (c, b) = (imapd_conf.display(), bin.display());
        let (imapd, pop3d) = (format!("{b}/imapd"), format!("{b}/pop3d"));
        let mut services = String::new();
        let mut service = |name: &str, command: &str, arguments: &str, port: u16, prefork: u32| {
            let _ = writeln!(
                services,
                " {name} cmd=\"{command} -C {c}{arguments}\" listen=\"127.0.0.1:{port}\" proto=\"tcp4\" prefork={prefork}"
            );
        };
        service("imap", &imapd, "", numbers.imap, 1);
        if self.tls.is_some() {
            service("imaps", &imapd, " -s", numbers.imaps, 0);
        }
        service("pop3", &pop3d, "", numbers.pop3, 0);
        // -a: who reaches the port may deliver, as with Dovecot's and Postfix's LMTP.
        service("lmtp", "lmtpd", " -a", numbers.lmtp, 0);
        service("sieve", "timsieved", "", numbers.sieve, 0);
        format!(
            "START {{\n recover cmd=\"ctl_cyrusdb -C {c} -r\"\n}}\nSERVICES {{\n{services}}}\n\
             DAEMON {{\n idled cmd=\"{b}/idled -C {c}\"\n}}\nEVENTS {{\n checkpoint cmd=\"ctl_cyrusdb -C {c} -c\" period=30\n}}\n"
        )
    }
}
