//! Gives queues that others made first to the user of the service: what a unit runs as root before the server, which itself
//! has no right to it.

use super::instance_directory;
use super::owners::user_name;
use super::queues::QueueKeys;
use super::service_user::ServiceUser;
use super::start_error::StartError;
use super::takeover::{ForeignQueue, rights_of_creator};
use super::trusted_config::check_only_root_writes;
use crate::alerts;
use msgq_core::config::{Config, QueueConfig, Takeover};
use msgq_core::instance::{own_instance, service_directory};
use msgq_core::queue::{Queue, QueueKey, QueueRole, QueueSettings};
use msgq_core::words::counted;
use nix::errno::Errno;
use std::path::Path;

/// Gives each queue of this configuration that another user made to `service` (`USER` or `USER:GROUP`), with its group and
/// mode, as far as `queue.takeover` allows it. An instance gets its runtime directory. Changes nothing
/// else. `path` is where the configuration stands.
///
/// # Errors
/// When there is such a queue and it may not be given away, or others than root may write the configuration.
pub fn give_queues_to(service: &str, config: &Config, path: Option<&Path>) -> Result<(), StartError> {
    let service = ServiceUser::find(service).map_err(StartError)?;
    if let Some(name) = own_instance() {
        check_only_root_writes(path).map_err(StartError)?;
        match service.group_of(&config.queue, "queue.group") {
            Ok(group) => instance_directory::prepare(name, &service, group)?,
            Err(reason) => return leave_to_server(&service, &reason),
        }
    }
    if config.queue.takeover == Takeover::Refuse {
        log::info!("nothing to take over: takeover = \"refuse\" in [queue]");
        return Ok(());
    }
    let keys = QueueKeys::of(config).map_err(StartError)?;
    crate::logging::set_queue_key(keys.requests);
    let second = keys.answers.zip(config.reply_queue.as_ref());
    let requests = (QueueRole::Requests, keys.requests, &config.queue, "queue.group");
    let answers = second.map(|(key, queue)| (QueueRole::Answers, key, queue, "protocol.reply.group"));
    for (role, key, queue, setting) in answers.into_iter().chain([requests]) {
        service.take(role, key, queue, setting, config, path).map_err(StartError)?;
    }
    Ok(())
}

/// As [`give_queues_to`] where the configuration has an error. The server that starts next says what is wrong, and the service
/// manager shows it beside the unit; what is said before that start it does not show.
///
/// # Errors
/// When an instance that has a configuration cannot be given a runtime directory.
pub fn give_nothing_to(service: &str, path: Option<&Path>, reason: &str) -> Result<(), StartError> {
    let service = ServiceUser::find(service).map_err(StartError)?;
    if path.is_some_and(|path| path.symlink_metadata().is_err()) {
        log::info!("nothing to take over, since the server will not start: {}", first_line(reason));
        return Ok(());
    }
    leave_to_server(&service, reason)
}

fn leave_to_server(service: &ServiceUser, reason: &str) -> Result<(), StartError> {
    // What looks after the queue once the server has failed for good keeps its lock there.
    if let Some(name) = own_instance().filter(|name| !service_directory(Some(name)).exists()) {
        instance_directory::prepare(name, service, service.group)?;
    }
    log::info!("nothing to take over, since the server will not start: {}", first_line(reason));
    Ok(())
}

fn first_line(reason: &str) -> &str {
    reason.lines().next().unwrap_or_default()
}

impl ServiceUser {
    fn take(
        &self,
        role: QueueRole,
        key: QueueKey,
        settings: &QueueConfig,
        setting: &str,
        config: &Config,
        path: Option<&Path>,
    ) -> Result<(), String> {
        let queue = match Queue::open(key) {
            Ok(queue) => queue,
            Err(error) if error.errno() == Errno::ENOENT => {
                log::info!("nothing to take over: there is no queue {key}, so the server makes it");
                return Ok(());
            }
            Err(error) => return Err(error.to_string()),
        };
        let stat = queue.stat().map_err(|error| error.to_string())?;
        if stat.uid == self.user.as_raw() {
            log::info!("nothing to take over: queue {key} belongs to {} already", user_name(stat.uid));
            return Ok(());
        }
        check_only_root_writes(path)?;
        let group = self.group_of(settings, setting)?;
        let (mode, user, protocol) = (settings.mode, self.user, &config.protocol);
        let foreign = ForeignQueue { queue, key, stat, role, protocol, takeover: settings.takeover, user, group, mode };
        foreign.check()?;
        foreign.give()
    }
}

impl ForeignQueue<'_> {
    fn give(&self) -> Result<(), String> {
        let settings = QueueSettings {
            mode: Some(self.mode),
            uid: Some(self.user.as_raw()),
            gid: Some(self.group.as_raw()),
            max_bytes: None,
        };
        let lowered = self.queue.set(&settings).map_err(|error| match error.is_permission() {
            true => self.without_right(),
            false => error.to_string(),
        })?;
        let noun = if self.takeover == Takeover::Empty { "waiting request" } else { "waiting message" };
        log::warn!(
            message_id = alerts::QUEUE_TAKEN_OVER;
            "gave queue {} (msqid {}) of {} with {} to {}{}{}",
            self.key,
            self.queue.id(),
            user_name(self.stat.uid),
            counted(self.stat.messages, noun),
            user_name(self.user.as_raw()),
            lowered
                .map_or_else(String::new, |limit| format!(", and lowered its size to {limit} bytes (kernel.msgmnb)")),
            rights_of_creator(&self.stat, self.user)
        );
        Ok(())
    }
}
