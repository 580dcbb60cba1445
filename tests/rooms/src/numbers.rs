//! What the code is like, in numbers: how long files and functions are, and which names occur more than once.

use crate::circles::circles;
use crate::code::{Code, Edge};
use crate::reader::{head, is_for_tests};
use std::collections::BTreeMap;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemFn, ItemImpl, Signature, TraitItemFn};

/// A function of this name is hard to find from here on.
const MANY_FUNCTIONS: usize = 6;

#[derive(Default)]
struct Counter {
    function_lines: Vec<usize>,
    types: BTreeMap<String, usize>,
    /// Without those whose name a trait prescribes.
    functions: BTreeMap<String, usize>,
    is_in_trait: bool,
}

pub fn text(code: &Code) -> String {
    let mut counter = Counter::default();
    code.files.iter().for_each(|file| counter.visit_file(&file.syntax));
    let mut file_lines: Vec<usize> = code.files.iter().map(|file| file.lines).collect();
    let edges = code.edges();
    let outside: Vec<Edge> = edges.iter().filter(|edge| !code.is_within(edge.to, edge.from)).copied().collect();
    let twice = more_than(&counter.types, 2);
    format!(
        "lines: {} in {} files\nlines a file, median / p90 / max: {}\nlines a function, median / p90 / max: {}\n\
         circles: {}, {} of them without what modules use of their own children\ntype names: {}, of which more than once: {}: {}\nfunction names that occur {MANY_FUNCTIONS} times and more: {}\n",
        file_lines.iter().sum::<usize>(),
        code.files.len(),
        spread(&mut file_lines),
        spread(&mut counter.function_lines),
        circles(code.files.len(), &edges).len(),
        circles(code.files.len(), &outside).len(),
        counter.types.len(),
        twice.len(),
        twice.join(", "),
        more_than(&counter.functions, MANY_FUNCTIONS).join(", "),
    )
}

fn spread(values: &mut [usize]) -> String {
    values.sort_unstable();
    let at = |percent: usize| values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied();
    [50, 90, 100].map(|percent| at(percent).unwrap_or_default().to_string()).join(" / ")
}

fn more_than(names: &BTreeMap<String, usize>, least: usize) -> Vec<String> {
    names.iter().filter(|(_, count)| **count >= least).map(|(name, count)| format!("{name} {count}")).collect()
}

impl Counter {
    fn function(&mut self, signature: &Signature, whole: proc_macro2::Span) {
        self.function_lines.push(whole.end().line + 1 - signature.span().start().line);
        if !self.is_in_trait {
            *self.functions.entry(signature.ident.to_string()).or_default() += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Counter {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = head(item);
        if is_for_tests(attributes) {
            return;
        }
        if let (Some(name), Item::Enum(_) | Item::Struct(_) | Item::Trait(_) | Item::Type(_) | Item::Union(_)) =
            (name, item)
        {
            *self.types.entry(name.to_string()).or_default() += 1;
        }
        visit::visit_item(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.is_in_trait, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.is_in_trait = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, item.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig, item.span());
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if item.default.is_some() {
            self.function(&item.sig, item.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}
