//! From a script's text to what is to be done with a message.

mod arguments;
mod cache;
mod collect;
mod edited;
mod run;
mod shown;

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use crate::syntax::{self, Cost, Node, Position};
use crate::{Action, Host, Limits, Location, Message, RunError, ScriptError, Warning};

pub(crate) use arguments::Arguments;

/// Variables of one script: the evaluator takes no more.
const MAX_VARIABLES: usize = 200;

/// Bytes of a header field's value that a script adds.
const MAX_FIELD: usize = 4096;

/// Begins every name that this crate puts into a script for itself. Neither a script nor a message can know it.
static MARK: LazyLock<String> = LazyLock::new(|| format!("\u{1}{:016x}{:016x} ", random(), random()));

/// A number that nobody can foresee.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A script ready to run. Clones share it.
#[derive(Clone, Debug)]
pub struct Compiled {
    program: Arc<sieve::Sieve>,
    cost: Cost,
    /// It looks at the body.
    body: bool,
    /// What it includes; a name that is known only when it runs is `None`.
    includes: Arc<[(Location, Option<String>)]>,
}

/// Compiles a script, or takes it from a cache of those that were compiled lately. Blocking; not quick for a large script.
pub fn compile(script: &str, limits: &Limits) -> Result<Compiled, ScriptError> {
    let start = Position { line: 1, column: 1 };
    if script.len() > limits.script {
        return Err(start.error(format!("the script is longer than {} bytes", limits.script)));
    }
    let key = blake3::hash(script.as_bytes());
    if let Some(compiled) = cache::get(&key) {
        return Ok(compiled);
    }
    let read = syntax::read(script)?;
    let cost = syntax::cost(&read)?;
    let emitted = syntax::emit(&read, &MARK);
    if emitted.variables > MAX_VARIABLES {
        return Err(start.error(format!("the script has more than {MAX_VARIABLES} variables")));
    }
    let compiler = sieve::Compiler::new()
        .with_max_script_size(usize::MAX)
        .with_max_string_size(usize::MAX)
        .with_max_header_size(MAX_FIELD)
        .with_max_variable_name_size(64)
        .with_max_nested_blocks(64)
        .with_max_nested_tests(128)
        .with_max_includes(1000);
    let compiled = catch_unwind(AssertUnwindSafe(|| compiler.compile(emitted.text.as_bytes())));
    let program = match compiled {
        Ok(Ok(program)) => program,
        Ok(Err(error)) => {
            let at = emitted.lines.get(error.line_num().saturating_sub(1)).copied().unwrap_or(start);
            let text = error.to_string();
            let text = text.rsplit_once(" at line").map_or(text.as_str(), |(text, _)| text).replace(&**MARK, "");
            return Err(at.error(text));
        }
        Err(_) => return Err(start.error("the script cannot be compiled")),
    };
    let (mut body, mut includes) = (false, BTreeSet::new());
    read.walk(&mut |node| match node.name {
        "body" => body = true,
        "include" => {
            let location = if node.tag("global").is_some() { Location::Global } else { Location::Personal };
            let name = node.texts().next().map(|t| t.value.clone());
            includes.insert((location, name.filter(|name| !name.contains("${"))));
        }
        _ => {}
    });
    let compiled = Compiled { program: Arc::new(program), cost, body, includes: includes.into_iter().collect() };
    cache::put(key, compiled.clone(), emitted.text.len());
    Ok(compiled)
}

/// Whether a script would compile, and what is odd about it.
pub fn check(script: &str, limits: &Limits) -> Result<Vec<Warning>, ScriptError> {
    compile(script, limits)?;
    let read = syntax::read(script)?;
    let mut warnings = Vec::new();
    let mut redirects = 0;
    read.walk(&mut |node| {
        redirects += usize::from(node.name == "redirect");
        if node.name == "redirect" && redirects == limits.redirects + 1 {
            let text = format!("more than {} messages cannot be redirected in one run", limits.redirects);
            warnings.push(node.at.error(text));
        }
        warnings.extend(node.block.iter().filter_map(|block| unreachable(block)));
    });
    warnings.extend(unreachable(&read.commands));
    Ok(warnings)
}

/// What stands behind a `stop`.
fn unreachable(block: &[Node]) -> Option<Warning> {
    let after = block.iter().skip_while(|node| node.name != "stop").nth(1)?;
    Some(after.at.error("nothing after \"stop\" is ever done"))
}

/// Runs a script over a message. Blocking; bounded by `limits` and, within one test, by what [`compile`] lets pass.
///
/// # Errors
/// After an error nothing of what the script had decided before is to be done.
pub fn run(
    script: &Compiled,
    message: &Message<'_>,
    host: &dyn Host,
    limits: &Limits,
) -> Result<Vec<Action>, RunError> {
    // The evaluator is not ours: whatever it does, the message is delivered.
    match catch_unwind(AssertUnwindSafe(|| run::run(script, message, host, limits))) {
        Ok(result) => result,
        Err(_) => {
            tracing::error!("the evaluator of Sieve scripts panicked");
            Err(RunError::Evaluator)
        }
    }
}
