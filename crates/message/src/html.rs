//! Plain text of an HTML body, for previews and search. It shows nothing and sanitises nothing: its result is text.
//! One pass, no tree, no recursion; broken HTML gives whatever text it has.

use memchr::{memchr, memmem};

use crate::headers::params::quoted;

/// Elements whose content is no text.
const HIDDEN: [&str; 5] = ["script", "style", "title", "template", "noscript"];

/// Elements that do not break a line of text.
const INLINE: [&str; 22] = [
    "a", "abbr", "b", "bdi", "bdo", "big", "code", "em", "font", "i", "ins", "label", "mark", "o:p", "s", "small",
    "span", "strong", "sub", "sup", "tt", "u",
];

/// The text of the HTML, tags replaced by line breaks where they break lines, entities decoded. Stops after `limit`
/// bytes of text.
pub(crate) fn html_to_text(html: &str, limit: usize) -> String {
    let mut out = String::with_capacity(html.len().min(limit) / 2);
    let mut quotes = true;
    let mut rest = html;
    while out.len() < limit {
        let Some(start) = memchr(b'<', rest.as_bytes()) else { break };
        decode_entities(&rest[..start], &mut out);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            match memmem::find(comment.as_bytes(), b"-->") {
                Some(end) => rest = &comment[end + 3..],
                None => return cut(out, limit),
            }
            continue;
        }
        let body = &rest[1..];
        let closing = body.starts_with('/');
        let name = body.strip_prefix('/').unwrap_or(body);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
            out.push('<');
            rest = body;
            continue;
        }
        let end = match tag_end(body.as_bytes(), quotes) {
            Some(end) => end,
            None => {
                // An open quote swallowed the rest: from here on quotes count for nothing, which keeps the pass linear.
                quotes = false;
                match memchr(b'>', body.as_bytes()) {
                    Some(end) => end,
                    None => return cut(out, limit),
                }
            }
        };
        rest = &body[end + 1..];
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != ':').unwrap_or(name.len())];
        if !closing && HIDDEN.iter().any(|h| h.eq_ignore_ascii_case(name)) {
            rest = after_hidden(rest, name);
        } else if name.eq_ignore_ascii_case("td") || name.eq_ignore_ascii_case("th") {
            out.push(' ');
        } else if !INLINE.iter().any(|i| i.eq_ignore_ascii_case(name)) {
            out.push('\n');
        }
    }
    if out.len() < limit {
        decode_entities(rest, &mut out);
    }
    cut(out, limit)
}

/// Where the tag's `>` stands, quoted attribute values skipped.
fn tag_end(s: &[u8], quotes: bool) -> Option<usize> {
    if !quotes {
        return memchr(b'>', s);
    }
    let mut quote = None;
    s.iter().position(|&b| match quote {
        Some(q) => {
            if b == q {
                quote = None;
            }
            false
        }
        None => {
            if b == b'"' || b == b'\'' {
                quote = Some(b);
            }
            b == b'>'
        }
    })
}

/// What follows the closing tag of an element whose content is skipped; all of the rest if it never closes.
fn after_hidden<'a>(s: &'a str, name: &str) -> &'a str {
    let mut at = 0;
    while let Some(p) = memmem::find(&s.as_bytes()[at..], b"</") {
        at += p + 2;
        if s.as_bytes()[at..].get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes())) {
            let tail = &s[at..];
            return memchr(b'>', tail.as_bytes()).map_or("", |e| &tail[e + 1..]);
        }
    }
    ""
}

/// The charset that HTML declares in its first kilobyte (`<meta charset=…>`), for parts whose header says none.
pub(crate) fn declared_charset(body: &[u8]) -> Option<Vec<u8>> {
    let head = body[..body.len().min(1024)].to_ascii_lowercase();
    let at = memmem::find(&head, b"charset=")? + 8;
    let rest = head[at..].trim_ascii_start();
    let value = match rest.strip_prefix(b"\"") {
        Some(rest) => quoted(rest).0.into_owned(),
        None => {
            let end =
                rest.iter().position(|b| !b.is_ascii_alphanumeric() && !b"-_.:".contains(b)).unwrap_or(rest.len());
            rest[..end].to_vec()
        }
    };
    (memchr(b'<', &value).is_none()).then_some(value)
}

fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

/// Appends text with its character references decoded; what is none stays.
fn decode_entities(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(p) = memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..p]);
        rest = &rest[p + 1..];
        let window = &rest[..rest.floor_char_boundary(12)];
        let end = window.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(window.len());
        match entity(&rest[..end]) {
            Some(c) => {
                out.push(c);
                rest = &rest[end..];
                rest = rest.strip_prefix(';').unwrap_or(rest);
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        // NUL and C0 references are what HTML replaces.
        return char::from_u32(code.ok()?).map(|c| if c.is_control() && !c.is_whitespace() { '\u{fffd}' } else { c });
    }
    NAMED.iter().find(|(n, _)| *n == name).map(|(_, c)| *c)
}

/// The references that mail uses; others stay as they are written.
const NAMED: [(&str, char); 108] = [
    ("nbsp", '\u{a0}'),
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("iexcl", '¡'),
    ("cent", '¢'),
    ("pound", '£'),
    ("curren", '¤'),
    ("yen", '¥'),
    ("brvbar", '¦'),
    ("sect", '§'),
    ("uml", '¨'),
    ("copy", '©'),
    ("ordf", 'ª'),
    ("laquo", '«'),
    ("not", '¬'),
    ("shy", '\u{ad}'),
    ("reg", '®'),
    ("macr", '¯'),
    ("deg", '°'),
    ("plusmn", '±'),
    ("acute", '´'),
    ("micro", 'µ'),
    ("para", '¶'),
    ("middot", '·'),
    ("cedil", '¸'),
    ("ordm", 'º'),
    ("raquo", '»'),
    ("frac14", '¼'),
    ("frac12", '½'),
    ("frac34", '¾'),
    ("iquest", '¿'),
    ("Agrave", 'À'),
    ("Aacute", 'Á'),
    ("Acirc", 'Â'),
    ("Atilde", 'Ã'),
    ("Auml", 'Ä'),
    ("Aring", 'Å'),
    ("AElig", 'Æ'),
    ("Ccedil", 'Ç'),
    ("Egrave", 'È'),
    ("Eacute", 'É'),
    ("Ecirc", 'Ê'),
    ("Euml", 'Ë'),
    ("Igrave", 'Ì'),
    ("Iacute", 'Í'),
    ("Icirc", 'Î'),
    ("Iuml", 'Ï'),
    ("Ntilde", 'Ñ'),
    ("Ograve", 'Ò'),
    ("Oacute", 'Ó'),
    ("Ocirc", 'Ô'),
    ("Otilde", 'Õ'),
    ("Ouml", 'Ö'),
    ("times", '×'),
    ("Oslash", 'Ø'),
    ("Ugrave", 'Ù'),
    ("Uacute", 'Ú'),
    ("Ucirc", 'Û'),
    ("Uuml", 'Ü'),
    ("szlig", 'ß'),
    ("agrave", 'à'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("atilde", 'ã'),
    ("auml", 'ä'),
    ("aring", 'å'),
    ("aelig", 'æ'),
    ("ccedil", 'ç'),
    ("egrave", 'è'),
    ("eacute", 'é'),
    ("ecirc", 'ê'),
    ("euml", 'ë'),
    ("igrave", 'ì'),
    ("iacute", 'í'),
    ("icirc", 'î'),
    ("iuml", 'ï'),
    ("ntilde", 'ñ'),
    ("ograve", 'ò'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("otilde", 'õ'),
    ("ouml", 'ö'),
    ("divide", '÷'),
    ("oslash", 'ø'),
    ("ugrave", 'ù'),
    ("uacute", 'ú'),
    ("ucirc", 'û'),
    ("uuml", 'ü'),
    ("yuml", 'ÿ'),
    ("OElig", 'Œ'),
    ("oelig", 'œ'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("bull", '•'),
    ("hellip", '…'),
    ("euro", '€'),
    ("trade", '™'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(html: &str) -> String {
        html_to_text(html, 10_000).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tags_go_and_text_stays() {
        assert_eq!(
            text("<html><head><style>p{}</style><TITLE>t</title></head><p>a<b>b</b>c<br>d&eacute;&#233;&#xE9;&amp;lt;"),
            "abc dééé&lt;"
        );
        assert_eq!(text("<!-- x > --><td>1</td><td>2</td> 3 < 4 &unknown; &"), "1 2 3 < 4 &unknown; &");
        assert_eq!(text("<a href='x>y'>link</a> <script>if (a</b) </scripty>x"), "link x");
        assert_eq!(text("<a href=\"open>text</a>"), "text");
    }

    #[test]
    fn charset_declared_in_the_document() {
        assert_eq!(declared_charset(b"<META charset=\"ISO-8859-1\">").as_deref(), Some(&b"iso-8859-1"[..]));
        let old = b"<meta http-equiv=Content-Type content=\"text/html; charset=utf-8\">";
        assert_eq!(declared_charset(old).as_deref(), Some(&b"utf-8"[..]));
        assert_eq!(declared_charset(b"<p>no</p>"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_html(html in "(<|>|</|script|p|!--|-->|\"|&|amp;|#|x41|;|é| ){0,60}", limit in 0usize..100) {
            prop_assert!(html_to_text(&html, limit).len() <= limit);
        }
    }
}
