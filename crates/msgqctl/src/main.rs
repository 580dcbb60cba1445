//! The admin tool; everything is in the library, so that man pages can be made from the same definition.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    msgqctl::run(std::env::args_os())
}
