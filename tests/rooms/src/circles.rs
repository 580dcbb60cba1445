//! Circles: sets of files in which each one leads to each other.

use crate::code::{Code, Edge};

/// The edges inside of each circle, one for each pair of files.
pub fn circles(files: usize, edges: &[Edge]) -> Vec<Vec<&Edge>> {
    let reach: Vec<Vec<bool>> = (0..files).map(|file| reachable(file, files, edges)).collect();
    let mut circles: Vec<(usize, Vec<&Edge>)> = Vec::new();
    for edge in edges.iter().filter(|edge| reach[edge.to][edge.from]) {
        match circles.iter_mut().find(|(member, _)| reach[*member][edge.from] && reach[edge.from][*member]) {
            None => circles.push((edge.from, vec![edge])),
            Some((_, inside)) if inside.iter().all(|known| (known.from, known.to) != (edge.from, edge.to)) => {
                inside.push(edge);
            }
            Some(_) => {}
        }
    }
    circles.into_iter().map(|(_, inside)| inside).collect()
}

fn reachable(start: usize, files: usize, edges: &[Edge]) -> Vec<bool> {
    let mut reached = vec![false; files];
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for edge in edges.iter().filter(|edge| edge.from == file) {
            if !reached[edge.to] {
                reached[edge.to] = true;
                open.push(edge.to);
            }
        }
    }
    reached
}

/// The files of a circle, and one place in the code for each of its edges.
pub fn describe(circle: &[&Edge], code: &Code) -> String {
    let mut files: Vec<usize> = circle.iter().flat_map(|edge| [edge.from, edge.to]).collect();
    files.sort_unstable();
    files.dedup();
    let edges = circle.iter().map(|edge| {
        format!("\n    {} -> {}  {}", code.files[edge.from].room, code.files[edge.to].room, code.place(edge))
    });
    format!(
        "FAIL circle of {} files in {}:{}",
        files.len(),
        code.files[circle[0].from].package,
        edges.collect::<String>()
    )
}
