//! From the text of a file to its names and mentions. What is compiled for tests only is left out.

use crate::code::{Binding, Code, Mention, Module, SourceFile};
use proc_macro2::{TokenStream, TokenTree};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Meta, UseTree, Visibility};

/// Reads a file and the files of its modules; returns the module that it is.
pub fn read_file(
    code: &mut Code,
    path: &Path,
    package: &str,
    room: &str,
    parent: Option<usize>,
) -> Result<usize, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let syntax = Rc::new(syn::parse_file(&text).map_err(|error| failed(&error))?);
    let is_root = parent.is_none();
    let module = new_module(code, code.files.len(), parent);
    let lines = text.lines().count() - test_lines(&syntax);
    let syntax_of_file = Rc::clone(&syntax);
    let file =
        SourceFile { path: path.into(), package: package.into(), room: room.into(), lines, syntax: syntax_of_file };
    code.files.push(file);
    let folder = if is_root { path.with_file_name("") } else { path.with_extension("") };
    let mut reader = Reader { code, module, folder, failure: None };
    reader.visit_file(&syntax);
    reader.failure.map_or(Ok(module), Err)
}

fn test_lines(syntax: &syn::File) -> usize {
    let for_tests = syntax.items.iter().filter(|item| is_for_tests(head(item).0));
    for_tests.map(|item| item.span().end().line + 1 - item.span().start().line).sum()
}

fn new_module(code: &mut Code, file: usize, parent: Option<usize>) -> usize {
    let module = code.modules.len();
    let root = parent.map_or(module, |parent| code.modules[parent].root);
    code.modules.push(Module { file, root, parent, names: Default::default(), globs: Vec::new() });
    module
}

/// True for `#[cfg(test)]` and `#[test]`.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        meta => meta.path().is_ident("test"),
    })
}

/// The attributes and the name of an item that defines one.
pub fn head(item: &Item) -> (&[Attribute], Option<&syn::Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Mod(item) => (&item.attrs, None),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

struct Reader<'a> {
    code: &'a mut Code,
    module: usize,
    /// Where files of child modules are.
    folder: PathBuf,
    failure: Option<String>,
}

impl Reader<'_> {
    fn bind(&mut self, name: String, binding: Binding) {
        self.code.modules[self.module].names.entry(name).or_default().push(binding);
    }

    fn mention(&mut self, path: Vec<String>, line: usize, is_reexport: bool) {
        self.code.mentions.push(Mention { module: self.module, path, line, is_reexport });
    }

    fn use_tree(&mut self, tree: &UseTree, mut path: Vec<String>, is_reexport: bool) {
        let (name, shown) = match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                return self.use_tree(&tree.tree, path, is_reexport);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.use_tree(tree, path.clone(), is_reexport));
            }
            UseTree::Glob(_) => return self.code.modules[self.module].globs.push(path),
            UseTree::Name(tree) => (&tree.ident, &tree.ident),
            UseTree::Rename(tree) => (&tree.ident, &tree.rename),
        };
        let line = name.span().start().line;
        if name != "self" {
            path.push(name.to_string());
        }
        let shown = if shown == "self" { path.last().cloned().unwrap_or_default() } else { shown.to_string() };
        self.bind(shown, Binding::Import(path.clone()));
        self.mention(path, line, is_reexport);
    }

    /// Inside of a macro there is no syntax but names with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut before = [' '; 2];
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if before != [':', ':'] {
                        self.mention(std::mem::take(&mut path), line, false);
                        line = ident.span().start().line;
                    }
                    // A field or a method has the name of something else by chance.
                    if before[1] != '.' {
                        path.push(ident.to_string());
                    }
                    before = [' '; 2];
                }
                TokenTree::Punct(punct) => before = [before[1], punct.as_char()],
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    before = [' '; 2];
                }
                TokenTree::Literal(_) => before = [' '; 2],
            }
        }
        self.mention(path, line, false);
    }

    fn child(&mut self, item: &ItemMod) -> Result<usize, String> {
        let name = item.ident.to_string();
        let Some((_, items)) = &item.content else {
            let parent = &self.code.files[self.code.modules[self.module].file];
            let is_root = self.code.modules[self.module].parent.is_none();
            let room = if is_root { name.clone() } else { format!("{}/{name}", parent.room) };
            let (package, flat) = (parent.package.clone(), self.folder.join(&name).with_extension("rs"));
            let path = if flat.exists() { flat } else { self.folder.join(&name).join("mod.rs") };
            return read_file(self.code, &path, &package, &room, Some(self.module));
        };
        let file = self.code.modules[self.module].file;
        let module = new_module(self.code, file, Some(self.module));
        let mut inner = Reader { folder: self.folder.join(name), module, code: self.code, failure: None };
        items.iter().for_each(|item| inner.visit_item(item));
        inner.failure.map_or(Ok(module), Err)
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = head(item);
        if is_for_tests(attributes) {
            return;
        }
        if let Some(name) = name {
            self.bind(name.to_string(), Binding::Item);
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !matches!(item, ImplItem::Fn(function) if is_for_tests(&function.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        match self.child(item) {
            Ok(child) => self.bind(item.ident.to_string(), Binding::Child(child)),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.use_tree(&item.tree, Vec::new(), !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.mention(segments, path.segments[0].ident.span().start().line, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        visit::visit_macro(self, invoked);
        self.tokens(invoked.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}
