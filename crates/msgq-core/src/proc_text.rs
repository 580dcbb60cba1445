//! Files of /proc about programs as text. The name of a program stands in many of them, and may be any bytes.

use std::io;

/// What the file says, with what is no text replaced: a name that is none must not hide all else that stands there.
///
/// # Errors
/// As read(2): ENOENT when the process is gone, EACCES when this user may not look.
pub fn proc_text(path: &str) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_text_leaves_the_rest_readable() {
        let told = std::thread::spawn(|| {
            std::fs::write("/proc/thread-self/comm", b"a\xffb").unwrap();
            proc_text("/proc/thread-self/stat").unwrap()
        });
        let told = told.join().unwrap();
        assert!(told.contains("(a\u{fffd}b) R "), "{told}");
    }
}
