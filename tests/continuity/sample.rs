//! A mailbox on Dovecot that has what a real one has: folders, accents, flags, keywords, dates, holes between UIDs.

use sterna_tests::{Dovecot, ImapWire, SternaServer, User};

pub const PASSWORD: &str = "secret word";

/// One message, of a size that varies with its number.
pub fn message(n: usize) -> Vec<u8> {
    let text = format!("line {n} of a message\r\n").repeat(1 + n * 7 % 90);
    format!(
        "From: Anne <anne@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?Q?Num=C3=A9ro?= {n}\r\n\
         Message-ID: <{n}@example.org>\r\nDate: Mon, 5 Feb 2024 09:30:00 +0100\r\n\r\n{text}"
    )
    .into_bytes()
}

/// A filled account on a fresh Dovecot.
pub fn dovecot() -> (Dovecot, User) {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", PASSWORD);
    fill(&mut dovecot.login(&user));
    (dovecot, user)
}

pub fn fill(wire: &mut ImapWire) {
    fill_folders(wire, &["INBOX", "Projets", "Projets/2024", "&AMk-l&AOk-ments"]);
}

/// The same with these folders.
pub fn fill_folders(wire: &mut ImapWire, folders: &[&str]) {
    let flags = ["", "\\Seen", "\\Seen \\Flagged", "\\Answered $Forwarded", "\\Draft Work"];
    for folder in folders {
        if *folder != "INBOX" {
            wire.ok(&format!("CREATE \"{folder}\""));
            wire.ok(&format!("SUBSCRIBE \"{folder}\""));
        }
        for n in 0..12 {
            let date = format!("{:2}-Feb-2024 09:{n:02}:00 +0100", n + 1);
            assert!(wire.append(folder.as_bytes(), flags[n % flags.len()], Some(&date), &message(n)).is_ok());
        }
        wire.ok(&format!("SELECT \"{folder}\""));
        wire.ok("UID STORE 3,7 +FLAGS.SILENT (\\Deleted)");
        wire.ok("UID EXPUNGE 3,7");
    }
    wire.ok("UNSELECT");
}

/// A Sterna with the account, not yet moved.
pub fn sterna(user: &User) -> SternaServer {
    let server = SternaServer::start();
    server.cli(&["domain", "add", "example.org"], "").success();
    server.user(&user.login, &user.password);
    server
}
