//! The raw beginning of a text part, kept while it passes, and the preview made of it. Used by the scanner only.

use crate::body::Encoding;
use crate::limits::{CAPTURE_HTML, CAPTURE_PLAIN, CAPTURE_TRIES, MAX_PREVIEW};
use crate::text::{decode_text, preview};

/// Takes text parts one after the other until one has a visible character.
#[derive(Default)]
pub(super) struct PreviewMaker {
    open: Option<Open>,
    tries: u8,
    raw: Vec<u8>,
    text: String,
}

struct Open {
    html: bool,
    charset: Option<Vec<u8>>,
    encoding: Encoding,
}

impl PreviewMaker {
    /// A text part's body begins.
    pub(super) fn begin(&mut self, html: bool, charset: Option<Vec<u8>>, encoding: &[u8]) {
        if !self.text.is_empty() || self.tries >= CAPTURE_TRIES {
            return;
        }
        let Ok(encoding) = Encoding::from_name(encoding) else { return };
        self.tries += 1;
        self.open = Some(Open { html, charset, encoding });
    }

    /// The next bytes of the body, if one is open.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Some(open) = &self.open else { return };
        let max = if open.html { CAPTURE_HTML } else { CAPTURE_PLAIN };
        let room = max - self.raw.len().min(max);
        self.raw.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The body ended.
    pub(super) fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        // A little more text than the preview has characters: white space collapses.
        let text = decode_text(&self.raw, open.encoding, open.html, open.charset.as_deref(), CAPTURE_PLAIN);
        self.text = preview(&text, MAX_PREVIEW);
        self.raw.clear();
    }

    /// What was found, perhaps nothing.
    pub(super) fn finish(self) -> String {
        self.text
    }
}
