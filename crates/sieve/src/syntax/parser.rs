//! The generic grammar (RFC 5228 §8.2): commands with arguments, tests and blocks, whatever their names.

use super::lexer::{Lexer, Position, Token};
use crate::ScriptError;

/// How deep blocks and tests may be nested. RFC 5228 §2.10.5 asks for 15.
const MAX_DEPTH: usize = 32;

/// A string of the script and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub value: String,
    pub at: Position,
}

/// An argument.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Tag(String),
    Number(u64),
    Text(Text),
    List(Vec<Text>),
}

/// A command or a test.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub name: String,
    pub at: Position,
    pub arguments: Vec<(Argument, Position)>,
    pub tests: Vec<Item>,
    /// The tests stood within parentheses.
    pub list: bool,
    pub block: Option<Vec<Item>>,
}

/// Reads a whole script.
pub(super) fn parse(script: &str) -> Result<Vec<Item>, ScriptError> {
    let mut lexer = Lexer::new(script);
    let (token, at) = lexer.next()?;
    let mut parser = Parser { lexer, token, at };
    let commands = parser.commands(0)?;
    match parser.token {
        Token::End => Ok(commands),
        _ => Err(parser.at.error("this closing brace was never opened")),
    }
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token,
    at: Position,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, ScriptError> {
        let (token, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn found(&self) -> String {
        match &self.token {
            Token::Identifier(name) => format!("\"{name}\""),
            Token::Tag(name) => format!("\":{name}\""),
            Token::Number(number) => number.to_string(),
            Token::Text(_) => "a string".to_owned(),
            Token::Sign(sign) => format!("\"{sign}\""),
            Token::End => "the end of the script".to_owned(),
        }
    }

    /// Commands up to a closing brace or the end.
    fn commands(&mut self, depth: usize) -> Result<Vec<Item>, ScriptError> {
        let mut commands = Vec::new();
        while !matches!(self.token, Token::End | Token::Sign('}')) {
            let mut item = self.item(depth)?;
            match &self.token {
                Token::Sign(';') => {
                    self.advance()?;
                }
                Token::Sign('{') => {
                    let open = self.at;
                    if depth >= MAX_DEPTH {
                        return Err(open.error("blocks are nested too deep"));
                    }
                    self.advance()?;
                    item.block = Some(self.commands(depth + 1)?);
                    if self.token != Token::Sign('}') {
                        return Err(open.error("this block is never closed"));
                    }
                    self.advance()?;
                }
                _ => return Err(self.at.error(format!("\";\" or a block is expected instead of {}", self.found()))),
            }
            commands.push(item);
        }
        Ok(commands)
    }

    fn item(&mut self, depth: usize) -> Result<Item, ScriptError> {
        let at = self.at;
        let Token::Identifier(name) = &self.token else {
            return Err(at.error(format!("a command or test is expected instead of {}", self.found())));
        };
        let name = name.clone();
        self.advance()?;
        let mut item = Item { name, at, arguments: Vec::new(), tests: Vec::new(), list: false, block: None };
        loop {
            let at = self.at;
            let argument = match &self.token {
                Token::Tag(name) => Argument::Tag(name.clone()),
                Token::Number(number) => Argument::Number(*number),
                Token::Text(value) => Argument::Text(Text { value: value.clone(), at }),
                Token::Sign('[') => {
                    let list = self.list()?;
                    item.arguments.push((Argument::List(list), at));
                    continue;
                }
                _ => break,
            };
            item.arguments.push((argument, at));
            self.advance()?;
        }
        match &self.token {
            Token::Identifier(_) => item.tests.push(self.nested(depth)?),
            Token::Sign('(') => {
                item.list = true;
                loop {
                    self.advance()?;
                    item.tests.push(self.nested(depth)?);
                    match &self.token {
                        Token::Sign(',') => {}
                        Token::Sign(')') => break,
                        _ => {
                            return Err(self
                                .at
                                .error(format!("\",\" or \")\" is expected instead of {}", self.found())));
                        }
                    }
                }
                self.advance()?;
            }
            _ => {}
        }
        Ok(item)
    }

    fn nested(&mut self, depth: usize) -> Result<Item, ScriptError> {
        if depth >= MAX_DEPTH {
            return Err(self.at.error("tests are nested too deep"));
        }
        self.item(depth + 1)
    }

    fn list(&mut self) -> Result<Vec<Text>, ScriptError> {
        let mut list = Vec::new();
        loop {
            self.advance()?;
            let at = self.at;
            match &self.token {
                Token::Text(value) => list.push(Text { value: value.clone(), at }),
                _ => return Err(at.error(format!("a string is expected instead of {}", self.found()))),
            }
            self.advance()?;
            match &self.token {
                Token::Sign(',') => {}
                Token::Sign(']') => break,
                _ => return Err(self.at.error(format!("\",\" or \"]\" is expected instead of {}", self.found()))),
            }
        }
        self.advance()?;
        Ok(list)
    }
}
