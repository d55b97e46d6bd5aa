//! `sterna platform …`

use clap::{ArgAction, ArgGroup, Args, Subcommand, ValueEnum};
use sterna_frontdoor::UserForm;

use super::given::{Given, limit, route, server, web};
use super::password::OptionalSecret;
use crate::admin::{Hidden, LoginWay, PlatformChange, PlatformRequest, PlatformServer, Request};
use crate::error::Result;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Platform {
    /// Add a platform
    Add {
        /// What accounts and domains call it, such as old
        name: String,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// List all platforms
    List,
    /// Show a platform and who has mailboxes there
    Show {
        /// Which
        name: String,
    },
    /// Change what is given of a platform; the rest stays
    Set(Box<Set>),
    /// Remove a platform that has no mailboxes any more
    Remove {
        /// Which
        name: String,
    },
}

/// What `set` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("changes").required(true).multiple(true).args([
    "imap", "pop3", "sieve", "deliver", "submission", "dav", "web", "login", "login_as", "separator", "password_stdin",
    "password_file", "user_form", "tell_client", "no_tell_client", "learn", "no_learn", "max_sessions", "timeout",
]))]
pub(super) struct Set {
    /// Which
    name: String,
    #[command(flatten)]
    settings: Settings,
}

/// What is said of a platform. An empty text is none.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Its IMAP server, imap://HOST[:PORT]?tls=none|starttls|implicit[&ca=FILE]; none: it has none
    #[arg(long, value_name = "URL|none", value_parser = server)]
    imap: Option<Given<String>>,
    /// Its POP3 server, pop3://…
    #[arg(long, value_name = "URL|none", value_parser = server)]
    pop3: Option<Given<String>>,
    /// Its ManageSieve server, sieve://…
    #[arg(long, value_name = "URL|none", value_parser = server)]
    sieve: Option<Given<String>>,
    /// Where mail for its mailboxes goes, lmtp://HOST:PORT?tls=none|starttls|implicit or smtp://…
    #[arg(long, value_name = "URL|none", value_parser = route)]
    deliver: Option<Given<String>>,
    /// Its submission server, submission://…; written down only, people submit here
    #[arg(long, value_name = "URL|none", value_parser = server)]
    submission: Option<Given<String>>,
    /// Its calendars and contacts, https://…
    #[arg(long, value_name = "URL|none", value_parser = web)]
    dav: Option<Given<String>>,
    /// Its webmail, https://…
    #[arg(long, value_name = "URL|none", value_parser = web)]
    web: Option<Given<String>>,
    /// How Sterna logs in there for its users
    #[arg(long, value_enum)]
    login: Option<LoginWay>,
    /// Who logs in for all users, with --login master or authzid
    #[arg(long = "as", id = "login_as", value_name = "LOGIN")]
    login_as: Option<String>,
    /// Between the user's name and the master's, * where nothing is said
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    #[command(flatten)]
    password: OptionalSecret,
    /// What users are called there: their whole address, or its part before the @
    #[arg(long, value_enum, value_name = "FORM")]
    user_form: Option<Form>,
    /// Tell it the client's address (IMAP ID, POP3 XCLIENT), where it trusts this server
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "no_tell_client")]
    tell_client: bool,
    /// Tell it no client's address
    #[arg(long, action = ArgAction::SetTrue)]
    no_tell_client: bool,
    /// Learn the passwords that it accepts, as hashes, for accounts that have none here
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "no_learn")]
    learn: bool,
    /// Learn no passwords
    #[arg(long, action = ArgAction::SetTrue)]
    no_learn: bool,
    /// Sessions that may be passed on to it at a time; none: as many as come
    #[arg(long, value_name = "N|none", value_parser = limit)]
    max_sessions: Option<Given<u32>>,
    /// How long connecting and logging in may take, 1 to 300; none: 20
    #[arg(long, value_name = "SECONDS|none", value_parser = seconds)]
    timeout: Option<Given<u32>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Address,
    Local,
}

fn seconds(text: &str) -> std::result::Result<Given<u32>, String> {
    let given = limit(text)?;
    match given.0 {
        Some(seconds) if seconds > 300 => Err("write seconds, 1 to 300, or none".to_owned()),
        _ => Ok(given),
    }
}

impl Platform {
    pub fn request(self) -> Result<Request> {
        Ok(Request::Platform(match self {
            Platform::Add { name, settings } => {
                let changes = settings.changes(&name)?;
                PlatformRequest::Add { name, changes }
            }
            Platform::List => PlatformRequest::List,
            Platform::Show { name } => PlatformRequest::Show { name },
            Platform::Set(set) => {
                let changes = set.settings.changes(&set.name)?;
                PlatformRequest::Set { name: set.name, changes }
            }
            Platform::Remove { name } => PlatformRequest::Remove { name },
        }))
    }
}

impl Settings {
    fn changes(self, name: &str) -> Result<Vec<PlatformChange>> {
        let server = |which, given: Option<Given<String>>| given.map(|given| PlatformChange::Server(which, given.0));
        let switch = |on: bool, off: bool| (on || off).then_some(on);
        let login = self.login.is_some() || self.login_as.is_some() || self.separator.is_some();
        let (way, separator) = (self.login, self.separator);
        let login = login.then_some(PlatformChange::Login { way, login: self.login_as, separator });
        let secret = self.password.read(&format!("Password for all users of {name}"))?;
        let form = self.user_form.map(|form| match form {
            Form::Address => UserForm::Address,
            Form::Local => UserForm::Local,
        });
        let changes = [
            server(PlatformServer::Imap, self.imap),
            server(PlatformServer::Pop3, self.pop3),
            server(PlatformServer::Sieve, self.sieve),
            server(PlatformServer::Deliver, self.deliver),
            server(PlatformServer::Submission, self.submission),
            server(PlatformServer::Dav, self.dav),
            server(PlatformServer::Web, self.web),
            login,
            secret.map(|secret| PlatformChange::Secret(Hidden(secret))),
            form.map(PlatformChange::User),
            switch(self.tell_client, self.no_tell_client).map(PlatformChange::TellClient),
            switch(self.learn, self.no_learn).map(PlatformChange::Learn),
            self.max_sessions.map(|given| PlatformChange::MaxSessions(given.0)),
            self.timeout.map(|given| PlatformChange::Timeout(given.0)),
        ];
        Ok(changes.into_iter().flatten().collect())
    }
}
