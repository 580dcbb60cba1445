use super::error::DeclarationError;
use super::token::{Token, TokenKind, is_reserved, tokens};
use crate::layout::shape::{Abi, FieldType};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Braces and parentheses that may be open at one place, and levels of structs in structs.
pub(super) const MAX_DEPTH: usize = 32;

/// What was declared so far, and the place up to which the text was read.
pub(super) struct Cursor<'t> {
    text: &'t str,
    tokens: Vec<Token<'t>>,
    next: usize,
    depth: usize,
    pub(super) abi: Abi,
    pub(super) constants: BTreeMap<String, i64>,
    /// By keyword and tag.
    pub(super) tags: HashMap<(&'t str, &'t str), FieldType>,
    pub(super) typedefs: HashMap<&'t str, FieldType>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, constants: &BTreeMap<String, i64>, abi: Abi) -> Result<Self, DeclarationError> {
        let (tags, typedefs) = (HashMap::new(), HashMap::new());
        Ok(Self { text, tokens: tokens(text)?, next: 0, depth: 0, abi, constants: constants.clone(), tags, typedefs })
    }

    pub(super) fn peek(&self) -> Token<'t> {
        self.peek_behind(0)
    }

    pub(super) fn peek_behind(&self, count: usize) -> Token<'t> {
        let end = Token { kind: TokenKind::End, text: "", start: self.text.len() };
        self.tokens.get(self.next + count).or(self.tokens.last()).copied().unwrap_or(end)
    }

    pub(super) fn advance(&mut self) -> Token<'t> {
        let token = self.peek();
        self.next += 1;
        token
    }

    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let eaten = self.peek().text == expected;
        self.next += usize::from(eaten);
        eaten
    }

    pub(super) fn expect(&mut self, expected: &str, behind: &str) -> Result<Token<'t>, DeclarationError> {
        let token = self.peek();
        if self.eat(expected) {
            return Ok(token);
        }
        Err(self.error(token, &format!("`{expected}` is missing {behind}; here stands {}", shown(token)), ""))
    }

    /// The next word, which names something.
    pub(super) fn expect_name(&mut self, what: &str) -> Result<Token<'t>, DeclarationError> {
        let token = self.peek();
        if token.kind == TokenKind::Word && !is_reserved(token.text) {
            return Ok(self.advance());
        }
        Err(self.error(token, &format!("{what} is missing; here stands {}", shown(token)), ""))
    }

    pub(super) fn error(&self, token: Token<'_>, message: &str, help: &str) -> DeclarationError {
        self.error_at(token.span(), message, help)
    }

    pub(super) fn error_at(&self, span: Range<usize>, message: &str, help: &str) -> DeclarationError {
        DeclarationError::at(self.text, span, message, help)
    }

    /// To be called where something opens; [`Cursor::leave`] where it closes.
    pub(super) fn enter(&mut self, token: Token<'_>) -> Result<(), DeclarationError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} levels stand in each other here");
            return Err(self.error(token, &message, "declare the inner structs before the outer ones"));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

pub(super) fn shown(token: Token<'_>) -> String {
    if token.kind == TokenKind::End { "the end".to_owned() } else { format!("`{}`", token.text) }
}
