//! Requests about domains.

use super::answer::{Answer, DomainInfo};
use super::platform::Platform;
use crate::error::{Error, Result};

pub(super) async fn add(platform: &Platform, name: &str) -> Result<Answer> {
    platform.store.add_domain(name).await?;
    Ok(Answer::Domain(DomainInfo { name: fold(name), accounts: 0 }))
}

pub(super) async fn list(platform: &Platform) -> Result<Answer> {
    let accounts = platform.store.accounts(None).await?;
    let info = |name: String| {
        let accounts = accounts.iter().filter(|a| a.address.domain() == name).count();
        DomainInfo { name, accounts }
    };
    Ok(Answer::Domains(platform.store.domains().await?.into_iter().map(info).collect()))
}

pub(super) async fn show(platform: &Platform, name: &str) -> Result<Answer> {
    let name = fold(name);
    if !platform.store.domains().await?.contains(&name) {
        return Err(Error::new(format!("domain {name} does not exist; \"sterna domain add {name}\" adds it")));
    }
    let accounts = platform.store.accounts(Some(&name)).await?.len();
    Ok(Answer::Domain(DomainInfo { name, accounts }))
}

pub(super) async fn remove(platform: &Platform, name: &str) -> Result<Answer> {
    let name = fold(name);
    platform.store.remove_domain(&name).await?;
    Ok(Answer::Removed([("domain".to_owned(), name)].into()))
}

fn fold(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}
