//! Pipelining, literals, streaming and the end of a connection.

use super::*;
use crate::codec::response_parser::{Body, Response};

#[tokio::test]
async fn commands_go_out_together_and_end_in_order() {
    let (mut c, s) = greeted(
        "",
        "C: S1 NOOP
         C: S2 CHECK
         S: * 3 EXISTS
         S: S1 OK
         S: S2 NO later",
    )
    .await;
    let (first, second) = (c.send(c.command("NOOP")), c.send(c.command("CHECK")));
    assert!(matches!(c.next().await.unwrap(), Event::Response(Response::Exists(3))));
    assert!(matches!(c.next().await.unwrap(), Event::Done { tag, .. } if tag == first));
    assert!(matches!(c.next().await.unwrap(), Event::Done { tag, .. } if tag == second));
    assert_eq!((c.changes(), c.in_flight()), (1, 0));
    end(c, s).await;
}

#[tokio::test]
async fn a_refused_literal_is_withdrawn_and_the_next_command_goes_out() {
    let (mut c, s) = greeted(
        "",
        "C: S1 CREATE {3}
         S: S1 NO [CANNOT] not such a name
         C: S2 NOOP
         S: S2 OK",
    )
    .await;
    let name = crate::codec::mailbox::MailboxName::from_wire(b"a\r\x01", Default::default());
    let create = c.send(c.command("CREATE").mailbox(&name));
    let noop = c.send(c.command("NOOP"));
    assert!(matches!(c.next().await.unwrap(), Event::Done { tag, .. } if tag == create));
    assert!(matches!(c.next().await.unwrap(), Event::Done { tag, .. } if tag == noop));
    end(c, s).await;
}

#[tokio::test]
async fn a_large_body_comes_in_chunks_and_then_whole() {
    let (ours, mut theirs) = tokio::io::duplex(1000);
    let limits = Limits { response: 1000, literal: 16 };
    let mut c = Connection::new(Stream::Other(Box::new(ours)), "x", Timeouts::default(), limits);
    let server = tokio::spawn(async move {
        for piece in ["* 1 FETCH (UID 5 BODY[] {20}\r\n01234", "5678901234567", "89 FLAGS (\\Seen))\r\n"] {
            theirs.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        theirs
    });
    let Event::BodyStart { fetch, size: 20 } = c.next().await.unwrap() else { panic!() };
    assert_eq!((fetch.uid.map(|u| u.get()), fetch.damaged), (Some(5), false));
    let mut body = Vec::new();
    let whole = loop {
        match c.next().await.unwrap() {
            Event::BodyChunk(chunk) => body.extend_from_slice(&chunk),
            Event::Response(Response::Fetch(fetch)) => break fetch,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(body, b"01234567890123456789");
    assert_eq!(whole.body, Body::Streamed(20));
    assert!(whole.flags.is_some());
    drop(server.await.unwrap());
}

#[tokio::test]
async fn a_large_literal_that_is_no_body_is_read_over() {
    let (ours, mut theirs) = tokio::io::duplex(1000);
    let limits = Limits { response: 1000, literal: 4 };
    let mut c = Connection::new(Stream::Other(Box::new(ours)), "x", Timeouts::default(), limits);
    theirs.write_all(b"* 1 FETCH (ENVELOPE (NIL {9}\r\n123456789 NIL) UID 7 BODY[] {1}\r\nx)\r\n").await.unwrap();
    let Event::Response(Response::Fetch(fetch)) = c.next().await.unwrap() else { panic!() };
    assert_eq!((fetch.uid.map(|u| u.get()), fetch.body), (Some(7), Body::Bytes("x".into())));
}

#[tokio::test]
async fn the_words_of_a_bye_explain_the_end() {
    let (mut c, s) = greeted("", "C: S1 NOOP\n S: * BYE Suggested Backoff Time: 2000 ms\n X").await;
    let error = c.noop().await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(2)));
    end(c, s).await;
    let (mut c, s) = greeted("", "C: S1 NOOP\n X").await;
    let error = c.noop().await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::Closed("NOOP")), "{error}");
    assert_eq!((error.retry(), error.connection_usable()), (Retry::Now, false));
    end(c, s).await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout() {
    let (mut c, s) = greeted("", "C: S1 NOOP").await;
    let error = c.noop().await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::Timeout { doing: "NOOP", .. }), "{error}");
    end(c, s).await;
}

#[tokio::test]
async fn a_tag_that_was_never_sent_is_a_broken_protocol() {
    let (mut c, s) = greeted("", "C: S1 NOOP\n S: A9 OK").await;
    assert!(matches!(*c.noop().await.unwrap_err().kind, ErrorKind::Protocol(_)));
    end(c, s).await;
}

#[tokio::test]
async fn a_response_without_end_is_cut_off() {
    let (ours, mut theirs) = tokio::io::duplex(10_000);
    let limits = Limits { response: 1000, literal: 100 };
    let mut c = Connection::new(Stream::Other(Box::new(ours)), "x", Timeouts::default(), limits);
    theirs.write_all(&[b'x'; 2000]).await.unwrap();
    assert!(matches!(*c.next().await.unwrap_err().kind, ErrorKind::Protocol(_)));
}

proptest::proptest! {
    #[test]
    fn any_bytes_of_a_server_end_in_an_error(bytes in proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcome = runtime.block_on(async move {
            let (ours, mut theirs) = tokio::io::duplex(1000);
            let limits = Limits { response: 100, literal: 4 };
            let mut c = Connection::new(Stream::Other(Box::new(ours)), "x", Timeouts::default(), limits);
            theirs.write_all(&bytes).await.unwrap();
            drop(theirs);
            let mut events = 0;
            while c.next().await.is_ok() {
                events += 1;
                assert!(events <= bytes.len(), "more events than bytes");
            }
            events
        });
        proptest::prop_assert!(outcome <= 300);
    }
}
