//! Integer constant expressions, as they stand in the bounds of arrays and behind the names of an enum.

use super::cursor::{Cursor, shown};
use super::error::DeclarationError;
use super::token::{Token, TokenKind};
use super::types::{named_type, type_begins};

/// Reads one and works it out. A value outside of 64 bits is an error, also on the way.
pub(super) fn constant_expression(cursor: &mut Cursor<'_>) -> Result<i64, DeclarationError> {
    binary(cursor, 0)
}

/// How strongly an operator between two values binds; `None` for anything else.
fn precedence(operator: &str) -> Option<usize> {
    Some(match operator {
        "|" => 1,
        "^" => 2,
        "&" => 3,
        "<<" | ">>" => 4,
        "+" | "-" => 5,
        "*" | "/" | "%" => 6,
        _ => return None,
    })
}

fn binary(cursor: &mut Cursor<'_>, least: usize) -> Result<i64, DeclarationError> {
    let mut left = unary(cursor)?;
    while let Some(strength) = precedence(cursor.peek().text).filter(|strength| *strength > least) {
        let operator = cursor.advance();
        let right = binary(cursor, strength)?;
        left = apply(operator.text, left, right).ok_or_else(|| {
            let message = format!("{left} {} {right} cannot be worked out in 64 bits", operator.text);
            cursor.error(operator, &message, "")
        })?;
    }
    Ok(left)
}

fn apply(operator: &str, left: i64, right: i64) -> Option<i64> {
    let shift = u32::try_from(right).ok().filter(|shift| *shift < 63);
    match operator {
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "&" => Some(left & right),
        "<<" => left.checked_mul(1_i64.checked_shl(shift?)?),
        ">>" => left.checked_shr(shift?),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    }
}

fn unary(cursor: &mut Cursor<'_>) -> Result<i64, DeclarationError> {
    let token = cursor.peek();
    cursor.enter(token)?;
    let value = match token.text {
        "-" | "+" | "~" => {
            cursor.advance();
            let value = unary(cursor)?;
            match token.text {
                "-" => value.checked_neg().ok_or_else(|| cursor.error(token, "this number is too large", ""))?,
                "~" => !value,
                _ => value,
            }
        }
        "(" => {
            cursor.advance();
            let value = binary(cursor, 0)?;
            cursor.expect(")", "behind the expression")?;
            value
        }
        "sizeof" => size_of(cursor)?,
        _ => primary(cursor, token)?,
    };
    cursor.leave();
    Ok(value)
}

fn size_of(cursor: &mut Cursor<'_>) -> Result<i64, DeclarationError> {
    let keyword = cursor.advance();
    cursor.expect("(", "behind sizeof")?;
    if !type_begins(cursor) {
        return Err(cursor.error(cursor.peek(), "only the size of a type can be told", "write the type of the field"));
    }
    let len = if pointer_follows(cursor) { cursor.abi.long_len() } else { named_type(cursor)?.len_bytes() };
    cursor.expect(")", "behind the type")?;
    i64::try_from(len).map_err(|_| cursor.error(keyword, "this size is too large", ""))
}

/// Eats `TYPE *`, of which only the star counts, up to the parenthesis; else nothing.
fn pointer_follows(cursor: &mut Cursor<'_>) -> bool {
    let words = (0..6).take_while(|count| cursor.peek_behind(*count).kind == TokenKind::Word).count();
    let follows = cursor.peek_behind(words).text == "*" && cursor.peek_behind(words + 1).text == ")";
    for _ in 0..if follows { words + 1 } else { 0 } {
        cursor.advance();
    }
    follows
}

fn primary(cursor: &mut Cursor<'_>, token: Token<'_>) -> Result<i64, DeclarationError> {
    match token.kind {
        TokenKind::Number => {
            cursor.advance();
            number(token.text).ok_or_else(|| {
                cursor.error(token, &format!("`{}` is no integer that fits into 64 bits", token.text), "")
            })
        }
        TokenKind::Word => {
            cursor.advance();
            cursor.constants.get(token.text).copied().ok_or_else(|| {
                let name = token.text;
                let help =
                    format!("give its value: constants = {{ {name} = 64 }}, or --constants {name}=64 in a command");
                cursor.error(token, &format!("the constant `{}` is not known", token.text), &help)
            })
        }
        TokenKind::Symbol | TokenKind::End => {
            Err(cursor.error(token, &format!("a number is missing; here stands {}", shown(token)), ""))
        }
    }
}

fn number(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..)?, 16),
        [b'0', b'b', ..] => (lower.get(2..)?, 2),
        [b'0', _, ..] => (lower.get(1..)?, 8),
        _ => (lower.as_str(), 10),
    };
    i64::from_str_radix(digits, radix).ok()
}
