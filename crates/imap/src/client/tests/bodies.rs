//! Bodies one after another, batches in flight.

use super::*;
use crate::codec::response_parser::{Body, Response};

const ITEMS: &str = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])";

#[tokio::test]
async fn every_outcome_of_a_message_is_told_apart() {
    let (mut c, s) = greeted(
        "",
        "C: S1 UID FETCH 1:4 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
         C: S2 UID FETCH 6,9 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
         S: * 1 FETCH (UID 1 BODY[] {0}
         S: )
         S: * 2 FETCH (UID 2 BODY[] NIL)
         S: * 3 FETCH (FLAGS (\\Seen))
         S: * 4 FETCH (BODY[] {3}
         S- abc
         S:  UID 4)
         S: S1 NO [EXPUNGEISSUED] some are gone
         S: * 5 FETCH (UID 6 BODY[] {18}
         S- 123456789012345678
         S: )
         S: * 6 FETCH (BODY[] \"\" UID 9)
         S: S2 OK",
    )
    .await;
    assert!(ITEMS.starts_with(&format!("({}", c.listing_items())));
    let mut bodies = c.bodies().unwrap();
    bodies.request(NumberSet::new());
    bodies.request(set("1:4"));
    bodies.request(set("6,9"));
    assert_eq!(bodies.in_flight(), 2);
    let mut told = Vec::new();
    while let Some(event) = bodies.next().await.unwrap() {
        told.push(match event {
            BodyEvent::Message(m) => match m.body {
                Body::Bytes(bytes) => format!("{:?} {} bytes", m.uid.map(|u| u.get()), bytes.len()),
                other => format!("{:?} {other:?}", m.uid.map(|u| u.get())),
            },
            BodyEvent::Begin { size, .. } => format!("begin {size}"),
            BodyEvent::Chunk(chunk) => format!("chunk {}", chunk.len()),
            BodyEvent::End(m) => format!("end {:?}", m.body),
            BodyEvent::BatchDone { missing, refused } => format!("missing {missing} {}", refused.is_some()),
            BodyEvent::Update(Response::Fetch(f)) => format!("update {}", f.number),
            BodyEvent::Update(other) => panic!("{other:?}"),
        });
    }
    let wanted = [
        "Some(1) 0 bytes",
        "Some(2) Nil",
        "update 3",
        "Some(4) 3 bytes",
        "missing 3 true",
        "begin 18",
        "chunk 18",
        "end Streamed(18)",
        "Some(9) 0 bytes",
        "missing  false",
    ];
    assert_eq!(told, wanted);
    end(c, s).await;
}

#[tokio::test]
async fn a_throttled_batch_ends_the_pipeline_with_its_wait() {
    let (mut c, s) = greeted(
        "",
        "C: S1 UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
         S: S1 BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
    )
    .await;
    let mut bodies = c.bodies().unwrap();
    bodies.request(set("1"));
    let error = bodies.next().await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(Duration::from_millis(299_961)));
    end(c, s).await;
}

#[tokio::test]
async fn a_dropped_pipeline_keeps_the_connection_busy() {
    let (mut c, s) = greeted("", "").await;
    c.bodies().unwrap().request(set("1"));
    assert!(matches!(*c.noop().await.unwrap_err().kind, ErrorKind::Busy));
    end(c, s).await;
}

#[tokio::test]
async fn long_sets_go_out_in_several_commands_of_one_batch() {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let server = tokio::spawn(async move {
        let mut stream = BufReader::new(theirs);
        for tag in ["S1", "S2"] {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            assert!(line.starts_with(tag) && line.len() < 8192, "{}", line.len());
            stream.write_all(format!("{tag} OK\r\n").as_bytes()).await.unwrap();
        }
    });
    let mut c = Connection::new(Stream::Other(Box::new(ours)), "x", Timeouts::default(), Limits::default());
    let uids: NumberSet = (0..500).map(|n| 4_000_000_000 + 2 * n).collect();
    let mut bodies = c.bodies().unwrap();
    bodies.request(uids.clone());
    let Some(BodyEvent::BatchDone { missing, .. }) = bodies.next().await.unwrap() else { panic!() };
    assert_eq!(missing, uids);
    assert!(bodies.next().await.unwrap().is_none());
    server.await.unwrap();
}
