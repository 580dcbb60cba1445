use crate::namespaces::succeeds;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// An authority and a server's certificate that it signed.
#[derive(Debug)]
pub struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Makes both; the server's is for these names, as in `IP:127.0.0.1`.
    #[must_use]
    #[track_caller]
    pub fn make(authority: &str, names: &str) -> Self {
        let it = Self { directory: tempfile::tempdir().unwrap() };
        let subject = |name: &str| format!("/CN={name}");
        openssl(
            it.directory.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout ca.key -out ca.pem -subj",
            &[&subject(authority)],
        );
        openssl(
            it.directory.path(),
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj",
            &[&subject("server of a test")],
        );
        let extensions = it.path("extensions");
        std::fs::write(&extensions, format!("subjectAltName = {names}\nbasicConstraints = CA:FALSE\n")).unwrap();
        openssl(
            it.directory.path(),
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.pem -extfile",
            &["extensions"],
        );
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The certificate of the authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The settings of a nats-server that has the certificate.
    #[must_use]
    pub fn settings(&self) -> String {
        format!("tls {{ cert_file: {:?}, key_file: {:?} }}", self.path("server.pem"), self.path("server.key"))
    }
}

#[track_caller]
fn openssl(directory: &Path, words: &str, more: &[&str]) {
    succeeds(Command::new("openssl").current_dir(directory).args(words.split(' ')).args(more));
}
