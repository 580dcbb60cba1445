//! How the gateway gets its connection to NATS, and its sockets from systemd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

mod common;

use common::{FakeMsgqd, NatsServer, PLAIN, RunningGateway, wait_until};
use nkeys::KeyPair;
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: &str = "not run: nobody listens on subject plain.a.1";

/// What a client is told where nothing listens: the connection is there if it is that.
fn asked(nats: &NatsServer, settings: &str) -> (String, String) {
    let gateway = RunningGateway::start_as(&nats.url(), settings, "", PLAIN);
    let text = gateway.connect("plain").ask(1, 10_000, b"x").text();
    (text, gateway.log())
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    format!("{path:?}")
}

#[test]
fn a_password_and_a_token_are_read_from_their_files() {
    let test = "a_password_and_a_token_are_read_from_their_files";
    let directory = tempfile::tempdir().unwrap();
    let right = file(directory.path(), "right", "secret\n");
    let wrong = file(directory.path(), "wrong", "guess\n");
    let Some(nats) = NatsServer::start(test, "authorization { user: u, password: secret }") else { return };
    assert_eq!(asked(&nats, &format!("user = \"u\"\npassword_file = {right}")).0, NOBODY);
    let (told, log) = asked(&nats, &format!("user = \"u\"\npassword_file = {wrong}"));
    assert!(told.starts_with("not run: the gateway has no connection to NATS ("), "{told}");
    assert!(told.contains("authorization violation"), "{told}");
    assert!(log.contains("no connection to NATS: nats://127.0.0.1:"), "{log}");
    assert!(!log.contains("guess"), "{log}");
    let nats = NatsServer::start(test, "authorization { token: secret }").unwrap();
    assert_eq!(asked(&nats, &format!("token_file = {right}")).0, NOBODY);
}

#[test]
fn a_seed_proves_who_the_gateway_is() {
    let test = "a_seed_proves_who_the_gateway_is";
    let directory = tempfile::tempdir().unwrap();
    let pair = KeyPair::new_user();
    let seed = file(directory.path(), "nk", &format!("{}\n", pair.seed().unwrap()));
    let settings = format!("authorization {{ users: [{{ nkey: {} }}] }}", pair.public_key());
    let Some(nats) = NatsServer::start(test, &settings) else { return };
    assert_eq!(asked(&nats, &format!("nkey = {seed}")).0, NOBODY);
    assert!(asked(&nats, "").0.contains("no connection to NATS"));
}

#[test]
fn credentials_prove_who_the_gateway_is() {
    let test = "credentials_prove_who_the_gateway_is";
    let directory = tempfile::tempdir().unwrap();
    let (operator, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let limits = r#"{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1}"#;
    let operator_token = token(&operator, &operator, r#"{"type":"operator","version":2}"#);
    let account_claims = format!(r#"{{"type":"account","version":2,"limits":{limits}}}"#);
    let account_token = token(&operator, &account, &account_claims);
    let user_claims = r#"{"type":"user","version":2,"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1}"#;
    let user_token = token(&account, &user, user_claims);
    let settings = format!(
        "operator: {operator_token}\nresolver: MEMORY\nresolver_preload: {{ {}: {account_token} }}",
        account.public_key()
    );
    let Some(nats) = NatsServer::bare(test, &settings) else { return };
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{user_token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    let credentials = file(directory.path(), "creds", &text);
    assert_eq!(asked(&nats, &format!("credentials = {credentials}")).0, NOBODY);
}

/// A token about `subject`, signed by `issuer`.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: &str) -> String {
    let header = base64url(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let (issuer_name, subject_name) = (issuer.public_key(), subject.public_key());
    let body = format!(
        r#"{{"jti":"t","iat":1700000000,"iss":"{issuer_name}","name":"t","sub":"{subject_name}","nats":{claims}}}"#
    );
    let signed = format!("{header}.{}", base64url(body.as_bytes()));
    format!("{signed}.{}", base64url(&issuer.sign(signed.as_bytes()).unwrap()))
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encode = |chunk: &[u8]| {
        let number = (0..3).fold(0_usize, |number, at| number << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        (0..=chunk.len()).map(move |at| char::from(LETTERS[number >> (18 - 6 * at) & 63])).collect::<String>()
    };
    bytes.chunks(3).map(encode).collect()
}

#[test]
fn a_file_that_is_missing_or_holds_something_else_is_told_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let odd = file(directory.path(), "odd", "\n");
    for (settings, words) in [
        ("tls_ca = \"/missing\"".to_owned(), "cannot read /missing (nats.tls_ca)"),
        ("credentials = \"/missing\"".to_owned(), "cannot read /missing (nats.credentials)"),
        (format!("credentials = {odd}"), "holds no credentials of NATS"),
        (format!("nkey = {odd}"), "holds no seed of an NKEY"),
        (format!("token_file = {odd}"), "has an empty first line"),
    ] {
        let routes = PLAIN.replace("DIR", directory.path().to_str().unwrap());
        let config = directory.path().join("nats.toml");
        let socket = directory.path().join("metrics.socket");
        let text = format!("[nats]\n{settings}\n[gateway]\nmetrics_socket = {socket:?}\n{routes}user = \"0\"\n");
        std::fs::write(&config, text).unwrap();
        // Where the mistake is not noticed it would run on.
        let mut command = Command::new("timeout");
        let output =
            command.arg("20").arg(env!("CARGO_BIN_EXE_msgq-nats")).arg("--config").arg(&config).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{settings}: {said}");
    }
}

#[test]
fn a_socket_that_systemd_passes_is_found_by_its_name_and_stays_at_the_end() {
    let test = "a_socket_that_systemd_passes_is_found_by_its_name_and_stays_at_the_end";
    let Some(nats) = NatsServer::start(test, "") else { return };
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("passed");
    let config = directory.path().join("nats.toml");
    // The path of the route is not the one that is passed: the name counts.
    let text = format!(
        "[nats]\nservers = [\"{}\"]\n[gateway]\nhost = \"a\"\nmetrics_socket = {:?}\n{}user = \"{}\"\n",
        nats.url(),
        directory.path().join("metrics.socket"),
        PLAIN.replace("DIR", "/missing"),
        nix::unistd::getuid()
    );
    std::fs::write(&config, text).unwrap();
    let mut activated = Command::new("systemd-socket-activate");
    activated.arg("--fdname=plain").arg("--listen").arg(&socket);
    activated.arg(env!("CARGO_BIN_EXE_msgq-nats")).arg("--config").arg(&config);
    let spawned = activated.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        println!("not run: {test}: systemd-socket-activate is missing");
        return;
    };
    wait_until("the socket is there", || socket.exists());
    assert_eq!(FakeMsgqd::connect(&socket, 1).ask(1, 10_000, b"x").text(), NOBODY);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(socket.exists(), "it is systemd's");
}
