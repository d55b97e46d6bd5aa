//! XML for the answers: elements one below the other, every text escaped. Writing only; what comes in is read elsewhere.

use quick_xml::escape::escape;

/// A document being written. Elements are closed by [`Xml::element`] itself, so that what it writes is always whole.
pub(crate) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    /// Begins with the declaration.
    pub fn new() -> Xml {
        Xml { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), depth: 0 }
    }

    /// A line as it is; for document types.
    pub fn raw(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// An element with what `inside` writes. Attributes: `name="value"` pairs.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Xml)) {
        self.open(name, attributes);
        self.text.push('\n');
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.indent();
        self.close(name);
    }

    /// An element with a text.
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        self.text.push_str(&escape(clean(text)));
        self.close(name);
    }

    /// An element with nothing inside.
    pub fn empty(&mut self, name: &str) {
        self.indent();
        self.text += &format!("<{name}/>\n");
    }

    /// The document.
    pub fn finish(self) -> String {
        self.text
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text += &format!("<{name}");
        for (name, value) in attributes {
            self.text += &format!(" {name}=\"{}\"", escape(clean(value)));
        }
        self.text.push('>');
    }

    fn close(&mut self, name: &str) {
        self.text += &format!("</{name}>\n");
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }
}

/// Without the characters that XML 1.0 (§2.2) cannot hold in any spelling.
fn clean(text: &str) -> String {
    let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text() {
        let mut xml = Xml::new();
        xml.element("a", &[("b", "\"<&'\u{1}")], |xml| xml.leaf("c", "</c>&amp;\u{0}\u{ffff}é"));
        let text = xml.finish();
        let body = text.split_once('\n').unwrap().1;
        assert_eq!(body, "<a b=\"&quot;&lt;&amp;&apos;\">\n  <c>&lt;/c&gt;&amp;amp;é</c>\n</a>\n");
    }
}
