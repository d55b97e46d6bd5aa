use super::{MIXED, fetches, selected};

#[tokio::test]
async fn each_item_is_told_as_its_rfc_says() {
    let mut c = selected(&[MIXED]).await;
    let size = MIXED.len();
    for (item, told) in [
        ("FLAGS", "FLAGS ()".to_owned()),
        ("UID", "UID 1".into()),
        ("INTERNALDATE", "INTERNALDATE \" 1-Feb-2026 09:30:00 +0100\"".into()),
        ("RFC822.SIZE", format!("RFC822.SIZE {size}")),
        ("FAST", format!("FLAGS () INTERNALDATE \" 1-Feb-2026 09:30:00 +0100\" RFC822.SIZE {size}")),
        (
            "ENVELOPE",
            "ENVELOPE (\"Sun, 1 Feb 2026 09:00:00 +0100\" \"parts\" ((\"Ada\" NIL \"ada\" \"example.org\")) \
             ((\"Ada\" NIL \"ada\" \"example.org\")) ((\"Ada\" NIL \"ada\" \"example.org\")) \
             ((NIL NIL \"bob\" \"example.org\")) NIL NIL NIL \"<m1@example.org>\")"
                .into(),
        ),
        ("PREVIEW (LAZY)", "PREVIEW \"Hello\"".into()),
        ("(UID PREVIEW)", "UID 1 PREVIEW \"Hello\"".into()),
        ("BINARY.SIZE[2]", "BINARY.SIZE[2] 4".into()),
        ("BINARY.SIZE[7]", "BINARY.SIZE[7] 0".into()),
    ] {
        let responses = c.ok(&format!("FETCH 1 {item}")).await;
        assert_eq!(fetches(&responses), [format!("* 1 FETCH ({told})")], "{item}");
    }
    c.check().await;
}

#[tokio::test]
async fn objectid_and_savedate_name_what_the_store_has() {
    let mut c = selected(&[MIXED, "Subject: re\r\nIn-Reply-To: <m1@example.org>\r\n\r\nx"]).await;
    let responses = c.ok("FETCH 1:2 (EMAILID THREADID)").await;
    let word = |r: &str, n: usize| r.split(['(', ')']).nth(n).unwrap().to_owned();
    let told: Vec<_> = fetches(&responses).iter().map(|r| (word(r, 2), word(r, 4))).collect();
    assert!(told[0].0.starts_with('E') && told[0].1.starts_with('T'), "{responses:?}");
    assert!(told[0].0 != told[1].0 && told[0].1 == told[1].1, "{responses:?}");
    let responses = c.ok("FETCH 1 SAVEDATE").await;
    assert!(fetches(&responses)[0].starts_with("* 1 FETCH (SAVEDATE \""), "{responses:?}");
}

#[tokio::test]
async fn body_and_bodystructure_differ_by_extension_data() {
    let mut c = selected(&[MIXED]).await;
    let body = c.ok("FETCH 1 BODY").await;
    let structure = c.ok("FETCH 1 BODYSTRUCTURE").await;
    assert_eq!(
        body,
        ["* 1 FETCH (BODY ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 0)\
          (\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 8) \"mixed\"))"]
    );
    assert!(structure[0].contains("\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"), "{structure:?}");
}

#[tokio::test]
async fn uid_fetch_tells_the_uid_once_and_ignores_uids_that_are_not_there() {
    let mut c = selected(&[MIXED, MIXED]).await;
    assert_eq!(c.ok("UID FETCH 2:9 FLAGS").await, ["* 2 FETCH (UID 2 FLAGS ())"]);
    assert_eq!(c.ok("UID FETCH 1 (FLAGS UID)").await, ["* 1 FETCH (FLAGS () UID 1)"]);
    assert_eq!(c.ok("UID FETCH 7:* UID").await, ["* 2 FETCH (UID 2)"]);
    assert!(c.cmd("FETCH 3 FLAGS").await[0].starts_with("BAD "));
}

#[tokio::test]
async fn a_body_that_is_not_peeked_at_sets_seen_and_tells_it() {
    let mut c = selected(&[MIXED, MIXED]).await;
    let responses = c.ok("FETCH 1:2 BODY.PEEK[TEXT]<0.3>").await;
    assert!(responses.iter().all(|r| !r.contains("FLAGS")), "{responses:?}");
    let responses = c.ok("FETCH 1 BODY[TEXT]<0.3>").await;
    assert_eq!(responses, ["* 1 FETCH (BODY[TEXT]<0> {3}\r\n--b FLAGS (\\Seen))"]);
    // Nothing is left to tell, and one that is seen is not told again.
    assert!(c.ok("NOOP").await.is_empty());
    assert_eq!(c.ok("FETCH 1 BINARY[1]").await, ["* 1 FETCH (BINARY[1] ~{5}\r\nHello)"]);
    assert_eq!(c.ok("FETCH 2 (FLAGS RFC822.HEADER)").await.len(), 1);
    assert_eq!(c.ok("FETCH 2 FLAGS").await, ["* 2 FETCH (FLAGS ())"]);
    // EXAMINE changes nothing.
    c.ok("EXAMINE INBOX").await;
    c.ok("FETCH 2 RFC822").await;
    assert_eq!(c.ok("FETCH 2 FLAGS").await, ["* 2 FETCH (FLAGS ())"]);
    c.check().await;
}
