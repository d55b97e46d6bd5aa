//! What an account keeps for delivery and POP3: Sieve scripts, what was done already, unique ids and their order.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::ops::ControlFlow;

use sterna_core::Flags;
use sterna_store::{Error, SieveScript, Tx, UidRange};
use support::{Fixture, uid};

const NOW: i64 = 1_800_000_000;

/// Runs a write that is expected to fail.
async fn refused(f: &Fixture, write: impl FnOnce(&Tx<'_>) -> Result<(), Error> + Send + 'static) -> Error {
    f.account.write(write).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_are_kept_renamed_and_removed_and_one_is_active() {
    let f = Fixture::new().await;
    let before = f.account.read(|tx| tx.account_state()).await.unwrap().modseq;
    f.account
        .write(|tx| {
            tx.put_sieve("b", "keep;")?;
            tx.put_sieve("a", "discard; # é")?;
            tx.set_active_sieve(Some("b"))
        })
        .await
        .unwrap();
    let script = |name: &str, active, size| SieveScript { name: name.into(), active, size, modified: NOW };
    let scripts = || f.account.read(|tx| Ok((tx.sieve_scripts()?, tx.active_sieve()?)));
    let active = |name: &str, text: &str| Some((name.to_owned(), text.to_owned()));
    assert_eq!(scripts().await.unwrap(), (vec![script("a", false, 13), script("b", true, 5)], active("b", "keep;")));
    // A new text leaves it active, and so does a new name.
    f.account
        .write(|tx| {
            tx.put_sieve("b", "stop;\n")?;
            tx.rename_sieve("b", "c")
        })
        .await
        .unwrap();
    assert_eq!(scripts().await.unwrap().1, active("c", "stop;\n"));
    assert_eq!(f.account.read(|tx| tx.sieve_script("a")).await.unwrap().as_deref(), Some("discard; # é"));
    assert_eq!(f.account.read(|tx| tx.sieve_script("b")).await.unwrap(), None);
    assert!(matches!(refused(&f, |tx| tx.remove_sieve("c")).await, Error::NotPermitted(_)));
    assert!(matches!(refused(&f, |tx| tx.remove_sieve("b")).await, Error::NotFound(_)));
    assert!(matches!(refused(&f, |tx| tx.rename_sieve("b", "x")).await, Error::NotFound(_)));
    assert!(matches!(refused(&f, |tx| tx.rename_sieve("a", "c")).await, Error::Exists(_)));
    assert!(matches!(refused(&f, |tx| tx.put_sieve("x", "a\0b")).await, Error::Invalid(_)));
    assert!(matches!(refused(&f, |tx| tx.set_active_sieve(Some("b"))).await, Error::NotFound(_)));
    assert_eq!(scripts().await.unwrap().1, active("c", "stop;\n"), "what fails changes nothing");
    f.account.write(|tx| tx.set_active_sieve(None).and_then(|()| tx.remove_sieve("c"))).await.unwrap();
    assert_eq!(scripts().await.unwrap(), (vec![script("a", false, 13)], None));
    // The clock went on, and no mailbox did.
    let (state, inbox) = f.account.read(|tx| Ok((tx.account_state()?, tx.mailboxes()?.remove(0)))).await.unwrap();
    assert!(state.modseq > before && inbox.highest_modseq <= before);
    f.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_is_so_until_its_time_and_swept_later() {
    let f = Fixture::new().await;
    let remember =
        |kind: &'static str, key: &'static [u8], until| f.account.write(move |tx| tx.remember(kind, key, until));
    assert!(remember("vacation", b"a", NOW + 10).await.unwrap());
    assert!(!remember("vacation", b"a", NOW + 99).await.unwrap());
    assert!(remember("vacation", b"b", NOW + 10).await.unwrap());
    assert!(remember("duplicate", b"a", NOW).await.unwrap(), "another kind is another thing");
    assert!(remember("duplicate", b"a", NOW + 10).await.unwrap(), "its time has run out");
    let known = f.account.read(|tx| Ok((tx.remembered("vacation", b"a")?, tx.remembered("vacation", b"c")?))).await;
    assert_eq!(known.unwrap(), (true, false));
    // A new time takes the place of the old one, be it later or earlier.
    let anew = |key: &'static [u8], until| f.account.write(move |tx| tx.remember_until("anew", key, until));
    let until = async || f.ask("SELECT until FROM remembered WHERE kind = 'anew'");
    for time in [NOW + 10, NOW + 99, NOW + 20] {
        anew(b"a", time).await.unwrap();
        assert_eq!(until().await, time.to_string());
    }
    for n in 0..20u8 {
        f.account.write(move |tx| tx.remember("old", &[n], NOW - 1)).await.unwrap();
    }
    // As many are swept as one call adds, and some more.
    assert!(remember("new", b"x", NOW + 1).await.unwrap());
    assert_eq!(f.ask("SELECT COUNT(*) FROM remembered WHERE kind = 'old'"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_ids_and_their_order_are_set_on_messages_that_are_there() {
    let f = Fixture::new().await;
    let inbox = f.inbox;
    for n in 0..3u8 {
        f.append(inbox, &[n], Flags::default()).await;
    }
    let uidls =
        [(uid(1), "one".to_owned(), Some(7)), (uid(3), "three".to_owned(), None), (uid(9), "none".to_owned(), Some(1))];
    f.account.write(move |tx| tx.set_uidls(inbox, &uidls)).await.unwrap();
    let rows = f
        .account
        .read(move |tx| {
            let mut rows = Vec::new();
            let _ = tx.messages(inbox, UidRange::ALL, |m| {
                rows.push((m.uid.get(), m.uidl.map(str::to_owned), m.pop_order));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(rows)
        })
        .await
        .unwrap();
    assert_eq!(rows, [(1, Some("one".to_owned()), Some(7)), (2, None, None), (3, Some("three".to_owned()), None)]);
    f.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_finds_scripts_that_are_not_what_they_say() {
    let f = Fixture::new().await;
    f.account
        .write(|tx| {
            tx.put_sieve("a", "keep;")?;
            tx.put_sieve("b", "é")
        })
        .await
        .unwrap();
    f.sound().await;
    for (damage, repair) in [
        ("UPDATE sieve_script SET active = 1", "UPDATE sieve_script SET active = 0"),
        ("UPDATE sieve_script SET size = 1 WHERE name = 'b'", "UPDATE sieve_script SET size = 2 WHERE name = 'b'"),
    ] {
        f.damage(damage);
        let report = f.account.check(|_, _| Ok(())).await.unwrap();
        assert!(report.findings.iter().any(|found| found.invariant == 16), "{damage}: {:?}", report.findings);
        f.damage(repair);
        f.sound().await;
    }
}
