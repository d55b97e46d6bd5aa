//! Keywords that clients and servers disagree about.

/// Keywords that are valid (RFC 9051 `flag-keyword`) and must be kept as they are, however odd.
pub fn keywords() -> Vec<String> {
    let fixed = [
        "$Forwarded",
        "$MDNSent",
        "$Label1",
        "$Junk",
        "$NotJunk",
        "NonJunk",
        "Junk",
        "JunkRecorded",
        "$SubmitPending",
        "$has_cal",
        "Old",
        "1",
        "007",
        "-",
        "_",
        "a.b",
        "a/b",
        "a:b",
        "key=value",
        "#",
        "^",
        "~",
        "!",
        "x'y",
        "<x>",
        "?&;",
        "NIL",
        "OK",
        "Seen",
        "flagged",
        "INBOX",
        "[bracket",
        "$MailFlagBit0",
        "$Completed",
        "$X-ME-Annot-2",
    ];
    fixed.iter().map(|k| (*k).to_owned()).chain(["k".repeat(100), "K".repeat(255)]).collect()
}

/// Flags that some client sends and RFC 9051 does not allow to be stored; each costs its command, never the session.
pub fn refused_keywords() -> Vec<&'static [u8]> {
    vec![
        b"\\Forwarded",
        b"\\MDNSent",
        b"\\Recent",
        b"\\",
        b"\\*",
        b"a(b",
        b"a%b",
        b"a*b",
        b"a]b",
        b"\"quoted\"",
        "été".as_bytes(),
        b"{3}",
    ]
}
