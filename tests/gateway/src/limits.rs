use std::time::Duration;

/// How long a test waits for a system of many programs before it fails; far above what it needs on a machine that others
/// load.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A client that waits longer for an answer hangs: many times what msgqd itself allows, for machines under load.
pub const CLIENT_LIMIT_S: u32 = 60;

/// What the long form was asked for, `MSGQD_GATEWAY_SECONDS`; `None` in the short one.
#[must_use]
pub fn seconds() -> Option<u64> {
    std::env::var("MSGQD_GATEWAY_SECONDS").ok().map(|seconds| seconds.parse().unwrap())
}
