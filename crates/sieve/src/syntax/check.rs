//! A script against the grammar: every name known and required, every argument of its kind, every block in its place.

use std::collections::BTreeSet;

use super::capability;
use super::grammar::{COMMANDS, Kind, Spec, TESTS, Tests};
use super::lexer::Position;
use super::parser::{Argument, Item, Text, parse};
use super::values::{self, Context, shown};
use super::variables::decode;
use crate::ScriptError;

/// The value of an argument.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A tag alone.
    Flag,
    Number(u64),
    /// A string (one), or a list of them.
    Texts(Vec<Text>),
}

impl Value {
    pub fn texts(&self) -> &[Text] {
        match self {
            Value::Texts(texts) => texts,
            _ => &[],
        }
    }
}

/// A tagged argument.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub name: &'static str,
    pub value: Value,
}

/// A command or a test that is as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: &'static str,
    pub at: Position,
    pub tags: Vec<Tag>,
    pub positional: Vec<Value>,
    pub tests: Vec<Node>,
    pub block: Option<Vec<Node>>,
}

impl Node {
    /// The value of a tag, if it stands there.
    pub fn tag(&self, name: &str) -> Option<&Value> {
        self.tags.iter().find(|t| t.name == name).map(|t| &t.value)
    }

    /// All strings among the arguments.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        let tagged = self.tags.iter().map(|t| &t.value);
        tagged.chain(&self.positional).flat_map(|value| value.texts())
    }

    /// Calls `f` for this node and all that are within it.
    pub fn walk<'n>(&'n self, f: &mut dyn FnMut(&'n Node)) {
        f(self);
        self.tests.iter().chain(self.block.iter().flatten()).for_each(|child| child.walk(f));
    }
}

/// A script that is as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub commands: Vec<Node>,
    required: BTreeSet<String>,
}

impl Script {
    /// Whether it required an extension.
    pub fn requires(&self, capability: &str) -> bool {
        self.required.contains(capability)
    }

    /// The extensions it required.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.required.iter().map(String::as_str)
    }

    /// Calls `f` for every command and test.
    pub fn walk<'n>(&'n self, f: &mut dyn FnMut(&'n Node)) {
        self.commands.iter().for_each(|command| command.walk(f));
    }
}

/// Reads and checks a script.
pub(crate) fn read(script: &str) -> Result<Script, ScriptError> {
    let items = parse(script)?;
    let mut required = BTreeSet::new();
    let first = items.iter().take_while(|item| item.name == "require").count();
    let (requires, items) = items.split_at(first);
    for item in requires {
        require(item, &mut required)?;
    }
    let reader = Reader { required };
    let commands = reader.commands(items)?;
    Ok(Script { commands, required: reader.required })
}

fn require(item: &Item, required: &mut BTreeSet<String>) -> Result<(), ScriptError> {
    let names = match item.arguments.as_slice() {
        [(Argument::Text(name), _)] if item.tests.is_empty() && item.block.is_none() => std::slice::from_ref(name),
        [(Argument::List(names), _)] if item.tests.is_empty() && item.block.is_none() => names.as_slice(),
        _ => return Err(item.at.error("\"require\" takes one string or list of strings")),
    };
    for name in names {
        if !capability::ALL.contains(&name.value.as_str()) {
            return Err(name.at.error(format!("the extension \"{}\" is not supported", shown(&name.value))));
        }
        required.insert(name.value.clone());
        if name.value == "vacation-seconds" {
            // RFC 6131 §2: it implies "vacation".
            required.insert("vacation".to_owned());
        }
    }
    Ok(())
}

struct Reader {
    required: BTreeSet<String>,
}

impl Reader {
    fn commands(&self, items: &[Item]) -> Result<Vec<Node>, ScriptError> {
        let mut nodes: Vec<Node> = Vec::with_capacity(items.len());
        for item in items {
            if item.name == "require" {
                return Err(item.at.error("\"require\" must stand before all other commands"));
            }
            let after_if = nodes.last().is_some_and(|n| matches!(n.name, "if" | "elsif"));
            if matches!(item.name.as_str(), "elsif" | "else") && !after_if {
                return Err(item.at.error(format!("\"{}\" must follow an \"if\"", item.name)));
            }
            nodes.push(self.node(item, COMMANDS, "command")?);
        }
        Ok(nodes)
    }

    fn node(&self, item: &Item, specs: &'static [Spec], what: &str) -> Result<Node, ScriptError> {
        let spec = specs.iter().find(|s| s.name == item.name);
        let spec = spec.ok_or_else(|| item.at.error(format!("there is no {what} \"{}\"", shown(&item.name))))?;
        self.need(spec.needs, item.at, &item.name)?;
        let (tags, positional) = self.arguments(item, spec)?;
        let tests = match (spec.tests, item.tests.as_slice()) {
            (Tests::None, []) => Vec::new(),
            (Tests::None, [first, ..]) => {
                return Err(first.at.error(format!("\";\" is missing, or \"{}\" takes no test", item.name)));
            }
            (Tests::One, [_]) if !item.list => self.tests(&item.tests)?,
            (Tests::One, _) => return Err(item.at.error(format!("\"{}\" takes one test", item.name))),
            (Tests::List, [_, ..]) if item.list => self.tests(&item.tests)?,
            (Tests::List, _) => return Err(item.at.error(format!("\"{}\" takes tests within parentheses", item.name))),
        };
        let block = match (&item.block, spec.block) {
            (Some(block), true) => Some(self.commands(block)?),
            (None, false) => None,
            (Some(_), false) => return Err(item.at.error(format!("\"{}\" takes no block", item.name))),
            (None, true) => return Err(item.at.error(format!("\"{}\" takes a block", item.name))),
        };
        let node = Node { name: spec.name, at: item.at, tags, positional, tests, block };
        let required = |name: &str| self.required.contains(name);
        values::check(&node, &Context { variables: required("variables"), required: &required })?;
        Ok(node)
    }

    fn tests(&self, items: &[Item]) -> Result<Vec<Node>, ScriptError> {
        items.iter().map(|item| self.node(item, TESTS, "test")).collect()
    }

    fn arguments(&self, item: &Item, spec: &Spec) -> Result<(Vec<Tag>, Vec<Value>), ScriptError> {
        let (mut tags, mut groups): (Vec<Tag>, Vec<u8>) = (Vec::new(), Vec::new());
        let mut positional = Vec::new();
        let mut arguments = item.arguments.iter().peekable();
        while let Some((argument, at)) = arguments.next() {
            let Argument::Tag(name) = argument else {
                positional.push((argument, *at));
                continue;
            };
            let known = spec.tags.iter().flat_map(|tags| tags.iter()).find(|t| t.name == name);
            let known =
                known.ok_or_else(|| at.error(format!("\"{}\" has no argument \":{}\"", item.name, shown(name))))?;
            if !positional.is_empty() {
                return Err(at.error(format!("\":{name}\" must stand before the other arguments")));
            }
            self.need(known.needs, *at, &format!(":{name}"))?;
            if tags.iter().any(|t| t.name == known.name) {
                return Err(at.error(format!("\":{name}\" stands twice")));
            }
            if known.group != 0 && groups.contains(&known.group) {
                return Err(at.error(format!("\":{name}\" excludes another argument that stands before it")));
            }
            groups.push(known.group);
            let value = match known.value {
                None => Value::Flag,
                Some(kind) => {
                    let (value, at) = arguments.next().ok_or_else(|| at.error(format!("\":{name}\" needs a value")))?;
                    self.value(value, kind, *at)?
                }
            };
            tags.push(Tag { name: known.name, value });
        }
        let kinds: Vec<Kind> = match spec.optional {
            Some(optional) if positional.len() + 1 == spec.positional.len() => {
                spec.positional.iter().enumerate().filter(|(n, _)| *n != optional).map(|(_, kind)| *kind).collect()
            }
            _ => spec.positional.to_vec(),
        };
        if kinds.len() != positional.len() {
            let (name, wanted, given) = (&item.name, kinds.len(), positional.len());
            return Err(item.at.error(format!("\"{name}\" takes {wanted} arguments without a tag; {given} are there")));
        }
        let values = positional.into_iter().zip(kinds).map(|((argument, at), kind)| self.value(argument, kind, at));
        Ok((tags, values.collect::<Result<_, _>>()?))
    }

    fn value(&self, argument: &Argument, kind: Kind, at: Position) -> Result<Value, ScriptError> {
        Ok(match (argument, kind) {
            (Argument::Number(number), Kind::Number) => Value::Number(*number),
            (Argument::Text(text), Kind::Text | Kind::List) => Value::Texts(vec![self.text(text)?]),
            (Argument::List(list), Kind::List) => {
                Value::Texts(list.iter().map(|text| self.text(text)).collect::<Result<_, _>>()?)
            }
            (_, Kind::Number) => return Err(at.error("a number is expected here")),
            (_, Kind::Text) => return Err(at.error("a string is expected here")),
            (_, Kind::List) => return Err(at.error("a string or a list of strings is expected here")),
        })
    }

    fn text(&self, text: &Text) -> Result<Text, ScriptError> {
        if !self.required.contains("encoded-character") {
            return Ok(text.clone());
        }
        Ok(Text { value: decode(&text.value).map_err(|why| text.at.error(why))?, at: text.at })
    }

    fn need(&self, capability: Option<&str>, at: Position, what: &str) -> Result<(), ScriptError> {
        match capability {
            Some(name) if !self.required.contains(name) => {
                Err(at.error(format!("\"{}\" needs: require \"{name}\"", shown(what))))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_language_is_refused_where_it_stands() {
        for (script, line, column, text) in [
            ("foo;", 1, 1, "no command"),
            ("if foo {}", 1, 4, "no test"),
            ("keep", 1, 5, "expected"),
            ("fileinto \"x\";", 1, 1, "require \"fileinto\""),
            ("require \"nonsense\";", 1, 9, "not supported"),
            ("keep;\nrequire \"copy\";", 2, 1, "before all other"),
            ("else {}", 1, 1, "follow"),
            ("if true {", 1, 9, "never closed"),
            ("keep; }", 1, 7, "never opened"),
            ("if size {}", 1, 4, ":over"),
            ("if size :over \"x\" {}", 1, 15, "number"),
            ("if header :is :contains \"a\" \"b\" {}", 1, 15, "excludes"),
            ("if header \"a\" :is \"b\" {}", 1, 15, "before"),
            ("if header \"a b\" \"b\" {}", 1, 11, "header field"),
            ("if header :comparator \"i;x\" \"a\" \"b\" {}", 1, 23, "not known"),
            ("redirect \"nobody\";", 1, 10, "address"),
            ("if anyof true {}", 1, 4, "parentheses"),
            ("if not (true) {}", 1, 4, "one test"),
            ("require \"variables\"; set \"a\" \"${b.c}\";", 1, 30, "namespace"),
            ("require \"fileinto\"; fileinto [\"x\"];", 1, 30, "a string"),
            ("keep {}", 1, 1, "no block"),
            ("if true;", 1, 1, "block"),
            ("stop \"x\";", 1, 1, "takes 0"),
        ] {
            let error = read(script).map(|_| ()).unwrap_err();
            assert!(error.text.contains(text), "{script}: {error}");
            assert_eq!((error.line, error.column), (line, column), "{script}: {error}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(read(&"if true {".repeat(500_000)).unwrap_err().text.contains("too deep"));
        assert!(read(&format!("if {} true {{}}", "not ".repeat(200_000))).unwrap_err().text.contains("too deep"));
        assert!(read(&format!("if {} true {{}}", "allof(".repeat(200_000))).unwrap_err().text.contains("too deep"));
        let (open, close) = ("if true {".repeat(15), "}".repeat(15));
        read(&format!("{open}{close}if {} true {{}}", "not ".repeat(15))).unwrap();
    }
}
