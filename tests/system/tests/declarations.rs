//! The offsets that msgq-core works out are those that the compiler uses, for 64 and for 32 bits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgq_core::layout::declaration::{Declaration, DeclarationError};
use msgq_core::layout::shape::{Abi, Field, FieldType, Shape};
use msgqd_system_tests::{Process, has_32_bit_compiler, msgqctl, output_of_compiled};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

/// So many structs go into one program that compiling it costs little for each.
const STRUCTS: usize = 400;
/// As many programs are printed.
const PRINTED: usize = 200;

const SCALARS: &[&str] = &[
    "char",
    "signed char",
    "unsigned char",
    "short",
    "unsigned short int",
    "int",
    "unsigned",
    "long",
    "unsigned long",
    "long unsigned int",
    "long long",
    "long long unsigned",
    "float",
    "double",
    "bool",
    "_Bool",
    "int8_t",
    "uint8_t",
    "int16_t",
    "uint16_t",
    "int32_t",
    "uint32_t",
    "int64_t",
    "uint64_t",
    "int_least16_t",
    "uint_least64_t",
    "int_fast8_t",
    "int_fast16_t",
    "uint_fast32_t",
    "int_fast64_t",
    "intptr_t",
    "uintptr_t",
    "intmax_t",
    "uintmax_t",
    "pid_t",
    "uid_t",
    "gid_t",
    "size_t",
    "ssize_t",
    "time_t",
    "off_t",
    "key_t",
    "mode_t",
    "clock_t",
    "suseconds_t",
    "ptrdiff_t",
    "wchar_t",
    "u_int32_t",
    "u_int",
    "ushort",
    "__u64",
    "__s16",
    "enum known",
    "enum { $A, $B = 3 }",
    "const volatile int",
    "char",
    "struct point",
    "union word",
    "point_t",
    "row_t",
];
const BOUNDS: &[&str] =
    &["1", "2", "3", "7", "0x10", "N", "N + 1", "(N << 1) - 1", "sizeof(long)", "2 * sizeof(point_t)", "B_KNOWN"];
const PRELUDE: &str = "enum known { A_KNOWN, B_KNOWN = 5 };\nstruct point { char c; double d; };\n\
    typedef struct point point_t;\ntypedef short row_t[3];\nunion word { int i; int64_t l; char c[9]; };\n";

#[derive(Debug, Clone)]
enum Member {
    Named { base: &'static str, bounds: Vec<&'static str>, packed: bool },
    Inner { is_union: bool, packed: Packed, members: Vec<Member>, name: bool, bounds: Vec<&'static str> },
}

#[derive(Debug, Clone, Copy)]
enum Packed {
    No,
    Before,
    Behind,
}

fn packed() -> impl Strategy<Value = Packed> {
    prop_oneof![3 => Just(Packed::No), 1 => Just(Packed::Before), 1 => Just(Packed::Behind)]
}

fn member() -> impl Strategy<Value = Member> {
    let bounds = || prop_oneof![3 => Just(Vec::new()), 2 => vec(select(BOUNDS), 1..=2)];
    let named = (select(SCALARS), bounds(), proptest::bool::weighted(0.1));
    named.prop_map(|(base, bounds, packed)| Member::Named { base, bounds, packed }).prop_recursive(
        3,
        16,
        4,
        move |inner| {
            (any::<bool>(), packed(), vec(inner, 1..5), any::<bool>(), bounds()).prop_map(
                |(is_union, packed, members, name, bounds)| Member::Inner { is_union, packed, members, name, bounds },
            )
        },
    )
}

/// Writes C, with a name of its own for everything, and collects the paths of all fields outside of arrays.
#[derive(Default)]
struct Writer {
    text: String,
    number: usize,
    names: usize,
    paths: Vec<String>,
}

impl Writer {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("f{}", self.names)
    }

    fn aggregate(&mut self, head: &str, packed: Packed, first: &str, members: &[Member], path: Option<&str>) {
        let before = if matches!(packed, Packed::Before) { "__attribute__((packed)) " } else { "" };
        let _ = write!(
            self.text,
            "{} {before}{} {{ {first}",
            head.split(' ').next().unwrap(),
            head.split(' ').nth(1).unwrap_or("")
        );
        for member in members {
            self.member(member, path);
        }
        self.text.push('}');
        if matches!(packed, Packed::Behind) {
            self.text.push_str(" __attribute__((__packed__))");
        }
    }

    fn member(&mut self, member: &Member, path: Option<&str>) {
        let name = self.name();
        let own = path.map(|path| format!("{path}{name}"));
        match member {
            Member::Named { base, bounds, packed } => {
                let base = base.replace('$', &format!("{name}_{}_", self.number));
                let packed = if *packed { " __attribute__((packed))" } else { "" };
                let _ = write!(self.text, "{base} {name}{}{packed}; /* {name} */ ", shown(bounds));
                self.paths.extend(own);
            }
            Member::Inner { is_union, packed, members, name: has_name, bounds } => {
                let head = if *is_union { "union" } else { "struct" };
                let inner = if *has_name {
                    own.clone().filter(|_| bounds.is_empty()).map(|own| own + ".")
                } else {
                    path.map(str::to_owned)
                };
                self.aggregate(head, *packed, "", members, inner.as_deref());
                if *has_name {
                    let _ = write!(self.text, " {name}{}", shown(bounds));
                    self.paths.extend(own);
                }
                self.text.push_str("; ");
            }
        }
    }
}

fn shown(bounds: &[&str]) -> String {
    bounds.iter().map(|bound| format!("[{bound}]")).collect()
}

/// A struct in C, named `m` and its number, and the paths of its fields.
struct Declared {
    number: usize,
    text: String,
    paths: Vec<String>,
}

fn declaration(number: usize, packed: Packed, members: &[Member], open: bool) -> Declared {
    let mut writer = Writer { number, ..Writer::default() };
    writer.aggregate(&format!("struct m{number}"), packed, "long mtype; ", members, Some(""));
    if open {
        let at = writer.text.rfind('}').unwrap();
        writer.text.insert_str(at, "char open[];");
        writer.paths.push("open".to_owned());
    }
    Declared { number, text: writer.text + ";\n", paths: writer.paths }
}

/// All declarations in one program that prints for each field offset and size, and for each struct its size.
fn program(declarations: &[Declared]) -> String {
    let mut text = "#include <linux/types.h>\n#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\
        #include <stdio.h>\n#include <sys/types.h>\n#include <time.h>\n#include <wchar.h>\nenum { N = 4 };\n"
        .to_owned();
    text.push_str(PRELUDE);
    declarations.iter().for_each(|declared| text.push_str(&declared.text));
    text.push_str("static const unsigned numbers[][2] = {\n");
    for Declared { number, paths, .. } in declarations {
        for path in paths {
            let size = if path == "open" { "0".to_owned() } else { format!("sizeof(((struct m{number} *)0)->{path})") };
            let _ = writeln!(text, "{{ offsetof(struct m{number}, {path}) - sizeof(long), {size} }},");
        }
        let _ = writeln!(text, "{{ sizeof(struct m{number}), 0 }},");
    }
    text.push_str("};\nint main(void) {\n    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)\n");
    text.push_str("        printf(\"%u %u\\n\", numbers[i][0], numbers[i][1]);\n}\n");
    text
}

fn collect(fields: &[Field], start: usize, path: &str, found: &mut BTreeMap<String, (usize, usize)>) {
    for field in fields {
        let offset = start + field.offset;
        let own = field.name.as_ref().map(|name| format!("{path}{name}"));
        if let FieldType::Aggregate(inner) = &field.field_type {
            let path = own.as_ref().map_or(path.to_owned(), |own| format!("{own}."));
            collect(&inner.fields, offset, &path, found);
        }
        found.extend(own.map(|own| (own, (offset, field.field_type.len_bytes()))));
    }
}

fn lines_of(shape: &Shape, paths: &[String]) -> Vec<String> {
    let mut found = BTreeMap::new();
    collect(&shape.fields, 0, "", &mut found);
    let fields =
        paths.iter().map(|path| found.get(path).map_or(format!("no {path}"), |(at, len)| format!("{at} {len}")));
    fields.chain([format!("{} 0", shape.whole_len)]).collect()
}

fn parsed(declaration: &str) -> Result<Declaration, DeclarationError> {
    Declaration::parse(&format!("{PRELUDE}{declaration}"), &BTreeMap::from([("N".to_owned(), 4)]))
}

fn is_refused_as_too_long(declaration: &str) -> bool {
    parsed(declaration).is_err_and(|error| error.message().contains(" has more than 16777216 "))
}

#[test]
fn offsets_and_sizes_are_those_of_the_compiler() {
    let mut runner = TestRunner::default();
    let strategy = (packed(), vec(member(), 1..8), proptest::bool::weighted(0.2));
    let declarations: Vec<Declared> = std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap())
        .take(2 * STRUCTS)
        .map(|tree| tree.current())
        .enumerate()
        .map(|(number, (packed, members, open))| declaration(number, packed, &members, open))
        .filter(|declared| !is_refused_as_too_long(&declared.text))
        .take(STRUCTS)
        .collect();
    assert_eq!(declarations.len(), STRUCTS);
    let text = program(&declarations);
    let mut abis = vec![(Abi::Lp64, "-m64")];
    if has_32_bit_compiler() {
        abis.push((Abi::Ilp32, "-m32"));
    } else {
        eprintln!("not compared for 32 bits: `cc -m32` does not make programs that run here (Debian: gcc-multilib)");
    }
    for (abi, flag) in abis {
        let output = output_of_compiled(&text, &[flag, "-O0", "-Wno-attributes"]);
        let mut printed = output.lines();
        for Declared { text, paths, .. } in &declarations {
            let ours = parsed(text).unwrap_or_else(|error| panic!("{error}"));
            let theirs: Vec<&str> = printed.by_ref().take(paths.len() + 1).collect();
            assert_eq!(lines_of(ours.shape(abi), paths), theirs, "{flag} {paths:?}\n{text}");
        }
        assert_eq!(printed.next(), None);
    }
}

/// The struct of requests in a printed program; `None` where it has more fields than a program lists.
fn printed_struct(declared: &Declared, directory: &std::path::Path) -> Option<String> {
    let config = directory.join("test.toml");
    let request = format!("{PRELUDE}{}", declared.text);
    let protocol = format!("[protocol]\nrequest = '''{request}'''\nclient = 'pid'\nconstants = {{ N = 4 }}\n");
    std::fs::write(&config, protocol).unwrap();
    let mut command = Command::new(msgqctl());
    let finished = Process::run(command.arg("--config").arg(&config).args(["client", "c"]));
    if finished.stderr.contains("and a program lists at most") {
        return None;
    }
    let program = finished.succeeded().stdout;
    let start = program.find("struct request {").unwrap();
    let end = program.find("\n\nstruct response {").unwrap();
    Some(program[start..end].to_owned())
}

#[test]
fn the_struct_of_a_printed_client_is_the_one_that_was_declared() {
    let directory = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::default();
    let strategy = (packed(), vec(member(), 1..8), proptest::bool::weighted(0.2));
    let mut seen = 0;
    for number in 0..PRINTED {
        let (packed, members, open) = strategy.new_tree(&mut runner).unwrap().current();
        let mut declared = declaration(number, packed, &members, open);
        declared.text = declared.text.replacen("long mtype; ", "long mtype; pid_t pid; ", 1);
        // Few of these structs are too long, or have more elements than a program lists.
        let Ok(ours) = parsed(&declared.text) else { continue };
        let Some(printed) = printed_struct(&declared, directory.path()) else { continue };
        let theirs = Declaration::parse(&printed, &BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(theirs, ours, "{}\n{printed}", declared.text);
        seen += 1;
    }
    assert!(seen > PRINTED / 2, "{seen}");
}
