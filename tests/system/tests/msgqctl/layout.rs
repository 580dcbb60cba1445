//! `layout`: offsets and sizes against the compiler, and errors that point.

use super::*;
use msgqd_system_tests::{has_32_bit_compiler, output_of_compiled};
use std::fmt::Write as _;

/// C in front of the struct, its fields, and the paths that the command must show, in their order.
const DECLARATIONS: [(&str, &str, &[&str]); 4] = [
    ("", "int op; pid_t pid; char name[LEN]; double amount[4];", &["op", "pid", "name", "amount"]),
    (
        "struct item { char c; double d; long l[2]; };",
        "struct item one; struct item many[2][LEN]; union { short s; int64_t wide; } u; union { bool b; time_t t; }; size_t z;",
        &[
            "one",
            "one.c",
            "one.d",
            "one.l",
            "many",
            "many[0][0].c",
            "many[0][0].d",
            "many[0][0].l",
            "u",
            "u.s",
            "u.wide",
            "b",
            "t",
            "z",
        ],
    ),
    (
        "",
        "uint8_t first; struct { long l; char text[3]; } __attribute__((packed)) in; uid_t last;",
        &["first", "in", "in.l", "in.text", "last"],
    ),
    (
        "enum op { A, B = 3 };",
        "enum op op; char lines[B][LEN]; uint16_t n; char open[];",
        &["op", "lines", "n", "open"],
    ),
];

/// What the compiler says, a line for each path and one for the struct.
fn of_the_compiler(flag: &str, before: &str, fields: &str, paths: &[&str]) -> Vec<String> {
    let mut text = format!(
        "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <sys/types.h>\n\
         #include <time.h>\n#define LEN 7\n{before}\nstruct m {{ long mtype; {fields} }};\nint main(void) {{\n"
    );
    for path in paths {
        let size = if *path == "open" { "0".to_owned() } else { format!("sizeof(((struct m *)0)->{path})") };
        let _ = writeln!(text, "printf(\"{path} %zu %zu\\n\", offsetof(struct m, {path}), (size_t){size});");
    }
    text.push_str("printf(\"%zu %zu\\n\", sizeof(struct m), sizeof(struct m) - sizeof(long));\n}\n");
    output_of_compiled(&text, &[flag]).lines().map(str::to_owned).collect()
}

fn of_the_command(abi: &Value) -> Vec<String> {
    let field = |field: &Value| format!("{} {} {}", field["name"].as_str().unwrap(), field["offset"], field["size"]);
    let fields = abi["fields"].as_array().unwrap().iter().map(field);
    fields.chain([format!("{} {}", abi["sizeof"], abi["body_len"])]).collect()
}

#[test]
fn layout_says_what_the_compiler_says_for_64_and_for_32_bits() {
    let key = ScratchKey::new();
    let mut abis = vec![("lp64", "-m64")];
    if has_32_bit_compiler() {
        abis.push(("ilp32", "-m32"));
    } else {
        eprintln!("not compared for 32 bits: `cc -m32` does not make programs that run here (Debian: gcc-multilib)");
    }
    for (before, fields, paths) in DECLARATIONS {
        let declaration = format!("{before} struct {{ long mtype; {fields} }};");
        let report = json(
            key.key(),
            &["layout", "--request", "struct { long mtype; }", "--response", &declaration, "--constants", "LEN=7"],
        );
        for (abi, flag) in &abis {
            assert_eq!(of_the_command(&report["response"][abi]), of_the_compiler(flag, before, fields, paths), "{abi}");
        }
    }
}

#[test]
fn an_error_of_a_declaration_has_its_option_line_column_and_a_mark() {
    let key = ScratchKey::new();
    let request = "struct {\n  long mtype;\n  char \u{1b}[31m;\n}";
    let finished = ends_with(USAGE, key.key(), &["layout", "--request", request]);
    assert!(finished.stderr.starts_with("msgqctl: --request: line 3, column 8: "), "{}", finished.stderr);
    assert!(!finished.stderr.contains('\u{1b}'), "{}", finished.stderr);
    let good = "struct { long mtype; int a; }";
    let response = "struct {\n  long mtype;\n  char text[LEN];\n}";
    let finished = ends_with(USAGE, key.key(), &["layout", "--request", good, "--response", response]);
    assert_eq!(
        finished.stderr,
        "msgqctl: --response: line 3, column 13: the constant `LEN` is not known\n  |\n3 |   char text[LEN];\n  |             \
         ^^^\n  = help: give its value: constants = { LEN = 64 }, or --constants LEN=64 in a command\n"
    );
    for bad in [&["--constants", "LEN"][..], &["--constants", "LEN=x"], &["--constants", "LEN=1", "LEN=2"]] {
        ends_with(USAGE, key.key(), &[&["layout", "--request", good], bad].concat());
    }
    ends_with(USAGE, key.key(), &["layout"]);
    ends_with(OK, key.key(), &["layout", "--constants", "LEN=1", "LEN=1", "--request", good]);
}
