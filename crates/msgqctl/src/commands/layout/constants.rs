//! Constants of C as they are given on the command line.

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedConstant {
    pub(super) name: String,
    pub(super) value: i64,
}

pub(super) fn named_constant(text: &str) -> Result<NamedConstant, String> {
    let expected = || "expected a name of C and a whole number, for example NAME_LEN=64 or MAX=0x100".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(expected)?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    let value = whole_number_of_c(value).filter(|_| is_name).ok_or_else(expected)?;
    Ok(NamedConstant { name: name.to_owned(), value })
}

fn whole_number_of_c(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        // A leading 0 makes it octal in C.
        None if digits.len() > 1 && digits.starts_with('0') => (digits.trim_start_matches('0'), 8),
        None => (digits, 10),
    };
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_a_name_and_a_number_of_c() {
        for (text, name, value) in
            [("N=64", "N", 64), ("_a1=0x10", "_a1", 16), ("N=-3", "N", -3), ("N=0", "N", 0), ("MODE=010", "MODE", 8)]
        {
            assert_eq!(named_constant(text), Ok(NamedConstant { name: name.to_owned(), value }));
        }
        for bad in
            ["N", "=1", "N=", "1N=1", "N=x", "N=1u", "N =1", "N=+1", "N=--1", "N=0x", "N=99999999999999999999", "é=1"]
        {
            assert!(named_constant(bad).is_err(), "{bad}");
        }
    }
}
