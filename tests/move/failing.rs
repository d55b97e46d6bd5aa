//! What goes wrong on the way: the move says what and where, waits or goes on with the rest, and loses nothing.

use std::time::Duration;

use sterna_migrate::{Cancel, Error, MoveOptions, Progress, Secret, SourceSpec, SourceTls, State};
use sterna_tests::{Certificate, Dovecot, DovecotOptions, Tap, User};
use tokio::sync::watch;

use crate::following::wait_until;
use crate::seeding::fill;
use crate::target::Target;

fn filled(options: DovecotOptions, messages: usize) -> (Dovecot, User) {
    let mut dovecot = Dovecot::with(options);
    let user = dovecot.user("anne@example.org", "secret");
    fill(&mut dovecot.login(&user), &["INBOX", "Work"], messages);
    (dovecot, user)
}

/// Starts a run in the background; the channel shows how far it is.
fn spawn(
    target: &Target,
    cancel: &Cancel,
) -> (tokio::task::JoinHandle<sterna_migrate::Result<State>>, watch::Receiver<Progress>) {
    let (sender, receiver) = watch::channel(Progress::default());
    let (mover, account, cancel) = (target.mover.clone(), target.account, cancel.clone());
    (tokio::spawn(async move { mover.run(account, &cancel, sender).await }), receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_connections_are_made_anew() {
    let (dovecot, user) = filled(DovecotOptions::default(), 1_500);
    let tap = Tap::start(dovecot.port());
    let target = Target::new().await;
    target.plan(tap.port(), &user, MoveOptions { connections: 2, ..MoveOptions::default() }).await;
    let (running, mut progress) = spawn(&target, &Cancel::new());
    for least in [1, 800, 1_600] {
        if progress.wait_for(|p| p.messages_done >= least).await.is_err() {
            break;
        }
        tap.cut();
    }
    assert_eq!(running.await.unwrap().unwrap(), State::Following);
    assert!(tap.connections() > 3, "{}", tap.connections());
    let receipt = target.assert_same_as(&dovecot, &user).await;
    assert_eq!(receipt.totals.messages, 2 * 1_497);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_is_resumed_without_a_duplicate() {
    let (dovecot, user) = filled(DovecotOptions::default(), 1_500);
    let mut target = Target::new().await;
    target.plan(dovecot.port(), &user, MoveOptions { connections: 2, ..MoveOptions::default() }).await;
    for _ in 0..3 {
        let cancel = Cancel::new();
        let (running, mut progress) = spawn(&target, &cancel);
        // The sender is gone when a run has ended by itself.
        let _ = progress.wait_for(|p| p.messages_done >= 100).await;
        cancel.cancel();
        let ended = running.await.unwrap();
        assert!(matches!(ended, Err(Error::Cancelled) | Ok(State::Following)), "{ended:?}");
        target.assert_sound().await;
        target = target.reopened().await;
    }
    assert_eq!(target.run().await.unwrap(), State::Following);
    target.assert_same_as(&dovecot, &user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_run_is_resumed_without_a_duplicate() {
    let (dovecot, user) = filled(DovecotOptions::default(), 1_000);
    let mut target = Target::new().await;
    target.plan(dovecot.port(), &user, MoveOptions::default()).await;
    for least in [1, 300] {
        let (running, mut progress) = spawn(&target, &Cancel::new());
        let _ = progress.wait_for(|p| p.messages_done >= least).await;
        running.abort();
        let _ = running.await;
        target = target.reopened().await;
        target.assert_sound().await;
    }
    assert_eq!(target.run().await.unwrap(), State::Following);
    target.assert_same_as(&dovecot, &user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_ends_the_run_with_a_sentence() {
    let (dovecot, user) = filled(DovecotOptions::default(), 1);
    let target = Target::new().await;
    target.plan(dovecot.port(), &User { password: "wrong".into(), ..user.clone() }, MoveOptions::default()).await;
    let error = target.run().await.unwrap_err().to_string();
    assert!(error.contains("anne@example.org") && error.contains("password"), "{error}");
    let status = target.mover.status(target.account).await.unwrap().unwrap();
    assert_eq!(status.record.state_name(), "failed");
    let failure = status.record.failure.unwrap();
    assert_eq!((failure.reason, failure.retry_at), (error, None));
    // The right one, and it goes on.
    target.copy(&dovecot, &user).await;
    target.assert_same_as(&dovecot, &user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_user_and_an_authorisation_identity_open_the_mailbox() {
    let (dovecot, user) = filled(DovecotOptions::default(), 3);
    for authzid in [false, true] {
        let target = Target::new().await;
        let url = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
        let mut source = SourceSpec::parse(&url, &user.login).unwrap();
        source.master = Some(Dovecot::MASTER.to_owned());
        source.authzid = authzid.then(|| user.login.clone());
        let secret = Secret::Password(Dovecot::MASTER_PASSWORD.to_owned());
        target.mover.start(target.account, source, secret, MoveOptions::default()).await.unwrap();
        target.run().await.unwrap();
        target.assert_same_as(&dovecot, &user).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified() {
    for (certificate, wanted) in [(Certificate::Valid, None), (Certificate::Expired, Some("expired"))] {
        let (dovecot, user) = filled(DovecotOptions { tls: Some(certificate), ..DovecotOptions::default() }, 3);
        for tls in [SourceTls::StartTls, SourceTls::Implicit] {
            let target = Target::new().await;
            let port = if tls == SourceTls::Implicit { dovecot.tls_port() } else { dovecot.port() };
            let mut source = SourceSpec::parse(&format!("imap://localhost:{port}"), &user.login).unwrap();
            (source.tls, source.ca) = (tls, Some(dovecot.ca_file()));
            let secret = Secret::Password(user.password.clone());
            target.mover.start(target.account, source, secret, MoveOptions::default()).await.unwrap();
            match (target.run().await, wanted) {
                (Ok(State::Following), None) => drop(target.assert_same_as(&dovecot, &user).await),
                (Err(e), Some(wanted)) => assert!(e.to_string().contains(wanted), "{e}"),
                (other, wanted) => panic!("{other:?} instead of {wanted:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_source_is_tried_again_and_cancelled_at_once() {
    let (mut dovecot, user) = filled(DovecotOptions::default(), 3);
    let target = Target::new().await;
    dovecot.stop();
    target.plan(dovecot.port(), &user, MoveOptions::default()).await;
    let cancel = Cancel::new();
    let (running, mut progress) = spawn(&target, &cancel);
    let shown = progress.wait_for(|p| p.waiting.is_some()).await.unwrap().clone();
    assert!(shown.waiting.unwrap().contains("refused"));
    let failure = || async { target.mover.status(target.account).await.unwrap().unwrap().record.failure };
    wait_until(|| async { failure().await.is_some_and(|f| f.retry_at.is_some()) }).await;
    cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(2), running).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::Cancelled)));
    dovecot.restart();
    target.run().await.unwrap();
    target.assert_same_as(&dovecot, &user).await;
}
