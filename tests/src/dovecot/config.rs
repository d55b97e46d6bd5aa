//! What a test may choose about its Dovecot, and the configuration file that follows from it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::ports::Port;
use crate::process::run;

use super::Certificate;

/// How mail lies on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// Maildir++: one file per message, folders as `.a.b`.
    #[default]
    Maildir,
    /// Maildir with folders as directories: names may hold a `.`.
    MaildirFs,
    /// One file per message with Dovecot's own metadata.
    Sdbox,
    /// Several messages per file.
    Mdbox,
}

/// The choices. The default is a plain server without TLS, separator `/`, CONDSTORE and QRESYNC on.
#[derive(Clone, Debug)]
pub struct DovecotOptions {
    /// How mail lies on disk.
    pub storage: Storage,
    /// The hierarchy separator.
    pub separator: char,
    /// The prefix of the personal namespace, such as `INBOX.`; empty for none.
    pub prefix: String,
    /// Serves STARTTLS and implicit TLS with such a certificate.
    pub tls: Option<Certificate>,
    /// Creates and subscribes Sent, Drafts, Trash and Junk with their special use.
    pub special_use: bool,
    /// Offers CONDSTORE and QRESYNC.
    pub condstore: bool,
    /// The storage quota of every user, in bytes.
    pub quota: Option<u64>,
    /// Serves POP3 too.
    pub pop3: bool,
    /// Serves LMTP too, and runs the scripts of users with [`DovecotOptions::sieve`].
    pub lmtp: bool,
    /// Serves ManageSieve too.
    pub sieve: bool,
    /// Believes what clients on loopback say about where *their* clients are, by IMAP's ID or by XCLIENT: a front door's
    /// users appear with their own addresses in its log.
    pub trusts_loopback: bool,
    /// So many IMAP sessions share one process, as where thousands of idle ones are held; `None`: one process each.
    pub imap_client_limit: Option<u32>,
    /// The server's time zone as a POSIX `TZ` text: Dovecot keeps the moment of an INTERNALDATE but shows it in its own
    /// zone.
    pub time_zone: String,
    /// Further lines at the end of the configuration.
    pub extra: String,
}

impl Default for DovecotOptions {
    fn default() -> Self {
        DovecotOptions {
            storage: Storage::default(),
            separator: '/',
            prefix: String::new(),
            tls: None,
            special_use: false,
            condstore: true,
            quota: None,
            pop3: false,
            lmtp: false,
            sieve: false,
            trusts_loopback: false,
            imap_client_limit: None,
            time_zone: "UTC0".to_owned(),
            extra: String::new(),
        }
    }
}

/// What a server listens on, if it is asked to.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) imap: Port,
    pub(super) imaps: Port,
    pub(super) pop3: Port,
    pub(super) lmtp: Port,
    pub(super) sieve: Port,
}

impl Ports {
    pub(super) fn free() -> Ports {
        let [imap, imaps, pop3, lmtp, sieve] = std::array::from_fn(|_| Port::free());
        Ports { imap, imaps, pop3, lmtp, sieve }
    }
}

/// Everything that Dovecot 2.3 offers after login, without CONDSTORE, QRESYNC and what depends on them.
const WITHOUT_CONDSTORE: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES \
    THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS \
    LIST-EXTENDED I18NLEVEL=1 ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SPECIAL-USE \
    STATUS=SIZE LITERAL+";

impl DovecotOptions {
    /// The text of `dovecot.conf` for a server in `directory`.
    pub(super) fn render(&self, directory: &Path, ports: &Ports) -> String {
        let d = directory.display();
        let location = match self.storage {
            Storage::Maildir => "maildir:~/Maildir",
            Storage::MaildirFs => "maildir:~/Maildir:LAYOUT=fs",
            Storage::Sdbox => "sdbox:~/sdbox",
            Storage::Mdbox => "mdbox:~/mdbox",
        };
        let (internal, login, mail, group) = accounts();
        let mut text = format!(
            "base_dir = {d}/run\nstate_dir = {d}/state\nlog_path = {d}/log\ninstance_name = {d}\n\
             protocols = imap{}{}{}\nlisten = 127.0.0.1\n\
             default_internal_user = {internal}\ndefault_login_user = {login}\n\
             mail_uid = {mail}\nmail_gid = {group}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             mail_home = {d}/mail/%u\nmail_location = {location}\n\
             auth_mechanisms = plain login\nauth_master_user_separator = *\nauth_failure_delay = 0\n\
             auth_verbose = yes\ndisable_plaintext_auth = no\nmail_max_keyword_length = 255\n\
             mail_max_userip_connections = 20000\ndefault_process_limit = 2000\ndefault_client_limit = 20000\n",
            if self.pop3 { " pop3" } else { "" },
            if self.lmtp { " lmtp" } else { "" },
            if self.sieve { " sieve" } else { "" },
        );
        match self.tls {
            Some(_) => {
                let _ = writeln!(text, "ssl = yes\nssl_cert = <{d}/tls/server.pem\nssl_key = <{d}/tls/server.key");
            }
            None => text.push_str("ssl = no\n"),
        }
        let _ = writeln!(
            text,
            "passdb {{\n driver = passwd-file\n args = username_format=%u {d}/masters\n master = yes\n result_success = continue\n}}\n\
             passdb {{\n driver = passwd-file\n args = username_format=%u {d}/users\n}}\n\
             userdb {{\n driver = static\n args = uid={mail} gid={group} home={d}/mail/%u\n}}"
        );
        let _ = writeln!(
            text,
            "service imap-login {{\n inet_listener imap {{\n port = {}\n }}\n inet_listener imaps {{\n port = {}\n ssl = yes\n }}\n}}\n\
             service imap {{\n process_limit = 4000\n{}}}\n\
             service anvil {{\n unix_listener anvil-auth-penalty {{\n mode = 0\n }}\n}}",
            ports.imap.number(),
            if self.tls.is_some() { ports.imaps.number() } else { 0 },
            // A process that serves one client after the other is the rule; together they need the count of them lifted.
            self.imap_client_limit.map_or(String::new(), |n| format!(" service_count = 0\n client_limit = {n}\n")),
        );
        if self.trusts_loopback {
            text.push_str("login_trusted_networks = 127.0.0.0/8\n");
        }
        if self.pop3 {
            let _ = writeln!(
                text,
                "service pop3-login {{\n inet_listener pop3 {{\n port = {}\n }}\n inet_listener pop3s {{\n port = 0\n }}\n}}",
                ports.pop3.number()
            );
        }
        if self.lmtp {
            let plugins = if self.sieve { "protocol lmtp {\n mail_plugins = $mail_plugins sieve\n}\n" } else { "" };
            let _ = writeln!(
                text,
                "service lmtp {{\n inet_listener lmtp {{\n address = 127.0.0.1\n port = {}\n }}\n}}\n\
                 lmtp_save_to_detail_mailbox = no\n{plugins}",
                ports.lmtp.number()
            );
        }
        if self.sieve {
            let _ = writeln!(
                text,
                "service managesieve-login {{\n inet_listener sieve {{\n port = {}\n }}\n}}\n\
                 plugin {{\n sieve = file:~/sieve;active=~/.dovecot.sieve\n}}",
                ports.sieve.number()
            );
        }
        let special = |name: &str| format!(" mailbox {name} {{\n special_use = \\{name}\n auto = subscribe\n }}\n");
        let mailboxes: String = match self.special_use {
            true => ["Sent", "Drafts", "Trash", "Junk"].map(special).concat(),
            false => String::new(),
        };
        let _ = writeln!(
            text,
            "namespace inbox {{\n inbox = yes\n separator = {}\n prefix = {}\n{mailboxes}}}",
            self.separator, self.prefix
        );
        if !self.condstore {
            let _ = writeln!(text, "protocol imap {{\n imap_capability = {WITHOUT_CONDSTORE}\n}}");
        }
        if let Some(bytes) = self.quota {
            let _ = writeln!(
                text,
                "mail_plugins = quota\nprotocol imap {{\n mail_plugins = quota imap_quota\n}}\n\
                 plugin {{\n quota = count:User quota\n quota_vsizes = yes\n quota_grace = 0\n quota_rule = *:storage={bytes}B\n}}"
            );
        }
        if !is_root() {
            let _ = writeln!(text, "default_internal_group = {group}");
            for service in ["imap-login", "pop3-login", "managesieve-login", "anvil"] {
                let _ = writeln!(text, "service {service} {{\n chroot =\n}}");
            }
        }
        text.push_str(&self.extra);
        text
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The users of the server's own processes, of its login processes, and of the mail, and the mail's group. Without root
/// there is only one user to choose from.
fn accounts() -> (String, String, String, String) {
    if is_root() {
        return ["dovecot", "dovenull", "mail", "mail"].map(str::to_owned).into();
    }
    let id = |argument: &str| {
        let outcome = run(Command::new("id").arg(argument), b"", Duration::from_secs(10)).success();
        outcome.stdout.trim().to_owned()
    };
    (id("-un"), id("-un"), id("-un"), id("-gn"))
}

/// Gives a directory and everything in it to the user that holds the mail.
pub(super) fn give_to_mail(directory: &Path) {
    if !is_root() {
        return;
    }
    let give = || run(Command::new("chown").arg("-R").arg("mail:mail").arg(directory), b"", Duration::from_secs(300));
    // A file that the server removed meanwhile makes it fail: it is not there the next time.
    if !give().status.success() {
        give().success();
    }
}
