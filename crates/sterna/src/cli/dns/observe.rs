//! What the DNS has of a plan. Every question is asked anew and by itself; what nobody can answer stays unknown.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sterna_smtp::dns::{Answer, Exchanges, Resolver};

use super::records::Plan;
use super::srv::Services;

/// What is there.
pub(super) struct Observed {
    /// The domain's exchanges.
    pub mx: Answer<Exchanges>,
    /// The addresses of this server's name.
    pub hostname: Answer<Vec<IpAddr>>,
    /// The domain's texts.
    pub texts: Answer<Vec<String>>,
    /// The texts of `_dmarc`.
    pub dmarc: Answer<Vec<String>>,
    /// The texts of each key, in the plan's order.
    pub keys: Vec<Answer<Vec<String>>>,
    /// Whether each name for autoconfiguration leads where it should, in the plan's order.
    pub aliases: Vec<Answer<bool>>,
    /// Host and port of each service, in the plan's order.
    pub services: Vec<Answer<Vec<(String, u16)>>>,
}

/// Asks.
pub(super) async fn observe(resolver: &Resolver, services: &Services, plan: &Plan) -> Observed {
    let dmarc = format!("_dmarc.{}", plan.domain);
    let (mx, hostname, texts, dmarc) = tokio::join!(
        resolver.mx(&plan.domain),
        resolver.addresses(&plan.hostname),
        resolver.txt_anew(&plan.domain),
        resolver.txt_anew(&dmarc),
    );
    let mut observed =
        Observed { mx, hostname, texts, dmarc, keys: Vec::new(), aliases: Vec::new(), services: Vec::new() };
    for key in &plan.keys {
        observed.keys.push(resolver.txt_anew(&key.record_name).await);
    }
    for (name, target) in &plan.aliases {
        observed.aliases.push(leads(resolver, name, target).await);
    }
    for service in &plan.services {
        observed.services.push(services.of(&service.name).await);
    }
    observed
}

/// Whether a name has an address of the target's: a CNAME, or addresses of its own, both serve.
async fn leads(resolver: &Resolver, name: &str, target: &str) -> Answer<bool> {
    let (own, wanted) = tokio::join!(resolver.addresses(name), resolver.addresses(target));
    let wanted: BTreeSet<IpAddr> = wanted.found().unwrap_or_default().into_iter().collect();
    match own {
        Answer::Found(own) => Answer::Found(own.iter().any(|address| wanted.contains(address))),
        Answer::NoSuchName => Answer::NoSuchName,
        Answer::NoData => Answer::NoData,
        Answer::Temporary(why) => Answer::Temporary(why),
    }
}
