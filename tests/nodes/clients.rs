//! A real client on each of two nodes: one mailbox, synchronised in both directions through the other's changes.

use sterna_tests::{Ignore, Mbsync, MbsyncOptions, OfflineImap, snapshot};

use crate::platform::{message, two_nodes};

#[test]
fn mbsync_on_one_node_and_offlineimap_on_the_other_agree() {
    let (first, second, user) = two_nodes();
    let mut wire = first.login(&user);
    wire.ok("CREATE Work");
    for (folder, count) in [("INBOX", 6), ("Work", 3)] {
        for n in 0..count {
            assert!(wire.append(folder.as_bytes(), "", None, &message(&format!("{folder} {n}"), 500)).is_ok());
        }
    }
    let mbsync = Mbsync::new(first.port(), &user, MbsyncOptions::default());
    let offlineimap = OfflineImap::new(second.port(), &user);
    let (near, far) = (mbsync.run(), offlineimap.run());
    assert!(near.success && far.success, "{near:?} {far:?}");
    assert_eq!((near.near_added, far.near_added), (9, 9), "{near:?} {far:?}");

    // Each writes something that the other gets from its own node.
    std::fs::write(mbsync.mail().join("INBOX/new/1790000000.1.mbsync"), "Subject: by mbsync\n\nx\n").unwrap();
    let near = mbsync.run();
    assert_eq!((near.success, near.pushed), (true, 1), "{near:?}");
    let far = offlineimap.run();
    assert_eq!((far.success, far.near_added), (true, 1), "{far:?}");
    std::fs::write(offlineimap.mail().join("INBOX/new/1790000001.1.offlineimap"), "Subject: by it\n\nx\n").unwrap();
    let far = offlineimap.run();
    assert!(far.success && far.copied == 1, "{far:?}");
    let near = mbsync.run();
    assert_eq!((near.success, near.near_added), (true, 1), "{near:?}");

    // A deletion there and a flag here.
    let gone = std::fs::read_dir(offlineimap.mail().join("Work/cur")).unwrap();
    let new = std::fs::read_dir(offlineimap.mail().join("Work/new")).unwrap();
    std::fs::remove_file(gone.chain(new).next().unwrap().unwrap().path()).unwrap();
    assert!(offlineimap.run().success);
    let near = mbsync.run();
    assert_eq!((near.success, near.near_removed), (true, 1), "{near:?}");
    wire.ok("SELECT INBOX");
    wire.ok("STORE 2 +FLAGS.SILENT (\\Flagged)");
    let (near, far) = (mbsync.run(), offlineimap.run());
    assert!(near.success && near.near_changed == 1, "{near:?}");
    assert!(far.success && far.flags == 1, "{far:?}");

    let (near, far) = (mbsync.run(), offlineimap.run());
    assert!(near.nothing_happened() && far.nothing_happened(), "{near:?} {far:?}");
    let one = snapshot(&mut first.login(&user));
    one.assert_same(&snapshot(&mut second.login(&user)), Ignore::default());
    assert_eq!((one.folder("INBOX").messages.len(), one.folder("Work").messages.len()), (8, 2));
    second.check();
}
