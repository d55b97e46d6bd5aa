//! What the front door costs in throughput: all bodies of a mailbox, over one connection to the old platform and over one
//! through the front door, in turns; without TLS, and with TLS between the client and what it connects to.

use std::io;
use std::time::Instant;

use sterna_tests::{Certificate, Dovecot, DovecotOptions, SternaConfig, User};

use super::client::Client;
use super::mailboxes::{self, Content, Master};
use super::page::{Page, Table, figure, grouped, percentile};
use super::stage::Stage;

/// Reads a mailbox of so many messages of so many bytes, so often each way.
pub fn measure(messages: usize, size: usize, runs: usize, page: &mut Page) {
    let options = DovecotOptions { tls: Some(Certificate::Valid), ..DovecotOptions::default() };
    let old = &mut mailboxes::platform(options);
    let user = &mailboxes::users(old, "reader", 1)[0];
    Master::fill(old, user, Content::Equal(messages, size));
    let stage = Stage::start(old, false, &behind_the_same_name(old));
    stage.account(user);
    let what = format!(
        "FETCH 1:* BODY.PEEK[] of {} messages of {} bytes (MB/s, one connection)",
        grouped(messages as u64),
        grouped(size as u64)
    );
    let mut table = Table::new(&what, &["", "directly", "range", "through the front door", "range", "ratio", "runs"]);
    let authority = old.ca_file();
    for (name, tls) in [("no TLS", false), ("TLS to the client", true)] {
        let login = |(plain, over_tls): (u16, u16)| match tls {
            true => Client::login_tls(over_tls, &authority, user),
            false => Client::login(plain, user),
        };
        let direct = || login((old.port(), old.tls_port()));
        let proxied = || login((stage.sterna.port(), stage.sterna.tls_port()));
        let expected = (messages * size) as u64;
        // The first of each reads what the others find in memory.
        read(direct(), user, expected);
        read(proxied(), user, expected);
        let (mut directly, mut through) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            directly.push(read(direct(), user, expected));
            through.push(read(proxied(), user, expected));
        }
        let range = |sample: &[f64]| format!("{}–{}", figure(percentile(sample, 1)), figure(percentile(sample, 100)));
        let (a, b) = (percentile(&directly, 50), percentile(&through, 50));
        table.row(&[
            name,
            &figure(a),
            &range(&directly),
            &figure(b),
            &range(&through),
            &format!("{:.2}", b / a),
            &runs.to_string(),
        ]);
    }
    page.add(table);
    page.note(
        "Throughput: the client, the old platform and the front door share the machine's cores; between the front door and the \
         old platform there is no TLS in either row.",
    );
}

/// Sterna with the old platform's certificate: clients know one name.
fn behind_the_same_name(old: &Dovecot) -> SternaConfig {
    let tls = old.path().join("tls");
    let (certificate, key) = (tls.join("server.pem"), tls.join("server.key"));
    let extra = format!("\n[tls]\ncert = \"{}\"\nkey = \"{}\"\n", certificate.display(), key.display());
    SternaConfig { imaps: true, extra, ..SternaConfig::default() }
}

/// Reads everything; MB of bodies per second.
fn read(client: io::Result<Client>, user: &User, expected: u64) -> f64 {
    let all = || -> io::Result<f64> {
        let mut client = client?;
        client.ok("SELECT INBOX")?;
        let started = Instant::now();
        let bytes = client.discard("FETCH 1:* BODY.PEEK[]")?;
        assert_eq!(bytes, expected, "bodies of {}", user.login);
        let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
        client.start("LOGOUT").map(|_| rate)
    };
    all().unwrap_or_else(|e| panic!("reading as {}: {e}", user.login))
}
