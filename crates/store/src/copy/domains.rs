//! What the directory knows of domains: their properties, their aliases, their keys. A domain that the target has already
//! keeps its properties there, as do aliases and keys.

use crate::db::{Tx, Val, vals};
use crate::directory::DkimKey;
use crate::error::{Error, Result};
use crate::store::Store;

/// A row of `domain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DomainLine {
    name: String,
    catch_all: Option<String>,
    route: Option<String>,
    hourly_limit: Option<i64>,
    created: i64,
}

/// A domain with everything that is its own.
struct Domain {
    line: DomainLine,
    /// Address, target, age.
    aliases: Vec<(String, String, i64)>,
    /// With their secrets in the clear.
    keys: Vec<DkimKey>,
    /// Rows of `submission_domain`.
    submitted: Vec<[i64; 2]>,
}

/// Copies all domains, those without accounts too, and the platforms that their routes name.
pub(super) async fn copy_domains(from: &Store, to: &Store) -> Result<()> {
    for platform in from.platforms().await? {
        let secret = platform.secret.as_ref().map(|sealed| to.seal(&from.unseal(sealed)?)).transpose()?;
        match to.add_platform(&platform.name, platform.settings, secret).await {
            // What the target has stays.
            Err(Error::Exists(_)) => {}
            added => added?,
        }
    }
    for name in from.domains().await? {
        let domain = from.directory().read(move |tx| tx.whole_domain(&name)).await?;
        let Some(mut domain) = domain else { continue };
        for key in &mut domain.keys {
            key.secret = to.seal(&from.unseal(&key.secret)?)?;
        }
        to.directory().write(move |tx| tx.put_whole_domain(&domain)).await?;
    }
    Ok(())
}

impl Tx<'_> {
    pub(super) fn domain_line(&self, name: &str) -> Result<Option<DomainLine>> {
        let sql = "SELECT name, catch_all, route, hourly_limit, created FROM domain WHERE name = ?1";
        self.one(sql, vals![name], |r| {
            Ok(DomainLine {
                name: r.text(0)?.to_owned(),
                catch_all: r.opt_text(1)?.map(str::to_owned),
                route: r.opt_text(2)?.map(str::to_owned),
                hourly_limit: r.opt_int(3)?,
                created: r.int(4)?,
            })
        })
    }

    pub(super) fn put_domain_line(&self, line: &DomainLine) -> Result<()> {
        let DomainLine { name, catch_all, route, hourly_limit, created } = line;
        self.execute(
            "INSERT INTO domain (name, catch_all, route, hourly_limit, created) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO NOTHING",
            vals![name, catch_all.as_ref(), route.as_ref(), *hourly_limit, *created],
        )?;
        Ok(())
    }

    fn whole_domain(&self, name: &str) -> Result<Option<Domain>> {
        let Some(line) = self.domain_line(name)? else { return Ok(None) };
        let sql = "SELECT a.address, t.target, a.created FROM alias a JOIN alias_target t ON t.address = a.address \
                   ORDER BY a.address, t.target";
        let mut aliases = self.query(sql, &[], |r| Ok((r.text(0)?.to_owned(), r.text(1)?.to_owned(), r.int(2)?)))?;
        aliases.retain(|(address, ..)| address.rsplit_once('@').is_some_and(|(_, domain)| domain == name));
        let sql = "SELECT bucket, messages FROM submission_domain WHERE domain = ?1 ORDER BY bucket";
        let submitted = self.query(sql, vals![name], |r| Ok([r.int(0)?, r.int(1)?]))?;
        Ok(Some(Domain { aliases, keys: self.sealed_dkim_keys(name)?, submitted, line }))
    }

    fn put_whole_domain(&self, domain: &Domain) -> Result<()> {
        let name = &domain.line.name;
        self.put_domain_line(&domain.line)?;
        for (address, ..) in &domain.aliases {
            if self.one("SELECT 1 FROM account WHERE address = ?1", vals![address], |_| Ok(()))?.is_some() {
                return Err(Error::NotPermitted(format!("the alias {address} is an account in the target")));
            }
        }
        let rows: Vec<[Val<'_>; 2]> =
            domain.aliases.iter().map(|(a, _, created)| [a.into(), (*created).into()]).collect();
        self.execute_many("INSERT INTO alias (address, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &rows)?;
        let rows: Vec<[Val<'_>; 2]> = domain.aliases.iter().map(|(a, t, _)| [a.into(), t.into()]).collect();
        self.execute_many("INSERT INTO alias_target (address, target) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &rows)?;
        let known = self.sealed_dkim_keys(name)?;
        for key in domain.keys.iter().filter(|key| known.iter().all(|k| k.selector != key.selector)) {
            self.put_dkim_key(key)?;
        }
        let rows: Vec<[Val<'_>; 3]> =
            domain.submitted.iter().map(|[bucket, n]| [name.into(), (*bucket).into(), (*n).into()]).collect();
        self.execute_many(
            "INSERT INTO submission_domain (domain, bucket, messages) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            &rows,
        )
    }
}
