//! Tokens of a script (RFC 5228 §8.1). It never fails on bytes: it fails on text that is not a token, and says where.

use crate::ScriptError;

/// Where a token begins; both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// An error here.
    pub fn error(self, text: impl Into<String>) -> ScriptError {
        ScriptError { line: self.line, column: self.column, text: text.into() }
    }
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// In lower case: identifiers are compared without regard to case.
    Identifier(String),
    /// Without the colon, in lower case.
    Tag(String),
    Number(u64),
    /// With escapes and dot-stuffing undone; lines end as in the script.
    Text(String),
    /// One of `[ ] ( ) { } , ;`.
    Sign(char),
    End,
}

/// Reads tokens one by one.
pub(super) struct Lexer<'s> {
    rest: &'s str,
    at: Position,
}

impl<'s> Lexer<'s> {
    pub fn new(script: &'s str) -> Lexer<'s> {
        Lexer { rest: script.strip_prefix('\u{feff}').unwrap_or(script), at: Position { line: 1, column: 1 } }
    }

    /// The next token and where it begins; [`Token::End`] at the end, as often as it is asked for.
    pub fn next(&mut self) -> Result<(Token, Position), ScriptError> {
        self.skip()?;
        let at = self.at;
        let Some(first) = self.rest.chars().next() else { return Ok((Token::End, at)) };
        let token = match first {
            '[' | ']' | '(' | ')' | '{' | '}' | ',' | ';' => {
                self.bump();
                Token::Sign(first)
            }
            '"' => Token::Text(self.quoted(at)?),
            ':' => {
                self.bump();
                match self.word() {
                    word if word.is_empty() => return Err(at.error("a name must follow the colon")),
                    word => Token::Tag(word),
                }
            }
            '0'..='9' => Token::Number(self.number(at)?),
            'a'..='z' | 'A'..='Z' | '_' => {
                let word = self.word();
                if word == "text" && self.rest.starts_with(':') {
                    self.bump();
                    Token::Text(self.multi_line(at)?)
                } else {
                    Token::Identifier(word)
                }
            }
            other => return Err(at.error(format!("{other:?} cannot stand here"))),
        };
        Ok((token, at))
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        if next == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    /// White space and comments (RFC 5228 §2.2, §2.3).
    fn skip(&mut self) -> Result<(), ScriptError> {
        loop {
            if self.rest.starts_with([' ', '\t', '\r', '\n']) {
                self.bump();
            } else if self.rest.starts_with('#') {
                while self.bump().is_some_and(|c| c != '\n') {}
            } else if self.rest.starts_with("/*") {
                let at = self.at;
                self.bump();
                self.bump();
                while !self.rest.starts_with("*/") {
                    self.bump().ok_or_else(|| at.error("the comment has no end"))?;
                }
                self.bump();
                self.bump();
            } else {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return word;
        }
        while let Some(next) = self.rest.chars().next().filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
            word.push(next.to_ascii_lowercase());
            self.bump();
        }
        word
    }

    /// RFC 5228 §2.4.1: digits with K, M or G.
    fn number(&mut self, at: Position) -> Result<u64, ScriptError> {
        let mut digits = String::new();
        while let Some(next) = self.rest.chars().next().filter(char::is_ascii_alphanumeric) {
            digits.push(next.to_ascii_uppercase());
            self.bump();
        }
        let (number, unit) = match digits.split_at(digits.len() - 1) {
            (number, "K") => (number, 1 << 10),
            (number, "M") => (number, 1 << 20),
            (number, "G") => (number, 1 << 30),
            _ => (digits.as_str(), 1_u64),
        };
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(at.error(format!("\"{digits}\" is not a number")));
        }
        let value = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        value.filter(|n| *n <= i64::MAX as u64).ok_or_else(|| at.error("the number is too large"))
    }

    fn quoted(&mut self, at: Position) -> Result<String, ScriptError> {
        let open = || at.error("the string has no end");
        let mut text = String::new();
        self.bump();
        loop {
            match self.bump().ok_or_else(open)? {
                '"' => return Ok(text),
                '\\' => text.push(self.bump().ok_or_else(open)?),
                '\0' => return Err(at.error("a string cannot hold NUL")),
                other => text.push(other),
            }
        }
    }

    /// RFC 5228 §2.4.2.1: behind `text:`, up to a line with nothing but a dot.
    fn multi_line(&mut self, at: Position) -> Result<String, ScriptError> {
        while self.rest.starts_with([' ', '\t']) {
            self.bump();
        }
        let comment = self.rest.starts_with('#');
        if !comment && !self.rest.starts_with("\r\n") && !self.rest.starts_with('\n') {
            return Err(self.at.error("only a comment may follow \"text:\" on its line"));
        }
        let mut text = String::new();
        while self.bump().is_some_and(|c| c != '\n') {}
        loop {
            if self.rest.is_empty() {
                return Err(at.error("the text has no end: a line with a single dot is missing"));
            }
            let line = self.rest.split_inclusive('\n').next().unwrap_or_default();
            let end = matches!(line, ".\n" | ".\r\n" | ".");
            let stuffed = line.starts_with("..");
            for index in 0..line.chars().count() {
                match self.bump() {
                    Some('\0') => return Err(at.error("a text cannot hold NUL")),
                    Some(c) if !end && (index > 0 || !stuffed) => text.push(c),
                    _ => {}
                }
            }
            if end {
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(script: &str) -> Vec<Token> {
        let mut lexer = Lexer::new(script);
        std::iter::from_fn(|| Some(lexer.next().unwrap().0).filter(|t| *t != Token::End)).collect()
    }

    #[test]
    fn tokens_are_those_of_rfc_5228() {
        assert_eq!(
            tokens("IF/* a\n*/size :Over 2k{# x\n}"),
            [
                Token::Identifier("if".into()),
                Token::Identifier("size".into()),
                Token::Tag("over".into()),
                Token::Number(2048),
                Token::Sign('{'),
                Token::Sign('}')
            ]
        );
        assert_eq!(tokens(r#""a\\\"b\c""#), [Token::Text("a\\\"bc".into())]);
        assert_eq!(tokens("text: # c\r\n..a\r\n.b\r\n.\r\n;"), [Token::Text(".a\r\n.b\r\n".into()), Token::Sign(';')]);
    }

    #[test]
    fn an_error_says_where_it_is() {
        for (script, line, column) in [("\n \"x", 2, 2), ("é ;", 1, 1), ("/*", 1, 1), ("12x", 1, 1), ("text: a", 1, 7)]
        {
            let mut lexer = Lexer::new(script);
            let error = loop {
                match lexer.next() {
                    Ok((Token::End, _)) => panic!("{script} passed"),
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert_eq!((error.line, error.column), (line, column), "{script}: {error}");
        }
    }
}
