//! Which line of a program's standard error says what failed: usually the first one, but where a language writes how it got
//! there first, the line behind that.

/// The complaint of one process, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    line: Option<Vec<u8>>,
    /// The way to the fault is being told; the fault itself comes behind it.
    is_awaited: bool,
}

impl Complaint {
    /// Takes a line, without its newline; empty ones tell nothing.
    pub(super) fn add(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        if is_preamble(line) || (self.line.is_none() && is_indented(line)) {
            self.is_awaited = true;
            self.line.get_or_insert_with(|| line.to_vec());
        } else if !self.is_awaited {
            self.line.get_or_insert_with(|| line.to_vec());
        } else if !is_indented(line) {
            self.is_awaited = false;
            self.line = Some(line.to_vec());
        }
    }

    /// The complaint so far; `unfinished` is what stands behind the last newline.
    pub(super) fn text<'a>(&'a self, unfinished: &'a [u8]) -> &'a [u8] {
        match &self.line {
            Some(line) if !self.is_awaited || unfinished.is_empty() || is_indented(unfinished) => line,
            _ => unfinished,
        }
    }
}

/// Python writes the fault behind the lines of the stack, which are indented; Rust behind the place of the panic.
fn is_preamble(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let is_panic = line.ends_with(b":") && line.windows(13).any(|part| part == b" panicked at ");
    is_panic || line.starts_with(b"Traceback (most recent call last)")
}

fn is_indented(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn complains(text: &str, complaint: &str) {
        let mut lines: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b'\n').collect();
        let unfinished = lines.pop().unwrap();
        let mut told = Complaint::default();
        lines.iter().for_each(|line| told.add(line));
        assert_eq!(String::from_utf8_lossy(told.text(unfinished)), complaint, "{text:?}");
    }

    #[test]
    fn the_first_line_counts_where_no_stack_is_told() {
        complains("", "");
        complains("\n\none\ntwo\n", "one");
        complains("one", "one");
        complains("one\ntwo", "one");
    }

    #[test]
    fn behind_a_stack_stands_what_failed() {
        complains(
            "Traceback (most recent call last):\n  File \"x\"\n    f()\nValueError: no\nmore\n",
            "ValueError: no",
        );
        complains("Traceback (most recent call last):\n  File \"x\"\nValueError: no", "ValueError: no");
        complains("  File \"x\", line 1\n    (\n    ^\nSyntaxError: no\n", "SyntaxError: no");
        complains("careful\nTraceback (most recent call last):\n  File \"x\"\nKeyError: 1\n", "KeyError: 1");
        complains("\nthread 'main' (7) panicked at src/main.rs:2:5:\nno\nnote: run with\n", "no");
    }

    #[test]
    fn a_stack_that_is_cut_short_tells_its_first_line() {
        complains("Traceback (most recent call last):\n  File \"x\"\n", "Traceback (most recent call last):");
        complains("Traceback (most recent call last):\n  Fil", "Traceback (most recent call last):");
    }
}
