//! Servers that close, fall silent or talk nonsense, at every stage.

use tokio::time::Instant;

use super::*;

const WHOLE: &str = "< 220 mx\n> EHLO\n< 250 mx\n> MAIL\n< 250 ok\n> RCPT\n< 250 ok\n> RCPT\n< 250 ok\n> DATA\n< 354 go\ndata\n< 250 ok\n";

/// The script as far as it goes before the n-th answer.
fn before(n: usize) -> String {
    let mut answers = 0;
    let lines = WHOLE.lines().take_while(|line| {
        answers += usize::from(line.starts_with('<'));
        answers <= n
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// The verdicts, or the error of connecting.
async fn attempt(script: &str) -> Result<Sent, Error> {
    let (connection, _) = connected(&server(), script).await;
    Ok(connection?.send(&mail("text"), &to(&["b@y.org", "c@y.org"]), &|| true).await)
}

#[tokio::test(start_paused = true)]
async fn a_server_may_close_at_every_stage() {
    for n in 0..7 {
        let came = attempt(&before(n)).await;
        match n {
            0 | 1 => assert!(matches!(came.unwrap_err(), Error::Closed(_) | Error::Io(..))),
            // Nothing was decided: the next server may be asked at once.
            2..=5 => {
                let sent = came.unwrap();
                assert_eq!(short(&sent), ["?", "?"], "{n}");
                assert!(matches!(sent.lost, Some(Error::Closed(_) | Error::Io(..))));
            }
            // It may have taken the message: not at once, and not elsewhere.
            _ => assert_eq!(short(&came.unwrap()), ["4.4.2", "4.4.2"]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_waited_for_as_long_as_the_rfc_says() {
    for (n, wait) in [(0, 300), (1, 300), (2, 300), (3, 300), (4, 300), (5, 120), (6, 600)] {
        let begun = Instant::now();
        let came = attempt(&format!("{}stall\n", before(n))).await;
        assert_eq!(begun.elapsed().as_secs(), wait, "{n}");
        match came {
            Err(error) => assert!(matches!(error, Error::Timeout(_)), "{error}"),
            Ok(sent) => assert!(matches!(sent.lost, Some(Error::Timeout(_)))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_says_421_at_any_time() {
    for n in 0..7 {
        let came = attempt(&format!("{}< 421 4.3.2 closing\n", before(n))).await;
        match came {
            Err(Error::Refused(_, reply)) => assert_eq!(reply.code, 421),
            Ok(Sent { lost: Some(Error::Refused(_, reply)), verdicts }) => {
                assert_eq!(reply.code, 421);
                assert_eq!(verdicts.iter().all(|v| *v == Verdict::Undecided), n < 6);
            }
            other => panic!("{n}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_before_the_end_stays_refused() {
    let script = before(4) + "< 550 5.1.1 no\n";
    assert_eq!(short(&attempt(&script).await.unwrap()), ["?", "5.1.1"]);
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_no_answer() {
    for nonsense in ["HTTP/1.1 400 Bad Request", "hello", "99 ok", "25x", "\u{1}\u{2}\u{3}"] {
        for n in [0, 2, 6] {
            let came = attempt(&format!("{}< {nonsense}\n", before(n))).await;
            let error = came.map(|sent| sent.lost.unwrap()).unwrap_or_else(|e| e);
            assert!(matches!(error, Error::Protocol(..)), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_reply_is_cut() {
    let lines = "< 250-x\n".repeat(20_000);
    let came = attempt(&format!("< 220 mx\n> EHLO\n{lines}")).await;
    assert!(matches!(came.unwrap_err(), Error::Protocol(..)));
    let line = format!("< 220 {}\n", "x".repeat(100_000));
    assert!(matches!(attempt(&line).await.unwrap_err(), Error::Protocol(..)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_sends_byte_after_byte_does_not_hold_us() {
    let (near, mut far) = duplex(64);
    tokio::spawn(async move {
        loop {
            tokio::io::AsyncWriteExt::write_all(&mut far, b"2").await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        #[allow(unreachable_code)]
        std::io::Result::Ok(())
    });
    let begun = Instant::now();
    let came = greet(Box::new(near), &server(), Security::Clear, "me", &Timeouts::default()).await;
    assert!(matches!(came, Err(Error::Timeout(_))));
    assert_eq!(begun.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_bytes_is_given_up() {
    let (near, far) = duplex(1024);
    let script = "< 220 mx\n> EHLO\n< 250 mx\n> MAIL\n< 250 ok\n> RCPT\n< 250 ok\n> DATA\n< 354 go\nstall\n";
    tokio::spawn(script::play(far, script.to_owned()));
    let connection = greet(Box::new(near), &server(), Security::Clear, "me", &Timeouts::default()).await;
    let begun = Instant::now();
    let large = "x".repeat(1 << 20);
    let sent = connection.unwrap().send(&mail(&large), &to(&["b@y.org"]), &|| true).await;
    assert_eq!((short(&sent), begun.elapsed().as_secs()), (vec!["?".to_owned()], 180));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_had_enough_is_heard() {
    let (near, far) = duplex(1024);
    let script = "< 220 mx\n> EHLO\n< 250 mx\n> MAIL\n< 250 ok\n> RCPT\n< 250 ok\n> DATA\n< 354 go\n> xxx\n< 552 5.3.4 too large\n";
    tokio::spawn(script::play(far, script.to_owned()));
    let connection = greet(Box::new(near), &server(), Security::Clear, "me", &Timeouts::default()).await;
    let text = format!("xxx\r\n{}", "x".repeat(1 << 20));
    let sent = connection.unwrap().send(&mail(&text), &to(&["b@y.org"]), &|| true).await;
    assert_eq!(short(&sent), ["5.3.4"]);
    assert!(sent.lost.is_some());
}

#[tokio::test]
async fn a_message_that_is_not_ours_any_more_is_not_finished() {
    let script = "> MAIL\n< 250 ok\n> RCPT\n< 250 ok\n> DATA\n< 354 go\n";
    let (connection, played) = connected(&server(), &greeted("", script)).await;
    let sent = connection.unwrap().send(&mail("text\r\n"), &to(&["b@y.org"]), &|| false).await;
    assert!(matches!(sent.lost, Some(Error::GivenUp)));
    assert_eq!(short(&sent), ["?"]);
    assert!(played.await.unwrap().messages.is_empty());
}
