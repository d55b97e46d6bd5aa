//! The arguments of an action that the evaluator hands back expanded: `tag=value`, the untagged ones `=value`.

/// The list as it came.
#[derive(Clone, Debug)]
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// The first element is the mark and is dropped.
    pub fn new(mut list: Vec<String>) -> Arguments {
        if !list.is_empty() {
            list.remove(0);
        }
        Arguments(list)
    }

    /// All values of a tag; the untagged ones for the empty name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |a| a.strip_prefix(name)?.strip_prefix('='))
    }

    /// The first value of a tag.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}
