//! What the programs are made of: the crates that are linked into them, and those that only help to build them.

use cargo_metadata::{DependencyKind, MetadataCommand, Node, Package, PackageId, Resolve, TargetKind};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The programs of the package msgqd; the package is called as the first.
pub const SERVER: &[&str] = &["msgqd", "msgqctl"];

/// The program of the package msgqd-nats.
pub const GATEWAY: &[&str] = &["msgq-nats"];

/// The architectures that packages are made for.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// A crate's name and version; no crate is there twice in one version.
pub type NameAndVersion = (String, String);

/// A crate that the programs need.
pub struct Component {
    /// What its manifest says.
    pub package: Package,
    /// SHA-256 of what the registry gave; none for the crates of this workspace.
    pub checksum: Option<String>,
    /// True when its code is in one of the programs; the others are macros and what build scripts use.
    pub is_linked: bool,
    /// The crates that it needs itself.
    pub needs: BTreeSet<NameAndVersion>,
}

impl Component {
    /// True for the crates of this workspace.
    pub fn is_ours(&self) -> bool {
        self.package.source.is_none()
    }

    /// The licence as an SPDX expression: older crates write a slash for OR.
    pub fn license(&self) -> String {
        self.package.license.as_deref().unwrap_or("NOASSERTION").replace('/', " OR ")
    }
}

/// All crates that the programs need, in the order of their names.
///
/// # Errors
/// When cargo cannot be run in this directory, or when its answer is not understood.
pub fn read(programs: &[&str]) -> io::Result<Vec<Component>> {
    let mut options = vec!["--locked".to_owned()];
    options.extend(TARGETS.iter().flat_map(|target| ["--filter-platform".to_owned(), (*target).to_owned()]));
    let metadata = MetadataCommand::new().other_options(options).exec().map_err(io::Error::other)?;
    let resolve = metadata.resolve.ok_or_else(|| io::Error::other("cargo metadata does not tell the dependencies"))?;
    let checksums = checksums(metadata.workspace_root.join("Cargo.lock").as_std_path())?;
    let graph = Graph::new(metadata.packages, resolve, &built_crates(programs)?);
    let linked = graph.reachable(programs, |package, kind| kind == DependencyKind::Normal && !is_macro(package));
    let all = graph.reachable(programs, |_, kind| kind != DependencyKind::Development);
    let component = |id: &PackageId| {
        let package = graph.packages[id].clone();
        let needs =
            graph.needs(id).filter(|(needed, kind)| *kind != DependencyKind::Development && all.contains(needed));
        Component {
            checksum: checksums.get(&name_and_version(&package)).cloned(),
            is_linked: linked.contains(id),
            needs: needs.map(|(needed, _)| name_and_version(&graph.packages[needed])).collect(),
            package,
        }
    };
    let mut components: Vec<Component> = all.iter().copied().map(component).collect();
    components.sort_by_key(|component| name_and_version(&component.package));
    Ok(components)
}

/// Which crate needs which.
struct Graph {
    packages: HashMap<PackageId, Package>,
    nodes: HashMap<PackageId, Node>,
}

impl Graph {
    /// `cargo metadata` also names what only tests need of a crate; `built` are the crates that a build of the programs
    /// has.
    fn new(packages: Vec<Package>, resolve: Resolve, built: &HashSet<NameAndVersion>) -> Self {
        let packages = packages.into_iter().filter(|package| built.contains(&name_and_version(package)));
        Self {
            packages: packages.map(|package| (package.id.clone(), package)).collect(),
            nodes: resolve.nodes.into_iter().map(|node| (node.id.clone(), node)).collect(),
        }
    }

    fn needs(&self, id: &PackageId) -> impl Iterator<Item = (&PackageId, DependencyKind)> {
        let dependencies = self.nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
        let kinds = dependencies.iter().flat_map(|needed| needed.dep_kinds.iter().map(|info| (&needed.pkg, info.kind)));
        kinds.filter(|(needed, _)| self.packages.contains_key(needed))
    }

    /// The programs and what they need by dependencies that `is_followed`.
    fn reachable(
        &self,
        programs: &[&str],
        is_followed: impl Fn(&Package, DependencyKind) -> bool,
    ) -> HashSet<&PackageId> {
        let is_program = |package: &&Package| programs.contains(&package.name.as_str());
        let mut left: Vec<&PackageId> = self.packages.values().filter(is_program).map(|package| &package.id).collect();
        let mut reached = HashSet::new();
        while let Some(id) = left.pop() {
            if reached.insert(id) {
                left.extend(
                    self.needs(id).filter(|(id, kind)| is_followed(&self.packages[id], *kind)).map(|(id, _)| id),
                );
            }
        }
        reached
    }
}

/// A crate's name and version.
pub fn name_and_version(package: &Package) -> NameAndVersion {
    (package.name.to_string(), package.version.to_string())
}

fn is_macro(package: &Package) -> bool {
    package.targets.iter().any(|target| target.kind.contains(&TargetKind::ProcMacro))
}

/// What a build of the programs has, without what only tests need.
fn built_crates(programs: &[&str]) -> io::Result<HashSet<NameAndVersion>> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    command.args(TARGETS.iter().flat_map(|target| ["--target", target]));
    command.args(programs.iter().flat_map(|program| ["--package", program]));
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    });
    Ok(named.collect())
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn checksums(lock_file: &Path) -> io::Result<HashMap<NameAndVersion, String>> {
    let lock: LockFile = toml::from_str(&fs::read_to_string(lock_file)?).map_err(io::Error::other)?;
    let named = lock.package.into_iter().filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?)));
    Ok(named.collect())
}
