//! Messages that break a rule, or lie at the edge of one. Each is complete and to be kept byte for byte.

use std::fmt::Write as _;

/// A message with a name that says what is odd about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSample {
    /// What is odd.
    pub name: &'static str,
    /// The bytes.
    pub raw: Vec<u8>,
}

impl MessageSample {
    /// Whether a server may be given it over IMAP: RFC 9051 allows NUL in a `literal8` only, and an empty message is
    /// refused by many. The others must be laid into the mail store as files.
    pub fn can_append(&self) -> bool {
        !self.raw.is_empty() && !self.raw.contains(&0)
    }
}

/// Lines joined with CRLF, each ended by one.
pub fn with_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    lines.into_iter().flat_map(|line| line.bytes().chain(*b"\r\n")).collect()
}

/// Every odd message.
pub fn all() -> Vec<MessageSample> {
    let mut samples = Vec::new();
    let mut add = |name: &'static str, raw: Vec<u8>| samples.push(MessageSample { name, raw });
    identity(&mut add);
    bytes(&mut add);
    headers(&mut add);
    structure(&mut add);
    content(&mut add);
    samples
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Vec<u8>);

const DATE: &str = "Date: Sun, 1 Feb 2026 09:30:00 +0100";

/// What matches by header gets wrong.
fn identity(add: Add<'_>) {
    let plain = |id: &str, body: &str| {
        with_lines(["From: Anne <anne@example.org>", "To: bob@example.org", DATE, "Subject: Rapport", id, "", body])
    };
    let id = "Message-ID: <twin@example.org>";
    add("equal headers, first body", plain(id, "The first of two."));
    add("equal headers, second body", plain(id, "The other of two, and a different mail."));
    add("exact duplicate, first", plain("Message-ID: <same@example.org>", "Sent twice."));
    add("exact duplicate, second", plain("Message-ID: <same@example.org>", "Sent twice."));
    add("no Message-ID", with_lines(["From: anne@example.org", DATE, "Subject: no identity", "", "body"]));
    add("two Message-IDs", plain("Message-ID: <one@example.org>\r\nMessage-ID: <two@example.org>", "Which?"));
    add("empty Message-ID", plain("Message-ID:", "Empty."));
    add("Message-ID without brackets", plain("Message-ID: naked@example.org", "Naked."));
    add("Message-ID with spaces", plain("Message-ID: <a b c @ example.org>", "Spaced."));
    add("folded Message-ID", plain("Message-ID:\r\n <folded@example.org>", "Folded."));
    add("references to itself", plain("Message-ID: <loop@example.org>\r\nReferences: <loop@example.org>", "Loop."));
    add("references in a circle, a", plain("Message-ID: <ca@example.org>\r\nIn-Reply-To: <cb@example.org>", "a"));
    add("references in a circle, b", plain("Message-ID: <cb@example.org>\r\nIn-Reply-To: <ca@example.org>", "b"));
}

/// Bytes that mail should not hold.
fn bytes(add: Add<'_>) {
    let head = "From: anne@example.org\r\nSubject: bytes\r\n\r\n";
    let body = |body: &[u8]| [head.as_bytes(), body].concat();
    add("empty message", Vec::new());
    add("a single line end", b"\r\n".to_vec());
    add("one byte", b"x".to_vec());
    add("NUL in the body", body(b"before\0after\r\n\0\0\r\n"));
    add("NUL in a header", b"From: a@example.org\r\nSubject: a\0b\r\n\r\nbody\r\n".to_vec());
    add(
        "8-bit headers in Latin-1",
        b"From: Andr\xe9 <a@example.org>\r\nSubject: D\xe9j\xe0 vu\r\n\r\nbody\r\n".to_vec(),
    );
    add("8-bit headers in UTF-8", "From: André <a@example.org>\r\nSubject: Déjà vu ✓\r\n\r\nbody\r\n".into());
    add("broken UTF-8 in a header", b"Subject: \xc3\x28 \xff\xfe \xed\xa0\x80\r\n\r\nbody\r\n".to_vec());
    add("a line of 10,000 bytes", body(&[&b"x".repeat(10_000)[..], b"\r\n"].concat()));
    add("a line of 1,000,000 bytes", body(&[&b"y".repeat(1_000_000)[..], b"\r\n"].concat()));
    add("no final line end", body(b"cut off"));
    add("bare LF everywhere", b"From: a@example.org\nSubject: unix\n\nline\nline\n".to_vec());
    add("bare CR in the body", body(b"mac\rline\rline\r\n"));
    add("bare CR in a header", b"Subject: a\rb\r\nFrom: a@example.org\r\n\r\nbody\r\n".to_vec());
    add("mixed line ends", body(b"a\nb\r\nc\rd\r\r\ne\n\r\n"));
    add("every byte value", body(&(0..=255u8).chain(*b"\r\n").collect::<Vec<_>>()));
    add("ends with CR", body(b"text\r"));
    add("UTF-16 instead of text", b"\xff\xfeF\0r\0o\0m\0:\0 \0a\0\r\0\n\0\r\0\n\0x\0".to_vec());
    add("starts with a byte order mark", b"\xef\xbb\xbfFrom: a@example.org\r\nSubject: bom\r\n\r\nbody\r\n".to_vec());
    add("an mbox line inside", body(b"line\r\nFrom somebody Thu Jan  1 00:00:00 1970\r\n>From quoted\r\n"));
    add(
        "starts with an mbox line",
        b"From a@example.org Sun Feb  1 09:30:00 2026\r\nSubject: x\r\n\r\nbody\r\n".to_vec(),
    );
    add("dots on lines", body(b".\r\n..\r\n.x\r\n"));
}

/// Headers that are missing, doubled, endless or wrong.
fn headers(add: Add<'_>) {
    add("headers only, no empty line", with_lines(["From: a@example.org", "Subject: headers only"]));
    add("headers only, with empty line", with_lines(["From: a@example.org", "Subject: headers only", ""]));
    add("body only", b"\r\nNo header at all.\r\n".to_vec());
    add("no header, text at once", b"This is not a header\r\nnor is this.\r\n\r\nbody\r\n".to_vec());
    for (name, date) in [
        ("Date that does not exist", "Date: Mon, 30 Feb 2026 25:61:61 +9999"),
        ("Date that is no date", "Date: yesterday, after lunch"),
        ("Date with a two-digit year", "Date: 1 Jan 70 00:00:00 GMT"),
        ("Date with a huge year", "Date: Fri, 31 Dec 99999 23:59:59 +0000"),
        ("Date before 1970", "Date: Mon, 01 Jan 1900 00:00:00 +0000"),
        ("Date with a named zone", "Date: Sun, 1 Feb 2026 09:30:00 CEST (heure d'été)"),
        ("Date empty", "Date:"),
    ] {
        add(name, with_lines(["From: a@example.org", date, "Subject: date", "", "body"]));
    }
    add("no Date", with_lines(["From: a@example.org", "Subject: when?", "", "body"]));
    add(
        "two From, two Subject, two Date",
        with_lines([
            "From: a@example.org",
            "From: b@example.org",
            "Subject: one",
            "Subject: two",
            DATE,
            "Date: 1 Jan 2001 00:00:00 +0000",
            "",
            "x",
        ]),
    );
    add("header name with a space before the colon", with_lines(["Subject : spaced", "From : a@example.org", "", "x"]));
    add(
        "header line without a colon in the middle",
        with_lines(["From: a@example.org", "garbage line", "Subject: after it", "", "x"]),
    );
    add(
        "folding with tabs, empty folded lines",
        with_lines(["Subject: a", "\tb", " ", " c", "From: a@example.org", "", "x"]),
    );
    add("first line is a continuation", with_lines([" continued from nowhere", "Subject: x", "", "body"]));
    add(
        "encoded words broken",
        with_lines([
            "Subject: =?utf-8?Q?=E9=ZZ?= =?utf-8?B?!!!?= =?nope?X?abc?= =?utf-8?Q?open",
            "From: =?utf-8?Q?a,b?= <a@example.org>",
            "",
            "x",
        ]),
    );
    add(
        "encoded word cut inside a character",
        with_lines(["Subject: =?utf-8?B?w6k=?= =?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "", "x"]),
    );
    add(
        "addresses broken",
        with_lines([
            "From: <<>>@@ , \"unclosed <a@b",
            "To: undisclosed-recipients:;",
            "Cc: group: a@example.org, (comment (nested)) b@example.org;",
            "Bcc: ,,,",
            "Reply-To: @example.org",
            "Sender: a@[127.0.0.1]",
            "",
            "x",
        ]),
    );
    let mut many = String::from("Subject: many headers\r\n");
    for n in 0..5_000 {
        let _ = write!(many, "X-Trace-{n}: {n}\r\n");
    }
    add("5,000 header lines", [many.as_bytes(), b"\r\nbody\r\n"].concat());
    add(
        "a header of 300,000 bytes",
        format!("Subject: long\r\nX-Huge: {}\r\n\r\nbody\r\n", "h".repeat(300_000)).into_bytes(),
    );
    add(
        "a header folded 10,000 times",
        format!("Subject: folded{}\r\n\r\nbody\r\n", "\r\n x".repeat(10_000)).into_bytes(),
    );
    let recipients: Vec<String> = (0..3_000).map(|n| format!("user{n}@example.org")).collect();
    add("3,000 recipients", format!("To: {}\r\nSubject: all\r\n\r\nbody\r\n", recipients.join(",\r\n ")).into_bytes());
    add(
        "comments nested 5,000 deep",
        format!("From: {}x{} a@example.org\r\n\r\nbody\r\n", "(".repeat(5_000), ")".repeat(5_000)).into_bytes(),
    );
}

/// MIME structures that do not end, do not begin or nest without bound.
fn structure(add: Add<'_>) {
    let multipart = |boundary: &str, body: &str| {
        let head = format!(
            "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n"
        );
        [head.as_bytes(), body.as_bytes()].concat()
    };
    let part = "--b\r\nContent-Type: text/plain\r\n\r\none\r\n";
    add("boundary never appears", multipart("b", "no part here\r\n"));
    add("boundary never closed", multipart("b", part));
    add("boundary closed twice", multipart("b", &format!("{part}--b--\r\nepilogue\r\n--b--\r\n")));
    add("boundary empty", multipart("\"\"", "--\r\n\r\npart\r\n----\r\n"));
    add("boundary missing", b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n".to_vec());
    add("boundary with trailing spaces", multipart("b", "--b  \t\r\n\r\none\r\n--b-- \r\n"));
    add("boundary longer than a line", multipart(&format!("\"{}\"", "b".repeat(2_000)), "x\r\n"));
    add(
        "inner boundary is a prefix of the outer",
        multipart(
            "bb",
            "--bb\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nin\r\n--b--\r\n--bb--\r\n",
        ),
    );
    add(
        "inner boundary equals the outer",
        multipart("b", "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nin\r\n--b--\r\n--b--\r\n"),
    );
    add("multipart with no parts", multipart("b", "--b--\r\n"));
    add("an empty part", multipart("b", "--b\r\n--b\r\n\r\n--b--\r\n"));
    add("a boundary line ended by LF", multipart("b", "--b\nContent-Type: text/plain\n\none\n--b--\n"));
    add("10,000 parts", multipart("b", &format!("{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(10_000))));
    let mut nested = String::from("Subject: deep\r\n");
    for n in 0..500 {
        let _ = write!(nested, "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    }
    add("multiparts nested 500 deep", format!("{nested}Content-Type: text/plain\r\n\r\nbottom\r\n").into_bytes());
    add(
        "messages nested 200 deep",
        format!("{}Subject: bottom\r\n\r\nbody\r\n", "Content-Type: message/rfc822\r\n\r\n".repeat(200)).into_bytes(),
    );
    add(
        "message/rfc822 in base64",
        with_lines([
            "Content-Type: message/rfc822",
            "Content-Transfer-Encoding: base64",
            "",
            "U3ViamVjdDogaW5uZXINCg0KYm9keQ0K",
        ]),
    );
    add("message/rfc822 that is empty", multipart("b", "--b\r\nContent-Type: message/rfc822\r\n\r\n\r\n--b--\r\n"));
    add(
        "multipart/digest without part headers",
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: one\r\n\r\nx\r\n--b--\r\n".to_vec(),
    );
}

/// Content that is not what its header says.
fn content(add: Add<'_>) {
    let typed = |content_type: &str, encoding: &str, body: &[u8]| {
        let head = format!(
            "Subject: content\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    add("unknown charset", typed("text/plain; charset=x-klingon", "8bit", b"\xe9\xe8\r\n"));
    add("empty charset", typed("text/plain; charset=", "8bit", b"\xc3\xa9\r\n"));
    add("wrong charset", typed("text/plain; charset=us-ascii", "7bit", "déjà\r\n".as_bytes()));
    add("unknown transfer encoding", typed("text/plain", "x-uuencode", b"begin 644 x\r\n#86)C\r\n`\r\nend\r\n"));
    add("broken base64", typed("text/plain", "base64", b"SGVs*bG8\r\n=====\r\nd29y!bGQ\r\n"));
    add("broken quoted-printable", typed("text/plain", "quoted-printable", b"=ZZ =E9=\r\n=\r\n==== =4\r\n"));
    add("no content type value", b"Subject: x\r\nContent-Type:\r\n\r\nbody\r\n".to_vec());
    add("content type without a subtype", b"Content-Type: text\r\n\r\nbody\r\n".to_vec());
    add("parameters broken", typed("text/plain; charset; =x; \"a\"=b; name=\"unclosed", "7bit", b"x\r\n"));
    add(
        "file name as a path",
        typed("application/x-msdownload; name=\"../../../etc/passwd\\0.exe\"", "7bit", b"x\r\n"),
    );
    add(
        "RFC 2231 pieces out of order",
        typed("application/pdf; name*1*=%C3; name*0*=utf-8''a; name*3=d; name*1=b", "7bit", b"x\r\n"),
    );
    add(
        "HTML that runs script",
        typed(
            "text/html; charset=utf-8",
            "8bit",
            b"<svg/onload=alert(1)><iframe srcdoc='<script>alert(2)</script>'></iframe>\r\n",
        ),
    );
    add("TNEF", typed("application/ms-tnef; name=winmail.dat", "base64", b"eJ8+IgEAAQ==\r\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_sample_has_a_name_of_its_own() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|s| s.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 80, "{}", all.len());
    }

    #[test]
    fn the_twins_differ_in_their_body_only() {
        let all = all();
        let raw = |name: &str| all.iter().find(|s| s.name == name).unwrap().raw.clone();
        let (a, b) = (raw("equal headers, first body"), raw("equal headers, second body"));
        let end = a.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        assert_eq!(a[..end], b[..end]);
        assert_ne!(a, b);
        assert_eq!(raw("exact duplicate, first"), raw("exact duplicate, second"));
    }
}
