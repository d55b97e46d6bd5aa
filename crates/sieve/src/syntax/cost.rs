//! What the most expensive test of a script may cost, told from its text. The evaluator cannot be stopped within a test:
//! so that no test runs for long, scripts that compare too much are refused, and of a very large header not all is shown.

use super::check::{Node, Script, Value};
use super::parser::Text;
use super::variables::{Piece, pieces};
use crate::ScriptError;

/// Bytes that a variable holds at most.
pub(crate) const MAX_VARIABLE: usize = 4096;

/// Steps that one test may take at most.
pub(crate) const STEPS: u64 = 2_000_000_000;

/// Steps for a byte of the message that one test may take: patterns of so many bytes all together.
const MAX_PER_BYTE: u64 = 64 << 10;

/// Bytes of the strings of one command or test with all their variables at their longest.
const MAX_STRINGS: u64 = 4 << 20;

/// The measure of a test or a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Steps for each byte of the message.
    pub per_byte: u64,
    /// Steps whatever the message.
    pub fixed: u64,
}

impl Cost {
    /// It takes time, so that the clock is to be looked at before.
    pub fn is_some(self) -> bool {
        self != Cost::default()
    }

    fn max(self, other: Cost) -> Cost {
        Cost { per_byte: self.per_byte.max(other.per_byte), fixed: self.fixed.max(other.fixed) }
    }
}

/// The highest costs of a script's tests; an error at a test that compares too much.
pub(crate) fn cost(script: &Script) -> Result<Cost, ScriptError> {
    let variables = script.requires("variables");
    let (mut highest, mut refused) = (Cost::default(), None);
    script.walk(&mut |node| {
        let cost = of_node(node, variables);
        let strings: u64 = node.texts().map(|t| expanded(&t.value, variables)).sum();
        if cost.per_byte > MAX_PER_BYTE || cost.fixed > STEPS || strings > MAX_STRINGS {
            refused.get_or_insert(node.at);
        }
        highest = highest.max(cost);
    });
    refused.map_or(Ok(highest), |at| Err(at.error("this is too much: use fewer or shorter strings")))
}

/// The cost of one test or command without those within it.
pub(super) fn of_node(node: &Node, variables: bool) -> Cost {
    let length = |texts: &[Text]| texts.iter().map(|t| expanded(&t.value, variables)).sum::<u64>();
    let keys = node.positional.last().map(Value::texts).unwrap_or_default();
    // A pattern with stars is tried from every place; all else looks at each byte once for each key.
    let keys = if node.tag("matches").is_some() { length(keys) } else { keys.len() as u64 }.max(1);
    let own = MAX_VARIABLE as u64;
    match node.name {
        "header" | "address" | "envelope" | "body" | "date" | "deleteheader" | "exists" => {
            Cost { per_byte: keys, fixed: 0 }
        }
        "string" => {
            let source = length(node.positional.first().map(Value::texts).unwrap_or_default());
            Cost { per_byte: 0, fixed: source.saturating_mul(keys) }
        }
        "environment" | "hasflag" | "currentdate" | "notify_method_capability" => {
            Cost { per_byte: 0, fixed: own.saturating_mul(keys) }
        }
        _ => Cost::default(),
    }
}

fn expanded(text: &str, variables: bool) -> u64 {
    if !variables {
        return text.len() as u64;
    }
    let piece = |p: &Piece<'_>| match p {
        Piece::Literal(text) => text.len() as u64,
        Piece::Variable(_) => MAX_VARIABLE as u64,
    };
    pieces(text).iter().map(piece).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::read;

    #[test]
    fn a_script_that_compares_too_much_is_refused() {
        let list = |n: usize, text: &str| format!("[{}]", vec![format!("\"{text}\""); n].join(","));
        let patterns = |n| format!("if header :matches \"x\" {} {{}}", list(n, "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa*"));
        assert!(cost(&read(&patterns(2000)).unwrap()).is_ok());
        assert!(cost(&read(&patterns(4000)).unwrap()).is_err());
        let strings =
            |n| format!("require \"variables\";\nif string :matches {} {} {{}}", list(n, "${a}"), list(n, "*${b}"));
        assert!(cost(&read(&strings(10)).unwrap()).is_ok());
        assert_eq!(cost(&read(&strings(100)).unwrap()).unwrap_err().line, 2);
        let bomb = format!("require \"variables\"; set \"a\" \"{}\";", "${a}".repeat(2000));
        assert!(cost(&read(&bomb).unwrap()).is_err());
    }
}
