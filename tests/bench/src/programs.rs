//! The clients and servers in C, compiled on first use.

use crate::failure::{Failure, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where things are, and what is compiled already.
#[derive(Debug)]
pub struct Programs {
    sources: PathBuf,
    output: PathBuf,
    /// The program, or why there is none.
    compiled: BTreeMap<String, std::result::Result<PathBuf, String>>,
}

impl Programs {
    /// Compiles into `output`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(output: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&output).map_err(Failure::on("create", &output))?;
        Ok(Self { sources: PathBuf::from(env!("CARGO_MANIFEST_DIR")), output, compiled: BTreeMap::new() })
    }

    /// The load driver of a transport.
    ///
    /// # Errors
    /// `NotRun` with what the compiler says.
    pub fn load(&mut self, transport: &str) -> Result<PathBuf> {
        self.program(&format!("load-{transport}"), &["clients/load.c", &format!("clients/{transport}.c")], transport)
    }

    /// A server.
    ///
    /// # Errors
    /// `NotRun` with what the compiler says.
    pub fn server(&mut self, name: &str) -> Result<PathBuf> {
        self.program(&format!("server-{name}"), &[&format!("servers/{name}.c")], name)
    }

    /// The clients that do not read.
    ///
    /// # Errors
    /// `NotRun` with what the compiler says.
    pub fn resting_clients(&mut self) -> Result<PathBuf> {
        self.program("rest", &["clients/rest.c"], "rest")
    }

    fn program(&mut self, name: &str, sources: &[&str], needs: &str) -> Result<PathBuf> {
        let (directory, program) = (&self.sources, self.output.join(name));
        let compile = || compile(directory, sources, library(needs), &program).map(|()| program.clone());
        self.compiled.entry(name.to_owned()).or_insert_with(compile).clone().map_err(Failure::NotRun)
    }
}

/// What is linked besides the C library.
fn library(name: &str) -> &'static str {
    match name {
        "zmq" => "-lzmq",
        "rest" => "-lpthread",
        _ => "-lrt",
    }
}

fn compile(directory: &Path, sources: &[&str], library: &str, program: &Path) -> std::result::Result<(), String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let mut command = Command::new(&compiler);
    // Texts are cut at the end of their field, as the protocol says.
    command.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-format-truncation", "-I"]);
    command.arg(directory.join("../clients")).arg("-I").arg(directory.join("clients")).arg("-o").arg(program);
    command.args(sources.iter().map(|source| directory.join(source))).arg(library);
    let output = command.output().map_err(|error| format!("{}: {error}", compiler.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("error")).unwrap_or("the compiler failed");
    Err(format!("does not compile: {line}"))
}
