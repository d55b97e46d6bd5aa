use super::{search, selected};
use crate::server::testing::Client;

const FIRST: &str = "From: \"Müller, Ada\" <ada@example.org>\r\nTo: bob@example.org\r\nCc: carol@example.org\r\n\
    Bcc: dave@example.org\r\nSubject: =?utf-8?q?=C3=89t=C3=A9?= in Paris\r\nDate: Sat, 31 Jan 2026 23:30:00 -0500\r\n\
    Message-ID: <one@example.org>\r\nX-Tag: red\r\nX-Empty:\r\n\r\nSummer plans\r\n";
const SECOND: &str = "From: erin@example.org\r\nSubject: report\r\nIn-Reply-To: <one@example.org>\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>caf=E9 <b>au</b> lait</p>\r\n--b\r\n\
    Content-Type: application/pdf; name=\"Invoice.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    c2VjcmV0\r\n--b--\r\n";

#[tokio::test]
async fn each_key_means_what_rfc_9051_says() {
    let mut c = selected(&[FIRST, SECOND]).await;
    c.ok("STORE 2 FLAGS.SILENT (\\Seen \\Answered Work)").await;
    for (key, found) in [
        ("ALL", "1 2"),
        ("ANSWERED", "2"),
        ("UNANSWERED", "1"),
        ("SEEN", "2"),
        ("UNSEEN", "1"),
        ("NEW", ""),
        ("OLD", "1 2"),
        ("RECENT", ""),
        ("KEYWORD work", "2"),
        ("UNKEYWORD WORK", "1"),
        ("KEYWORD other", ""),
        ("2:*", "2"),
        ("1:9", "1 2"),
        ("UID 2", "2"),
        ("NOT UID 2", "1"),
        ("FROM muller", ""),
        ("FROM example.ORG", "1 2"),
        ("FROM \"Ada <ada@\"", "1"),
        ("TO bob", "1"),
        ("CC carol", "1"),
        ("BCC dave", "1"),
        ("BCC \"\"", "1"),
        ("SUBJECT paris", "1"),
        ("SUBJECT REPORT", "2"),
        ("BODY summer", "1"),
        ("BODY secret", ""),
        ("BODY invoice.pdf", "2"),
        ("BODY \"au lait\"", "2"),
        ("TEXT red", "1"),
        ("BODY red", ""),
        ("HEADER X-Tag RED", "1"),
        ("HEADER x-empty \"\"", "1"),
        ("HEADER x-none \"\"", ""),
        ("HEADER Message-ID one@example", "1"),
        ("HEADER In-Reply-To <one@example.org>", "2"),
        ("ON 1-Feb-2026", "1 2"),
        ("BEFORE 1-Feb-2026", ""),
        ("SINCE 1-Feb-2026", "1 2"),
        // The Date field counts in its own zone; without one, INTERNALDATE.
        ("SENTON 31-Jan-2026", "1"),
        ("SENTBEFORE 1-Feb-2026", "1"),
        ("SENTSINCE 1-Feb-2026", "2"),
        ("SAVEDSINCE 1-Jan-2020", "1 2"),
        ("SAVEDBEFORE 1-Jan-2020", ""),
        ("SAVEDATESUPPORTED", "1 2"),
        ("OLDER 60", "1 2"),
        ("YOUNGER 60", ""),
        ("SMALLER 100", ""),
        ("LARGER 100", "1 2"),
        ("OR SEEN SUBJECT paris", "1 2"),
        ("(UNSEEN TEXT plans) NOT 2", "1"),
        ("EMAILID X1", ""),
        ("THREADID T0", ""),
    ] {
        assert_eq!(search(&mut c, key).await, found, "{key}");
    }
    let (smaller, larger) = (format!("SMALLER {}", SECOND.len()), format!("LARGER {}", FIRST.len()));
    assert_eq!((search(&mut c, &smaller).await, search(&mut c, &larger).await), ("1".into(), "2".into()));
    for (key, text, found) in [("SUBJECT", "éTÉ", "1"), ("FROM", "MÜLLER, ada", "1"), ("BODY", "CAFÉ", "2")] {
        let literal = format!("{key} {{{}+}}\r\n{text}", text.len());
        assert_eq!(search(&mut c, &format!("CHARSET UTF-8 {literal}")).await, found, "{key}");
    }
    c.check().await;
}

#[tokio::test]
async fn objectids_find_the_message_and_its_thread() {
    let mut c = selected(&[FIRST, SECOND, "Subject: x\r\n\r\n"]).await;
    let ids = c.ok("FETCH 1 (EMAILID THREADID)").await;
    let id = |n: usize| ids[0].split(['(', ')']).nth(n).unwrap().to_owned();
    assert_eq!(search(&mut c, &format!("EMAILID {}", id(2))).await, "1");
    assert_eq!(search(&mut c, &format!("THREADID {}", id(4))).await, "1 2");
}

#[tokio::test]
async fn an_unknown_charset_is_refused_with_those_that_are_known() {
    let mut c = selected(&[FIRST]).await;
    let responses = c.cmd("SEARCH CHARSET KOI8-R SUBJECT x").await;
    assert!(responses[0].starts_with("NO [BADCHARSET (US-ASCII UTF-8)]"), "{responses:?}");
}

#[tokio::test]
async fn a_search_tells_new_messages_first_and_finds_them() {
    let mut c = selected(&[FIRST]).await;
    c.append(SECOND, &[]).await;
    assert_eq!(c.ok("SEARCH ALL").await, ["* 2 EXISTS", "* SEARCH 1 2"]);
}

#[tokio::test]
async fn malformed_messages_are_searched_without_harm() {
    let mut c = Client::start().await;
    for raw in [
        &b""[..],
        b"\0\0\0",
        b"Subject",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b",
        b"\xff: \xfe\n\nx\xff",
    ] {
        c.append(raw, &[]).await;
    }
    c.ok("SELECT INBOX").await;
    assert_eq!(search(&mut c, "NOT BODY nothing NOT TEXT nothing NOT HEADER a b NOT FROM q").await, "1 2 3 4 5");
    assert_eq!(search(&mut c, "TEXT \"x\" NOT TEXT mixed").await, "5");
}
