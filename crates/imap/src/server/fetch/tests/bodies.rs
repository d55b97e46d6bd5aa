use super::{MIXED, fetches, selected};
use crate::server::testing::Client;

/// The one literal of a response.
fn literal(response: &str) -> &str {
    let (head, rest) = response.split_once("}\r\n").unwrap();
    let size: usize = head.rsplit('{').next().unwrap().parse().unwrap();
    &rest[..size]
}

#[tokio::test]
async fn sections_name_parts_and_fields() {
    let nested = format!(
        "Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nfirst\r\n--o\r\n\
         Content-Type: message/rfc822\r\nX-Outer: y\r\n\r\n{MIXED}\r\n--o--\r\n"
    );
    let mut c = selected(&[MIXED, &nested]).await;
    let header = MIXED.split_inclusive("\r\n\r\n").next().unwrap();
    for (section, bytes) in [
        ("1 BODY[]", MIXED),
        ("1 RFC822", MIXED),
        ("1 BODY[HEADER]", header),
        ("1 RFC822.HEADER", header),
        ("1 BODY[TEXT]", &MIXED[header.len()..]),
        ("1 BODY[1]", "Hello"),
        ("1 BODY[1]<1.3>", "ell"),
        ("1 BODY[1]<9.3>", ""),
        ("1 BODY[2]", "AAECAw=="),
        ("1 BODY[1.MIME]", "Content-Type: text/plain\r\n\r\n"),
        ("1 BODY[HEADER.FIELDS (SUBJECT to)]", "To: bob@example.org\r\nSubject: parts\r\n\r\n"),
        ("1 BODY[HEADER.FIELDS (SUBJECT)]<3.4>", "ject"),
        (
            "1 BODY[HEADER.FIELDS.NOT (SUBJECT To From Date Message-ID)]",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        ),
        ("2 BODY[1]", "first"),
        ("2 BODY[2]", MIXED),
        ("2 BODY[2.HEADER.FIELDS (Subject)]", "Subject: parts\r\n\r\n"),
        ("2 BODY[2.HEADER]", header),
        ("2 BODY[2.TEXT]", &MIXED[header.len()..]),
        ("2 BODY[2.MIME]", "Content-Type: message/rfc822\r\nX-Outer: y\r\n\r\n"),
        ("2 BODY[2.2]", "AAECAw=="),
        ("2 BODY[2.1.MIME]", "Content-Type: text/plain\r\n\r\n"),
        ("2 BINARY[2.2]<1.2>", "\u{1}\u{2}"),
    ] {
        let responses = c.ok(&format!("FETCH {section}")).await;
        assert_eq!(literal(&responses[0]), bytes, "{section}");
    }
    for section in ["BODY[3]", "BODY[1.1]", "BODY[1.HEADER]", "BINARY[3]"] {
        let responses = c.ok(&format!("FETCH 1 {section}")).await;
        assert!(responses[0].contains(&format!("{section} NIL")), "{responses:?}");
    }
    // Several at once are read from one copy of the message.
    let responses = c.ok("FETCH 1 (BODY.PEEK[1] BODY.PEEK[2] BINARY.SIZE[2] BODY.PEEK[2.MIME]<0.7>)").await;
    assert_eq!(
        responses,
        ["* 1 FETCH (BODY[1] {5}\r\nHello BODY[2] {8}\r\nAAECAw== BINARY.SIZE[2] 4 BODY[2.MIME]<0> {7}\r\nContent)"]
    );
    c.check().await;
}

#[tokio::test]
async fn an_unknown_transfer_encoding_fails_binary_and_only_that() {
    let mut c = selected(&["Content-Transfer-Encoding: x-rot13\r\n\r\nuryyb", MIXED]).await;
    let responses = c.cmd("FETCH 1:2 (UID BINARY.PEEK[1])").await;
    assert_eq!(fetches(&responses), ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 2 BINARY[1] ~{5}\r\nHello)"]);
    assert!(responses[2].starts_with("NO [UNKNOWN-CTE]"), "{responses:?}");
    assert_eq!(literal(&c.ok("FETCH 1 BODY[1]").await[0]), "uryyb");
}

/// The bytes of the literal of one response, as they are.
async fn bytes(c: &mut Client, command: &str) -> Vec<u8> {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _};
    let tag = c.begin(command).await;
    let mut line = Vec::new();
    c.stream.read_until(b'\n', &mut line).await.unwrap();
    let line = String::from_utf8(line).unwrap();
    let size = line.trim_end().trim_end_matches('}').rsplit('{').next().unwrap().parse().unwrap();
    let mut bytes = vec![0; size];
    c.stream.read_exact(&mut bytes).await.unwrap();
    c.finish(&tag).await;
    bytes
}

#[tokio::test]
async fn malformed_messages_come_back_byte_by_byte() {
    let every_byte: Vec<u8> = (0..=255u8).cycle().take(5_000).collect();
    let messages: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\r\n".to_vec(),
        b"Subject: header only".to_vec(),
        b"no header at all\n\nx".to_vec(),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--bx\r\n\0\0--b--".to_vec(),
        b"Content-Type: multipart/mixed\r\n\r\n--\r\n".to_vec(),
        b"a\rb\nc\0d\xff\xfe".to_vec(),
        every_byte,
    ];
    let mut c = Client::start().await;
    for message in &messages {
        c.append(message, &[]).await;
    }
    c.ok("SELECT INBOX").await;
    for (n, message) in (1..).zip(&messages) {
        assert_eq!(&bytes(&mut c, &format!("FETCH {n} BODY.PEEK[]")).await, message);
        let from = message.len() / 3;
        let part = bytes(&mut c, &format!("FETCH {n} BODY.PEEK[]<{from}.20>")).await;
        assert_eq!(part, &message[from..message.len().min(from + 20)]);
        assert_eq!(&bytes(&mut c, &format!("FETCH {n} BINARY.PEEK[]")).await, message);
        c.ok(&format!("FETCH {n} (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)] PREVIEW)")).await;
    }
    c.check().await;
}

#[tokio::test]
async fn large_bodies_are_sent_in_pieces_whole_in_part_and_decoded() {
    let line: String = "0123456789abcde\u{0}".repeat(4).replace('\0', "=");
    let text: String = (0..60_000).map(|n| format!("{n:08}{}\r\n", &line[..54])).collect();
    let base64 = "TWFu\r\n".repeat(300_000);
    let mail = format!(
        "Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Type: image/png\r\n\r\n{base64}\r\n--b--\r\n"
    );
    let mut c = selected(&[&mail, MIXED]).await;
    assert!(bytes(&mut c, "FETCH 1 BODY.PEEK[]").await == mail.as_bytes());
    assert!(bytes(&mut c, "FETCH 1 BODY.PEEK[1]").await == text.as_bytes());
    assert!(bytes(&mut c, "FETCH 1 BODY.PEEK[1]<1000000.2000000>").await == text.as_bytes()[1_000_000..3_000_000]);
    assert!(bytes(&mut c, "FETCH 1 BINARY.PEEK[2]").await == b"Man".repeat(300_000));
    assert!(bytes(&mut c, "FETCH 1 BINARY.PEEK[2]<2.700000>").await == b"Man".repeat(300_000)[2..700_002]);
    assert_eq!(c.ok("FETCH 1 BINARY.SIZE[2]").await, ["* 1 FETCH (BINARY.SIZE[2] 900000)"]);
    // The responses around it are whole.
    let responses = c.ok("FETCH 1:2 (UID BODY.PEEK[] RFC822.SIZE BODY.PEEK[1])").await;
    let fetches = fetches(&responses);
    assert_eq!(fetches.len(), 2);
    assert_eq!(
        fetches[0],
        format!(
            "* 1 FETCH (UID 1 BODY[] {{{}}}\r\n{mail} RFC822.SIZE {0} BODY[1] {{{}}}\r\n{text})",
            mail.len(),
            text.len()
        )
    );
    c.check().await;
}

#[tokio::test]
async fn many_messages_go_through_many_pages_in_order() {
    let mut c = Client::start().await;
    let body = "x".repeat(9_000);
    for n in 1..=70 {
        c.append(format!("Subject: {n}\r\n\r\n{body}{n}"), &[]).await;
    }
    c.ok("SELECT INBOX").await;
    let responses = c.ok("FETCH 1:* BODY[]").await;
    assert_eq!(responses.len(), 70);
    for (n, response) in (1..).zip(&responses) {
        assert!(response.starts_with(&format!("* {n} FETCH (BODY[] {{")), "{}", &response[..40]);
        assert!(response.ends_with(&format!("x{n} FLAGS (\\Seen))")));
    }
    let responses = c.ok("FETCH 2,4,6:8,60:* (UID RFC822.SIZE)").await;
    assert_eq!(responses.len(), 16);
    assert!(responses[15].starts_with("* 70 FETCH (UID 70 RFC822.SIZE 90"));
}
