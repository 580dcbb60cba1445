use super::*;

fn parse(text: &str) -> Result<Declaration, DeclarationError> {
    Declaration::parse(text, &BTreeMap::from([("NAME_LEN".to_owned(), 64)]))
}

/// Offsets in the body by name, then `sizeof` of the whole struct.
fn placed(shape: &Shape) -> String {
    let fields = shape.fields.iter().map(|field| {
        format!("{}@{}+{}", field.name.as_deref().unwrap_or("-"), field.offset, field.field_type.len_bytes())
    });
    format!("{} /{}", fields.collect::<Vec<_>>().join(" "), shape.whole_len)
}

#[test]
fn a_declaration_gives_the_offsets_of_both_abis() {
    for (text, lp64, ilp32) in [
        (
            "struct { long mtype; int op; pid_t pid; char name[NAME_LEN]; double amount[4]; }",
            "op@0+4 pid@4+4 name@8+64 amount@72+32 /112",
            "op@0+4 pid@4+4 name@8+64 amount@72+32 /108",
        ),
        ("struct m { long mtype; char c; double d; };", "c@0+1 d@8+8 /24", "c@0+1 d@4+8 /16"),
        (
            "typedef struct { long mtype; char c; long l; } __attribute__((packed)) m_t;",
            "c@0+1 l@1+8 /17",
            "c@0+1 l@1+4 /9",
        ),
        ("struct __attribute__((__packed__)) m { long t; char c; int64_t l; }", "c@0+1 l@1+8 /17", "c@0+1 l@1+8 /13"),
        ("struct { long mtype; long id; char text[]; }", "id@0+8 text@8+0 /16", "id@0+4 text@4+0 /8"),
        ("struct { long mtype; char text[0]; }", "text@0+0 /8", "text@0+0 /4"),
        (
            "enum op { A, B = 7, C }; struct { long mtype; enum op op; char t[C + 1][2*2]; enum { X = 3 } e; short s[X]; }",
            "op@0+4 t@4+36 e@40+4 s@44+6 /64",
            "op@0+4 t@4+36 e@40+4 s@44+6 /56",
        ),
        (
            "struct p { int x, y; }; typedef unsigned char byte;\nstruct { long mtype; /* at */ struct p at[2]; byte b; // b\n union { int i; char c[5]; } u; struct { short s; }; }",
            "at@0+16 b@16+1 u@20+8 -@28+2 /40",
            "at@0+16 b@16+1 u@20+8 -@28+2 /36",
        ),
        (
            "struct { long mtype; char text[256 - sizeof(long) - sizeof(char *) + (0x10 << 1) / 010UL]; }",
            "text@0+244 /256",
            "text@0+252 /256",
        ),
        ("struct { long mtype; }", " /8", " /4"),
        ("struct { long mtype; char c; int i __attribute__((packed)); }", "c@0+1 i@1+4 /16", "c@0+1 i@1+4 /12"),
    ] {
        let declaration = parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(
            (placed(&declaration.lp64), placed(&declaration.ilp32)),
            (lp64.to_owned(), ilp32.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_cannot_be_sent_is_an_error_that_points_to_it() {
    for (marked, message) in [
        ("char @*p;", "a pointer cannot be sent"),
        ("@void *p;", "`void` has no bytes"),
        ("int @(*f)(void);", "a function or a pointer cannot be sent"),
        ("int a @: 3;", "bit fields are not served"),
        ("int @: 3;", "bit fields are not served"),
        ("@long double d;", "a long double is not served"),
        ("@short char d;", "these words are no type of C together"),
        ("@foo_t x;", "the type `foo_t` is not known"),
        ("struct @foo x;", "`struct foo` was not declared before"),
        ("int x[@N];", "the constant `N` is not known"),
        ("int x@[];", "an array of 0 elements is not served"),
        ("int x@[-1];", "an array of -1 elements is not served"),
        ("int x@[1 << 62];", "this array has more than 16777216 bytes"),
        ("int x[1 @<< 80];", "1 << 80 cannot be worked out in 64 bits"),
        ("int x[1@/0];", "1 / 0 cannot be worked out in 64 bits"),
        ("int x[@99999999999999999999];", "`99999999999999999999` is no integer that fits into 64 bits"),
        ("char @a[16777216];", "with this field the struct has more than 16777216 bytes"),
        ("char t[]; int @x;", "this field stands behind a text of open length"),
        ("int a; int @a;", "two fields are named `a`"),
        ("int a; @struct { int a; };", "two fields are named `a`"),
        ("int a @", "`;` is missing behind `a`; here stands `}`"),
        ("int @\u{e9};", "`\u{e9}` has no place in a declaration"),
        ("int a; @/*", "this comment has no end"),
        ("int a __attribute__((@aligned(8)));", "of attributes only `packed` is served; here stands `aligned`"),
        ("enum { A, @A } e;", "`A` has two values"),
        ("struct @{ } s;", "this struct has no fields"),
    ] {
        points_to(&format!("struct {{ long mtype; {marked}}}"), message);
    }
    for (marked, message) in [
        ("@", "there is no struct for the message"),
        ("int x;@", "there is no struct for the message"),
        ("@struct { int pid; }", "the first field of this struct is no `long` for the message's type"),
        ("struct @{\n long mtype;\n int a;\n", "this brace is not closed"),
        ("@#define N 3\nstruct { long mtype; }", "lines for the preprocessor are not read"),
        ("typedef struct { long t; int a; } m @__attribute__((packed));", "compilers ignore `packed` here"),
    ] {
        points_to(marked, message);
    }
}

/// `marked` is a declaration with an `@` in front of what the error points to.
fn points_to(marked: &str, message: &str) {
    let column = marked.find('@').unwrap() + 1;
    let error = parse(&marked.replace('@', "")).expect_err(marked);
    assert_eq!((error.line(), error.column(), error.message()), (1, column, message), "{error}");
}

#[test]
fn an_error_shows_the_line_with_a_mark_and_says_what_to_do() {
    let error = parse("struct {\n  long mtype;\n  char \u{1b}*p;\n}").unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error}");
    let error = parse("struct {\n  long mtype;\n  char *p;\n}").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 3, column 8: a pointer cannot be sent\n  |\n3 |   char *p;\n  |        ^\n  \
         = help: an address means nothing to another process: send what it points to"
    );
}

#[test]
fn text_that_is_deep_or_grows_without_end_is_refused_in_time() {
    let deep = "(".repeat(30_000);
    assert!(parse(&format!("struct {{ long mtype; int x[{deep}1]; }}")).is_err());
    assert!(parse(&format!("struct {{ long mtype; {} int x; }}", "struct { ".repeat(6_000))).is_err());
    assert!(parse(&format!("struct {{ long mtype; int x{}; }}", "[1]".repeat(20_000))).is_err());
    let mut doubled = "struct s0 { char c; };".to_owned();
    for level in 1..200 {
        doubled.push_str(&format!("struct s{level} {{ struct s{} a, b; }};", level - 1));
    }
    assert!(parse(&doubled).is_err());
    let mut shared = "union u0 { int i; short s; };".to_owned();
    for level in 1..30 {
        shared.push_str(&format!("union u{level} {{ union u{} a, b; }};", level - 1));
    }
    let error = parse(&format!("{shared} struct {{ long mtype; union u29 u; }}")).err();
    let expected = "with this field the struct has more than 16777216 numbers and texts";
    assert_eq!(error.as_ref().map(DeclarationError::message), Some(expected));
    assert!(parse(&" ".repeat(MAX_DECLARATION_LEN + 1)).is_err());
}
