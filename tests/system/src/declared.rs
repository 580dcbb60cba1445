use crate::programs::{compiled_from, has_32_bit_compiler, sources_dir};
use msgq_core::queue::QueueKey;
use std::path::PathBuf;
use std::process::Command;

/// A program of this directory of `tests/clients` for 64 bits, and for 32 where such programs can be made and run.
pub(crate) fn compiled_for_each_width(directory: &str, source: &str, flags: &[&str]) -> Vec<PathBuf> {
    let suffix: String = flags.iter().map(|flag| flag.to_lowercase()).collect();
    let compiled = |bits: &str| {
        let width = format!("-m{bits}");
        let flags = [flags, &[width.as_str()]].concat();
        compiled_from(directory, source, &format!("{directory}-{source}{suffix}-{bits}"), &flags)
    };
    let mut all = vec![compiled("64")];
    if has_32_bit_compiler() {
        all.push(compiled("32"));
    } else {
        eprintln!("no 32-bit clients: `cc -m32` does not make programs that run here (Debian: gcc-multilib)");
    }
    all
}

/// A program of `tests/clients/declared`, whose messages are a struct of its own.
#[derive(Debug)]
pub struct DeclaredProgram {
    /// For 64 bits, and for 32 where such programs can be made and run.
    compiled: Vec<PathBuf>,
    /// The client in another language, with its interpreter.
    script: Option<(&'static str, PathBuf)>,
}

impl DeclaredProgram {
    /// Compiles `source` with these flags.
    #[must_use]
    pub fn compile(source: &str, flags: &[&str]) -> Self {
        Self { compiled: compiled_for_each_width("declared", source, flags), script: None }
    }

    /// Only what was compiled for so many bits: 64, or 32 where that is possible. `None` where it is not.
    #[must_use]
    pub fn only_for(self, bits: usize) -> Option<Self> {
        let compiled = self.compiled.into_iter().nth(if bits == 64 { 0 } else { 1 })?;
        Some(Self { compiled: vec![compiled], ..self })
    }

    /// With this script as one more client.
    #[must_use]
    pub fn with_script(self, interpreter: &'static str, name: &str) -> Self {
        Self { script: Some((interpreter, sources_dir().join("declared").join(name))), ..self }
    }

    /// The plain server that was compiled as client number `number`; a script is served by the one for 64 bits.
    #[must_use]
    pub fn server(&self, number: usize, key: QueueKey) -> Command {
        let compiled = Some(number % self.kinds()).filter(|kind| *kind < self.compiled.len());
        self.program(compiled.unwrap_or(0), key, "serve")
    }

    /// Client number `number`, in one language after the other, which sends `count` requests and checks the answers.
    #[must_use]
    pub fn client(&self, number: usize, key: QueueKey, count: usize) -> Command {
        let kinds = self.kinds();
        match &self.script {
            Some((interpreter, script)) if number % kinds == kinds - 1 => {
                let mut command = Command::new(interpreter);
                command.arg(script).args([key.to_string(), count.to_string()]);
                command
            }
            _ => self.program(number % kinds, key, &count.to_string()),
        }
    }

    /// How many kinds of clients there are.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.compiled.len() + usize::from(self.script.is_some())
    }

    fn program(&self, number: usize, key: QueueKey, argument: &str) -> Command {
        let mut command = Command::new(&self.compiled[number]);
        command.args([&key.to_string(), argument]);
        command
    }
}
