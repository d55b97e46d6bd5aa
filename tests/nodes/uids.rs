//! Two nodes that append to one mailbox at the same time never give a UID twice.

use std::collections::BTreeMap;

use sterna_tests::snapshot;

use crate::platform::{appended, message, two_nodes};

const MESSAGES: usize = 50;

#[test]
fn concurrent_appends_on_both_nodes_get_distinct_uids() {
    let (first, second, user) = two_nodes();
    let writers = [&first, &second, &first, &second];
    let given: Vec<(u32, blake3::Hash)> = std::thread::scope(|scope| {
        let running: Vec<_> = writers
            .iter()
            .enumerate()
            .map(|(writer, node)| {
                let mut wire = node.login(&user);
                scope.spawn(move || {
                    let one = |n| {
                        let message = message(&format!("writer {writer} message {n}"), 2_000);
                        (appended(&mut wire, &message), blake3::hash(&message))
                    };
                    (0..MESSAGES).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        running.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    // Each writer's own UIDs ascend.
    assert!(given.chunks(MESSAGES).all(|own| own.is_sorted_by(|a, b| a.0 < b.0)));
    let expected: BTreeMap<u32, blake3::Hash> = given.iter().copied().collect();
    assert_eq!(expected.len(), writers.len() * MESSAGES, "a UID was given twice");
    for node in [&first, &second] {
        let seen = snapshot(&mut node.login(&user));
        let seen: BTreeMap<_, _> = seen.folder("INBOX").messages.iter().map(|(uid, m)| (*uid, m.hash)).collect();
        assert_eq!(seen, expected);
        node.check();
    }
}
