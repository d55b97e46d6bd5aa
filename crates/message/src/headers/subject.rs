//! The base subject (RFC 5256 §2.1) by which SORT and THREAD compare subjects.

/// The base subject of a decoded Subject, and whether something was removed that marks a reply or a forward.
///
/// The case stays; callers compare with the collation they need.
pub fn base_subject(decoded: &str) -> (String, bool) {
    // §2.1 (1): tabs and continuations become blanks, runs of blanks one.
    let clean = decoded.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut s = clean.as_str();
    let mut reply = false;
    loop {
        // (2) trailing "(fwd)" and blanks.
        loop {
            s = s.trim_ascii_end();
            match strip_suffix(s, "(fwd)") {
                Some(rest) => (s, reply) = (rest, true),
                None => break,
            }
        }
        // (3)–(5) leaders and blobs, as long as they leave something.
        loop {
            s = s.trim_ascii_start();
            let (mut rest, mut last) = (s, s);
            while let Some(after) = blob(rest) {
                (last, rest) = (rest, after);
            }
            match leader(rest) {
                Some(after) => (s, reply) = (after, true),
                None => {
                    s = if rest.is_empty() { last } else { rest };
                    break;
                }
            }
        }
        // (6) "[fwd: …]" around all of it.
        match strip_prefix(s, "[fwd:").and_then(|rest| rest.strip_suffix(']')) {
            Some(rest) => (s, reply) = (rest, true),
            None => return (s.to_owned(), reply),
        }
    }
}

fn strip_prefix<'a>(s: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = s.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn strip_suffix<'a>(s: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, tail) = s.split_at_checked(s.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(rest)
}

/// `subj-leader` after its blobs: "re", "fw" or "fwd", blanks, perhaps a blob, and a colon.
fn leader(s: &str) -> Option<&str> {
    let rest = strip_prefix(s, "fwd").or_else(|| strip_prefix(s, "fw")).or_else(|| strip_prefix(s, "re"))?;
    let rest = rest.trim_ascii_start();
    blob(rest).unwrap_or(rest).strip_prefix(':')
}

/// `subj-blob`: "[…]" without brackets inside, and blanks.
fn blob(s: &str) -> Option<&str> {
    let inner = s.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    inner[end..].strip_prefix(']').map(str::trim_ascii_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5256_base_subject() {
        for (raw, want, reply) in [
            ("Hello", "Hello", false),
            ("Re: Hello", "Hello", true),
            ("RE[2]:  Fwd :\tHello  there (fwd) (FWD)", "Hello there", true),
            ("[list] Re: [x] Hello", "Hello", true),
            ("[list] Hello", "Hello", false),
            ("[only]", "[only]", false),
            ("[Fwd: Re: Hello]", "Hello", true),
            ("Regards", "Regards", false),
            ("Re:", "", true),
            ("Ré: é", "Ré: é", false),
        ] {
            assert_eq!(base_subject(raw), (want.to_owned(), reply), "{raw}");
        }
    }

    #[test]
    fn many_blobs_take_linear_time() {
        let (base, _) = base_subject(&"[x]".repeat(80_000));
        assert_eq!(base, "[x]");
    }
}
