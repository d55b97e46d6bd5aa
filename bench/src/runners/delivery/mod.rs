//! Delivery: so many senders hand messages for 1,000 mailboxes to a server, each message to one mailbox; from the first
//! byte until the last message is durable in its mailbox. Each sender keeps its connection for a hundred messages and
//! pipelines the envelope (RFC 2920), and waits for the answer to a message before it sends the next.

mod target;

use std::rc::Rc;
use std::sync::Barrier;
use std::time::Instant;

use sterna_tests::wire::stuffed;
use sterna_tests::{LineWire, SmtpReply};

use super::letters::{Letters, Text};
use super::report::{Better, Report};
use super::{Options, SharedServers, scaled};
use target::Target;

/// Mailboxes that the messages are for.
const MAILBOXES: usize = 1_000;

/// Messages of one connection, as Sterna allows them.
const PER_CONNECTION: usize = 100;

/// Senders, bytes of a message, and messages of all senders together.
const SHAPES: [(usize, usize, usize); 6] = [
    (1, 10 * 1024, 1_000),
    (20, 10 * 1024, 8_000),
    (100, 10 * 1024, 8_000),
    (1, 100 * 1024, 400),
    (20, 100 * 1024, 2_000),
    (100, 100 * 1024, 2_000),
];

const SECTION: &str = "Durable delivery to 1,000 mailboxes (messages per second, all senders)";

/// Every contender in every shape, one contender right after the other.
pub fn measure(shared: &Rc<SharedServers>, options: &Options, report: &mut Report) {
    let mailboxes = scaled(options, MAILBOXES);
    let mut targets = target::all(shared, mailboxes);
    let text = Text::new();
    report.note(
        "Delivery: what is counted for Postfix is that Dovecot has the message, which its LMTP service says when the \
         message is durable; Postfix's own 250 comes before. Sterna's 250 comes when the message is durable in its \
         mailbox. All look at nothing but the recipient: no SPF, DKIM or spam filter is asked, except that Sterna \
         verifies SPF, DKIM and DMARC with a DNS server on loopback.",
    );
    for run in 0..options.runs {
        for (senders, size, number) in SHAPES {
            let number = scaled(options, number).max(senders);
            let name = match senders {
                1 => format!("1 sender, {} KiB", size / 1024),
                n => format!("{n} senders, {} KiB", size / 1024),
            };
            for target in &mut targets {
                target.settle();
                let series = format!("d{run}-{senders}-{size}");
                let time = deliver(target.as_mut(), senders, number, mailboxes, &|sender| {
                    Letters::sized(&text, &format!("{series}.{sender}"), sender as u64, size)
                });
                report.add(SECTION, &name, "/s", Better::Higher, &target.name(), number as f64 / time);
            }
        }
    }
}

/// Sends `number` messages; the seconds until the last one was in its mailbox.
fn deliver<'t>(
    target: &mut dyn Target,
    senders: usize,
    number: usize,
    mailboxes: usize,
    letters: &(dyn Fn(usize) -> Letters<'t> + Sync),
) -> f64 {
    let (port, hello) = (target.port(), target.hello());
    let before = target.delivered();
    let ready = Barrier::new(senders + 1);
    let mut started = Instant::now();
    std::thread::scope(|scope| {
        for sender in 0..senders {
            let ready = &ready;
            scope.spawn(move || {
                let mut wire = LineWire::hello(port, hello);
                let share = number / senders + usize::from(sender < number % senders);
                let messages: Vec<Vec<u8>> = letters(sender).take(share).map(|letter| stuffed(&letter)).collect();
                ready.wait();
                for (n, message) in messages.iter().enumerate() {
                    if n > 0 && n % PER_CONNECTION == 0 {
                        wire.send("QUIT\r\n");
                        wire = LineWire::hello(port, hello);
                    }
                    // Far apart for senders that start together, and over all mailboxes.
                    let mailbox = (sender * 37 + n * 61) % mailboxes;
                    send(&mut wire, mailbox, message);
                }
                wire.send("QUIT\r\n");
            });
        }
        ready.wait();
        started = Instant::now();
    });
    target.wait_until_delivered(before + number as u64);
    started.elapsed().as_secs_f64()
}

/// One message, its envelope in one write.
fn send(wire: &mut LineWire, mailbox: usize, message: &[u8]) {
    wire.send(format!("MAIL FROM:<writer@sender.test>\r\nRCPT TO:<{}>\r\nDATA\r\n", target::address(mailbox)));
    for code in [250, 250, 354] {
        good(&wire.reply(), code);
    }
    wire.send(message);
    good(&wire.reply(), 250);
}

fn good(reply: &SmtpReply, code: u16) {
    assert_eq!(reply.code, code, "{reply:?}");
}
