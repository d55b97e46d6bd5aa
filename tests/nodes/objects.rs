//! Object storage that answers with errors, stalls, or loses connections in the middle: large messages are refused for the
//! moment, small ones are served all the same, and a body is never told whole that is not.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use sterna_tests::{Fault, ImapWire, SternaServer, Tap, User, backend, psql};

use crate::platform::{Platform, appended, count, is_temporary, message, wait_until};

const LARGE: usize = 2_000_000;

/// What a request and its repetitions may take by the configuration below, twice (a statement that waits for a place
/// among the requests), and what a busy machine needs.
const LIMIT: Duration = Duration::from_secs(2 * 2 + 6);

struct Objects {
    platform: Platform,
    tap: Tap,
    node: SternaServer,
    user: User,
}

impl Objects {
    fn start() -> Objects {
        let mut platform = Platform::fresh();
        let tap = Tap::http(backend::port_of(&platform.s3.endpoint));
        platform.s3 = platform.s3.clone().through(tap.port());
        platform.blobs = "timeout = \"1s\"\nretry_for = \"1s\"\ngrace = \"3s\"\ncollect_every = \"1s\"\n";
        let (node, user) = platform.first();
        Objects { platform, tap, node, user }
    }

    /// Everything that fails must fail in this way, met by the relay at least once, within the limits.
    fn refused(&self, wire: &mut ImapWire, command: impl FnOnce(&mut ImapWire) -> String) {
        let begun = Instant::now();
        let tagged = command(wire);
        assert!(is_temporary(&tagged), "{tagged}");
        assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
        assert!(self.tap.met() > 0);
    }
}

const FAULTS: [Fault; 5] =
    [Fault::Status(500), Fault::Refuse, Fault::Stall, Fault::CutRequest(300_000), Fault::CutAnswer(0)];

#[test]
fn a_message_that_cannot_be_stored_is_refused_and_leaves_nothing() {
    let objects = Objects::start();
    let Objects { platform, tap, node, user } = &objects;
    let mut wire = node.login(user);
    wire.ok("SELECT INBOX");
    let mut small = 0;
    for (n, fault) in FAULTS.into_iter().enumerate() {
        tap.fault(fault);
        // Connections of before would pass by the refusal of new ones.
        tap.cut();
        let large = message(&format!("large {n}"), LARGE);
        objects.refused(&mut wire, |wire| wire.append(b"INBOX", "", None, &large).tagged);
        // The storage is not asked for what is small.
        let met = tap.met();
        appended(&mut wire, &message(&format!("small {n}"), 1_000));
        small += 1;
        assert_eq!((tap.met(), count(&mut wire)), (met, small), "{fault:?}");
        tap.pass();
        tap.cut();
    }
    // Whatever arrived all the same is cleared away.
    wait_until("the objects are collected", || platform.s3.objects().is_empty());
    wait_until("the rows are collected", || {
        psql(&platform.database, "SELECT (SELECT count(*) FROM blob_upload) + (SELECT count(*) FROM blob_garbage)")
            == "0\n"
    });
    appended(&mut wire, &message("large 0", LARGE));
    assert_eq!((platform.s3.objects().len(), count(&mut wire)), (1, small + 1));
    node.check();
}

#[test]
fn a_message_that_cannot_be_read_is_refused_and_small_ones_are_served() {
    let objects = Objects::start();
    let Objects { tap, node, user, .. } = &objects;
    let mut wire = node.login(user);
    let (small, large) = (message("small", 1_000), message("large", LARGE));
    appended(&mut wire, &small);
    appended(&mut wire, &large);
    appended(&mut wire, &small);
    wire.ok("SELECT INBOX");
    for fault in [Fault::Status(503), Fault::Refuse, Fault::Stall, Fault::CutAnswer(20_000)] {
        tap.fault(fault);
        tap.cut();
        objects.refused(&mut wire, |wire| {
            let answer = wire.command("FETCH 1:3 (UID BODY.PEEK[])");
            // What was told before is whole, and of the message that cannot be read there is nothing.
            assert!(answer.untagged.iter().all(|r| !r.text().starts_with("* 2 FETCH")), "{fault:?}");
            answer.tagged
        });
        for n in [1, 3] {
            let answer = wire.ok(&format!("FETCH {n} BODY.PEEK[]"));
            assert!(answer.untagged.iter().any(|r| contains(&r.0, &small)), "{fault:?}");
        }
        // Structure and header are rows, however large the body is.
        let answer = wire.ok("FETCH 2 (ENVELOPE BODYSTRUCTURE RFC822.SIZE)");
        assert!(answer.untagged.iter().any(|r| r.text().contains("\"large\"")), "{answer:?}");
        tap.pass();
        tap.cut();
        let answer = wire.ok("FETCH 2 BODY.PEEK[]");
        assert!(answer.untagged.iter().any(|r| contains(&r.0, &large)), "{fault:?}");
    }
    node.check();
}

/// The response that would have told the flag never came.
#[test]
fn a_flag_that_a_refused_fetch_set_is_told_all_the_same() {
    let objects = Objects::start();
    let Objects { tap, node, user, .. } = &objects;
    let mut wire = node.login(user);
    appended(&mut wire, &message("large", LARGE));
    wire.ok("SELECT INBOX");
    tap.fault(Fault::Status(500));
    let refused = wire.command("FETCH 1 BODY[]");
    assert!(is_temporary(&refused.tagged), "{}", refused.tagged);
    tap.pass();
    let after = wire.ok("NOOP").untagged;
    let told = refused.untagged.iter().chain(&after).any(|r| r.text().contains("\\Seen"));
    assert!(told, "{:?} {after:?}", refused.untagged);
}

#[test]
fn a_body_that_breaks_off_in_its_middle_ends_the_connection_and_is_never_padded() {
    let objects = Objects::start();
    let Objects { tap, node, user, .. } = &objects;
    let large = message("large", 3 * LARGE);
    appended(&mut node.login(user), &large);
    let mut wire = node.login(user);
    wire.ok("SELECT INBOX");
    // Slow enough that the client is in the middle of the literal when the storage fails.
    tap.latency(Duration::from_millis(300));
    wire.start("FETCH 1 BODY.PEEK[]");
    let before = tap.from_server();
    wait_until("the body is on its way", || tap.from_server() > before + 300_000);
    tap.fault(Fault::Status(500));
    let ended = wire.read().expect_err("a body that is not whole");
    assert_eq!(ended.kind(), ErrorKind::UnexpectedEof, "{ended}");
    assert!(tap.met() > 0);
    tap.latency(Duration::ZERO);
    tap.pass();
    let mut wire = node.login(user);
    wire.ok("SELECT INBOX");
    let answer = wire.ok("FETCH 1 BODY.PEEK[]");
    assert!(answer.untagged.iter().any(|r| contains(&r.0, &large)));
}

/// Whether a response holds a message: as its literal, so that looking at the places of `{` is enough.
fn contains(response: &[u8], message: &[u8]) -> bool {
    let announced = format!("{{{}}}\r\n", message.len()).into_bytes();
    let at = response.windows(announced.len()).position(|w| w == announced);
    at.is_some_and(|at| response[at + announced.len()..].starts_with(message))
}
