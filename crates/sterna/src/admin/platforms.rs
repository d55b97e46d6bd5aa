//! Requests about platforms: where mailboxes are that are not here, or not here yet.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sterna_frontdoor::{PlatformLogin, Settings, UserForm};
use sterna_store::{PlatformRecord, Route};

use super::answer::Answer;
use super::platform::Platform;
use super::request::Hidden;
use crate::error::{Error, Result};

/// Between the two names of a master login, as Dovecot has it.
const SEPARATOR: &str = "*";

/// What is asked of platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformRequest {
    /// `platform add`
    Add {
        /// What routes call it.
        name: String,
        /// What it is, beginning with nothing.
        changes: Vec<PlatformChange>,
    },
    /// `platform list`
    List,
    /// `platform show`
    Show {
        /// Which.
        name: String,
    },
    /// `platform set`
    Set {
        /// Which.
        name: String,
        /// What; all are checked together.
        changes: Vec<PlatformChange>,
    },
    /// `platform remove`
    Remove {
        /// Which.
        name: String,
    },
}

/// One change of a platform's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformChange {
    /// One of its servers; `None`: it has none.
    Server(PlatformServer, Option<String>),
    /// How Sterna logs in there; what is `None` stays, or is what is usual.
    Login {
        /// The way.
        way: Option<LoginWay>,
        /// Who stands for all users.
        login: Option<String>,
        /// Between the two names of a master login.
        separator: Option<String>,
    },
    /// Password or token of the login that stands for all users.
    Secret(Hidden),
    /// What users are called there.
    User(UserForm),
    /// It is told the client's address.
    TellClient(bool),
    /// Passwords that it accepts are learned.
    Learn(bool),
    /// Sessions at a time; `None`: as many as come.
    MaxSessions(Option<u32>),
    /// Seconds that connecting and logging in may take; `None`: what is usual.
    Timeout(Option<u32>),
}

/// Which server of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformServer {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// ManageSieve.
    Sieve,
    /// Where mail goes.
    Deliver,
    /// Submission.
    Submission,
    /// Calendars and contacts.
    Dav,
    /// The webmail.
    Web,
}

/// How Sterna logs in at a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LoginWay {
    /// With what the user says; the platform knows whether it is right
    User,
    /// As a master user, by a combined name such as anne*master
    Master,
    /// By SASL PLAIN with the user as authorisation identity
    Authzid,
    /// By XOAUTH2 with a token that is good for every user
    Oauth2,
}

/// A platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformInfo {
    /// What routes call it.
    pub name: String,
    /// Its servers and how they are used.
    pub settings: Settings,
    /// Whether the password of a login that stands for all users is known.
    pub has_password: bool,
    /// Accounts whose mailbox is there.
    pub accounts: usize,
    /// Domains whose mailboxes are there where the account does not say otherwise.
    pub domains: Vec<String>,
    /// Seconds since 1970.
    pub created: i64,
}

pub(super) async fn run(platform: &Platform, request: PlatformRequest) -> Result<Answer> {
    match request {
        PlatformRequest::Add { name, changes } => add(platform, &name, changes).await,
        PlatformRequest::List => {
            let mut infos = Vec::new();
            let mut users = Users::of(platform).await?;
            for record in platform.store.platforms().await? {
                infos.push(info(record, &mut users)?);
            }
            Ok(Answer::Platforms(infos))
        }
        PlatformRequest::Show { name } => show(platform, &name).await,
        PlatformRequest::Set { name, changes } => set(platform, &name, changes).await,
        PlatformRequest::Remove { name } => remove(platform, &name).await,
    }
}

async fn add(platform: &Platform, name: &str, changes: Vec<PlatformChange>) -> Result<Answer> {
    let (settings, secret) = changed(platform, Settings::default(), None, changes)?;
    platform.store.add_platform(name, settings, secret).await?;
    show(platform, name).await
}

async fn show(platform: &Platform, name: &str) -> Result<Answer> {
    let record = record(platform, name).await?;
    Ok(Answer::Platform(info(record, &mut Users::of(platform).await?)?))
}

async fn set(platform: &Platform, name: &str, changes: Vec<PlatformChange>) -> Result<Answer> {
    let old = record(platform, name).await?;
    let (settings, secret) = changed(platform, settings(&old)?, old.secret, changes)?;
    platform.store.set_platform(name, settings, secret).await?;
    show(platform, name).await
}

async fn remove(platform: &Platform, name: &str) -> Result<Answer> {
    record(platform, name).await?;
    platform.store.remove_platform(name).await.map_err(|error| match error {
        sterna_store::Error::NotPermitted(why) => Error::new(format!(
            "{why}; move them, or give them another place by \"sterna account set\" and \"sterna domain set\""
        )),
        error => error.into(),
    })?;
    Ok(Answer::Removed([("platform".to_owned(), name.to_owned())].into()))
}

/// The directory's entry of a platform.
pub(super) async fn record(platform: &Platform, name: &str) -> Result<PlatformRecord> {
    let missing = || {
        let name = name.escape_debug();
        Error::new(format!("platform {name} does not exist; \"sterna platform list\" shows those that do"))
    };
    platform.store.platform(name).await?.ok_or_else(missing)
}

fn settings(record: &PlatformRecord) -> Result<Settings> {
    let unreadable = |e| Error::new(format!("the settings of platform {} cannot be read: {e}", record.name));
    serde_json::from_str(&record.settings).map_err(unreadable)
}

/// Settings and sealed secret after the changes, if they can be used.
fn changed(
    platform: &Platform,
    mut settings: Settings,
    mut secret: Option<Vec<u8>>,
    changes: Vec<PlatformChange>,
) -> Result<(String, Option<Vec<u8>>)> {
    let mut given = false;
    for change in changes {
        match change {
            PlatformChange::Server(which, url) => *server(&mut settings, which) = url,
            PlatformChange::Login { way, login, separator } => {
                settings.login = log_in(&settings.login, way, login, separator)?;
            }
            PlatformChange::Secret(new) => {
                secret = Some(platform.store.seal(new.0.as_bytes())?);
                given = true;
            }
            PlatformChange::User(form) => settings.user = form,
            PlatformChange::TellClient(tell) => settings.tell_client = tell,
            PlatformChange::Learn(learn) => settings.learn = learn,
            PlatformChange::MaxSessions(most) => settings.max_sessions = most,
            PlatformChange::Timeout(seconds) => settings.timeout = seconds,
        }
    }
    if settings.login == PlatformLogin::User {
        if given {
            return Err(Error::new(
                "users log in there with their own passwords; add --login master, authzid or oauth2 to use this one",
            ));
        }
        // What is not needed is not kept.
        secret = None;
    }
    settings.check(secret.is_some()).map_err(|e| {
        let hint =
            if settings.login != PlatformLogin::User && secret.is_none() { "; add --password-stdin" } else { "" };
        Error::new(format!("{e}{hint}"))
    })?;
    let text = serde_json::to_string(&settings).map_err(|e| Error::new(format!("cannot write the settings: {e}")))?;
    Ok((text, secret))
}

fn server(settings: &mut Settings, which: PlatformServer) -> &mut Option<String> {
    match which {
        PlatformServer::Imap => &mut settings.imap,
        PlatformServer::Pop3 => &mut settings.pop3,
        PlatformServer::Sieve => &mut settings.sieve,
        PlatformServer::Deliver => &mut settings.deliver,
        PlatformServer::Submission => &mut settings.submission,
        PlatformServer::Dav => &mut settings.dav,
        PlatformServer::Web => &mut settings.web,
    }
}

/// The login after a change: what is not given stays as it was.
fn log_in(
    old: &PlatformLogin,
    way: Option<LoginWay>,
    login: Option<String>,
    separator: Option<String>,
) -> Result<PlatformLogin> {
    let (old_way, old_login, old_separator) = match old {
        PlatformLogin::User => (LoginWay::User, None, None),
        PlatformLogin::Master { login, separator } => (LoginWay::Master, Some(login.clone()), Some(separator.clone())),
        PlatformLogin::Authzid { login } => (LoginWay::Authzid, Some(login.clone()), None),
        PlatformLogin::OAuth2 => (LoginWay::Oauth2, None, None),
    };
    let way = way.unwrap_or(old_way);
    if separator.is_some() && way != LoginWay::Master {
        return Err(Error::new("--separator stands between the two names of --login master"));
    }
    if login.is_some() && matches!(way, LoginWay::User | LoginWay::Oauth2) {
        return Err(Error::new("--as names who stands for all users, with --login master or --login authzid"));
    }
    let login = login.or(old_login).filter(|login| !login.is_empty());
    let login = || login.ok_or_else(|| Error::new("who logs in for all users? Add --as LOGIN"));
    Ok(match way {
        LoginWay::User => PlatformLogin::User,
        LoginWay::Master => PlatformLogin::Master {
            login: login()?,
            separator: separator.or(old_separator).unwrap_or_else(|| SEPARATOR.to_owned()),
        },
        LoginWay::Authzid => PlatformLogin::Authzid { login: login()? },
        LoginWay::Oauth2 => PlatformLogin::OAuth2,
    })
}

/// Who has mailboxes where.
struct Users {
    accounts: HashMap<String, usize>,
    domains: HashMap<String, Vec<String>>,
}

impl Users {
    async fn of(platform: &Platform) -> Result<Users> {
        let mut users = Users { accounts: HashMap::new(), domains: HashMap::new() };
        let domains = platform.store.domain_records().await?;
        for domain in &domains {
            if let Route::Platform(name) = domain.place() {
                users.domains.entry(name).or_default().push(domain.name.clone());
            }
        }
        let domains: HashMap<_, _> = domains.iter().map(|domain| (domain.name.as_str(), domain)).collect();
        for account in platform.store.accounts(None).await? {
            // An account whose domain was removed this moment is gone as well.
            let Some(domain) = domains.get(account.address.domain()) else { continue };
            if let Route::Platform(name) = account.place(domain) {
                *users.accounts.entry(name).or_default() += 1;
            }
        }
        Ok(users)
    }
}

fn info(record: PlatformRecord, users: &mut Users) -> Result<PlatformInfo> {
    Ok(PlatformInfo {
        settings: settings(&record)?,
        has_password: record.secret.is_some(),
        accounts: users.accounts.remove(&record.name).unwrap_or_default(),
        domains: users.domains.remove(&record.name).unwrap_or_default(),
        name: record.name,
        created: record.created,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_keeps_what_is_not_given() {
        let master = log_in(&PlatformLogin::User, Some(LoginWay::Master), Some("boss".into()), None).unwrap();
        assert_eq!(master, PlatformLogin::Master { login: "boss".into(), separator: "*".into() });
        let plus = log_in(&master, None, None, Some("+".into())).unwrap();
        assert_eq!(plus, PlatformLogin::Master { login: "boss".into(), separator: "+".into() });
        let authzid = log_in(&plus, Some(LoginWay::Authzid), None, None).unwrap();
        assert_eq!(authzid, PlatformLogin::Authzid { login: "boss".into() });
        assert_eq!(log_in(&authzid, Some(LoginWay::User), None, None).unwrap(), PlatformLogin::User);
        assert!(log_in(&PlatformLogin::User, Some(LoginWay::Master), None, None).is_err());
        assert!(log_in(&PlatformLogin::User, None, Some("boss".into()), None).is_err());
        assert!(log_in(&authzid, None, None, Some("+".into())).is_err());
    }
}
