use super::{search, selected};

#[tokio::test]
async fn return_options_shape_the_esearch() {
    let mut c = selected(&["Subject: a\r\n\r\n"; 8]).await;
    c.ok("STORE 2,4,5,6 FLAGS.SILENT (\\Seen)").await;
    for (returns, told) in [
        ("()", " ALL 2,4:6"),
        ("(ALL)", " ALL 2,4:6"),
        ("(MIN)", " MIN 2"),
        ("(MAX COUNT)", " MAX 6 COUNT 4"),
        ("(MIN MAX COUNT ALL)", " MIN 2 MAX 6 COUNT 4 ALL 2,4:6"),
        ("(PARTIAL 2:3)", " PARTIAL (2:3 4:5)"),
        ("(PARTIAL -1:-2 COUNT)", " COUNT 4 PARTIAL (-1:-2 5:6)"),
        ("(PARTIAL 9:10)", " PARTIAL (9:10 NIL)"),
    ] {
        let tag = c.begin(&format!("SEARCH RETURN {returns} SEEN")).await;
        let responses = c.finish(&tag).await;
        assert_eq!(responses[0], format!("* ESEARCH (TAG \"{tag}\"){told}"), "{returns}");
    }
    let tag = c.begin("UID SEARCH RETURN (MIN COUNT) DELETED").await;
    assert_eq!(c.finish(&tag).await[0], format!("* ESEARCH (TAG \"{tag}\") UID COUNT 0"));
}

#[tokio::test]
async fn imap4rev2_answers_with_esearch() {
    let mut c = selected(&["Subject: a\r\n\r\n"; 2]).await;
    c.ok("ENABLE IMAP4rev2").await;
    let tag = c.begin("UID SEARCH ALL").await;
    assert_eq!(c.finish(&tag).await[0], format!("* ESEARCH (TAG \"{tag}\") UID ALL 1:2"));
}

#[tokio::test]
async fn save_keeps_what_rfc_5182_says() {
    let mut c = selected(&["Subject: a\r\n\r\n"; 6]).await;
    c.ok("STORE 2:5 FLAGS.SILENT (\\Seen)").await;
    for (returns, saved) in [
        ("(SAVE)", "2 3 4 5"),
        ("(SAVE MIN)", "2"),
        ("(SAVE MAX)", "5"),
        ("(SAVE MIN MAX)", "2 5"),
        ("(SAVE MIN COUNT)", "2 3 4 5"),
        ("(SAVE PARTIAL 2:3)", "3 4"),
    ] {
        let responses = c.ok(&format!("SEARCH RETURN {returns} SEEN")).await;
        assert_eq!(responses.is_empty(), returns == "(SAVE)", "{returns}");
        assert_eq!(search(&mut c, "$").await, saved, "{returns}");
        assert_eq!(search(&mut c, "UID $").await, saved, "{returns}");
    }
    assert_eq!(c.ok("FETCH $ UID").await, ["* 3 FETCH (UID 3)", "* 4 FETCH (UID 4)"]);
    // A NO empties it.
    assert!(c.cmd("SEARCH RETURN (SAVE) CHARSET x-none TEXT a").await[0].starts_with("NO "));
    assert_eq!(search(&mut c, "$").await, "");
}

#[tokio::test]
async fn a_modseq_key_tells_the_highest_modseq_found() {
    let mut c = selected(&["Subject: a\r\n\r\n"; 3]).await;
    c.ok("STORE 2 +FLAGS.SILENT (\\Seen)").await;
    let modseqs = c.ok("FETCH 1:3 MODSEQ").await;
    let of = |n: usize| -> u64 {
        let line = modseqs.iter().find(|r| r.starts_with(&format!("* {n} FETCH"))).unwrap();
        line.split("MODSEQ (").nth(1).unwrap().split(')').next().unwrap().parse().unwrap()
    };
    let (second, third) = (of(2), of(3));
    assert_eq!(search(&mut c, &format!("MODSEQ {second}")).await, format!("2 (MODSEQ {second})"));
    let tag = c.begin(&format!("SEARCH RETURN (MAX) MODSEQ {}", of(1))).await;
    assert_eq!(c.finish(&tag).await[0], format!("* ESEARCH (TAG \"{tag}\") MAX 3 MODSEQ {third}"));
    assert_eq!(search(&mut c, &format!("MODSEQ {}", second + 1)).await, "");
}
