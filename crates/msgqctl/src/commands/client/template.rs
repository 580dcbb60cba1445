//! Programs with gaps. `@@NAME@@` is filled in; lines between `@@IF NAME` and `@@END` stay where that is so. The rest stays as it
//! is.

use std::collections::BTreeMap;

/// What stands in the gaps, and what is so.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    pub(super) texts: BTreeMap<&'static str, String>,
    pub(super) facts: BTreeMap<&'static str, bool>,
}

impl Gaps {
    /// Two names of which one is so, and the other where it is not.
    pub(super) fn either(&mut self, is_so: bool, name: &'static str, otherwise: &'static str) {
        self.facts.insert(name, is_so);
        self.facts.insert(otherwise, !is_so);
    }
}

/// The template with the parts of `shared` in the place of its lines `@@PART NAME`. What the programs of one language have in
/// common stands there once, from `@@BEGIN NAME` up to the next of these lines.
///
/// # Errors
/// The line whose part is missing.
pub(super) fn with_parts(template: &str, shared: &str) -> Result<String, String> {
    let parts: BTreeMap<&str, &str> = shared
        .split("@@BEGIN ")
        .filter_map(|part| part.split_once('\n'))
        .map(|(name, part)| (name, part.trim_end()))
        .collect();
    let line_or_part = |line| match str::strip_prefix(line, "@@PART ") {
        Some(name) => parts.get(name).copied().ok_or_else(|| line.to_owned()),
        None => Ok(line),
    };
    Ok(template.lines().map(line_or_part).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// The program that a template makes.
///
/// # Errors
/// The line whose gap has no name that is known here.
pub(super) fn fill(template: &str, gaps: &Gaps) -> Result<String, String> {
    let mut program = String::with_capacity(2 * template.len());
    let mut is_wanted = true;
    for line in template.lines() {
        if let Some(name) = line.strip_prefix("@@IF ") {
            is_wanted = *gaps.facts.get(name).ok_or_else(|| line.to_owned())?;
        } else if line == "@@END" {
            is_wanted = true;
        } else if is_wanted {
            program.push_str(filled_line(line, gaps)?.trim_end());
            program.push('\n');
        }
    }
    Ok(program)
}

/// What is filled in is not looked at again.
fn filled_line(line: &str, gaps: &Gaps) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("@@") {
        let (name, after) = behind.split_once("@@").ok_or_else(|| line.to_owned())?;
        filled.push_str(before);
        filled.push_str(gaps.texts.get(name).ok_or_else(|| line.to_owned())?);
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_once_and_lines_stay_where_their_fact_is_so() {
        let mut gaps = Gaps::default();
        gaps.texts.insert("A", "@@B@@".to_owned());
        gaps.either(false, "YES", "NO");
        let template = "x @@A@@ y\n@@IF YES\nyes\n@@END\n@@IF NO\nno\n@@END\n";
        assert_eq!(fill(template, &gaps).as_deref(), Ok("x @@B@@ y\nno\n"));
        assert_eq!(fill("a\n@@C@@\n", &gaps), Err("@@C@@".to_owned()));
        assert_eq!(fill("@@IF OTHER\n", &gaps), Err("@@IF OTHER".to_owned()));
    }

    #[test]
    fn a_part_stands_in_the_place_of_its_line() {
        let shared = "@@BEGIN one\na\n\nb\n\n@@BEGIN two\nc\n";
        assert_eq!(with_parts("x\n@@PART one\ny\n@@PART two\n", shared).as_deref(), Ok("x\na\n\nb\ny\nc"));
        assert_eq!(with_parts("@@PART three", shared), Err("@@PART three".to_owned()));
    }
}
