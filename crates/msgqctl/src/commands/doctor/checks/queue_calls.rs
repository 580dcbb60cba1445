//! Whether the calls on queues reach the kernel from here.

use super::outcome::CheckOutcome;
use crate::commands::doctor::facts::Facts;
use msgq_core::queue::CallRefusal;

/// Why nothing is said of the queue.
pub(super) const CANNOT_LOOK: &str =
    "a call on queues is refused to this process, so what is seen of the queue may be wrong";

pub(super) fn check_queue_calls(facts: &Facts) -> CheckOutcome {
    let refused = facts.refused_call.and_then(|error| Some((error, error.refusal()?)));
    let Some((error, refusal)) = refused else {
        return CheckOutcome::fine("msgget, msgsnd, msgrcv and msgctl reach the kernel");
    };
    CheckOutcome::problem(
        format!("{}: {refusal} ({:?})", error.call_name(), error.errno()),
        "neither a server nor a client can work where msgqctl runs now; outside of the container or sandbox the queue may \
         be well",
        mend(refusal),
    )
}

fn mend(refusal: CallRefusal) -> Vec<String> {
    let allow = [
        "docker run --security-opt seccomp=PROFILE.json ...    # a profile that allows msgget, msgsnd, msgrcv and msgctl",
        "systemctl edit UNIT    # in a service of systemd: [Service] SystemCallFilter=@ipc",
    ];
    let elsewhere = "docker run --runtime=runc ...    # in place of gVisor's runsc";
    let wsl = "wsl --set-version DISTRIBUTION 2    # from Windows";
    let commands = match refusal {
        CallRefusal::Forbidden => allow.to_vec(),
        CallRefusal::MissingBehindFilter => [allow.as_slice(), &[elsewhere]].concat(),
        CallRefusal::MissingInWsl1 => vec![wsl],
        CallRefusal::Missing => vec![elsewhere, wsl],
    };
    commands.into_iter().map(str::to_owned).collect()
}
