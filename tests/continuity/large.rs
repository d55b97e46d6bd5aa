//! A message of 1.5 GB moves and is served with its bytes unchanged, in bounded memory on both roads.

use std::io::Write;

use sterna_tests::Dovecot;

use crate::sample;

/// 1.5 GB of lines that compress well: what is tested is memory and offsets, not the disk.
const LINES: u64 = 20_000_000;
const LINE: &[u8] = b"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZyBhbmQgbW9yZQ==\r\n";
const HEAD: &[u8] = b"From: a@example.org\r\nSubject: very large\r\nContent-Type: application/octet-stream\r\n\
Content-Transfer-Encoding: base64\r\n\r\n";

/// The most that the server may ever hold, in bytes.
const MEMORY: u64 = 256 << 20;

#[test]
fn a_message_of_a_gigabyte_and_a_half_moves_in_bounded_memory() {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", sample::PASSWORD);
    let new = dovecot.home(&user.login).join("Maildir/new");
    std::fs::create_dir_all(&new).unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(new.join("1700000000.1.large")).unwrap());
    file.write_all(HEAD).unwrap();
    let block = LINE.repeat(1_000);
    (0..LINES / 1_000).for_each(|_| file.write_all(&block).unwrap());
    file.flush().unwrap();
    drop(file);
    dovecot.take_over_files(&user.login);
    let size = HEAD.len() as u64 + LINES * LINE.len() as u64;

    let mut server = sample::sterna(&user);
    server.move_from(&user.login, dovecot.port(), &user).success();
    let mut wire = server.login(&user);
    wire.ok("SELECT INBOX");
    let told = wire.ok("FETCH 1 (RFC822.SIZE)");
    assert!(told.untagged.iter().any(|r| r.text().contains(&format!("RFC822.SIZE {size}"))), "{told:?}");
    // A part from the middle and one from the end, where a wrong offset would show.
    let at = HEAD.len() as u64 + (LINES - 2) * LINE.len() as u64;
    let end = wire.ok(&format!("FETCH 1 BODY.PEEK[]<{at}.1000>"));
    let expected = LINE.repeat(2);
    assert!(end.untagged.iter().any(|r| r.0.windows(expected.len()).any(|w| w == expected)));
    assert!(wire.discard("FETCH 1 BODY.PEEK[]") >= size);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process().pid())).unwrap();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    assert!(peak * 1024 <= MEMORY, "{peak} KiB resident");
    // The checker hashes the body as stored.
    server.check();
}
