//! What is missing or wrong, each with a code that does not change, for programs, and a sentence for people.

use std::fmt;

use serde::Serialize;
use sterna_smtp::dns::{Answer, Exchanges};

use super::super::dkim::is_record;
use super::observe::Observed;
use super::records::Plan;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Mail does not come here, or is not trusted elsewhere.
    Error,
    /// It would be better otherwise.
    Advice,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Such as `NO_MX_RECORD`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whose record.
    pub name: String,
    /// A sentence.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Advice => "advice",
        };
        write!(f, "{}  {severity}  {}: {}", self.code, self.name, self.text)
    }
}

/// Collects findings.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, code: &'static str, name: &str, text: impl Into<String>) {
        self.0.push(Finding { code, severity: Severity::Error, name: name.to_owned(), text: text.into() });
    }

    fn advice(&mut self, code: &'static str, name: &str, text: impl Into<String>) {
        self.0.push(Finding { code, severity: Severity::Advice, name: name.to_owned(), text: text.into() });
    }

    /// An answer's records; none and a finding if nobody could say.
    fn known<'a, T>(&mut self, name: &str, answer: &'a Answer<T>) -> Option<Option<&'a T>> {
        match answer {
            Answer::Found(records) => Some(Some(records)),
            Answer::NoSuchName | Answer::NoData => Some(None),
            Answer::Temporary(why) => {
                self.error("DNS_NO_ANSWER", name, format!("the DNS could not say ({why}); check again later"));
                None
            }
        }
    }
}

/// Compares.
pub(super) fn judge(plan: &Plan, observed: &Observed) -> Vec<Finding> {
    let mut found = Findings::default();
    mx(&mut found, plan, observed);
    spf(&mut found, plan, observed);
    dkim(&mut found, plan, observed);
    dmarc(&mut found, plan, observed);
    clients(&mut found, plan, observed);
    found.0
}

fn mx(found: &mut Findings, plan: &Plan, observed: &Observed) {
    let Plan { domain, hostname, .. } = plan;
    match found.known(domain, &observed.mx) {
        None => {}
        Some(None) => found.error("NO_MX_RECORD", domain, format!("there is no MX record; it should name {hostname}")),
        Some(Some(Exchanges::Null)) => {
            found.error("NULL_MX_RECORD", domain, "the MX record says that the domain takes no mail");
        }
        Some(Some(Exchanges::Hosts(hosts))) => {
            let names = |others: &[&str]| others.join(", ");
            let others: Vec<&str> =
                hosts.iter().map(|mx| mx.host.as_str()).filter(|host| !host.eq_ignore_ascii_case(hostname)).collect();
            if others.len() == hosts.len() {
                let text = format!("mail goes to {} and not to {hostname}", names(&others));
                found.error("EXTERNAL_MX_RECORD", domain, text);
            } else if !others.is_empty() {
                let text = format!("mail goes to {} as well as to {hostname}", names(&others));
                found.advice("EXTERNAL_MX_RECORD", domain, text);
            }
        }
    }
    if found.known(hostname, &observed.hostname) == Some(None) {
        found.error("NO_ADDRESS_RECORD", hostname, "this server's own name has no address");
    }
}

fn spf(found: &mut Findings, plan: &Plan, observed: &Observed) {
    let domain = &plan.domain;
    let Some(texts) = found.known(domain, &observed.texts) else { return };
    let is_spf = |text: &&String| text.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("v=spf1"));
    let policies: Vec<&String> = texts.into_iter().flatten().filter(is_spf).collect();
    match policies.as_slice() {
        [] => found.error("NO_SPF_RECORD", domain, "there is no SPF record; others cannot tell who may send"),
        [policy] => {
            let terms: Vec<String> = policy.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
            let has = |term: &str| terms.iter().any(|t| t == term);
            if has("+all") || has("all") || has("?all") {
                found.error("DANGEROUS_SPF_POLICY", domain, format!("\"{policy}\" lets anybody send for the domain"));
            } else if !has("-all") && !has("~all") && !terms.iter().any(|t| t.starts_with("redirect=")) {
                found.error(
                    "DANGEROUS_SPF_POLICY",
                    domain,
                    format!("\"{policy}\" says nothing of all others; end it with ~all"),
                );
            }
        }
        several => {
            let text = format!("there are {} SPF records; others then trust none (RFC 7208 §4.5)", several.len());
            found.error("MULTIPLE_SPF_RECORDS", domain, text);
        }
    }
}

fn dkim(found: &mut Findings, plan: &Plan, observed: &Observed) {
    if !plan.keys.iter().any(|key| key.state == "active") {
        let text = format!("mail is not signed; \"sterna domain dkim {} add\" makes a key", plan.domain);
        found.error("NO_ACTIVE_DKIM_KEY", &plan.domain, text);
    }
    let mut missing = Vec::new();
    let asked = plan.keys.iter().zip(&observed.keys);
    for (key, answer) in asked.filter(|(key, _)| key.state != "retired") {
        let name = &key.record_name;
        match found.known(name, answer) {
            None => {}
            Some(texts) if texts.into_iter().flatten().any(|text| is_record(text, key)) => {}
            Some(Some(_)) => found.error("WRONG_DKIM_RECORD", name, "the record tells another key than the one in use"),
            Some(None) => missing.push(key),
        }
    }
    let wanted = plan.keys.iter().filter(|key| key.state != "retired").count();
    let code = if missing.len() == wanted { "MISSING_ALL_SELECTORS" } else { "MISSING_ONE_SELECTOR" };
    for key in missing {
        if key.state == "active" {
            found.error(code, &key.record_name, "mail is signed with a key that nobody can find; publish its record");
        } else {
            found.advice(code, &key.record_name, "publish the record of the new key, then activate it");
        }
    }
}

fn dmarc(found: &mut Findings, plan: &Plan, observed: &Observed) {
    let name = format!("_dmarc.{}", plan.domain);
    let Some(texts) = found.known(&name, &observed.dmarc) else { return };
    let is_policy = |text: &&String| text.trim_start().to_ascii_uppercase().starts_with("V=DMARC1");
    let policies: Vec<&String> = texts.into_iter().flatten().filter(is_policy).collect();
    match policies.as_slice() {
        [] => found.advice("NO_DMARC_RECORD", &name, "there is no DMARC record; large providers ask for one"),
        [policy] => {
            let p = policy.split(';').filter_map(|tag| tag.split_once('=')).find(|(name, _)| name.trim() == "p");
            if !p.is_some_and(|(_, value)| matches!(value.trim(), "quarantine" | "reject")) {
                found.advice("WEAK_DMARC_POLICY", &name, format!("\"{policy}\" asks nobody to refuse forged mail"));
            }
        }
        _ => found.error("MULTIPLE_DMARC_RECORDS", &name, "there are several DMARC records; others then follow none"),
    }
}

fn clients(found: &mut Findings, plan: &Plan, observed: &Observed) {
    for (service, answer) in plan.services.iter().zip(&observed.services) {
        let (name, place) = (&service.name, format!("{}, port {}", service.host, service.port));
        match found.known(name, answer) {
            None => {}
            Some(None) => found.advice("MISSING_SRV_RECORD", name, format!("clients do not find {place}")),
            Some(Some(places)) => {
                let right =
                    |(host, port): &(String, u16)| host.eq_ignore_ascii_case(&service.host) && *port == service.port;
                if !places.iter().any(right) {
                    found.advice("WRONG_SRV_RECORD", name, format!("it leads elsewhere than to {place}"));
                }
            }
        }
    }
    for ((name, target), answer) in plan.aliases.iter().zip(&observed.aliases) {
        match found.known(name, answer) {
            None | Some(Some(true)) => {}
            Some(None) => {
                found.advice("MISSING_AUTOCONFIG_NAME", name, format!("clients look for it; let it lead to {target}"));
            }
            Some(Some(false)) => {
                found.advice("WRONG_AUTOCONFIG_NAME", name, format!("it leads elsewhere than to {target}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sterna_smtp::dns::Exchange;

    use super::super::records::tests::plan;
    use super::*;

    /// Everything as it should be.
    fn good(plan: &Plan) -> Observed {
        let exchange = Exchange { preference: 10, host: plan.hostname.clone() };
        let texts = vec!["google-site-verification=x".to_owned(), "v=spf1 mx ~all".to_owned()];
        Observed {
            mx: Answer::Found(Exchanges::Hosts(vec![exchange])),
            hostname: Answer::Found(vec!["192.0.2.1".parse().unwrap()]),
            texts: Answer::Found(texts),
            dmarc: Answer::Found(vec!["v=DMARC1; p=reject".to_owned()]),
            keys: plan.keys.iter().map(|key| Answer::Found(vec![key.record.clone()])).collect(),
            aliases: plan.aliases.iter().map(|_| Answer::Found(true)).collect(),
            services: plan.services.iter().map(|s| Answer::Found(vec![(s.host.clone(), s.port)])).collect(),
        }
    }

    fn codes(change: impl FnOnce(&mut Plan, &mut Observed)) -> Vec<&'static str> {
        let mut plan = plan();
        let mut observed = good(&plan);
        change(&mut plan, &mut observed);
        judge(&plan, &observed).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_domain_that_is_set_up_has_no_findings() {
        assert_eq!(codes(|_, _| {}), [""; 0]);
    }

    #[test]
    fn exchanges_elsewhere_are_told() {
        let other = |host: &str| Exchange { preference: 5, host: host.into() };
        assert_eq!(codes(|_, o| o.mx = Answer::NoData), ["NO_MX_RECORD"]);
        assert_eq!(codes(|_, o| o.mx = Answer::Found(Exchanges::Null)), ["NULL_MX_RECORD"]);
        let elsewhere = || Answer::Found(Exchanges::Hosts(vec![other("mx.old.example")]));
        assert_eq!(codes(|_, o| o.mx = elsewhere()), ["EXTERNAL_MX_RECORD"]);
        let plan = plan();
        let both = vec![other("mx.old.example"), other(&plan.hostname)];
        let findings = judge(&plan, &Observed { mx: Answer::Found(Exchanges::Hosts(both)), ..good(&plan) });
        assert_eq!((findings[0].code, findings[0].severity), ("EXTERNAL_MX_RECORD", Severity::Advice));
        assert_eq!(codes(|_, o| o.hostname = Answer::NoSuchName), ["NO_ADDRESS_RECORD"]);
        assert_eq!(codes(|_, o| o.mx = Answer::Temporary("timeout".into())), ["DNS_NO_ANSWER"]);
    }

    #[test]
    fn policies_that_harm_are_told() {
        let with =
            |texts: &[&str]| codes(|_, o| o.texts = Answer::Found(texts.iter().map(|t| (*t).to_owned()).collect()));
        assert_eq!(with(&["v=spf10 mx"]), ["NO_SPF_RECORD"]);
        assert_eq!(with(&["v=spf1 mx -all", "V=SPF1 -all"]), ["MULTIPLE_SPF_RECORDS"]);
        for policy in ["v=spf1 +all", "v=spf1 mx all", "v=spf1 ?all", "v=spf1 mx"] {
            assert_eq!(with(&[policy]), ["DANGEROUS_SPF_POLICY"], "{policy}");
        }
        assert_eq!(with(&["v=spf1 redirect=_spf.example.net"]), [""; 0]);
        let dmarc =
            |texts: &[&str]| codes(|_, o| o.dmarc = Answer::Found(texts.iter().map(|t| (*t).to_owned()).collect()));
        assert_eq!(dmarc(&[]), ["NO_DMARC_RECORD"]);
        assert_eq!(dmarc(&["v=DMARC1; p=none"]), ["WEAK_DMARC_POLICY"]);
        assert_eq!(dmarc(&["v=DMARC1; p=none", "v=DMARC1; p=reject"]), ["MULTIPLE_DMARC_RECORDS"]);
    }

    #[test]
    fn selectors_are_looked_for_one_by_one() {
        assert_eq!(codes(|_, o| o.keys[0] = Answer::NoSuchName), ["MISSING_ONE_SELECTOR"]);
        assert_eq!(
            codes(|_, o| o.keys.iter_mut().for_each(|key| *key = Answer::NoData)),
            ["MISSING_ALL_SELECTORS", "MISSING_ALL_SELECTORS"]
        );
        assert_eq!(codes(|_, o| o.keys[0] = Answer::Found(vec!["v=DKIM1; p=AAAA".into()])), ["WRONG_DKIM_RECORD"]);
        assert_eq!(codes(|p, _| p.keys[0].state = "retired".into()), ["NO_ACTIVE_DKIM_KEY"]);
    }

    #[test]
    fn what_clients_look_for_is_advice() {
        let plan = plan();
        let mut observed = good(&plan);
        observed.services[0] = Answer::NoSuchName;
        observed.services[1] = Answer::Found(vec![("mail.example.net".into(), 1)]);
        observed.aliases[0] = Answer::NoData;
        observed.aliases[1] = Answer::Found(false);
        let findings = judge(&plan, &observed);
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(
            codes,
            ["MISSING_SRV_RECORD", "WRONG_SRV_RECORD", "MISSING_AUTOCONFIG_NAME", "WRONG_AUTOCONFIG_NAME"]
        );
        assert!(findings.iter().all(|finding| finding.severity == Severity::Advice));
        assert!(findings[0].to_string().starts_with("MISSING_SRV_RECORD  advice  _imaps._tcp.example.org: "));
    }
}
