use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Where cargo put the programs: `$MSGQD_TEST_PROGRAMS`, else `target/PROFILE`, the directory above the test executable's.
fn build_dir() -> PathBuf {
    std::env::var_os("MSGQD_TEST_PROGRAMS")
        .map_or_else(|| std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_path_buf(), PathBuf::from)
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

/// A built example of the crates, not optimised: it stands beside the program of the test that asks.
#[must_use]
pub fn rust_example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples").join(name)
}

/// The daemon with the places where a test may have it killed; see `engine::test_switches`. It is `$MSGQD_TEST_SWITCHES`, or
/// is built.
#[must_use]
pub fn msgqd_with_switches() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    if let Some(program) = std::env::var_os("MSGQD_TEST_SWITCHES") {
        return program.into();
    }
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

/// Writes a program that is to be executed; see [`copy_program`].
pub fn write_program(path: &Path, text: &str) {
    let source = path.with_extension("source");
    std::fs::write(&source, text).unwrap();
    std::fs::set_permissions(&source, PermissionsExt::from_mode(0o755)).unwrap();
    copy_program(&source, path);
}

/// `command` as `words` run it: they stand before it and its arguments, and have its environment.
#[must_use]
pub fn wrapped(words: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(words[0]);
    outer.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Whether strace is there and may trace.
#[must_use]
pub fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-qq", "--output=/dev/null", "true"]).status();
    traced.is_ok_and(|status| status.success())
}

/// Sets when a program that is to be executed was last changed; see [`copy_program`].
pub fn set_modified(path: &Path, time: &str) {
    let output = Command::new("touch").args(["--date", time, "--"]).arg(path).output().unwrap();
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

fn bench_servers_dir() -> PathBuf {
    repository().join("tests/bench/servers")
}

/// A test client in C (`chaos`, `client`, `crowd`, `flood`, `hostile`, `load`, `private_chaos`, `refusing`, `server`, `spawn`,
/// `thief`, `with_pid`, `without_msg_copy`, `worker`), the documentation's (`example`), or the benchmark's server
/// that only drains (`drain`), compiled.
#[must_use]
pub fn test_client(name: &str) -> PathBuf {
    static COMPILED: OnceLock<()> = OnceLock::new();
    let include = format!("-I{}", sources_dir().display());
    COMPILED.get_or_init(|| {
        for name in [
            "chaos",
            "client",
            "crowd",
            "flood",
            "hostile",
            "load",
            "private_chaos",
            "recorder",
            "refusing",
            "server",
            "spawn",
            "thief",
            "with_pid",
            "without_msg_copy",
            "worker",
        ] {
            compile(&sources_dir().join(name).with_extension("c"), name, &[]).unwrap();
        }
        compile(&examples_dir().join("client.c"), "example", &[]).unwrap();
        compile(&bench_servers_dir().join("drain.c"), "drain", &["-Wno-format-truncation", &include]).unwrap();
    });
    compiled_dir().join(name)
}

/// A test client in C whose texts have another length than those of the plain protocol.
#[must_use]
pub fn test_client_with_texts_of(text_len: usize, name: &str) -> PathBuf {
    let program = format!("{name}-{text_len}");
    let length = format!("-DTEXT_LEN={text_len}");
    compile(&sources_dir().join(name).with_extension("c"), &program, &[&length, "-Wno-format-truncation"]).unwrap();
    compiled_dir().join(program)
}

/// A test client in C whose requests have its PID as their type, see [`crate::DaemonBuilder::clients_by_type`].
#[must_use]
pub fn test_client_by_type(name: &str) -> PathBuf {
    static COMPILING: Mutex<()> = Mutex::new(());
    let _guard = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let program = format!("{name}-by-type");
    compile(&sources_dir().join(name).with_extension("c"), &program, &["-DREQUEST_BY_MTYPE"]).unwrap();
    compiled_dir().join(program)
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
        std::fs::write(
            &source,
            "#include <errno.h>\n#include <sys/msg.h>\nint main(void) { return sizeof(long) != 4; }\n",
        )
        .unwrap();
        let program = dir.path().join("probe");
        run_compiler(&source, &program, &["-m32"]).is_ok()
            && Command::new(&program).status().is_ok_and(|it| it.success())
    })
}

/// What a program prints that is compiled from this text, with these flags.
#[must_use]
pub fn output_of_compiled(text: &str, flags: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("text.c"), dir.path().join("text"));
    std::fs::write(&source, text).unwrap();
    run_compiler(&source, &program, flags).unwrap();
    let output = Command::new(&program).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn compiled_dir() -> PathBuf {
    build_dir().join("test-clients")
}

/// What `compile` made of a program of this directory.
pub(crate) fn compiled_from(directory: &str, source: &str, name: &str, flags: &[&str]) -> PathBuf {
    compile(&sources_dir().join(directory).join(source).with_extension("c"), name, flags).unwrap();
    compiled_dir().join(name)
}

fn compile(source: &Path, name: &str, flags: &[&str]) -> Result<(), String> {
    // One at a time: all threads of this process would write the same unfinished file.
    static COMPILING: Mutex<()> = Mutex::new(());
    let _guard = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let program = compiled_dir().join(name);
    let headers = ["wire.h", "chaos.h", "declared/declared.h", "routes/routes.h", "routes/long_text.h"];
    let headers = headers.map(|header| sources_dir().join(header));
    let sources: Vec<&Path> = headers.iter().map(PathBuf::as_path).chain([source]).collect();
    if is_newer(&program, &sources) {
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

/// Compiles a C program that a test has written.
///
/// # Errors
/// What the compiler says, warnings too.
pub fn compile_program(source: &Path, program: &Path, flags: &[&str]) -> Result<(), String> {
    run_compiler(source, program, flags)
}

fn run_compiler(source: &Path, program: &Path, flags: &[&str]) -> Result<(), String> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(&compiler);
    command.args(["-O2", "-Wall", "-Wextra", "-Werror"]).args(flags).arg("-o").arg(program).arg(source);
    if flags.contains(&"-m32") {
        // The headers of the kernel serve both. Debian's gcc-multilib links them, but it cannot stand beside a cross compiler.
        command.args(["-idirafter", "/usr/include/x86_64-linux-gnu"]);
    }
    let output = command.output().map_err(|error| format!("{}: {error}", compiler.display()))?;
    output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
