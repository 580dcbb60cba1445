use super::error::DeclarationError;
use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Number,
    Symbol,
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn span(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }
}

/// Words that say nothing of where bytes stand.
pub(super) const QUALIFIERS: [&str; 5] = ["const", "volatile", "__const", "__volatile__", "__extension__"];
pub(super) const ELEMENTARY: [&str; 10] =
    ["signed", "unsigned", "short", "long", "int", "char", "float", "double", "bool", "_Bool"];
const OTHER_RESERVED: [&str; 14] = [
    "struct",
    "union",
    "enum",
    "typedef",
    "sizeof",
    "void",
    "static",
    "extern",
    "register",
    "inline",
    "restrict",
    "_Complex",
    "_Atomic",
    "__attribute__",
];

pub(super) fn is_reserved(word: &str) -> bool {
    QUALIFIERS.contains(&word) || ELEMENTARY.contains(&word) || OTHER_RESERVED.contains(&word)
}

const SYMBOLS: &[u8] = b"{}[]();,*:=+-/%&|^~<>.!?";

/// Cuts C into words, numbers and symbols, without comments. The last token is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, DeclarationError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let skipped = blank_len(text, start)?;
        if skipped > 0 {
            start += skipped;
            continue;
        }
        let (kind, len) = token_len(rest).ok_or_else(|| unreadable(text, start))?;
        tokens.push(Token { kind, text: rest.get(..len).unwrap_or(rest), start });
        start += len;
    }
    tokens.push(Token { kind: TokenKind::End, text: "", start: text.trim_end().len() });
    Ok(tokens)
}

/// Length of the white space or the comment that starts here; 0 for none.
fn blank_len(text: &str, start: usize) -> Result<usize, DeclarationError> {
    let rest = text.get(start..).unwrap_or_default();
    if rest.starts_with("//") {
        return Ok(rest.find('\n').unwrap_or(rest.len()));
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        let end = comment.find("*/").ok_or_else(|| {
            DeclarationError::at(text, start..start + 2, "this comment has no end", "close it with */")
        })?;
        return Ok(end + 4);
    }
    Ok(rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\x0b', '\x0c']).len())
}

fn token_len(rest: &str) -> Option<(TokenKind, usize)> {
    let first = *rest.as_bytes().first()?;
    let word_len = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    match first {
        b'0'..=b'9' => Some((TokenKind::Number, word_len)),
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => Some((TokenKind::Word, word_len)),
        _ if rest.starts_with("<<") || rest.starts_with(">>") => Some((TokenKind::Symbol, 2)),
        _ if SYMBOLS.contains(&first) => Some((TokenKind::Symbol, 1)),
        _ => None,
    }
}

fn unreadable(text: &str, start: usize) -> DeclarationError {
    let character = text.get(start..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
    let span = start..start + character.len_utf8();
    if character == '#' {
        let help = "leave it out; the value of a #define goes into `constants`, and what #pragma pack does is \
                    written __attribute__((packed))";
        return DeclarationError::at(text, span, "lines for the preprocessor are not read", help);
    }
    DeclarationError::at(text, span, &format!("`{character}` has no place in a declaration"), "take it out")
}
