//! What Outlook sends (MS-OXDSCLI §2.2.3): an address, and the form of the answer that it understands.
//!
//! The text is at most as long as a body may be, its depth is bounded, and it defines and uses no entities of its own:
//! a document type is refused, and so is every reference but those that XML itself knows.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

/// Elements within each other; the form has three.
const DEPTH: usize = 16;

/// Bytes of a text within an element.
const TEXT: usize = 1024;

/// A request, as far as it is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// `EMailAddress`
    pub address: Option<String>,
    /// `AcceptableResponseSchema`
    pub schema: Option<String>,
}

/// Reads a request; `None` if it is no XML of this kind.
pub(super) fn read(body: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut request, mut path, mut value, mut whole) = (Request::default(), Vec::new(), String::new(), false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if path.len() == DEPTH || whole {
                    return None;
                }
                path.push(local(start.local_name().as_ref()));
                value.clear();
            }
            Event::End(_) => {
                let name = path.pop()?;
                if path == ["autodiscover", "request"] {
                    let place = match name.as_str() {
                        "emailaddress" => Some(&mut request.address),
                        "acceptableresponseschema" => Some(&mut request.schema),
                        _ => None,
                    };
                    if let Some(place) = place {
                        place.get_or_insert(value.trim().to_owned());
                    }
                }
                value.clear();
                whole = path.is_empty();
            }
            Event::Text(text) => value.push_str(&text.decode().ok()?),
            Event::CData(text) => value.push_str(&text.decode().ok()?),
            Event::GeneralRef(reference) => value.push_str(&resolved(&reference)?),
            Event::DocType(_) => return None,
            Event::Empty(_) if whole => return None,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return (whole && path.is_empty()).then_some(request),
        }
        if value.len() > TEXT {
            return None;
        }
    }
}

/// The character that a reference stands for.
fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    match reference.resolve_char_ref().ok()? {
        Some(character) => Some(character.to_string()),
        None => resolve_xml_entity(&reference.decode().ok()?).map(str::to_owned),
    }
}

fn local(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OUTLOOK: &str = r#"<?xml version="1.0" encoding="utf-8"?>
        <Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
        <EMailAddress>a&#43;b&amp;c@example.org</EMailAddress>
        <AcceptableResponseSchema>http://s/2006a</AcceptableResponseSchema></Request></Autodiscover>"#;

    #[test]
    fn what_outlook_sends_is_understood() {
        let request = Request { address: Some("a+b&c@example.org".into()), schema: Some("http://s/2006a".into()) };
        assert_eq!(read(OUTLOOK.as_bytes()), Some(request.clone()));
        assert_eq!(read(["\u{feff}", OUTLOOK].concat().as_bytes()), Some(request.clone()));
        let prefixed = OUTLOOK.replace("<Auto", "<x:Auto").replace("</Auto", "</x:Auto").replace("xmlns=", "xmlns:x=");
        assert_eq!(read(prefixed.as_bytes()), Some(request));
    }

    #[test]
    fn entities_depth_and_length_are_bounded() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;\">]>";
        let file = "<!DOCTYPE a [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>";
        let within =
            |text: &str| format!("<Autodiscover><Request><EMailAddress>{text}</EMailAddress></Request></Autodiscover>");
        for text in [
            [bomb, &within("&y;")].concat(),
            [file, &within("&y;")].concat(),
            within("&y;"),
            within("&#0;&#xFFFFFFFF;"),
            within(&"a".repeat(TEXT + 1)),
            within("<b>"),
            "<a>".repeat(DEPTH + 1),
            ["<a>".repeat(DEPTH + 1), "</a>".repeat(DEPTH + 1)].concat(),
            [&within("a"), "<b/>"].concat(),
            [&within("a"), "<b></b>"].concat(),
            String::new(),
            "<Autodiscover>".into(),
            "email=a@b.c".into(),
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(b"<a>\xff</a>"), None);
        assert_eq!(read(b"<a/>"), None);
        assert_eq!(read(b"<a></a>"), Some(Request::default()));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[<>/&;a-c!\\[\\]#\"'= -]{0,80}") {
            let _ = read(text.as_bytes());
            let _ = read(OUTLOOK.replace("http://s/2006a", &text).as_bytes());
        }
    }
}
