//! A process that is killed while it queues and settles: what was acknowledged is there, what was settled is gone, and nothing
//! is left half done.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test, and a child that tells what it did.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use sterna_core::SystemClock;
use sterna_store::{QueueFilter, QueueId, Settled, Store};
use support::config;
use support::queue::{all, claim, message, sound};

/// Names the data directory to the child.
const DATA: &str = "STERNA_QUEUE_CRASH_DATA";

async fn open(data: &std::path::Path) -> Store {
    Store::open_with(config(data), Arc::new(SystemClock)).await.unwrap()
}

/// Not a test of its own: what the child does until it is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the other test"]
async fn child() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let store = open(data.as_ref()).await;
    let settling = store.clone();
    tokio::spawn(async move {
        loop {
            for claim in claim(&settling, 3).await {
                let notice = message(&settling, b"a notice", &["s@n.org"]);
                let notices = if claim.message.id.0 % 5 == 0 { vec![notice] } else { vec![] };
                settling.settle_queued(&claim, all(&claim, &Settled::Done), notices).await.unwrap();
                println!("settled {} {}", claim.message.id, claim.destination);
            }
        }
    });
    for n in 0u32.. {
        let id = store.enqueue(message(&store, &n.to_le_bytes(), &["a@x.org", "b@y.org"])).await.unwrap();
        println!("queued {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_has_kept_its_word() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await);
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(DATA, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut queued, mut settled) = (BTreeSet::new(), BTreeSet::new());
        for line in lines.map_while(Result::ok) {
            // The harness's own words may stand in front of the first.
            let words: Vec<&str> = line.split_whitespace().rev().take(3).collect();
            match words[..] {
                [id, "queued", ..] => drop(queued.insert(QueueId(id.parse().unwrap()))),
                [destination, id, "settled"] => {
                    settled.insert((QueueId(id.parse().unwrap()), destination.to_owned()));
                }
                _ => {}
            }
            if queued.len() > 60 + round && settled.len() > 60 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(queued.len() > 60 && settled.len() > 60, "the child ended by itself");

        let store = open(dir.path()).await;
        sound(&store).await;
        let (mut waiting, mut after) = (BTreeSet::new(), None);
        loop {
            let page = store.queue_list(after, 1000, QueueFilter::default()).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.0.id);
            for (message, recipients, _) in page {
                waiting.extend(recipients.into_iter().map(|r| (message.id, r.destination)));
            }
        }
        // One destination may have been settled without a word of it; none that was is back, and none is lost: what is not
        // waiting was settled, and as many as are not acknowledged are those of the calls that the kill cut.
        assert!(waiting.is_disjoint(&settled));
        let all: BTreeSet<_> = queued.iter().flat_map(|id| ["x.org", "y.org"].map(|d| (*id, d.to_owned()))).collect();
        let unaccounted = all.iter().filter(|key| !waiting.contains(key) && !settled.contains(key)).count();
        assert!(unaccounted <= 1, "{unaccounted} recipients are lost");
        // What the child was trying can be tried at once.
        assert!(!claim(&store, 1).await.is_empty());
        assert!(store.queue_remove(QueueFilter::default()).await.unwrap() > 0);
    }
}
