//! Where answers do not go into the queue of requests.

use super::*;

const PROTOCOL: &str = "request = 'struct { long mtype; pid_t pid; char text[20]; }'";

fn with_second_queue(mode: &str, settings: &str) -> (Daemon, ScratchKey) {
    let answers = ScratchKey::new();
    let reply = format!("reply = {{ key = {}, {settings} }}", answers.key());
    let builder = DaemonBuilder::new().set("queue", mode).set("protocol", PROTOCOL).set("protocol", &reply);
    (builder.start(), answers)
}

#[test]
fn modes_that_keep_requests_and_answers_apart_are_fine_and_others_are_warned_of() {
    let (daemon, _answers) = with_second_queue("mode = '0620'", "mode = '0640'");
    let diagnosis = doctor(daemon.builder());
    diagnosis.says("request_takers", "fine", &["nobody but its owner", "0620"]);
    diagnosis.says("answer_queue_mode", "fine", &["0640, as configured"]);
    diagnosis.says("answer_queue", "fine", &["bytes, as configured"]);
    daemon.stop();
    let (mut daemon, answers) = with_second_queue("mode = '0660'", "mode = '0660'");
    let diagnosis = doctor(daemon.builder());
    diagnosis.says("request_takers", "warning", &["mode 0660", "take the requests of others", "mode = \"0620\""]);
    diagnosis.says("answer_queue_mode", "warning", &["mode 0660", "in the server's name", "0640"]);
    daemon.freeze();
    let changed = QueueSettings { mode: Some(0o600), max_bytes: Some(8000), ..QueueSettings::default() };
    Queue::open(answers.key()).unwrap().set(&changed).unwrap();
    let diagnosis = doctor(daemon.builder());
    diagnosis.says("answer_queue_mode", "problem", &["mode 0600", "says 0660", "EACCES"]);
    diagnosis.says("answer_queue", "warning", &["takes 8000 bytes", "are configured"]);
}

#[test]
fn a_second_queue_that_is_missing_small_or_another_users_is_a_problem() {
    let (mut daemon, answers) = with_second_queue("mode = '0620'", "max_bytes = 9000");
    daemon.freeze();
    let queue = Queue::open(answers.key()).unwrap();
    queue.set(&QueueSettings { max_bytes: Some(10), ..QueueSettings::default() }).unwrap();
    doctor(daemon.builder()).says("answer_queue", "problem", &["takes 10 bytes", "one answer has"]);
    if is_root() {
        queue.set(&QueueSettings { uid: Some(STRANGER), ..QueueSettings::default() }).unwrap();
        let diagnosis = doctor(daemon.builder());
        diagnosis.says("answer_queue", "problem", &["is that of user nobody", "no other user's queue", "ipcs -q -c"]);
    }
    queue.remove().unwrap();
    doctor(daemon.builder()).says("answer_queue", "problem", &["is not there", "nobody gets an answer"]);
}

#[test]
fn who_may_take_requests_is_looked_at_where_answers_are_elsewhere_alone() {
    let plain = Daemon::start();
    let diagnosis = doctor(plain.builder());
    let checks = diagnosis.report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["check"] != "request_takers" && check["check"] != "answer_queue"));
    plain.stop();
    let builder = DaemonBuilder::new().set("protocol", PROTOCOL).set("protocol", "reply = 'none'");
    let daemon = builder.start();
    doctor(daemon.builder()).says("request_takers", "warning", &["no answer is there"]);
}
