//! Files, modules, names, and the places where one file names what another defines.

use crate::reader;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A file of product code.
pub struct SourceFile {
    pub path: PathBuf,
    pub package: String,
    /// The module that it holds: `engine/outbox`; `lib` and `main` for the roots of crates.
    pub room: String,
    /// Without what is compiled for tests only.
    pub lines: usize,
    pub syntax: Rc<syn::File>,
}

/// What a name stands for in a module.
#[derive(Clone)]
pub enum Binding {
    /// Something that the module's file defines itself.
    Item,
    Child(usize),
    Import(Vec<String>),
}

/// A scope of names. Those that functions declare inside of themselves count as the module's.
pub struct Module {
    pub file: usize,
    pub root: usize,
    pub parent: Option<usize>,
    pub names: HashMap<String, Vec<Binding>>,
    pub globs: Vec<Vec<String>>,
}

/// A path that stands in the code.
pub struct Mention {
    pub module: usize,
    pub path: Vec<String>,
    pub line: usize,
    /// `pub use`, with whatever visibility: it hands the name on.
    pub is_reexport: bool,
}

/// One file uses what another one defines.
#[derive(Clone, Copy)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub line: usize,
}

/// All crates.
#[derive(Default)]
pub struct Code {
    pub files: Vec<SourceFile>,
    pub modules: Vec<Module>,
    pub mentions: Vec<Mention>,
    /// The root module of each library, by the name that others use in paths.
    pub libraries: BTreeMap<String, usize>,
}

impl Code {
    /// Reads what is reached from lib.rs and main.rs of a crate.
    pub fn read_crate(&mut self, folder: &Path) -> Result<(), String> {
        let package = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for root in ["lib", "main"] {
            let path = folder.join("src").join(root).with_extension("rs");
            if !path.exists() {
                continue;
            }
            let module = reader::read_file(self, &path, &package, root, None)?;
            if root == "lib" {
                self.libraries.insert(package.replace('-', "_"), module);
            }
        }
        Ok(())
    }

    /// One for each mention; a module that hands on what its own children define does not use them by that.
    pub fn edges(&self) -> Vec<Edge> {
        let edge = |mention: &Mention| {
            let (from, to) = (self.modules[mention.module].file, self.defining_file(mention.module, &mention.path)?);
            let hands_on = mention.is_reexport && self.is_within(to, from);
            (from != to && !hands_on).then_some(Edge { from, to, line: mention.line })
        };
        self.mentions.iter().filter_map(edge).collect()
    }

    /// True if one file holds a module inside of the other's.
    pub fn is_within(&self, inner: usize, outer: usize) -> bool {
        let (inner, outer) = (&self.files[inner], &self.files[outer]);
        let is_below = inner.room.strip_prefix(&outer.room).is_some_and(|rest| rest.starts_with('/'));
        inner.package == outer.package && (outer.room == "lib" || is_below)
    }

    /// `crates/msgq-core/src/queue.rs:12`
    pub fn place(&self, edge: &Edge) -> String {
        format!("{}:{}", self.files[edge.from].path.display(), edge.line)
    }
}
