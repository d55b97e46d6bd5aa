//! FETCH items as they are on the wire, ENVELOPE and BODYSTRUCTURE from whole messages.

use proptest::prelude::*;
use sterna_core::SystemFlags;
use sterna_message::parse;

use super::*;
use crate::codec::command::section::{Section, SectionText};
use crate::codec::lexer::{Cursor, Parsed};

fn line(write: impl Fn(&mut FetchLine, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    let mut line = FetchLine::begin(&mut out, 12);
    write(&mut line, &mut out);
    line.end(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn item(section: Section, partial: Option<Partial>, name: BodyName) -> BodyItem {
    BodyItem { section, partial, peek: true, name }
}

#[test]
fn items_stand_in_the_order_of_the_calls() {
    let date = DateTime::parse_imap(b" 1-Feb-2026 09:30:00 +0100").unwrap();
    let text = line(|l, o| {
        l.uid(o, Uid::MAX);
        l.flags(o, &Flags::system(SystemFlags::SEEN));
        l.internal_date(o, date);
        l.save_date(o, None);
        l.size(o, 4_294_967_296);
        l.mod_seq(o, ModSeq(7));
        l.email_id(o, "E1");
        l.thread_id(o, Some("T1"));
        l.thread_id(o, None);
        l.preview(o, Some("a \"b\""));
        l.preview(o, None);
        l.binary_size(o, &[1, 2], 9);
    });
    assert_eq!(
        text,
        "* 12 FETCH (UID 4294967295 FLAGS (\\Seen) INTERNALDATE \" 1-Feb-2026 09:30:00 +0100\" SAVEDATE NIL \
         RFC822.SIZE 4294967296 MODSEQ (7) EMAILID (E1) THREADID (T1) THREADID NIL PREVIEW \"a \\\"b\\\"\" PREVIEW NIL \
         BINARY.SIZE[1.2] 9)\r\n"
    );
    let mut out = Vec::new();
    FetchLine::begin_uid(&mut out, Uid::MIN).end(&mut out);
    assert_eq!(out, b"* 1 UIDFETCH ()\r\n");
}

#[test]
fn bytes_are_named_as_they_were_asked_for() {
    let fields = SectionText::HeaderFields { names: vec!["From".into(), "X Y".into()], not: false };
    let part = Some(Partial { offset: 4, length: 10 });
    let text = line(|l, o| {
        l.section(o, &item(Section::default(), part, BodyName::Body), b"abc");
        l.section(o, &item(Section { part: vec![1, 2], text: Some(fields.clone()) }, None, BodyName::Body), b"");
        l.section_nil(o, &item(Section { part: vec![3], text: Some(SectionText::Mime) }, None, BodyName::Body));
        l.section(o, &item(Section::default(), None, BodyName::Rfc822), b"x");
        l.binary_head(o, &[1], part, 2);
        o.extend_from_slice(b"\0\0");
        l.binary_nil(o, &[], None);
    });
    assert_eq!(
        text,
        "* 12 FETCH (BODY[]<4> {3}\r\nabc BODY[1.2.HEADER.FIELDS (From \"X Y\")] {0}\r\n BODY[3.MIME] NIL \
         RFC822 {1}\r\nx BINARY[1]<4> ~{2}\r\n\0\0 BINARY[] NIL)\r\n"
    );
}

fn structure_text(message: &str) -> [String; 3] {
    let structure = parse(message.replace('\n', "\r\n").as_bytes());
    let view = structure.view();
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    [
        text(&|o| super::super::envelope(o, &view.envelope())),
        text(&|o| super::super::body_structure(o, &view)),
        text(&|o| super::super::body(o, &view)),
    ]
}

#[test]
fn envelope_and_structure_of_a_plain_message() {
    let [envelope, structure, body] = structure_text(
        "Date: Wed, 17 Jul 1996 02:23:25 -0700\nFrom: Terry Gray <gray@cac.washington.edu>\nSubject: a \"b\"\n\
         To: friends: Ann <ann@x.org>, bob@x.org;\nMessage-ID: <B2@cac>\n\nhello\n",
    );
    let gray = "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\"))";
    assert_eq!(
        envelope,
        format!(
            "(\"Wed, 17 Jul 1996 02:23:25 -0700\" \"a \\\"b\\\"\" {gray} {gray} {gray} ((NIL NIL \"friends\" NIL)\
             (\"Ann\" NIL \"ann\" \"x.org\")(NIL NIL \"bob\" \"x.org\")(NIL NIL NIL NIL)) NIL NIL NIL \"<B2@cac>\")"
        )
    );
    let plain = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1";
    assert_eq!(structure, format!("{plain} NIL NIL NIL NIL)"));
    assert_eq!(body, format!("{plain})"));
}

#[test]
fn structure_of_a_multipart_with_a_message_inside() {
    let [_, structure, body] = structure_text(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\
         Content-Language: fr, en\nContent-Disposition: inline\n\n<p>\n--b\nContent-Type: message/rfc822\n\n\
         Subject: in\n\nx\n--b\nContent-Type: image/png; name=\"a b\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=x.png\nContent-ID: <i@x>\n\nAAAA\n--b--\n",
    );
    let inner = "NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL";
    assert_eq!(
        structure,
        format!(
            "((\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 3 0 NIL (\"inline\" NIL) (\"fr\" \"en\") NIL)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 ({inner}) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL)\
             (\"image\" \"png\" (\"name\" \"a b\") \"<i@x>\" NIL \"base64\" 4 NIL \
             (\"attachment\" (\"filename\" \"x.png\")) NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"
        )
    );
    assert!(body.ends_with("\"base64\" 4) \"mixed\")"), "{body}");
}

/// One value of the response grammar: NIL, a number, a string or a list.
fn value(c: &mut Cursor<'_>, depth: usize) -> Parsed<()> {
    if c.take(b"(") {
        let deeper = depth.checked_sub(1).ok_or(c.error("less depth"))?;
        while !c.take(b")") {
            value(c, deeper)?;
            c.take(b" ");
        }
        return Ok(());
    }
    if c.peek().is_some_and(|b| b.is_ascii_digit()) { c.number64().map(drop) } else { c.nstring().map(drop) }
}

proptest! {
    #[test]
    fn any_message_is_written_in_the_grammar(bytes in prop::collection::vec(any::<u8>(), 0..300), head in prop::sample::select(vec![
        "Subject: ", "From: ", "To: a: ", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: ",
        "Content-Type: message/rfc822\r\n\r\nCc: ", "Content-Disposition: x; ", "Content-Language: ", "",
    ])) {
        let structure = parse(&[head.as_bytes(), &bytes].concat());
        for write in [super::super::body_structure, super::super::body] {
            let mut out = Vec::new();
            write(&mut out, &structure.view());
            out.push(b' ');
            super::super::envelope(&mut out, &structure.view().envelope());
            let mut c = Cursor::new(&out);
            prop_assert!(value(&mut c, 200).is_ok() && c.take(b" ") && value(&mut c, 200).is_ok(), "{}", out.escape_ascii());
            prop_assert!(c.rest().is_empty());
        }
    }
}
