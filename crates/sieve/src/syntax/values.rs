//! Whether the values of arguments are what their commands want, as far as that can be told before running.
//! A string with variables in it is looked at when it is used.

use super::check::{Node, Value};
use super::parser::Text;
use super::variables::{Piece, is_identifier, pieces};
use crate::ScriptError;

/// The parts of a date (RFC 5260 §4.2).
const DATE_PARTS: &[&str] = &[
    "year", "month", "day", "date", "julian", "hour", "minute", "second", "time", "iso8601", "std11", "zone", "weekday",
];

/// What a node's strings may refer to.
pub(super) struct Context<'c> {
    pub variables: bool,
    pub required: &'c dyn Fn(&str) -> bool,
}

/// Checks one command or test; its children are checked by themselves.
pub(super) fn check(node: &Node, context: &Context<'_>) -> Result<(), ScriptError> {
    let constant = |text: &Text| !context.variables || !has_variable(&text.value);
    for text in node.texts() {
        references(text, context)?;
    }
    comparison(node, context)?;
    let first = |n: usize| node.positional.get(n).map(Value::texts).unwrap_or_default();
    let all = |texts: &[Text], valid: &dyn Fn(&str) -> bool, what: &str| {
        let bad = texts.iter().find(|t| constant(t) && !valid(&t.value));
        bad.map_or(Ok(()), |t| Err(t.at.error(format!("\"{}\" is not {what}", shown(&t.value)))))
    };
    match node.name {
        "header" | "exists" | "address" | "addheader" | "deleteheader" | "date" => {
            all(first(0), &is_field_name, "the name of a header field")?;
        }
        "envelope" => {
            let known = |part: &str| part.eq_ignore_ascii_case("from") || part.eq_ignore_ascii_case("to");
            all(first(0), &known, "a part of the envelope that is known here (from, to)")?;
        }
        "redirect" => all(first(0), &is_address, "an address of the form name@domain")?,
        "setflag" | "addflag" | "removeflag" | "hasflag" if node.positional.len() == 2 => {
            if !context.variables {
                return Err(node.at.error("\"variables\" must be required to name a variable here"));
            }
            all(first(0), &is_identifier, "the name of a variable")?;
        }
        "set" | "global" => {
            let bad = first(0).iter().find(|t| !is_identifier(&t.value));
            if let Some(text) = bad {
                return Err(text.at.error(format!("\"{}\" is not the name of a variable", shown(&text.value))));
            }
        }
        "include" => all(first(0), &|name| !name.is_empty() && name.len() <= 512, "the name of a script")?,
        "notify" => {
            all(first(0), &|uri| is_mailto(uri), "a method of notification that is known here (mailto:)")?;
            let importance = node.tag("importance").map(Value::texts).unwrap_or_default();
            all(importance, &|i| matches!(i, "1" | "2" | "3"), "an importance: \"1\", \"2\" or \"3\"")?;
        }
        "fileinto" => all(first(0), &|name| !name.is_empty(), "the name of a mailbox")?,
        "size" if node.tags.is_empty() => return Err(node.at.error("\":over\" or \":under\" is missing")),
        _ => {}
    }
    let parts = match node.name {
        "date" => first(1),
        "currentdate" => first(0),
        _ => &[],
    };
    all(parts, &|part| DATE_PARTS.iter().any(|p| p.eq_ignore_ascii_case(part)), "a part of a date")?;
    let zones = node.tag("zone").map(Value::texts).unwrap_or_default();
    all(zones, &is_zone, "a time zone of the form +0100")?;
    let uses = node.tag("specialuse").map(Value::texts).unwrap_or_default();
    all(uses, &|role| role.starts_with('\\'), "a special use, such as \"\\\\Junk\"")?;
    if node.tag("last").is_some()
        && node.tag("index").is_none()
        && matches!(node.name, "header" | "address" | "date" | "deleteheader")
    {
        return Err(node.at.error("\":last\" needs \":index\""));
    }
    match node.tag("index") {
        Some(Value::Number(0 | 65_536..)) => Err(node.at.error("\":index\" counts from 1")),
        _ => Ok(()),
    }
}

/// Match type and comparator (RFC 5228 §2.7, RFC 5231 §4).
fn comparison(node: &Node, context: &Context<'_>) -> Result<(), ScriptError> {
    for name in ["value", "count"] {
        if let Some(text) = node.tag(name).and_then(|v| v.texts().first())
            && !matches!(text.value.to_ascii_lowercase().as_str(), "gt" | "ge" | "lt" | "le" | "eq" | "ne")
        {
            return Err(text.at.error(format!("\"{}\" is not a relation", shown(&text.value))));
        }
    }
    let Some(text) = node.tag("comparator").and_then(|v| v.texts().first()) else { return Ok(()) };
    match text.value.as_str() {
        "i;octet" | "i;ascii-casemap" => Ok(()),
        "i;ascii-numeric" if !(context.required)("comparator-i;ascii-numeric") => {
            Err(text.at.error("\"comparator-i;ascii-numeric\" must be required first"))
        }
        "i;ascii-numeric" if node.tag("contains").is_some() || node.tag("matches").is_some() => {
            Err(text.at.error("numbers cannot be compared by their parts"))
        }
        "i;ascii-numeric" => Ok(()),
        other => Err(text.at.error(format!("the comparator \"{}\" is not known", shown(other)))),
    }
}

fn references(text: &Text, context: &Context<'_>) -> Result<(), ScriptError> {
    if !context.variables {
        return Ok(());
    }
    for piece in pieces(&text.value) {
        match piece {
            Piece::Variable(name) if name.contains('.') => {
                let global = name.to_ascii_lowercase().strip_prefix("global.").is_some_and(is_identifier);
                if !global || !(context.required)("include") {
                    return Err(text
                        .at
                        .error(format!("the namespace of the variable \"{}\" is not known", shown(name))));
                }
            }
            Piece::Variable(name) if name.parse::<u32>().is_ok_and(|n| n > 9) => {
                return Err(text.at.error("match variables are counted up to 9"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn has_variable(text: &str) -> bool {
    pieces(text).iter().any(|p| matches!(p, Piece::Variable(_)))
}

/// A word of the script for an error text: short, and on one line.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

fn is_zone(zone: &str) -> bool {
    let digits = zone.strip_prefix(['+', '-']).unwrap_or_default();
    digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_address(address: &str) -> bool {
    crate::message::bare_address(address).is_some()
}

fn is_mailto(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
}
