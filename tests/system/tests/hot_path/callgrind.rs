//! Reads what callgrind counted (`callgrind-format` in valgrind's manual).

use std::collections::HashMap;
use std::ops::{Div, Sub};
use std::path::Path;

/// What a program did.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Instructions.
    pub instructions: f64,
    /// Calls of `clock_gettime`.
    pub clock_reads: f64,
    /// Calls of `malloc`, `calloc` and their kin.
    pub allocations: f64,
}

impl Profile {
    /// Reads an output file.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let (mut names, mut called, mut calls) = (HashMap::new(), String::new(), HashMap::<String, f64>::new());
        let mut instructions = 0.0;
        for line in text.lines() {
            if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
                // A name is written once, and by its number from then on.
                let (number, name) = function.split_once(' ').unwrap_or((function, ""));
                let known: &mut String = names.entry(number.to_owned()).or_default();
                if !name.is_empty() {
                    name.clone_into(known);
                }
                if line.starts_with("cfn=") {
                    called.clone_from(known);
                }
            } else if let Some(count) = line.strip_prefix("calls=") {
                let count: f64 = count.split(' ').next().unwrap().parse().unwrap();
                *calls.entry(called.clone()).or_default() += count;
            } else if let Some(total) = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")) {
                instructions = total.trim().parse().unwrap();
            }
        }
        let of = |starts: &[&str]| {
            let matching = calls.iter().filter(|(name, _)| starts.iter().any(|start| name.starts_with(start)));
            matching.map(|(_, count)| count).sum()
        };
        Self {
            instructions,
            clock_reads: of(&["clock_gettime"]),
            allocations: of(&["malloc", "calloc", "realloc", "posix_memalign"]),
        }
    }
}

impl Sub for Profile {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            instructions: self.instructions - other.instructions,
            clock_reads: self.clock_reads - other.clock_reads,
            allocations: self.allocations - other.allocations,
        }
    }
}

impl Div<f64> for Profile {
    type Output = Self;
    fn div(self, by: f64) -> Self {
        Self {
            instructions: self.instructions / by,
            clock_reads: self.clock_reads / by,
            allocations: self.allocations / by,
        }
    }
}
