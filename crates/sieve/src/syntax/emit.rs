//! The script as the evaluator takes it: the same tree in a form that it reads as the RFCs mean it.
//!
//! - `keep`, `redirect`, `vacation` and `notify` become `fileinto` with a mark, their arguments as flags: the evaluator
//!   only expands the variables in them, and what they do is decided in `engine`. (By itself it lets a later `fileinto` or
//!   `discard` cancel an explicit `keep`, and builds replies that differ from RFC 5230.)
//! - `size` and `valid_notify_method` become questions to the engine, which knows the true size of the message.
//! - Variables are named at the top, else they would be gone at the end of the block that first sets them.
//! - A look at the clock stands at the beginning and before all that takes time and is no action.
//! - A `${` that is no variable is written so that it is none to the evaluator either.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::check::{Node, Script, Value};
use super::cost;
use super::lexer::Position;
use super::variables::{Piece, pieces};

/// A variable that holds `$`, in a namespace that scripts cannot name by chance.
const DOLLAR: &str = "sterna__dollar";

/// A variable that uses all match variables.
const MATCHES: &str = "sterna__matches";

/// What the evaluator gets.
pub(crate) struct Emitted {
    pub text: String,
    /// For each of its lines where the command stands in the user's script.
    pub lines: Vec<Position>,
    /// How many variables it has.
    pub variables: usize,
}

/// Writes a script. `mark` begins the names that are ours: nothing in the script or a message can hold it.
pub(crate) fn emit(script: &Script, mark: &str) -> Emitted {
    let start = Position { line: 1, column: 1 };
    let variables = script.requires("variables");
    let mut out = Out { text: String::new(), lines: vec![start], variables, mark };
    let mut required: BTreeSet<&str> = script.required().collect();
    required.extend(["fileinto", "copy", "imap4flags", "variables", "mailbox", "encoded-character"]);
    let list: Vec<String> = required.into_iter().map(|name| format!("\"{name}\"")).collect();
    let _ = write!(out.text, "require [{}];set \"{DOLLAR}\" \"$\";", list.join(","));
    let names = hoisted(script);
    for name in &names {
        let _ = write!(out.text, "set \"{name}\" \"\";");
    }
    out.clock();
    for (index, command) in script.commands.iter().enumerate() {
        out.command(command);
        let next = script.commands.get(index + 1).map(|next| next.name);
        if variables && command.block.is_some() && !matches!(next, Some("elsif" | "else")) {
            // It keeps only those matches that are used before another match is tried in an inner block.
            let _ =
                write!(out.text, "set \"{MATCHES}\" \"${{0}}${{1}}${{2}}${{3}}${{4}}${{5}}${{6}}${{7}}${{8}}${{9}}\";");
        }
    }
    Emitted { text: out.text, lines: out.lines, variables: names.len() + 2 }
}

/// Variables that the script sets and that are its own.
fn hoisted(script: &Script) -> BTreeSet<String> {
    let (mut set, mut global) = (BTreeSet::new(), BTreeSet::new());
    script.walk(&mut |node| {
        let names = node.positional.first().map(Value::texts).unwrap_or_default();
        let names = names.iter().map(|t| t.value.to_ascii_lowercase());
        match node.name {
            "global" => global.extend(names),
            "set" => set.extend(names.filter(|n| !n.contains('.'))),
            "setflag" | "addflag" | "removeflag" if node.positional.len() == 2 => set.extend(names),
            _ => {}
        }
    });
    set.difference(&global).cloned().collect()
}

/// A string of the script as a string for the evaluator.
pub(crate) fn quote(text: &str, variables: bool) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let whole = [Piece::Literal(text)];
    let divided = if variables { pieces(text) } else { Vec::new() };
    for piece in if variables { divided.as_slice() } else { whole.as_slice() } {
        match piece {
            Piece::Variable(name) => {
                let _ = write!(quoted, "${{{name}}}");
            }
            Piece::Literal(literal) => {
                let mut chars = literal.chars().peekable();
                while let Some(c) = chars.next() {
                    match c {
                        // It does not read `\\` before the closing quote as RFC 5228 §2.4.2 does.
                        '\\' => quoted.push_str("${hex:5c}"),
                        '"' => quoted.push_str("${hex:22}"),
                        '$' if chars.peek() == Some(&'{') => {
                            let _ = write!(quoted, "${{{DOLLAR}}}");
                        }
                        c => quoted.push(c),
                    }
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

struct Out<'m> {
    text: String,
    lines: Vec<Position>,
    variables: bool,
    mark: &'m str,
}

impl Out<'_> {
    /// What follows belongs to the command or test that stands there.
    fn line(&mut self, at: Position) {
        self.text.push('\n');
        self.lines.push(at);
    }

    /// A look at the clock between commands.
    fn clock(&mut self) {
        let _ = write!(self.text, "if not mailboxexists \"{}time\" {{stop;}}", self.mark);
    }

    fn commands(&mut self, commands: &[Node]) {
        commands.iter().for_each(|command| self.command(command));
    }

    fn command(&mut self, node: &Node) {
        self.line(node.at);
        match node.name {
            "keep" => {
                self.text.push_str("fileinto ");
                if let Some(flags) = node.tag("flags") {
                    self.text.push_str(":flags ");
                    self.value(flags);
                }
                let _ = write!(self.text, " \"{}keep\"", self.mark);
            }
            "redirect" | "vacation" | "notify" => self.marked(node),
            "set" | "setflag" | "addflag" | "removeflag" | "addheader" | "deleteheader" => {
                self.clock();
                self.plain(node);
            }
            _ => self.plain(node),
        }
        match &node.block {
            None => self.text.push(';'),
            Some(block) => {
                self.text.push('{');
                self.commands(block);
                self.line(node.at);
                self.text.push('}');
            }
        }
    }

    /// `fileinto [:copy] :flags [mark, "tag=value", …, "=positional"] "mark name"`.
    fn marked(&mut self, node: &Node) {
        let copy = if node.name != "redirect" || node.tag("copy").is_some() { ":copy " } else { "" };
        let _ = write!(self.text, "fileinto {copy}:flags [\"{}\"", self.mark);
        let tagged = node.tags.iter().map(|tag| (tag.name, &tag.value));
        for (name, value) in tagged.chain(node.positional.iter().map(|value| ("", value))) {
            match value {
                Value::Flag => {
                    let _ = write!(self.text, ",\"{name}=\"");
                }
                Value::Number(number) => {
                    let _ = write!(self.text, ",\"{name}={number}\"");
                }
                Value::Texts(texts) => {
                    for text in texts {
                        let quoted = quote(&text.value, self.variables);
                        let _ = write!(self.text, ",\"{name}={}", quoted.strip_prefix('"').unwrap_or_default());
                    }
                }
            }
        }
        if node.name == "vacation" && node.tag("handle").is_none() {
            let _ = write!(self.text, ",\"handle=={}\"", same_reply(node));
        }
        let _ = write!(self.text, "] \"{}{}\"", self.mark, node.name);
    }

    fn test(&mut self, node: &Node) {
        let own = match node.name {
            "size" => {
                let (tag, limit) = match node.tags.first().map(|t| (t.name, &t.value)) {
                    Some((tag, Value::Number(limit))) => (tag, *limit),
                    _ => ("over", u64::MAX),
                };
                Some(format!("mailboxexists \"{}size {tag} {limit}\"", self.mark))
            }
            "valid_notify_method" => {
                let methods = node.positional.first().map(Value::texts).unwrap_or_default();
                let methods: Vec<String> = methods
                    .iter()
                    .map(|m| quote(&format!("{}method {}", self.mark, m.value), self.variables))
                    .collect();
                Some(format!("mailboxexists [{}]", methods.join(",")))
            }
            _ => None,
        };
        self.line(node.at);
        if let Some(own) = own {
            self.text.push_str(&own);
        } else if cost::of_node(node, self.variables).is_some() {
            let _ = write!(self.text, "allof(mailboxexists \"{}time\",", self.mark);
            self.line(node.at);
            self.plain(node);
            self.text.push(')');
        } else {
            self.plain(node);
        }
    }

    /// As it was.
    fn plain(&mut self, node: &Node) {
        self.text.push_str(node.name);
        for tag in &node.tags {
            let _ = write!(self.text, " :{} ", tag.name);
            match (node.name, tag.name, tag.value.texts()) {
                // The evaluator writes handle and identifier one behind the other: "ab" "c" must not be "a" "bc".
                ("duplicate", "handle", [handle]) => {
                    let quoted = quote(&format!("{}\u{1}", handle.value), self.variables);
                    self.text.push_str(&quoted);
                }
                _ => self.value(&tag.value),
            }
        }
        for value in &node.positional {
            self.text.push(' ');
            self.value(value);
        }
        match node.tests.as_slice() {
            [] => {}
            [test] if !matches!(node.name, "allof" | "anyof") => {
                self.text.push(' ');
                self.test(test);
            }
            tests => {
                self.text.push('(');
                for (index, test) in tests.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.test(test);
                }
                self.text.push(')');
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Flag => {}
            Value::Number(number) => {
                let _ = write!(self.text, "{number}");
            }
            Value::Texts(texts) => match texts.as_slice() {
                [text] => self.text.push_str(&quote(&text.value, self.variables)),
                texts => {
                    let list: Vec<String> = texts.iter().map(|t| quote(&t.value, self.variables)).collect();
                    let _ = write!(self.text, "[{}]", list.join(","));
                }
            },
        }
    }
}

/// What stands for a reply without a handle: replies are the same if nothing but times and addresses differs (RFC 5230
/// §4.2). The text before variables are expanded counts, else a reply that quotes the subject would never be the same.
fn same_reply(node: &Node) -> String {
    let mut digest = blake3::Hasher::new();
    for tag in node.tags.iter().filter(|t| matches!(t.name, "subject" | "from" | "mime")) {
        digest.update(tag.name.as_bytes()).update(&[0]);
        tag.value.texts().iter().for_each(|t| {
            digest.update(t.value.as_bytes()).update(&[0]);
        });
    }
    node.positional.iter().flat_map(|v| v.texts()).for_each(|t| {
        digest.update(&[1]).update(t.value.as_bytes());
    });
    digest.finalize().to_hex().chars().take(32).collect()
}
