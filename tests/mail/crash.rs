//! kill -9 at every place where mail changes hands: nothing is lost, and at most one message comes twice, where RFC 5321
//! §6.1 allows it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sterna_tests::{LineWire, wire::stuffed};

use crate::site::{PATIENCE, Site, letter};

/// How often each subject of this kind is in the mailbox.
fn subjects(messages: &[String], kind: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for message in messages {
        let subject = message.lines().find_map(|l| l.strip_prefix("Subject: ")).unwrap_or_default();
        if subject.starts_with(kind) {
            *counts.entry(subject.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn a_kill_in_the_middle_of_data_leaves_nothing() {
    let mut site = Site::start();
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    wire.expect("MAIL FROM:<bob@there.test>", 250);
    wire.expect("RCPT TO:<anne@here.test>", 250);
    wire.expect("DATA", 354);
    wire.send("Subject: half\r\n\r\nonly the beginning\r\n");
    std::thread::sleep(Duration::from_millis(100));
    site.sterna.kill_9();
    site.sterna.restart();
    assert_eq!(site.wait_for("INBOX", 0).len(), 0);
    site.receive("bob@there.test", &["anne@here.test"], &letter("bob@there.test", "anne@here.test", "whole"));
    assert_eq!(site.wait_for("INBOX", 1).len(), 1);
    site.sterna.check();
}

#[test]
fn what_was_acknowledged_survives_a_kill_under_load() {
    let mut site = Site::start();
    let port = site.sterna.port_of("smtp");
    for round in 0..5 {
        // (acknowledged, sent without an answer)
        let told: Arc<Mutex<(Vec<String>, Vec<String>)>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (told, stop) = (told.clone(), stop.clone());
                std::thread::spawn(move || {
                    let Ok(stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return };
                    drop(stream);
                    let mut wire = LineWire::hello(port, "EHLO mx.there.test");
                    for n in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        let subject = format!("load {round} {sender} {n}");
                        let message = letter("bob@there.test", "anne@here.test", &subject);
                        let commands = "MAIL FROM:<bob@there.test>\r\nRCPT TO:<anne@here.test>\r\nDATA\r\n";
                        let asked = wire.try_send(commands)
                            && [250, 250, 354].iter().all(|code| wire.try_reply().is_some_and(|r| r.code == *code));
                        if !asked {
                            return;
                        }
                        let answer = if wire.try_send(stuffed(message.as_bytes())) { wire.try_reply() } else { None };
                        let mut told = told.lock().unwrap();
                        match answer {
                            Some(reply) if reply.code == 250 => told.0.push(subject),
                            _ => {
                                told.1.push(subject);
                                return;
                            }
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(150 + 130 * round));
        site.sterna.kill_9();
        stop.store(true, Ordering::SeqCst);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        site.sterna.restart();
        let told = told.lock().unwrap();
        let found = subjects(&site.wait_for("INBOX", 0), &format!("load {round} "));
        for subject in &told.0 {
            assert_eq!(found.get(subject), Some(&1), "{subject} was acknowledged");
        }
        for (subject, count) in &found {
            assert!(*count == 1 && (told.0.contains(subject) || told.1.contains(subject)), "{subject}: {count}");
        }
        assert!(!told.0.is_empty(), "the round proves something");
    }
    site.sterna.check();
}

#[test]
fn a_kill_of_the_queue_runner_loses_nothing() {
    let mut site = Site::with("retry = [\"1s\", \"1s\", \"1s\", \"1s\"]\n");
    const MESSAGES: usize = 60;
    for n in 0..MESSAGES {
        let message = letter("anne@here.test", "bob@there.test", &format!("queued {n}"));
        let mut wire = LineWire::hello(site.sterna.port_of("submission"), "EHLO client");
        // base64 of NUL anne@here.test NUL secret
        wire.expect("AUTH PLAIN AGFubmVAaGVyZS50ZXN0AHNlY3JldA==", 235);
        assert_eq!(wire.mail("anne@here.test", &["bob@there.test"], message.as_bytes()).code, 250);
        if n % 12 == 11 {
            std::thread::sleep(Duration::from_millis(15 * (n as u64 % 7)));
            site.sterna.kill_9();
            site.sterna.restart();
        }
    }
    let arrived = site.postfix.wait_for(MESSAGES, PATIENCE * 2);
    site.wait_for_empty_queue();
    let arrived: Vec<String> = arrived.iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect();
    let found = subjects(&arrived, "queued ");
    assert_eq!(found.len(), MESSAGES);
    // Each kill may catch the messages that were just being handed over.
    let twice: usize = found.values().map(|count| count - 1).sum();
    assert!(twice <= 5 * 20, "{twice} duplicates");
    site.sterna.check();
}
