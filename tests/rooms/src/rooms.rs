//! The table of rooms, and what in the code is not as it says.
//!
//! A line at the margin names a crate, and behind `->` the crates that it may use. An indented line names a room of it, and
//! the rooms that it may use; they stand above it, so there can be no circle. A file belongs to the room whose name
//! is the longest beginning of its module's.

use crate::code::{Code, Edge, SourceFile};
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "<!-- rooms: read by tests/rooms -->";

type Room = (String, String);

/// What each room may use; a crate is the room without a name.
pub struct Table(BTreeMap<Room, BTreeSet<Room>>);

impl Table {
    /// Reads the first fenced block behind the marker.
    pub fn parse(page: &str) -> Result<Self, String> {
        let (_, block) = page.split_once(BEGIN).ok_or_else(|| format!("there is no {BEGIN}"))?;
        let mut table = BTreeMap::new();
        let mut package = String::new();
        let lines = block.trim_start().lines().skip(1).take_while(|line| !line.starts_with("```"));
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let (name, allowed) = line.split_once("->").unwrap_or((line, ""));
            let room = if line.starts_with(' ') {
                (package.clone(), name.trim().to_owned())
            } else {
                package = name.trim().to_owned();
                (package.clone(), String::new())
            };
            let allowed: BTreeSet<Room> = allowed.split_whitespace().map(|word| named(&room, word)).collect();
            if let Some(unknown) = allowed.iter().find(|allowed| !table.contains_key(*allowed)) {
                return Err(format!("{} may use {}, which is not above it", shown(&room), shown(unknown)));
            }
            if table.insert(room.clone(), allowed).is_some() {
                return Err(format!("{} stands there twice", shown(&room)));
            }
        }
        Ok(Self(table))
    }

    /// Every arrow that the table does not allow, with its first place; every allowed arrow and room that does not exist.
    pub fn check(&self, code: &Code, edges: &[Edge]) -> Vec<String> {
        let homes: Vec<Option<Room>> = code.files.iter().map(|file| self.home(file)).collect();
        let mut findings: Vec<String> = std::iter::zip(&code.files, &homes)
            .enumerate()
            .filter(|(index, (file, home))| home.is_none() && !is_bare_root(*index, file, edges))
            .map(|(_, (file, _))| format!("FAIL no room for {}", file.path.display()))
            .collect();
        let mut seen: BTreeMap<(Room, Room), &Edge> = BTreeMap::new();
        for edge in edges {
            if let (Some(from), Some(to)) = (&homes[edge.from], &homes[edge.to]) {
                let arrow = if from.0 == to.0 { (from.clone(), to.clone()) } else { (crate_of(from), crate_of(to)) };
                seen.entry(arrow).or_insert(edge);
            }
        }
        seen.retain(|(from, to), _| from != to);
        let forbidden = seen.iter().filter(|((from, to), _)| !self.0[from].contains(to));
        findings.extend(
            forbidden.map(|((from, to), edge)| format!("FAIL {} -> {}  {}", shown(from), shown(to), code.place(edge))),
        );
        for (room, allowed) in &self.0 {
            if !homes.iter().flatten().any(|home| home == room || crate_of(home) == *room) {
                findings.push(format!("FAIL {} has no file", shown(room)));
            }
            let unused = allowed.iter().filter(|to| !seen.contains_key(&(room.clone(), (*to).clone())));
            findings.extend(unused.map(|to| format!("FAIL {} -> {} is allowed and not used", shown(room), shown(to))));
        }
        findings
    }

    fn home(&self, file: &SourceFile) -> Option<Room> {
        let mut name = file.room.as_str();
        loop {
            let room = (file.package.clone(), name.to_owned());
            if self.0.contains_key(&room) {
                return Some(room);
            }
            name = name.rsplit_once('/')?.0;
        }
    }
}

/// The root of a crate needs no room while it only declares modules.
fn is_bare_root(index: usize, file: &SourceFile, edges: &[Edge]) -> bool {
    ["lib", "main"].contains(&file.room.as_str()) && !edges.iter().any(|edge| edge.from == index || edge.to == index)
}

/// What a word in the line of `room` means.
fn named(room: &Room, word: &str) -> Room {
    if room.1.is_empty() { (word.to_owned(), String::new()) } else { (room.0.clone(), word.to_owned()) }
}

fn crate_of(room: &Room) -> Room {
    (room.0.clone(), String::new())
}

fn shown((package, room): &Room) -> String {
    if room.is_empty() { package.clone() } else { format!("{package} {room}") }
}
