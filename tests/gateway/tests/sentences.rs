//! What client, log and `msgq-nats check` say where something is set up wrongly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test reports")]

use msgqd_gateway_tests::{
    Certificates, GatewayConfig, Host, Namespace, NatsServers, Side, check, in_namespaces, report,
};
use msgqd_system_tests::{DaemonBuilder, Process};
use std::path::Path;

/// A host whose clients ask the subject `orders.a.1`, and whose own echo answers `answered.>`.
fn host(servers: Vec<String>, nats: &str) -> Host {
    let mut host = Host::new(Namespace::new(), GatewayConfig::new("a", servers));
    host.gateway_config().nats = nats.to_owned();
    host.add_out("out", "subject = \"orders.{host}.{type}\"");
    let front = host.asks("out").set("handler", "timeout_ms = 5000\nmax_concurrency = 4");
    host.set(Side::Front, front);
    host
}

/// Starts it; its client must be told `told`, its log must have the words `logged`, and `check` must fail with the words
/// `checked`.
#[track_caller]
fn says(host: &mut Host, text: &str, told: &str, logged: &[&str], checked: &[&str]) {
    host.start_all();
    let said = host.ask(text);
    let (code, printed) = checks(host);
    let log = host.gateway().log();
    report!("client: {said}\ncheck (status {code}):\n{printed}log:\n{log}");
    assert!(said.contains(told), "{said}");
    for words in logged {
        assert!(log.contains(words), "{words:?} is not in the log:\n{log}");
    }
    assert_eq!(code, 1, "{printed}");
    for words in ["FAIL"].iter().chain(checked) {
        assert!(printed.contains(words), "{words:?} is not in what check says:\n{printed}");
    }
}

/// With a request that is sent: only that shows a permission.
fn checks(host: &Host) -> (i32, String) {
    let finished = Process::run(&mut host.enter(&check(&host.write_gateway_config(), &["--send", "are you there"])));
    (finished.code(), finished.stdout + &finished.stderr)
}

fn local(nats: &NatsServers) -> Vec<String> {
    nats.urls("127.0.0.1", 0)
}

/// Over TLS.
fn secured(nats: &NatsServers) -> Vec<String> {
    local(nats).iter().map(|url| url.replace("nats://", "tls://")).collect()
}

fn authority(certificates: &Certificates) -> String {
    format!("tls_ca = {:?}", certificates.authority())
}

const NO_CONNECTION: &str = "not run: the gateway has no connection to NATS (";

#[test]
fn a_subject_without_a_listener_is_named() {
    in_namespaces("a_subject_without_a_listener_is_named", || {
        let nats = NatsServers::one("");
        let told = "not run: nobody listens on subject orders.a.1";
        says(&mut host(local(&nats), ""), "x", told, &[], &["orders"]);
    });
}

#[test]
fn a_certificate_of_another_authority_is_told() {
    in_namespaces("a_certificate_of_another_authority_is_told", || {
        let [servers, others] = ["ours", "theirs"].map(|name| Certificates::make(name, "IP:127.0.0.1"));
        let nats = NatsServers::one(&servers.settings());
        let words = ["certificate"];
        says(&mut host(secured(&nats), &authority(&others)), "x", NO_CONNECTION, &words, &words);
    });
}

#[test]
fn a_certificate_for_another_name_is_told() {
    in_namespaces("a_certificate_for_another_name_is_told", || {
        let certificates = Certificates::make("ours", "DNS:elsewhere.example");
        let nats = NatsServers::one(&certificates.settings());
        let words = ["certificate"];
        says(&mut host(secured(&nats), &authority(&certificates)), "x", NO_CONNECTION, &words, &words);
    });
}

#[test]
fn wrong_credentials_are_told() {
    in_namespaces("wrong_credentials_are_told", || {
        let nats = NatsServers::one("authorization { user: orders, password: right }");
        let directory = tempfile::tempdir().unwrap();
        let user = as_user(directory.path(), "wrong");
        says(&mut host(local(&nats), &user), "x", NO_CONNECTION, &["uthorization"], &["uthorization"]);
    });
}

/// The settings of the user `orders` with that password.
fn as_user(directory: &Path, password: &str) -> String {
    let file = directory.join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    format!("user = \"orders\"\npassword_file = {file:?}")
}

#[test]
fn a_subject_without_permission_is_named() {
    in_namespaces("a_subject_without_permission_is_named", || {
        let permissions = "{ publish: { deny: \"orders.>\" } }";
        let user = format!("{{ user: orders, password: right, permissions: {permissions} }}");
        let nats = NatsServers::one(&format!("authorization {{ users: [{user}] }}"));
        let directory = tempfile::tempdir().unwrap();
        let mut host = host(local(&nats), &as_user(directory.path(), "right"));
        let told = "not run: no permission to publish to subject orders.a.1";
        says(&mut host, "x", told, &["orders.a.1"], &["ermission"]);
    });
}

#[test]
fn a_request_above_the_payload_limit_is_told_with_both_numbers() {
    in_namespaces("a_request_above_the_payload_limit_is_told_with_both_numbers", || {
        let nats = NatsServers::one("max_payload: 200");
        let mut host = host(local(&nats), "");
        host.start_all();
        let said = host.ask(&"x".repeat(240));
        report!("client: {said}\nlog:\n{}", host.gateway().log());
        assert!(said.contains("not run: the request has ") && said.contains("and the server takes 200"), "{said}");
        // What fits comes through as far as there is somebody.
        assert!(host.ask("x").contains("nobody listens"), "{}", host.ask("x"));
    });
}

#[test]
fn where_all_is_well_check_says_so_for_each_step_over_tls_and_with_a_password() {
    in_namespaces("where_all_is_well_check_says_so_for_each_step_over_tls_and_with_a_password", || {
        let certificates = Certificates::make("ours", "IP:127.0.0.1");
        let settings = format!("authorization {{ user: orders, password: right }}\n{}", certificates.settings());
        let nats = NatsServers::one(&settings);
        let directory = tempfile::tempdir().unwrap();
        let lines = format!("{}\n{}", as_user(directory.path(), "right"), authority(&certificates));
        let mut host = host(secured(&nats), &lines);
        host.set(Side::Back, DaemonBuilder::new());
        let key = host.key(Side::Back);
        host.add_route(&format!("[[in]]\nname = \"in\"\nsubject = \"orders.*.1\"\nkey = {key}\n"));
        host.start_all();
        host.await_service();
        let (code, printed) = checks(&host);
        report!("check:\n{printed}");
        assert_eq!(code, 0, "{printed}");
        assert!(printed.contains("ok") && !printed.contains("FAIL"), "{printed}");
        host.stop_gateway();
    });
}
