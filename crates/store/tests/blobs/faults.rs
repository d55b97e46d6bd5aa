//! A service that fails: errors, silence, lost connections. What is acknowledged is stored; the rest is a temporary refusal.

use std::time::{Duration, Instant};

use sterna_store::{Error, S3Config};
use sterna_tests::{Fault, S3Server, Tap, backend};

use super::mail::{Mail, Place, noise};

const MIB: u64 = 1 << 20;

/// Patience of a test: a request a second, tried again for two.
fn impatient(config: &mut S3Config) {
    config.timeout = Duration::from_secs(1);
    config.retry_for = Duration::from_secs(2);
}

/// A store whose service is behind a relay.
async fn behind_a_relay() -> (Tap, Mail) {
    let place = backend::fresh_s3();
    let tap = Tap::http(backend::port_of(&place.endpoint));
    let port = tap.port();
    let mail = Mail::with(Place::S3(place), |config| {
        config.endpoint = backend::through(&config.endpoint, port);
        impatient(config);
    })
    .await;
    (tap, mail)
}

fn is_temporary<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn errors_of_the_service_are_waited_out() {
    let (tap, mail) = behind_a_relay().await;
    for (status, size) in [(500, 600_000), (503, 20_000_000)] {
        let body = noise(size, size as usize);
        tap.fault_times(3, Fault::Status(status));
        let uid = mail.append(&body).await;
        assert_eq!(tap.met(), 3);
        tap.fault_times(2, Fault::Status(status));
        assert!(mail.body(uid).await.unwrap() == body);
        assert_eq!(tap.met(), 2);
    }
    tap.pass();
    mail.sound().await;
    assert_eq!((mail.collect().await, mail.objects()), ((0, 0), 2));
}

#[tokio::test]
async fn a_service_that_is_down_is_a_temporary_refusal_and_nothing_is_lost() {
    for fault in [Fault::Stall, Fault::Status(500), Fault::Refuse] {
        let (tap, mail) = behind_a_relay().await;
        let (old, new) = (noise(1, 600_000), noise(2, 600_000));
        let uid = mail.append(&old).await;
        tap.fault(fault);
        if fault == Fault::Refuse {
            tap.cut();
        }
        let began = Instant::now();
        let (stored, read) = tokio::join!(mail.try_append(&new), mail.body(uid));
        assert!(is_temporary(&stored) && is_temporary(&read), "{fault:?}: {stored:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{fault:?}: the wait is bounded");
        assert!(tap.met() > 0);
        // The collector is told too, and deletes later what it could not now.
        mail.expunge(mail.append(b"small bodies need no service").await).await;
        assert!(is_temporary(&mail.account.collect(Duration::ZERO).await));
        tap.pass();
        assert!(mail.body(uid).await.unwrap() == old);
        let uid = mail.append(&new).await;
        assert!(mail.body(uid).await.unwrap() == new);
        mail.collect().await;
        assert_eq!((mail.collect().await, mail.objects()), ((0, 0), 2), "{fault:?}");
        mail.sound().await;
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_an_answer_gives_no_short_body() {
    let (tap, mail) = behind_a_relay().await;
    let body = noise(1, 3 * MIB as usize);
    let uid = mail.append(&body).await;
    mail.range(uid, 0, 1).await.unwrap();
    for cut in [1, 500, MIB, 3 * MIB] {
        tap.fault_times(2, Fault::CutAnswer(cut));
        assert!(mail.body(uid).await.unwrap() == body, "cut after {cut} bytes");
        assert!(tap.met() > 0);
    }
    tap.fault(Fault::CutAnswer(MIB));
    assert!(is_temporary(&mail.body(uid).await));
    tap.pass();
    mail.sound().await;
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_an_upload_leaves_nothing_half_done() {
    for size in [3 * MIB, 20 * MIB] {
        let server = S3Server::start();
        let tap = Tap::http(server.port());
        let place = Place::S3(server.place("mail/"));
        let port = tap.port();
        let mail = Mail::with(place, |config| {
            config.endpoint = backend::through(&config.endpoint, port);
            impatient(config);
        })
        .await;
        let body = noise(size, size as usize);
        // Whole parts are cut, the last and smaller one gets through.
        let cut = Fault::CutRequest(size * 3 / 10);
        // The service has done the work and its answer is lost; then, a request is cut.
        for fault in [Fault::CutAnswer(0), cut] {
            tap.fault_times(2, fault);
            let uid = mail.append(&body).await;
            assert_eq!(tap.met(), 2);
            assert!(mail.body(uid).await.unwrap() == body);
            mail.expunge_all().await;
            mail.collect().await;
        }
        let unknown = server.unfinished_parts();
        tap.fault(cut);
        assert!(is_temporary(&mail.try_append(&body).await));
        assert_eq!(server.unfinished_parts(), unknown, "a failed upload is aborted");
        tap.pass();
        mail.collect().await;
        assert_eq!((mail.objects(), mail.spooled()), (0, 0));
        mail.sound().await;
    }
}

#[tokio::test]
async fn a_service_that_dies_and_comes_back_is_waited_for() {
    let mut server = S3Server::start();
    let mail = Mail::new(Place::S3(server.place("mail/"))).await;
    let (first, second) = (noise(1, 600_000), noise(2, 20_000_000));
    let uid = mail.append(&first).await;
    server.kill_9();
    let (stored, ()) = tokio::join!(mail.try_append(&second), async {
        // The request is under way, and refused, before the server is there again.
        tokio::task::yield_now().await;
        server.restart();
    });
    assert!(mail.body(stored.unwrap()).await.unwrap() == second);
    assert!(mail.body(uid).await.unwrap() == first);
    mail.sound().await;
}
