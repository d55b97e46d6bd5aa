//! Faults of our own store are waited out, and a commit that nobody knows the outcome of is neither lost nor repeated.

use super::*;

#[tokio::test]
async fn after_a_commit_of_unknown_outcome_a_run_begins_with_what_is_stored() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(600).await;
    let mover = target.mover(Duration::from_secs(60));
    // Faults of the store do not count as attempts: those are the source's.
    target.plan(&mover, &source, MoveOptions { attempts: 1, ..MoveOptions::default() }).await;
    mover.faults.lose_answers(3);
    let mut run = target.run(&mover);
    run.until(|p| p.waiting.as_ref().is_some_and(|w| w.contains("the connection was lost"))).await;
    assert_eq!(run.end().await.unwrap(), State::Following);
    assert_eq!(mover.faults.left(), 0);
    assert_eq!(target.uids().await, (1..=600).collect::<Vec<_>>());
    let status = mover.status(target.account).await.unwrap().unwrap();
    assert_eq!((status.folders_equal, status.record.failure), (status.folders, None));
    target.assert_sound().await;
}

#[tokio::test]
async fn a_folder_whose_messages_are_all_others_is_not_taken_for_an_empty_one() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(3).await;
    let mover = target.mover(Duration::from_secs(60));
    target.plan(&mover, &source, MoveOptions { attempts: 1, ..MoveOptions::default() }).await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    let clear = |tx: &sterna_store::Tx<'_>| {
        let inbox = tx.mailbox_tree()?.find("INBOX").map(|inbox| inbox.id).expect("an INBOX");
        tx.expunge(inbox, &[sterna_store::UidRange::ALL]).map(drop)
    };
    source.account.write(clear).await.unwrap();
    source.add(2).await;
    assert_eq!(target.run(&mover).end().await.unwrap(), State::Following);
    assert_eq!(target.uids().await, [4, 5]);
    target.assert_sound().await;
}

#[tokio::test]
async fn a_folder_that_is_emptied_and_deleted_while_it_is_looked_at_is_looked_at_again() {
    let source = Source::start().await;
    let (spec, secret) = spec(&source);
    let login = crate::session::Login::new(&spec, secret);
    let gone = sterna_imap::codec::mailbox::MailboxName::from_text("Gone");
    let error = crate::delta::confirm_empty(&login, &gone, &crate::cursor::Cursor::default()).await.unwrap_err();
    assert!(matches!(error, crate::Error::Doubtful(_)), "{error:?}");
}
