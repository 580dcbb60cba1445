use crate::circles::{circles, describe};
use crate::code::Code;
use crate::rooms::Table;
use std::path::Path;

/// A crate `core` of these files.
fn crate_of(files: &[(&str, &str)]) -> Code {
    code_of(&[("core", files)])
}

fn code_of(crates: &[(&str, &[(&str, &str)])]) -> Code {
    let mut code = Code::default();
    let directory = tempfile::tempdir().unwrap();
    for (package, files) in crates {
        let folder = directory.path().join(package);
        for (path, text) in *files {
            let path = folder.join("src").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        code.read_crate(&folder).unwrap();
    }
    code
}

/// `from -> to` for each edge, once.
fn arrows(code: &Code) -> Vec<String> {
    let shown = |file: usize| code.files[file].room.clone();
    let mut arrows: Vec<_> =
        code.edges().iter().map(|edge| format!("{} -> {}", shown(edge.from), shown(edge.to))).collect();
    arrows.sort();
    arrows.dedup();
    arrows
}

fn found_circles(code: &Code) -> Vec<String> {
    circles(code.files.len(), &code.edges()).iter().map(|circle| describe(circle, code)).collect()
}

#[test]
fn a_circle_is_found_and_each_of_its_edges_has_a_place() {
    let code = crate_of(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;\n\nfn f() { crate::c::g(); }"),
        ("c.rs", "pub fn g() -> Option<super::a::A> { None }"),
    ]);
    let circles = found_circles(&code);
    assert_eq!(circles.len(), 1);
    assert!(circles[0].starts_with("FAIL circle of 3 files in core:"), "{}", circles[0]);
    for (edge, place) in [("a -> b", "a.rs:1"), ("b -> c", "b.rs:3"), ("c -> a", "c.rs:1")] {
        assert!(circles[0].lines().any(|line| line.contains(edge) && line.ends_with(place)), "{}", circles[0]);
    }
}

#[test]
fn two_circles_are_two_and_what_only_leads_to_one_is_no_part_of_it() {
    let code = crate_of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::a::A; use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::d::D; pub struct C;"),
        ("d.rs", "use crate::c::C; pub struct D;"),
        ("e.rs", "use crate::a::A; use crate::d::D;"),
    ]);
    assert_eq!(found_circles(&code).len(), 2);
    assert!(found_circles(&code).iter().all(|circle| circle.contains("circle of 2 files")));
}

#[test]
fn a_parent_that_only_hands_on_what_its_child_defines_is_no_circle() {
    let child = "use super::Word; pub struct Inner(Word);";
    let code = crate_of(&[
        ("lib.rs", "mod outer;"),
        ("outer.rs", "mod inner; pub(crate) use inner::Inner; pub struct Word;"),
        ("outer/inner.rs", child),
    ]);
    assert_eq!(found_circles(&code), Vec::<String>::new());
    let code = crate_of(&[
        ("lib.rs", "mod outer;"),
        ("outer.rs", "mod inner; pub(crate) use inner::Inner; pub struct Word; pub fn f(_: Inner) {}"),
        ("outer/inner.rs", child),
    ]);
    assert_eq!(found_circles(&code).len(), 1);
}

#[test]
fn what_is_handed_on_is_traced_to_the_file_that_defines_it() {
    let files: [(&str, &str); 5] = [
        ("lib.rs", "pub mod a; pub mod b; mod user; pub use a::deep::Deep as Renamed;"),
        ("a.rs", "pub mod deep; pub use deep::*; pub use super::b::{self, B};"),
        ("a/deep.rs", "pub struct Deep; pub enum Kind { One }"),
        ("b.rs", "pub struct B;"),
        ("user.rs", "use crate::a::{self, Kind::One}; fn f(_: crate::Renamed, _: a::b::B) {}"),
    ];
    assert_eq!(arrows(&crate_of(&files)), ["a -> b", "user -> a/deep", "user -> b"]);
    let other = [("main.rs", "use core::{Renamed, a::B}; fn main() {}")];
    let code = code_of(&[("core", &files), ("tool", &other)]);
    assert!(arrows(&code).contains(&"main -> a/deep".to_owned()), "{:?}", arrows(&code));
}

#[test]
fn macros_and_attributes_count_and_tests_fields_and_methods_do_not() {
    let code = crate_of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "fn f() { println!(\"{}\", crate::b::number()); }\n#[arg(parser = crate::c::parse)] struct S;"),
        ("b.rs", "pub fn number() {} #[cfg(test)] mod tests { use crate::a::S; }"),
        ("c.rs", "pub fn parse() {}\n#[cfg(test)]\nmod tests;"),
        ("c/tests.rs", "this is not read"),
        ("d.rs", "use crate::b::*; fn f(s: S) { s.number(); vec![s.number]; }"),
    ]);
    assert_eq!(arrows(&code), ["a -> b", "a -> c"]);
    assert_eq!(code.files[3].lines, 1);
}

const PAGE: &str =
    "# Page\n<!-- rooms: read by tests/rooms -->\n\n```\ncore\n  low ->\n\n  mid -> low\n  mid/top -> mid\n```\n";
const FILES: [(&str, &str); 4] = [
    ("lib.rs", "mod low; mod mid;"),
    ("low.rs", "pub struct Low;"),
    ("mid.rs", "mod top; pub struct Mid(crate::low::Low);"),
    ("mid/top.rs", "use super::Mid;"),
];

fn findings(page: &str, files: &[(&str, &str)]) -> Vec<String> {
    let code = crate_of(files);
    let findings = Table::parse(page).unwrap().check(&code, &code.edges());
    findings.iter().map(|finding| finding.split("  ").next().unwrap().to_owned()).collect()
}

#[test]
fn code_that_is_as_the_table_says_has_no_finding() {
    assert_eq!(findings(PAGE, &FILES), Vec::<String>::new());
}

#[test]
fn an_arrow_upward_is_found() {
    let mut files = FILES;
    files[1].1 = "pub struct Low; use crate::mid::Mid;";
    assert_eq!(findings(PAGE, &files), ["FAIL core low -> core mid"]);
    files = FILES;
    files[2].1 = "mod top; pub struct Mid(crate::low::Low); fn f() { top::g() }";
    files[3].1 = "use super::Mid; pub fn g() {}";
    assert_eq!(findings(PAGE, &files), ["FAIL core mid -> core mid/top"]);
}

#[test]
fn rooms_and_arrows_that_only_one_side_knows_are_found() {
    let more = PAGE.replace("  mid/", "  gone ->\n  mid/");
    assert_eq!(findings(&more, &FILES), ["FAIL core gone has no file"]);
    let less = PAGE.replace("mid -> low\n", "mid ->\n");
    assert_eq!(findings(&less, &FILES), ["FAIL core mid -> core low"]);
    let unused = PAGE.replace("mid/top -> mid", "mid/top -> low mid");
    assert_eq!(findings(&unused, &FILES), ["FAIL core mid/top -> core low is allowed and not used"]);
    let mut files = FILES.to_vec();
    files[0].1 = "mod low; mod mid; mod new;";
    files.push(("new.rs", ""));
    let found = findings(PAGE, &files);
    assert!(found.len() == 1 && found[0].starts_with("FAIL no room for ") && found[0].ends_with("new.rs"), "{found:?}");
}

#[test]
fn a_root_needs_a_room_once_it_uses_something() {
    let mut files = FILES;
    files[0].1 = "mod low; mod mid; pub use mid::Mid;";
    assert_eq!(findings(PAGE, &files), Vec::<String>::new());
    files[0].1 = "mod low; mod mid; fn f(_: mid::Mid) {}";
    let found = findings(PAGE, &files);
    assert!(found.len() == 1 && found[0].ends_with("lib.rs"), "{found:?}");
    assert_eq!(findings(&PAGE.replace("top -> mid", "top -> mid\n  lib -> mid"), &files), Vec::<String>::new());
}

#[test]
fn crates_have_arrows_of_their_own() {
    let library = [("lib.rs", "pub mod low;"), ("low.rs", "pub struct Low;")];
    let code = code_of(&[("core", &library), ("tool", &[("main.rs", "mod x;"), ("x.rs", "use core::low::Low;")])]);
    let page = "<!-- rooms: read by tests/rooms -->\n```\ncore\n  low ->\ntool -> core\n  x ->\n```\n";
    assert_eq!(Table::parse(page).unwrap().check(&code, &code.edges()), Vec::<String>::new());
    let found = Table::parse(&page.replace("tool -> core", "tool")).unwrap().check(&code, &code.edges());
    assert!(found.len() == 1 && found[0].starts_with("FAIL tool -> core  "), "{found:?}");
}

#[test]
fn a_table_cannot_have_circles_doubles_or_be_missing() {
    let low = PAGE.replace("low ->", "low -> mid");
    assert!(Table::parse(&low).is_err_and(|error| error == "core low may use core mid, which is not above it"));
    assert!(Table::parse(&PAGE.replace("mid/top", "low")).is_err_and(|error| error == "core low stands there twice"));
    assert!(Table::parse("# Page\n").is_err());
}

#[test]
fn a_file_that_is_missing_or_no_rust_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("src")).unwrap();
    for (text, named) in [("mod gone;", "gone"), ("fn", "lib.rs")] {
        std::fs::write(directory.path().join("src/lib.rs"), text).unwrap();
        let read = Code::default().read_crate(Path::new(directory.path()));
        assert!(read.is_err_and(|error| error.contains(named)));
    }
}
