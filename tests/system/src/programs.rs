use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where cargo put the programs: `target/PROFILE`, the directory above the test executable's.
fn build_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_path_buf()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn built(name: &str) -> PathBuf {
    let path = build_dir().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// The built daemon.
#[must_use]
pub fn msgqd() -> PathBuf {
    built("msgqd")
}

/// The built command line tool.
#[must_use]
pub fn msgqctl() -> PathBuf {
    built("msgqctl")
}

/// The daemon with the places where a test may have it killed; see `engine::test_switches`.
#[must_use]
pub fn msgqd_with_switches() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let target = repository().join("target/switches");
    BUILT.get_or_init(|| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(repository()).args(["build", "--release", "--locked", "--package", "msgqd", "--features"]);
        let output = command.arg("test-switches").arg("--target-dir").arg(&target).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
    target.join("release/msgqd")
}

/// Copies a program that is to be executed.
///
/// A child copies it: a file that this process has open for writing is open in every child as well that another test
/// forks at that moment, and until that one executes its program the copy is ETXTBSY.
pub fn copy_program(from: &Path, to: &Path) {
    let output = Command::new("cp").args(["--preserve=mode", "--"]).arg(from).arg(to).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The documentation's example clients.
#[must_use]
pub fn examples_dir() -> PathBuf {
    repository().join("docs/examples")
}

/// The recorded output of programs.
#[must_use]
pub fn snapshots_dir() -> PathBuf {
    repository().join("tests/system/snapshots")
}

/// The schemas of `msgqctl --json`.
#[must_use]
pub fn schema_dir() -> PathBuf {
    repository().join("docs/schema")
}

/// Prometheus's checker of metrics and rules: the installed one, or the one that `tests/run` unpacked.
#[must_use]
pub fn promtool() -> Option<PathBuf> {
    let unpacked = repository().join("target/tools/bin/promtool");
    let runs = |path: &PathBuf| Command::new(path).arg("--version").output().is_ok_and(|it| it.status.success());
    [PathBuf::from("promtool"), unpacked].into_iter().find(runs)
}

/// The sources of the test clients.
#[must_use]
pub fn sources_dir() -> PathBuf {
    repository().join("tests/clients")
}

/// A test client in C (`chaos`, `client`, `crowd`, `hostile`, `load`, `server`, `spawn`,
/// `with_pid`, `worker`) or the documentation's (`example`), compiled.
#[must_use]
pub fn test_client(name: &str) -> PathBuf {
    static COMPILED: OnceLock<()> = OnceLock::new();
    COMPILED.get_or_init(|| {
        for name in ["chaos", "client", "crowd", "hostile", "load", "server", "spawn", "with_pid", "worker"] {
            compile(&sources_dir().join(name).with_extension("c"), name, &[]).unwrap();
        }
        compile(&examples_dir().join("client.c"), "example", &[]).unwrap();
    });
    compiled_dir().join(name)
}

/// `client` compiled for 32 bits; `None` where the compiler or the kernel cannot do it.
#[must_use]
pub fn test_client_32_bit() -> Option<PathBuf> {
    static COMPILED: OnceLock<()> = OnceLock::new();
    has_32_bit_compiler().then(|| {
        COMPILED.get_or_init(|| compile(&sources_dir().join("client.c"), "client32", &["-m32"]).unwrap());
        compiled_dir().join("client32")
    })
}

/// True when a program can be compiled for 32 bits and runs.
#[must_use]
pub fn has_32_bit_compiler() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("probe.c");
        std::fs::write(&source, "#include <stdio.h>\nint main(void) { return sizeof(long) != 4; }\n").unwrap();
        let program = dir.path().join("probe");
        run_compiler(&source, &program, &["-m32"]).is_ok()
            && Command::new(&program).status().is_ok_and(|it| it.success())
    })
}

fn compiled_dir() -> PathBuf {
    build_dir().join("test-clients")
}

fn compile(source: &Path, name: &str, flags: &[&str]) -> Result<(), String> {
    let program = compiled_dir().join(name);
    if is_newer(&program, &[source, &sources_dir().join("wire.h")]) {
        return Ok(());
    }
    std::fs::create_dir_all(compiled_dir()).map_err(|error| error.to_string())?;
    // Several test programs may compile at once: each writes a file of its own and the rename is atomic.
    let unfinished = program.with_extension(std::process::id().to_string());
    run_compiler(source, &unfinished, flags)?;
    std::fs::rename(&unfinished, &program).map_err(|error| error.to_string())
}

fn is_newer(program: &Path, sources: &[&Path]) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    let Some(built) = modified(program) else { return false };
    sources.iter().all(|source| modified(source).is_some_and(|changed| changed < built))
}

fn run_compiler(source: &Path, program: &Path, flags: &[&str]) -> Result<(), String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(&compiler);
    command.args(["-O2", "-Wall", "-Wextra", "-Werror"]).args(flags).arg("-o").arg(program).arg(source);
    let output = command.output().map_err(|error| format!("{}: {error}", compiler.display()))?;
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
