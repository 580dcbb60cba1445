//! Client text made safe for terminals and logs.

/// Printable UTF-8 stays as it is. Control characters, marks that change the direction of writing, other invisible
/// characters, the backslash and bytes that are no UTF-8 come out escaped, so that the result is one harmless line
/// from which the bytes can be told.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' | '"' => escaped.push(character),
                _ => escaped.extend(character.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    escaped
}
