use super::*;

fn view(qresync: bool) -> View {
    let mut view = View { condstore: qresync, qresync, selected: true, ..View::default() };
    for line in ["* 3 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 10] x", "* OK [HIGHESTMODSEQ 20] x"] {
        told(&mut view, Progress::Selecting, line).unwrap();
    }
    for (number, uid) in [(1, 2), (2, 4), (3, 9)] {
        let line = format!("* {number} FETCH (UID {uid} FLAGS (\\Seen \\Recent) MODSEQ (5))");
        told(&mut view, Progress::UidFetch, &line).unwrap();
    }
    view
}

fn told(view: &mut View, progress: Progress, line: &str) -> Result<Event, String> {
    view.apply(&Response(line.as_bytes().to_vec()), progress)
}

#[test]
fn a_client_follows_what_it_is_told() {
    let mut v = view(false);
    assert_eq!(told(&mut v, Progress::Nothing, "* 5 EXISTS"), Ok(Event::Exists(5)));
    assert_eq!(told(&mut v, Progress::Other, "* 2 EXPUNGE"), Ok(Event::Expunge(2, Some(4))));
    assert_eq!(told(&mut v, Progress::Nothing, "* 2 FETCH (FLAGS (Work))"), Ok(Event::Fetch(2, Some(9))));
    assert_eq!(told(&mut v, Progress::UidFetch, "* 3 FETCH (UID 10)"), Ok(Event::Fetch(3, Some(10))));
    assert_eq!(v.uids(), [Some(2), Some(9), Some(10), None]);
    assert_eq!(v.message(9).unwrap().flags, Some(BTreeSet::from(["work".to_owned()])));
    assert_eq!(v.message(2).unwrap().flags, Some(BTreeSet::from(["\\seen".to_owned()])));
    assert_eq!(told(&mut v, Progress::Other, "* BYE gone"), Ok(Event::Bye("gone".to_owned())));
}

#[test]
fn vanished_takes_away_what_is_known_and_what_is_new() {
    let mut v = view(true);
    told(&mut v, Progress::Nothing, "* 5 EXISTS").unwrap();
    assert_eq!(told(&mut v, Progress::Other, "* VANISHED 4,11"), Ok(Event::Vanished(vec![4, 11], false)));
    assert_eq!(v.uids(), [Some(2), Some(9), None]);
    assert_eq!(told(&mut v, Progress::UidFetch, "* VANISHED (EARLIER) 3:8"), Ok(Event::Vanished(Vec::new(), true)));
}

#[test]
fn every_broken_rule_is_named() {
    let fixed = Progress::NumbersFixed;
    for (qresync, progress, line, rule) in [
        (false, Progress::Nothing, "* 2 EXISTS", "EXISTS shrinks"),
        (false, Progress::Nothing, "* 1 EXPUNGE", "while no command is in progress"),
        (false, fixed, "* 1 EXPUNGE", "during FETCH, STORE or SEARCH"),
        (false, Progress::Selecting, "* 1 EXPUNGE", "before the mailbox is selected"),
        (false, Progress::Other, "* 4 EXPUNGE", "message 4 of 3"),
        (false, Progress::Other, "* 0 EXPUNGE", "message 0 of 3"),
        (true, Progress::Other, "* 1 EXPUNGE", "although QRESYNC is enabled"),
        (false, Progress::Other, "* VANISHED 2", "QRESYNC is not enabled"),
        (true, Progress::Nothing, "* VANISHED 2", "while no command is in progress"),
        (true, fixed, "* VANISHED 2", "during FETCH, STORE or SEARCH"),
        (true, Progress::Other, "* VANISHED 3", "UID 3, which is not there"),
        (true, Progress::Other, "* VANISHED 1:4000000000", "more messages than there are"),
        (true, Progress::Other, "* VANISHED (EARLIER) 1", "nobody asked for"),
        (true, Progress::UidFetch, "* VANISHED (EARLIER) 3:5", "names UID 4, which is there"),
        (false, Progress::Nothing, "* 4 FETCH (FLAGS ())", "message 4 of 3"),
        (false, fixed, "* 1 FETCH (UID 3)", "had UID 2 and now has 3"),
        (false, fixed, "* 1 FETCH (MODSEQ (4))", "falls from 5 to 4"),
        (false, fixed, "* 1 FETCH (FLAGS", "not well-formed"),
        (true, Progress::Other, "* 1 FETCH (UID 2 FLAGS ())", "without MODSEQ"),
        (true, Progress::Other, "* 1 FETCH (FLAGS () MODSEQ (6))", "without UID"),
        (false, Progress::Other, "* OK [UIDVALIDITY 8] x", "UIDVALIDITY changes"),
        (false, Progress::Other, "* OK [UIDNEXT 9] x", "UIDNEXT falls"),
        (false, Progress::Other, "* OK [HIGHESTMODSEQ 19] x", "HIGHESTMODSEQ falls"),
        (false, Progress::Other, "* 3 MESSAGES", "unknown response"),
        (false, Progress::Other, "noise", "no untagged response"),
    ] {
        let said = told(&mut view(qresync), progress, line).expect_err(line);
        assert!(said.contains(rule), "{line}: {said}");
    }
}

#[test]
fn a_new_message_has_a_new_uid() {
    let mut v = view(false);
    told(&mut v, Progress::Nothing, "* 4 EXISTS").unwrap();
    let said = told(&mut v.clone(), Progress::UidFetch, "* 4 FETCH (UID 9)").unwrap_err();
    assert!(said.contains("stands between"), "{said}");
    told(&mut v, Progress::Other, "* 3 EXPUNGE").unwrap();
    let said = told(&mut v, Progress::UidFetch, "* 3 FETCH (UID 9)").unwrap_err();
    assert!(said.contains("not above 9"), "{said}");
}

#[test]
fn another_mailbox_begins_where_the_old_one_is_closed() {
    let mut v = view(true);
    told(&mut v, Progress::Selecting, "* OK [CLOSED] x").unwrap();
    assert_eq!(v.messages.len(), 0);
    assert!(v.qresync && v.selected);
    told(&mut v, Progress::Selecting, "* 1 EXISTS").unwrap();
    told(&mut v, Progress::Selecting, "* OK [UIDVALIDITY 1] x").unwrap();
    v.reset(false);
    assert!(told(&mut v, Progress::Other, "* 1 EXISTS").unwrap_err().contains("without a selected mailbox"));
}
