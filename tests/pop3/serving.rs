//! The server as clients use it, with mail of its own.

use sterna_tests::{SternaConfig, SternaServer, User, python};

use crate::clients::{Client, Kind};

fn server() -> (SternaServer, User) {
    let listen = &["pop3", "pop3s"];
    let sterna = SternaServer::with(&SternaConfig { listen, ..SternaConfig::default() });
    sterna.cli(&["domain", "add", "example.org"], "").success();
    let user = sterna.user("anne@example.org", "secret");
    let mut wire = sterna.login(&user);
    for n in 0..20 {
        let raw = format!("Subject: {n}\r\n\r\n.first\r\n..\r\n{}end", "line\r\n".repeat(n * 1_000));
        assert!(wire.append(b"INBOX", "", None, raw.as_bytes()).is_ok());
    }
    (sterna, user)
}

#[test]
fn every_client_fetches_everything_once() {
    let (sterna, user) = server();
    for kind in Kind::ALL {
        let client = Client::new(kind, sterna.port_of("pop3"), &user);
        assert_eq!((client.fetch(), client.fetch()), (20, 0), "{kind:?}");
    }
}

#[test]
fn what_poplib_deletes_is_gone_and_the_rest_is_what_it_was() {
    let (sterna, user) = server();
    let script = "import poplib, ssl, sys\nplain, tls, user, password = sys.argv[1:]\n\
        context = ssl._create_unverified_context()\n\
        def login(p):\n    p.user(user)\n    p.pass_(password)\n    return p\n\
        p = login(poplib.POP3('127.0.0.1', int(plain), timeout=60))\n\
        ids = p.uidl()[1]\nassert len(ids) == len(set(ids)) == 20, ids\n\
        assert b'.first' in p.retr(3)[1] and b'..' in p.retr(3)[1]\n\
        assert p.top(3, 2)[1] == [b'Subject: 2', b'', b'.first', b'..'], p.top(3, 2)\n\
        p.dele(1); p.dele(3); p.quit()\n\
        p = poplib.POP3('127.0.0.1', int(plain), timeout=60)\np.stls(context)\nlogin(p)\n\
        left = [line.split()[1] for line in p.uidl()[1]]\n\
        assert left == [line.split()[1] for i, line in enumerate(ids) if i not in (0, 2)], left\n\
        p.dele(1); p.rset(); p.close()\n\
        p = login(poplib.POP3_SSL('127.0.0.1', int(tls), context=context, timeout=60))\n\
        assert p.stat()[0] == 18 and 'TOP' in p.capa() and 'STLS' not in p.capa()\np.quit()\n";
    let ports = [sterna.port_of("pop3").to_string(), sterna.port_of("pop3s").to_string()];
    python(script, &[&ports[0], &ports[1], &user.login, &user.password]).success();
    let mut wire = sterna.login(&user);
    let status = wire.ok("STATUS INBOX (MESSAGES)");
    assert!(status.untagged[0].text().contains("MESSAGES 18"), "{:?}", status.untagged[0].text());
    sterna.check();
}
