//! Mail that goes out.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use sterna_tests::{Port, Process, peer};

use super::*;

#[tokio::test]
async fn what_is_queued_goes_to_the_domains_server() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    let running = world.run();
    world.enqueue(&mail("one"), &["b@dest.example", "c@dest.example"]).await;
    world.empty().await;
    let taken = sink.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].sender.as_str(), taken[0].recipients.len()), ("anne@example.org", 2));
    assert_eq!(taken[0].text, "Received: by me.example.org\r\nFrom: anne@example.org\r\nSubject: one\r\n\r\nhello\r\n");
    running.stop().await;
    assert!(world.inbox("anne@example.org").await.is_empty());
}

#[tokio::test]
async fn one_connection_carries_many_messages() {
    let mut world = World::new().await;
    world.config.per_destination = 1;
    let sink = world.sink("dest.example").await;
    for n in 0..20 {
        world.enqueue(&mail(&n.to_string()), &["b@dest.example"]).await;
    }
    let running = world.run();
    world.empty().await;
    assert_eq!((sink.taken().len(), sink.connections()), (20, 1));
    // And for what comes a moment later; one that has gone cold is not missed.
    world.enqueue(&mail("more"), &["b@dest.example"]).await;
    world.empty().await;
    assert_eq!((sink.taken().len(), sink.connections()), (21, 1));
    running.stop().await;
}

#[tokio::test]
async fn recipients_beyond_a_servers_limit_come_in_another_transaction() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.max_recipients = 3);
    let to: Vec<String> = (0..10).map(|n| format!("r{n}@dest.example")).collect();
    let running = world.run();
    world.enqueue(&mail("many"), &to.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.empty().await;
    assert_eq!((sink.recipients(), sink.taken().len(), sink.connections()), (to, 4, 1));
    running.stop().await;
}

#[tokio::test]
async fn the_next_exchanger_is_called_when_the_first_is_away() {
    let mut world = World::new().await;
    let sink = world.sink_at("127.0.0.2").await;
    let closing = world.sink_at("127.0.0.3").await;
    closing.change(|habits| habits.greeting = "421 4.3.2 not today");
    world.exchanger("dest.example", 5, "127.0.0.4");
    world.exchanger("dest.example", 7, "127.0.0.3");
    world.exchanger("dest.example", 10, "127.0.0.2");
    let running = world.run();
    world.enqueue(&mail("one"), &["b@dest.example"]).await;
    world.empty().await;
    assert_eq!((sink.taken().len(), closing.connections()), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn without_mx_the_host_itself_is_called_and_literals_are_addresses() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    world.dns.set("host.example", "A", 60, "127.0.0.1");
    let running = world.run();
    world.enqueue(&mail("one"), &["b@host.example", "c@[127.0.0.1]"]).await;
    world.empty().await;
    assert_eq!(sink.recipients(), ["b@host.example", "c@[127.0.0.1]"]);
    running.stop().await;
}

#[tokio::test]
async fn everything_goes_through_a_relay_if_there_is_one() {
    let mut world = World::new().await;
    let sink = world.sink("unused.example").await;
    sink.change(|habits| habits.extensions = &["AUTH PLAIN"]);
    world.config.relay = Some(format!("smtp://localhost:{}?tls=none", world.config.port).parse().unwrap());
    let running = world.run();
    world.enqueue(&mail("one"), &["b@one.example", "c@two.example"]).await;
    world.empty().await;
    assert_eq!(sink.recipients(), ["b@one.example", "c@two.example"]);
    running.stop().await;
}

#[tokio::test]
async fn two_runners_share_the_work_and_send_nothing_twice() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    world.config.per_destination = 4;
    let to: Vec<String> = (10..60).map(|n| format!("r{n}@dest.example")).collect();
    for address in &to {
        world.enqueue(&mail(address), &[address]).await;
    }
    let running = [world.run(), world.run()];
    world.empty().await;
    assert_eq!(sink.recipients(), to);
    for runner in running {
        runner.stop().await;
    }
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    let text: String = (0..60_000).map(|n| format!(".{n} a line that begins with a dot\r\n")).collect();
    let mut spool = sterna_delivery::Spool::new(&world.delivery.incoming());
    spool.write(text.as_bytes()).unwrap();
    let large = Mail { body: spool.finish().unwrap(), trace: Bytes::new(), ..mail("") };
    assert!(matches!(large.body, Body::File(..)));
    let running = world.run();
    world.enqueue(&large, &["b@dest.example"]).await;
    world.empty().await;
    assert!(sink.taken()[0].text == text);
    running.stop().await;
}

#[tokio::test]
async fn another_server_takes_what_is_sent() {
    let mut world = World::new().await;
    let program = peer::require("smtp-sink", "postfix");
    let (port, directory) = (Port::free(), tempfile::tempdir().unwrap());
    let dump = directory.path().join("dump");
    let mut command = Command::new(program);
    // As root it wants another user to be, who has to write there.
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    command.args(["-u", "nobody", "-D"]).arg(&dump).arg(format!("127.0.0.1:{}", port.number())).arg("100");
    command.current_dir(directory.path());
    let _sink = Process::spawn(&mut command, &directory.path().join("log"));
    world.config.port = port.number();
    world.exchanger("dest.example", 10, "127.0.0.1");
    let running = world.run();
    for n in 0..100 {
        world.enqueue(&mail(&format!("number {n}.")), &["b@dest.example"]).await;
    }
    world.empty().await;
    running.stop().await;
    let dumped = std::fs::read_to_string(&dump).unwrap();
    let subjects: BTreeSet<&str> = dumped.lines().filter(|line| line.starts_with("Subject: number")).collect();
    let all = dumped.lines().filter(|line| line.starts_with("Subject: number")).count();
    assert_eq!((subjects.len(), all), (100, 100));
}
