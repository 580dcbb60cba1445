//! Which line of a program's standard error says what failed: usually the first one, but where a language writes how it got
//! there first, the line behind that.

/// Before the stack of a group of faults in Python.
const OF_GROUP: &[u8] = b"Exception Group Traceback (most recent call last)";

/// The complaint of one process, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    line: Option<Vec<u8>>,
    /// The way to the fault is being told; the fault itself comes behind it.
    is_awaited: bool,
    /// Lines have the margin that Python gives a group of faults.
    is_group: bool,
    /// So many lines ago stood a place in a source, alone on its line.
    since_place: Option<u32>,
}

impl Complaint {
    /// Takes a line, without its newline; empty ones tell nothing.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.is_group |= line.trim_ascii().strip_prefix(b"+ ").is_some_and(|it| it.starts_with(OF_GROUP));
        let line = self.without_margin(line);
        if line.trim_ascii().is_empty() {
            return;
        }
        if is_caret(line) && self.since_place == Some(1) {
            self.is_awaited = true;
            return;
        }
        self.since_place = if is_place(line) { Some(0) } else { self.since_place.map(|lines| lines.saturating_add(1)) };
        if self.is_awaited && self.is_group && is_group(line) {
            self.line = Some(line.to_vec());
        } else if is_preamble(line) || (self.line.is_none() && is_indented(line)) {
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
        let unfinished = self.without_margin(unfinished);
        match &self.line {
            Some(line) if !self.is_awaited || unfinished.is_empty() || is_indented(unfinished) => line,
            _ => unfinished,
        }
    }

    /// The line as it would stand outside of a group; nothing of one that only draws the group.
    fn without_margin<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        match line.trim_ascii_start() {
            [b'+', b'-', ..] if self.is_group => b"",
            [b'|' | b'+', rest @ ..] if self.is_group => rest.strip_prefix(b" ").unwrap_or(rest),
            _ => line,
        }
    }
}

/// What Python says of a group of faults; the faults themselves come behind it.
fn is_group(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    !is_indented(line) && (line.ends_with(b" sub-exception)") || line.ends_with(b" sub-exceptions)"))
}

/// Node.js writes the place, the line of the source and a mark below that before the fault.
fn is_place(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = line.len().checked_sub(digits + 1).and_then(|at| line.get(at));
    digits > 0 && before == Some(&b':') && !is_indented(line)
}

fn is_caret(line: &[u8]) -> bool {
    let mark = line.trim_ascii();
    !mark.is_empty() && mark.iter().all(|byte| *byte == b'^')
}

/// Python writes the fault behind the lines of the stack, which are indented; Rust behind the place of the panic.
fn is_preamble(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let is_panic = line.ends_with(b":") && line.windows(13).any(|part| part == b" panicked at ");
    is_panic || line.starts_with(b"Traceback (most recent call last)") || line.starts_with(OF_GROUP)
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
    fn behind_the_place_in_a_source_of_node_stands_what_failed() {
        let stack = "    at f (/srv/a.js:1:22)\n    at node:internal/main:28:49\n\nNode.js v20.20.2\n";
        for (head, fault) in [
            ("/srv/a.js:1\nfunction f() { throw new Error(\"no\"); }\n               ^\n\n", "Error: no"),
            ("/srv/a.js:2\nthrow new Mine();\n^\n\n", "Mine: no"),
            ("node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\n", "Error: Cannot find module 'x'"),
            ("/srv/a.js:1\nlet x = 1 1;\n          ^^^\n\n", "SyntaxError: Unexpected number"),
        ] {
            complains(&format!("{head}{fault}\n{stack}"), fault);
            complains(&format!("careful\n{head}{fault}\n{stack}"), fault);
            complains(&format!("{head}{fault}"), fault);
        }
        complains("\n/srv/a.js:1\nthrow \"just text\";\n^\njust text\n(Use `node --trace-uncaught`)\n", "just text");
        complains("/srv/a.js:1\nf();\n^\n", "/srv/a.js:1");
        complains("nobody listens on ::1:80\ntrying again\n", "nobody listens on ::1:80");
        complains("nobody listens on ::1:80\ntrying again\nin vain\n^^^\nmore\n", "nobody listens on ::1:80");
    }

    #[test]
    fn of_a_group_of_faults_the_first_one_counts() {
        let group = "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 6, in <module>\n  |     f()\n\
                     \x20 | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)\n";
        let first = "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n\
                     \x20   |   File \"a.py\", line 2, in bad\n    |     g()\n    |     ^^^\n    | OSError: disk gone\n";
        let second = "    +---------------- 2 ----------------\n    | KeyError: 'x'\n    +------------------------------------\n";
        complains(&format!("{group}{first}{second}"), "OSError: disk gone");
        complains(&format!("careful\n{group}{first}{second}"), "OSError: disk gone");
        let nested = "  +-+---------------- 1 ----------------\n    | ExceptionGroup: inner (1 sub-exception)\n\
                      \x20   +-+---------------- 1 ----------------\n      | ValueError: no\n";
        complains(&format!("{group}{nested}"), "ValueError: no");
        complains(group, "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)");
        let cut_short = format!("{group}  +-+---------------- 1 ----------------\n    | ValueError: n");
        complains(&cut_short, "ValueError: n");
        complains("it failed (2 sub-exceptions)\nmore\n", "it failed (2 sub-exceptions)");
    }

    #[test]
    fn a_stack_that_is_cut_short_tells_its_first_line() {
        complains("Traceback (most recent call last):\n  File \"x\"\n", "Traceback (most recent call last):");
        complains("Traceback (most recent call last):\n  Fil", "Traceback (most recent call last):");
    }
}
