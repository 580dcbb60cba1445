//! A real terminal for a command that wants one.

use super::*;
use msgqd_system_tests::{LIMIT, eventually};

/// A terminal of its own with a shell that runs one command; ended when dropped.
pub(crate) struct Terminal {
    directory: TempDir,
}

impl Terminal {
    /// `None` without tmux.
    pub(crate) fn run(command: &str) -> Option<Self> {
        if !Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok_and(|it| it.success()) {
            eprintln!("not run: tmux is missing (Debian: tmux)");
            return None;
        }
        let terminal = Self { directory: tempfile::tempdir().unwrap() };
        let path = |name: &str| terminal.directory.path().join(name).display().to_string();
        // With job control a stop is a stop; without it the kernel ignores the key.
        let script = format!(
            "set -m\nstty -g >{}\n{command}\necho \"ended with $?\"\nstty -g >{}\nexec sleep 600\n",
            path("before"),
            path("after")
        );
        std::fs::write(path("script"), script).unwrap();
        let shell = format!("sh {}", path("script"));
        let _ = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", &shell]);
        Some(terminal)
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").arg("-S").arg(self.directory.path().join("socket"));
        Process::run(command.args(arguments)).succeeded().stdout
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let is_shown = eventually(LIMIT, || self.screen().contains(text));
        assert!(is_shown, "waited in vain until the screen shows {text:?}; it shows:\n{}", self.screen());
    }

    /// False when the program ended without it.
    #[track_caller]
    pub(crate) fn shows_before_the_end(&self, text: &str) -> bool {
        wait_until("the screen shows what is asked, or the end", || {
            let screen = self.screen();
            screen.contains(text) || screen.contains("ended with")
        });
        self.screen().contains(text)
    }

    #[track_caller]
    pub(crate) fn is_as_before(&self) {
        self.shows("ended with 0");
        let path = |name: &str| self.directory.path().join(name);
        wait_until("the shell looked", || std::fs::read(path("after")).is_ok_and(|after| !after.is_empty()));
        assert_eq!(std::fs::read(path("before")).unwrap(), std::fs::read(path("after")).unwrap());
        assert_eq!(self.tmux(&["display", "-p", "#{alternate_on} #{cursor_flag}"]), "0 1\n");
        assert!(!self.screen().contains("verdict"), "{}", self.screen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        let _ = command.arg("-S").arg(self.directory.path().join("socket")).arg("kill-server").output();
    }
}
