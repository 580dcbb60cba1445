//! What a client is told of a command that fails: the line of its standard error that says why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_system_tests::{DaemonBuilder, ask};

/// What the client gets when a script in Debian's Python, or in sh, handles its request.
#[track_caller]
fn told(interpreter: &str, script: &str) -> String {
    let daemon = DaemonBuilder::new()
        .set("handler", "kind = \"exec\"")
        .set("handler", &format!("command = [{interpreter:?}, \"-c\", {script:?}]"))
        .start();
    let (status, text) = ask(&daemon.queue(), b"x");
    assert_eq!(status, -1);
    daemon.stop();
    String::from_utf8(text).unwrap()
}

#[test]
fn of_a_traceback_the_client_gets_the_line_that_says_what_failed() {
    let python = |script: &str| told("/usr/bin/python3", script);
    assert_eq!(python("def f():\n    raise ValueError('no such article')\nf()"), "ValueError: no such article");
    let noisy = "import sys\nprint('careful', file=sys.stderr)\nraise KeyError('a\\nb')\n";
    assert_eq!(python(noisy), "KeyError: 'a\\nb'");
    let of_two_lines = "raise RuntimeError('first\\nsecond')\n";
    assert_eq!(python(of_two_lines), "RuntimeError: first");
    let chained = "try:\n    {}['a']\nexcept KeyError:\n    1 / 0\n";
    assert_eq!(python(chained), "ZeroDivisionError: division by zero");
    let syntax = "this is no Python";
    assert!(python(syntax).starts_with("SyntaxError: "), "{}", python(syntax));
}

#[test]
fn of_a_group_of_faults_in_python_the_client_gets_the_first_one() {
    let group = "import asyncio\nasync def bad():\n    raise OSError('disk gone')\nasync def all():\n    async with asyncio.TaskGroup() as group:\n        \
                 group.create_task(bad())\n        group.create_task(bad())\nasyncio.run(all())\n";
    // Older ones have no groups.
    if told("/usr/bin/python3", "import sys; sys.exit(str(sys.version_info >= (3, 11)))") == "True" {
        assert_eq!(told("/usr/bin/python3", group), "OSError: disk gone");
    }
}

#[test]
fn of_an_error_in_node_the_client_gets_the_line_that_says_what_failed() {
    let error = r#"printf '/srv/a.js:1\nthrow new Error("no article");\n^\n\nError: no article\n    at Object.<anonymous> (/srv/a.js:1:7)\n\nNode.js v20.20.2\n' >&2; exit 1"#;
    assert_eq!(told("/bin/sh", error), "Error: no article");
}

#[test]
fn of_a_panic_in_rust_the_client_gets_its_message() {
    let panic = r#"printf "\nthread 'main' (7) panicked at src/main.rs:2:5:\nno article\nnote: run with \`RUST_BACKTRACE=1\`\n" >&2; exit 101"#;
    assert_eq!(told("/bin/sh", panic), "no article");
}

#[test]
fn of_any_other_complaint_the_client_gets_the_first_line() {
    let two_lines = "printf 'tr: missing operand\\nTry tr --help\\n' >&2; exit 1";
    assert_eq!(told("/bin/sh", two_lines), "tr: missing operand");
    let without_newline = "printf 'out of paper' >&2; exit 1";
    assert_eq!(told("/bin/sh", without_newline), "out of paper");
    let cut_short = "printf 'Traceback (most recent call last):\\n  File x\\n' >&2; exit 1";
    assert_eq!(told("/bin/sh", cut_short), "Traceback (most recent call last):");
}
