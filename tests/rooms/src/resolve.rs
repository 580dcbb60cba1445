//! From a path to the file that defines what it names, through every `use` that hands it on.

use crate::code::{Binding, Code};

#[derive(Clone, Copy)]
enum Target {
    /// Defined in this file.
    Item(usize),
    Module(usize),
}

/// Look-ups in progress: module, name, and whether a module is wanted. A name that leads back to itself leads nowhere.
type Trail<'a> = Vec<(usize, &'a str, bool)>;

impl Code {
    /// None for what the workspace does not define, and for modules: who names one uses what stands behind it.
    pub fn defining_file(&self, module: usize, path: &[String]) -> Option<usize> {
        match self.resolve(module, path, &mut Vec::new())? {
            Target::Item(file) => Some(file),
            Target::Module(_) => None,
        }
    }

    fn resolve<'a>(&'a self, module: usize, path: &'a [String], trail: &mut Trail<'a>) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" | "self" | "super" => self.step(module, first, false, trail)?,
            name => self
                .look_up(module, name, !rest.is_empty(), trail)
                .or_else(|| self.libraries.get(name).copied().map(Target::Module))?,
        };
        for (index, segment) in rest.iter().enumerate() {
            // What follows an item is its variant, constant or function.
            let Target::Module(inside) = target else { break };
            // A macro of the module may define what no syntax shows.
            let made_by_macro = Target::Item(self.modules[inside].file);
            target = self.step(inside, segment, index + 1 < rest.len(), trail).unwrap_or(made_by_macro);
        }
        Some(target)
    }

    fn step<'a>(&'a self, module: usize, name: &'a str, wants_module: bool, trail: &mut Trail<'a>) -> Option<Target> {
        match name {
            "crate" => Some(Target::Module(self.modules[module].root)),
            "self" => Some(Target::Module(module)),
            "super" => self.modules[module].parent.map(Target::Module),
            _ => self.look_up(module, name, wants_module, trail),
        }
    }

    fn look_up<'a>(
        &'a self,
        module: usize,
        name: &'a str,
        wants_module: bool,
        trail: &mut Trail<'a>,
    ) -> Option<Target> {
        if trail.contains(&(module, name, wants_module)) {
            return None;
        }
        trail.push((module, name, wants_module));
        let scope = &self.modules[module];
        let bound: Vec<Target> = scope
            .names
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|binding| match binding {
                Binding::Item => Some(Target::Item(scope.file)),
                Binding::Child(child) => Some(Target::Module(*child)),
                Binding::Import(path) => self.resolve(module, path, trail),
            })
            .collect();
        let is_wanted = |target: &&Target| matches!(target, Target::Module(_)) == wants_module;
        let found = bound.iter().find(is_wanted).or(bound.first()).copied().or_else(|| {
            scope.globs.iter().find_map(|glob| match self.resolve(module, glob, trail)? {
                Target::Module(opened) => self.look_up(opened, name, wants_module, trail),
                Target::Item(_) => None,
            })
        });
        trail.pop();
        found
    }
}
