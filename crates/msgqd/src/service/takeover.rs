//! Whether a queue of another user may be taken over: `[queue] takeover`, who made it, who uses it, and what is in it.
//!
//! Who made a queue keeps the rights of its owner whoever it is given to, since the kernel lets nobody change the creator. So
//! not everybody's queue is served without being told to: any local user could make it first, and read what clients ask.

mod contents;
mod creator;
mod facts;
mod foreign_queue;
mod users;

use super::owners::user_name;
use facts::Facts;
use foreign_queue::Objection;
use msgq_core::config::Takeover;
use msgq_core::queue::QueueRole;
use nix::unistd::{Uid, User};

pub(super) use creator::rights_of_creator;
pub(super) use foreign_queue::ForeignQueue;

impl ForeignQueue<'_> {
    /// Whether it may be taken over; the error is a sentence for the log.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(pid) = users::living_msgqd(self) {
            let what = format!("another msgqd (PID {pid}) serves it");
            return Err(self.refusal(&what, &format!("`ps -f -p {pid}` shows it")));
        }
        if self.takeover == Takeover::Refuse {
            return Err(self.refusal(
                "takeover = \"refuse\" in [queue] keeps this server from it",
                &format!(
                    "write takeover = \"empty\" to take over what is empty or has nothing but requests; {}",
                    self.inspection()
                ),
            ));
        }
        if !self.may_set() {
            return Err(self.without_right());
        }
        let objection =
            users::objection(self).or_else(|| creator::objection(self)).or_else(|| contents::objection(self));
        match objection {
            Some(objection) if self.takeover == Takeover::Always => {
                log::warn!(
                    "takes over queue {} (msqid {}) of {}, since takeover = \"always\", although {}",
                    self.key,
                    self.queue.id(),
                    user_name(self.stat.uid),
                    objection.what
                );
                Ok(())
            }
            Some(Objection { what, cure }) => {
                let always = "write takeover = \"always\" in [queue] to take it over all the same";
                Err(self.refusal(&what, &format!("{cure}; or {always}")))
            }
            None => Ok(()),
        }
    }

    /// Its owner, its creator and root may change a queue.
    fn may_set(&self) -> bool {
        let own = Uid::effective();
        own.is_root() || own.as_raw() == self.stat.cuid
    }

    /// The error where the kernel refuses the change.
    pub(super) fn without_right(&self) -> String {
        let group = self.group;
        let user = self.user_of_command();
        let what = if Uid::effective().is_root() {
            "the kernel lets root change it only with CAP_SYS_ADMIN, which this process lacks"
        } else {
            "only its owner, its creator and root can give it to this server, set its mode and its size, and close it at a stop"
        };
        let cure = format!(
            "as root, `msgqd --take-over {user}:{group}` with the same --config and --key gives it to this server if nobody else \
             uses it, as the packaged unit does before each start; {}",
            self.inspection()
        );
        self.refusal(what, &cure)
    }

    /// The number in the place of a name that a shell or a terminal would not take for a word.
    fn user_of_command(&self) -> String {
        let is_plain =
            |user: &User| user.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        let user = User::from_uid(self.user).ok().flatten().filter(is_plain);
        user.map_or_else(|| self.user.to_string(), |user| user.name)
    }

    fn refusal(&self, why: &str, cure: &str) -> String {
        let other = match self.role {
            QueueRole::Answers => "or give protocol.reply another key",
            QueueRole::Both | QueueRole::Requests => "or serve another queue with --key",
        };
        format!("{}, not to {}: {why}; {}; {cure}; {other}", self.belongs(), user_name(self.user.as_raw()), Facts(self))
    }

    fn belongs(&self) -> String {
        let name = if self.role == QueueRole::Answers { "queue (protocol.reply)" } else { "queue" };
        format!("{name} {} (msqid {}) belongs to {}", self.key, self.queue.id(), user_name(self.stat.uid))
    }
}
