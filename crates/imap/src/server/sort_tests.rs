use crate::server::testing::Client;

/// Four messages: from, to, subject, date and size differ in their orders.
async fn selected() -> Client {
    let mut c = Client::start().await;
    let date = |day: u32, zone: &str| format!("{day} Jan 2026 12:00:00 {zone}");
    for (from, to, subject, date, body) in [
        ("Zoë <b@x.org>", "d@x.org", "Re: beta", date(4, "+0000"), "xx"),
        ("<C@x.org>", "c@x.org", "Alpha", date(3, "+0000"), "xxxx"),
        ("Émile <a@x.org>", "", "[list] BETA (fwd)", date(2, "+0000"), "x"),
        ("anna <d@x.org>", "a@x.org", "", date(3, "+0600"), "xxx"),
    ] {
        let to = if to.is_empty() { String::new() } else { format!("To: {to}\r\nCc: z{to}\r\n") };
        c.append(format!("From: {from}\r\n{to}Subject: {subject}\r\nDate: {date}\r\n\r\n{}", body.repeat(50)), &[])
            .await;
    }
    c.ok("SELECT INBOX").await;
    c
}

#[tokio::test]
async fn each_criterion_orders_as_rfc_5256_says() {
    let mut c = selected().await;
    for (criteria, order) in [
        ("ARRIVAL", "1 2 3 4"),
        ("REVERSE ARRIVAL", "1 2 3 4"),
        ("DATE", "3 4 2 1"),
        ("REVERSE DATE", "1 2 4 3"),
        ("SIZE", "3 1 4 2"),
        ("FROM", "3 1 2 4"),
        ("TO", "3 4 2 1"),
        ("CC", "3 4 2 1"),
        ("REVERSE TO", "1 2 4 3"),
        // Base subjects are equal without regard to case; ties go by number.
        ("SUBJECT", "4 2 1 3"),
        ("REVERSE SUBJECT", "1 3 2 4"),
        ("SUBJECT REVERSE SIZE", "4 2 1 3"),
        ("SUBJECT DATE", "4 2 3 1"),
        ("DISPLAYFROM", "4 2 1 3"),
        ("DISPLAYTO", "3 4 2 1"),
    ] {
        assert_eq!(c.ok(&format!("SORT ({criteria}) UTF-8 ALL")).await, [format!("* SORT {order}")], "{criteria}");
    }
    assert_eq!(c.ok("UID SORT (DATE) US-ASCII NOT 2").await, ["* SORT 3 4 1"]);
    assert_eq!(c.ok("SORT (DATE) US-ASCII DELETED").await, ["* SORT"]);
    assert!(c.cmd("SORT (DATE) KOI8-R ALL").await[0].starts_with("NO [BADCHARSET"));
}

#[tokio::test]
async fn esort_returns_in_sorted_order() {
    let mut c = selected().await;
    let tag = c.begin("UID SORT RETURN (MIN MAX COUNT ALL) (DATE) UTF-8 ALL").await;
    let responses = c.finish(&tag).await;
    assert_eq!(responses[0], format!("* ESEARCH (TAG \"{tag}\") UID MIN 3 MAX 1 COUNT 4 ALL 3:4,2,1"));
    let tag = c.begin("SORT RETURN (PARTIAL 1:2 SAVE) (REVERSE DATE) UTF-8 ALL").await;
    assert_eq!(c.finish(&tag).await[0], format!("* ESEARCH (TAG \"{tag}\") PARTIAL (1:2 1:2)"));
    assert_eq!(c.ok("SEARCH $").await, ["* SEARCH 1 2"]);
}

#[tokio::test]
async fn thread_tells_threads_by_both_algorithms() {
    let mut c = Client::start().await;
    for (id, references, subject, day) in [
        ("a", "", "one", 1),
        ("b", "<a@x>", "Re: one", 2),
        ("c", "", "two", 3),
        ("d", "<a@x> <b@x>", "Re: one", 5),
        ("e", "", "Fwd: two", 4),
    ] {
        c.append(
            format!("Message-ID: <{id}@x>\r\nReferences: {references}\r\nSubject: {subject}\r\nDate: {day} Jan 2026 12:00:00 +0000\r\n\r\n"),
            &[],
        )
        .await;
    }
    c.ok("SELECT INBOX").await;
    assert_eq!(c.ok("THREAD REFERENCES UTF-8 ALL").await, ["* THREAD (1 2 4)(3 5)"]);
    assert_eq!(c.ok("THREAD ORDEREDSUBJECT UTF-8 ALL").await, ["* THREAD (1 (2)(4))(3 5)"]);
    assert_eq!(c.ok("UID THREAD REFERENCES UTF-8 NOT 2").await, ["* THREAD (1 4)(3 5)"]);
    assert_eq!(c.ok("THREAD REFERENCES UTF-8 DELETED").await, ["* THREAD"]);
}
