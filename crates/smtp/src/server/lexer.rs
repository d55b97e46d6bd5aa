//! The words of structured header fields (RFC 5322 §3.2): atoms, quoted strings, comments, folds.
//!
//! [`super::authserv`] and [`super::mailboxes`] read with it. What does not fit the grammar is `None`, never a guess.

use super::path::is_atext;

/// Comments within comments at most.
const MAX_DEPTH: usize = 20;

/// A place in the value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'t> {
    rest: &'t str,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Lexer<'t> {
        Lexer { rest: text }
    }

    /// Passes over blanks, line ends of folds and comments.
    pub fn blanks(&mut self) -> Option<()> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if !self.rest.starts_with('(') {
                return Some(());
            }
            self.comment()?;
        }
    }

    fn comment(&mut self) -> Option<()> {
        let (mut depth, mut chars) = (0, self.rest.char_indices());
        while let Some((at, c)) = chars.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => drop(chars.next()?),
                _ => {}
            }
            if depth == 0 {
                self.rest = self.rest.get(at + 1..)?;
                return Some(());
            }
            if depth > MAX_DEPTH {
                return None;
            }
        }
        None
    }

    /// The next character, which is not taken.
    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes this character if it is next.
    pub fn take(&mut self, c: char) -> bool {
        let taken = self.rest.strip_prefix(c);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    /// Atoms and dots in a row; empty if there are none.
    pub fn dot_atom(&mut self) -> &'t str {
        let end = self.rest.find(|c| !is_atext(c) && c != '.').unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        atom
    }

    /// What stands between two quotes, without the backslashes; the first quote is next.
    pub fn quoted(&mut self) -> Option<String> {
        let (mut text, mut chars) = (String::new(), self.rest.strip_prefix('"')?.char_indices());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 2..)?;
                    return Some(text);
                }
                '\\' => text.push(chars.next()?.1),
                '\r' | '\n' => {}
                c if c.is_control() && c != '\t' => return None,
                c => text.push(c),
            }
        }
        None
    }

    /// `[` … `]` with its brackets.
    pub fn literal(&mut self) -> Option<&'t str> {
        let end = self.rest.starts_with('[').then(|| self.rest.find(']'))?? + 1;
        let (literal, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(literal)
    }
}
