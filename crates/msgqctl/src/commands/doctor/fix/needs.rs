//! What the configurations of this machine need of the kernel's limits.

use crate::failure::{Failure, Status};
use crate::output::shown_path;
use crate::target::QueueOptions;
use msgq_core::config::{Config, SYSTEM_CONFIG};
use msgq_core::limits;
use msgq_core::queue::listed_queues;
use std::path::{Path, PathBuf};

/// Files that are looked at: more is no directory of configurations.
const MAX_FILES: usize = 256;

/// A limit, and how high it must be at the least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// As in `kernel.msgmnb`.
    pub(super) name: &'static str,
    pub(super) value: u64,
    /// The value that the kernel has without any setting.
    pub(super) default: u64,
    /// What asks for it.
    pub(super) why: String,
}

/// Of the configuration that the command line names, or of all that lie in /etc/msgqd.
pub(super) fn needs_of_configurations(options: &QueueOptions) -> Result<Vec<Need>, Failure> {
    let files = options.config.clone().map_or_else(system_configurations, |file| Ok(vec![file]))?;
    let mut msgmnb = Need::at_least("kernel.msgmnb", limits::DEFAULT_MSGMNB);
    let default_msgmax = u64::try_from(limits::DEFAULT_MSGMAX).unwrap_or(u64::MAX);
    let mut msgmax = Need::at_least("kernel.msgmax", default_msgmax);
    for file in files {
        let config = Config::load(&file).map_err(|error| {
            Failure::new(Status::Other, format!("{error}\nSo it is not known what it needs: nothing was changed"))
        })?;
        let name = shown_path(&file);
        for (setting, queue) in [("max_bytes", Some(&config.queue)), ("reply.max_bytes", config.reply_queue.as_ref())] {
            let bytes = queue.and_then(|queue| queue.max_bytes).unwrap_or(0);
            msgmnb.raise(bytes, || format!("{name} has {setting} = {bytes}"));
        }
        let longest = config.protocol.longest_request(0).max(config.protocol.longest_response(0));
        let longest = u64::try_from(longest).unwrap_or(u64::MAX);
        msgmax.raise(longest, || format!("messages of {name} have {longest} bytes"));
    }
    // A queue takes no message that is longer than itself.
    let (longest, why) = (msgmax.value, msgmax.why.clone());
    msgmnb.raise(longest, || why);
    Ok([Some(msgmnb), Some(msgmax), need_of_queues()].into_iter().flatten().collect())
}

impl Need {
    fn at_least(name: &'static str, default: u64) -> Self {
        Self { name, value: default, default, why: "that is the kernel's default".to_owned() }
    }

    fn raise(&mut self, value: u64, why: impl FnOnce() -> String) {
        if value > self.value {
            self.value = value;
            self.why = why();
        }
    }
}

/// Room for as many queues again, once nine tenths of what is allowed exist.
fn need_of_queues() -> Option<Need> {
    let (limit, queues) = (limits::msgmni()?, listed_queues().ok()?);
    let count = u64::try_from(queues.len()).unwrap_or(u64::MAX);
    let is_crowded = count.saturating_mul(10) >= limit.saturating_mul(9);
    let value = if is_crowded { limit.saturating_mul(2).clamp(16, MOST_QUEUES) } else { limit };
    let why = format!("{count} queues exist, and it allows {limit}");
    Some(Need { name: "kernel.msgmni", value, default: MOST_QUEUES, why })
}

/// The kernel's default, and most that it allows (IPCMNI).
const MOST_QUEUES: u64 = 32_000;

fn system_configurations() -> Result<Vec<PathBuf>, Failure> {
    let directory = Path::new(SYSTEM_CONFIG).parent().unwrap_or(Path::new("/"));
    let failed = |error: std::io::Error| {
        let message = format!(
            "cannot read {}: {error}; --config FILE names a configuration; nothing was changed",
            shown_path(directory)
        );
        Failure::new(Status::Other, message)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)?.take(MAX_FILES) {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
