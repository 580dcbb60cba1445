//! Shapes and bodies out of bytes.

#[path = "words.rs"]
mod words;

use msgq_core::layout::declaration::Declaration;
use msgq_core::layout::shape::Shape;
use std::sync::LazyLock;

/// One declaration that is good, for bodies.
const GOOD_TEXT: &str = "struct p { char c; double d; char t[4]; }; union w { float f; int i; char t[6]; struct p p; };
    struct { long mtype; int op; uint64_t big; bool flags[2]; char name[8]; struct p at[2]; union w word;
    union { short low; int whole; }; signed char s; float f[2]; char lines[2][3]; char rest[]; }";

static GOOD: LazyLock<Declaration> = LazyLock::new(|| words::parse(GOOD_TEXT).unwrap());

/// The shape that the first bytes give, or one that is good, and the bytes behind them.
pub fn shape_and_rest(bytes: &[u8]) -> Option<(Shape, &[u8])> {
    let (count, rest) = bytes.split_first()?;
    let (words, rest) = rest.split_at_checked(usize::from(count % 32))?;
    let text = format!(
        "struct p {{ char c; int i; }}; union w {{ float f; char t[5]; }}; struct {{ long z; {} }}",
        words::text_of(words)
    );
    let declaration = words::parse(&text).ok().filter(|it| is_small(&it.lp64)).unwrap_or_else(|| GOOD.clone());
    Some((if count & 0x80 == 0 { declaration.lp64 } else { declaration.ilp32 }, rest))
}

/// A body of it is read quickly.
fn is_small(shape: &Shape) -> bool {
    shape.whole_len < 4096 && shape.fields.iter().map(|field| field.field_type.value_count()).sum::<usize>() < 4096
}
