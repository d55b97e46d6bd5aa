//! `sterna domain dkim NAME …`

use clap::{Args, Subcommand, ValueEnum};
use sterna_smtp::dns::Answer as Dns;

use super::Context;
use crate::admin::{Answer, DkimInfo, DkimRequest, Request};
use crate::error::{Error, Result};

/// What `dkim` takes.
#[derive(Debug, Args)]
pub(super) struct Dkim {
    /// The domain
    name: String,
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
enum Verb {
    /// List the keys and their records
    List,
    /// Make a key, to be activated once its record is in the DNS; without options, one of each kind
    Add {
        /// Its name, which becomes part of the record's
        #[arg(long, value_parser = selector)]
        selector: Option<String>,
        /// Its kind; rsa is understood by everybody
        #[arg(long, value_enum)]
        algorithm: Option<Algorithm>,
    },
    /// Sign with a key whose record is in the DNS
    Activate {
        /// Which
        #[arg(long)]
        selector: String,
        /// Do not look whether the record is there
        #[arg(long)]
        unchecked: bool,
    },
    /// Sign with a key no more; leave its record in the DNS for a week
    Retire {
        /// Which
        #[arg(long)]
        selector: String,
    },
    /// Forget a key
    Remove {
        /// Which
        #[arg(long)]
        selector: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    Ed25519,
    #[value(alias = "rsa2048")]
    Rsa,
}

/// One label of a name (RFC 6376 §3.1).
fn selector(text: &str) -> std::result::Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.len() > 63 || !text.chars().all(good) || text.starts_with('-') || text.ends_with('-') {
        return Err("a selector has letters, digits and hyphens, 63 at most".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

impl Dkim {
    /// Asks, and before a key is used looks whether others can find its record.
    pub async fn run(self, context: &Context) -> Result<()> {
        let name = self.name;
        let request = match self.verb {
            Verb::List => DkimRequest::List,
            Verb::Add { selector, algorithm } => {
                let algorithm = algorithm.map(|algorithm| match algorithm {
                    Algorithm::Ed25519 => "ed25519".to_owned(),
                    Algorithm::Rsa => "rsa2048".to_owned(),
                });
                DkimRequest::Add { algorithm, selector }
            }
            Verb::Activate { selector, unchecked } => {
                if !unchecked {
                    is_published(context, &name, &selector).await?;
                }
                DkimRequest::Activate { selector }
            }
            Verb::Retire { selector } => DkimRequest::Retire { selector },
            Verb::Remove { selector } => DkimRequest::Remove { selector },
        };
        context.request(Request::Dkim { name, request }).await
    }
}

async fn is_published(context: &Context, name: &str, selector: &str) -> Result<()> {
    let request = Request::Dkim { name: name.to_owned(), request: DkimRequest::List };
    let Answer::Dkim(keys) = context.ask(request).await? else { return Ok(()) };
    // One that is not there is told by the request itself.
    let Some(key) = keys.iter().find(|key| key.selector == selector) else { return Ok(()) };
    let answer = context.config.resolver()?.txt_anew(&key.record_name).await;
    let not_found = |what: &str| {
        Error::new(format!("{what}: {} TXT; publish \"{}\", or add --unchecked", key.record_name, key.record))
    };
    match answer {
        Dns::Found(texts) if texts.iter().any(|text| is_record(text, key)) => Ok(()),
        Dns::Found(_) => Err(not_found("the DNS has another record than this key's")),
        Dns::NoSuchName | Dns::NoData => Err(not_found("the DNS does not have the record yet")),
        Dns::Temporary(why) => {
            Err(Error::new(format!("the DNS does not answer ({why}); try again, or add --unchecked")))
        }
    }
}

/// Whether a text in the DNS tells a key: its `p=`, however it is spaced.
pub(super) fn is_record(text: &str, key: &DkimInfo) -> bool {
    fn public(text: &str) -> Option<String> {
        let tags = text.split(';').filter_map(|tag| tag.split_once('='));
        let value = tags.filter(|(name, _)| name.trim() == "p").map(|(_, value)| value).next()?;
        Some(value.chars().filter(|c| !c.is_ascii_whitespace()).collect())
    }
    public(text).is_some_and(|found| !found.is_empty() && public(&key.record).is_some_and(|own| own == found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_key_however_it_is_spaced() {
        let key = DkimInfo {
            selector: "s".into(),
            algorithm: "ed25519".into(),
            state: "pending".into(),
            record_name: "s._domainkey.example.org".into(),
            record: "v=DKIM1; k=ed25519; p=QUJD".into(),
            created: 0,
            changed: 0,
        };
        assert!(is_record("v=DKIM1;k=ed25519; p = QU JD ;", &key));
        assert!(!is_record("v=DKIM1; p=", &key) && !is_record("v=DKIM1; p=QUJE", &key) && !is_record("p", &key));
    }

    #[test]
    fn a_selector_is_a_label() {
        assert_eq!(selector("Key-1").as_deref(), Ok("key-1"));
        assert!(["", "a.b", "-a", "a_b", &"a".repeat(64)].iter().all(|text| selector(text).is_err()));
    }
}
