//! The bill of materials in the form of CycloneDX, which scanners for known faults read.
//!
//! cargo-cyclonedx would write the build's directory and a random number into it; the package must not differ between
//! two builds of the same source.

use crate::components::{Component, NameAndVersion, name_and_version};
use serde_json::{Value, json};
use std::io;
use std::process::Command;

/// The document for the programs of one package, of which the first is what the document is about.
///
/// # Errors
/// When the compiler does not tell its version.
pub fn document(programs: &[&str], components: &[Component]) -> io::Result<Value> {
    let (main, others): (Vec<&Component>, Vec<&Component>) =
        components.iter().partition(|component| programs.first() == Some(&component.package.name.as_str()));
    let rust = standard_library()?;
    let mut listed: Vec<Value> = others.iter().map(|component| describe(programs, component)).collect();
    listed.push(rust.clone());
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": main.first().map(|component| describe(programs, component)) },
        "components": listed,
        "dependencies": components.iter().map(|component| needs(component, &rust["bom-ref"])).collect::<Vec<_>>(),
    }))
}

fn describe(programs: &[&str], component: &Component) -> Value {
    let package = &component.package;
    let reference = package_url(&name_and_version(package));
    let is_program = programs.contains(&package.name.as_str());
    let mut described = json!({
        "type": if is_program { "application" } else { "library" },
        "bom-ref": reference,
        "name": package.name,
        "version": package.version.to_string(),
        "description": package.description,
        "scope": if component.is_linked { "required" } else { "excluded" },
        "licenses": [{ "expression": component.license() }],
        "purl": reference,
    });
    if let Some(checksum) = &component.checksum {
        described["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = &package.repository {
        described["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    described
}

fn needs(component: &Component, rust: &Value) -> Value {
    let mut needed: Vec<Value> = component.needs.iter().map(|needed| package_url(needed).into()).collect();
    if component.is_linked {
        needed.push(rust.clone());
    }
    json!({ "ref": package_url(&name_and_version(&component.package)), "dependsOn": needed })
}

/// The plus sign of build metadata has another meaning in a package URL.
fn package_url((name, version): &NameAndVersion) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// It is linked into every program and has had faults of its own.
fn standard_library() -> io::Result<Value> {
    let output = Command::new("rustc").args(["--version", "--verbose"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(version) = text.lines().find_map(|line| line.strip_prefix("release: ")) else {
        return Err(io::Error::other("rustc --version --verbose has no line with the release"));
    };
    let reference = format!("pkg:generic/rust@{version}");
    Ok(json!({
        "type": "library",
        "bom-ref": reference,
        "name": "rust",
        "version": version,
        "description": "The Rust standard library",
        "scope": "required",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        "purl": reference,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_metadata_of_a_version_is_escaped_in_a_package_url() {
        assert_eq!(package_url(&("toml".into(), "1.2.1+spec-1.1.0".into())), "pkg:cargo/toml@1.2.1%2Bspec-1.1.0");
    }
}
