//! What a server says it can do (RFC 2449).

/// The lines of CAPA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// In upper case; `None`: the server does not know CAPA.
    lines: Option<Vec<String>>,
}

impl Capabilities {
    pub(super) fn new(lines: Option<Vec<String>>) -> Capabilities {
        Capabilities { lines: lines.map(|lines| lines.iter().map(|line| line.to_ascii_uppercase()).collect()) }
    }

    /// Whether the server told any.
    pub fn known(&self) -> bool {
        self.lines.is_some()
    }

    /// Whether it has one, by its name in upper case.
    pub fn has(&self, name: &str) -> bool {
        self.lines.iter().flatten().any(|line| line.split(' ').next() == Some(name))
    }

    /// Whether it takes a SASL mechanism (RFC 5034).
    pub fn sasl(&self, mechanism: &str) -> bool {
        let sasl = |line: &&String| line.split(' ').next() == Some("SASL");
        self.lines.iter().flatten().filter(sasl).any(|line| line.split(' ').skip(1).any(|m| m == mechanism))
    }
}
