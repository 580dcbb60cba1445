//! Which queue a command works on: the options that name it, its key, and the queue itself.

use crate::daemon::{DaemonFiles, KnownProtocol, LockSight, foreign_queue, reply_key_of_daemon};
use crate::failure::{Failure, Status};
use crate::instances::{instance_candidates, known_instances_in_words};
use crate::output::{shell_word, shown_path};
use clap::{Args, ValueEnum, ValueHint};
use clap_complete::ArgValueCandidates;
use msgq_core::config::{Config, SYSTEM_CONFIG};
use msgq_core::instance::InstanceName;
use msgq_core::layout::protocol::{Protocol, ReplyRoute};
use msgq_core::orphan::client_of;
use msgq_core::process::ClientNumber;
use msgq_core::queue::{BrowseLimits, Queue, QueueError, QueueKey, QueueName, QueueRole, QueueStat};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Heading of the options that every command takes.
pub(crate) const GLOBAL_OPTIONS: &str = "Global options";

/// What a number of a client may be.
pub(crate) const NO_CLIENT: &str = "expected the PID of a client: a whole number from 2 to 4194303, or any from 1 where the \
                                    configuration says client_is = \"number\"";

/// A key for those who work on one queue all day. msgqd does not read it: what a server serves is in its configuration, and no
/// shell's leftovers move it to another queue.
const KEY_VARIABLE: &str = "MSGQ_KEY";

fn msqid_of(text: &str) -> Result<i32, String> {
    let number = text.parse().ok().filter(|number: &i32| *number >= 0);
    number.ok_or_else(|| format!("expected a whole number from 0 to {}", i32::MAX))
}

/// The options that choose the queue.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct QueueOptions {
    /// Use the queue with this key, decimal or hexadecimal with 0x; overrides the configuration, and $MSGQ_KEY, which overrides
    /// /etc/msgqd/msgqd.toml
    #[arg(short, long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "KEY", allow_negative_numbers = true)]
    pub(crate) key: Option<QueueKey>,

    /// Use the queue with this number of the kernel's, as `msgqctl list` and `ipcs -q` show it: also one without a key
    /// (IPC_PRIVATE)
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "MSQID", conflicts_with = "key",
        value_parser = msqid_of)]
    pub(crate) msqid: Option<i32>,

    /// Take key and protocol from this configuration file. Default: /etc/msgqd/msgqd.toml where it can be read, else 0x12345678
    #[arg(short, long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Use the queue of this instance of msgqd: key and protocol of /etc/msgqd/NAME.toml
    #[arg(short, long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "NAME", conflicts_with = "config",
        add = ArgValueCandidates::new(instance_candidates))]
    pub(crate) instance: Option<InstanceName>,

    /// Say what the messages of a queue mean of which neither a msgqd nor a configuration tells it
    #[arg(long, global = true, help_heading = GLOBAL_OPTIONS, value_name = "PROTOCOL", conflicts_with_all = ["config", "instance"])]
    pub(crate) protocol: Option<NamedProtocol>,
}

/// A protocol that needs no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamedProtocol {
    /// Requests of type 1 begin with the client's PID, which is the type of the answer
    Plain,
}

impl QueueOptions {
    /// The key of the option or of the environment, which gives way to every option that names a queue.
    pub(crate) fn named_key(&self) -> Result<Option<QueueKey>, Failure> {
        if self.key.is_some() || self.msqid.is_some() || self.config.is_some() || self.instance.is_some() {
            return Ok(self.key);
        }
        let Some(value) = std::env::var_os(KEY_VARIABLE).filter(|value| !value.is_empty()) else { return Ok(None) };
        let key = value.to_string_lossy().parse();
        key.map(Some).map_err(|error| Failure::new(Status::Usage, format!("the environment's {KEY_VARIABLE}: {error}")))
    }

    /// With the configuration of the instance that they name.
    pub(crate) fn with_instance(&self) -> Result<Self, Failure> {
        let Some(name) = &self.instance else { return Ok(self.clone()) };
        let path = name.config_path();
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let known = known_instances_in_words();
                let message = format!("there is no instance {name}, since there is no {}; {known}", shown_path(&path));
                Err(Failure::new(Status::Usage, message))
            }
            _ => Ok(Self { config: Some(path), ..self.clone() }),
        }
    }

    /// The key that they name; the queue need not be there.
    pub(crate) fn resolve_key(&self) -> Result<QueueKey, Failure> {
        if let Some(key) = self.named_key()? {
            return Ok(key);
        }
        if let Some(msqid) = self.msqid {
            let message = || format!("the queue with msqid {msqid} has no key (IPC_PRIVATE), so no msgqd serves it");
            return found_by_number(msqid)?.key().ok_or_else(|| Failure::new(Status::Usage, message()));
        }
        let path = self.config.clone().or_else(readable_system_config);
        path.map_or(Ok(QueueKey::DEFAULT), |path| key_from(&path))
    }

    /// The same; `None` for a queue that is there and has none.
    pub(crate) fn key(&self) -> Result<Option<QueueKey>, Failure> {
        if self.msqid.is_some() { Ok(self.find()?.key()) } else { self.resolve_key().map(Some) }
    }

    /// The client with this number, in the protocol of the queue that they name.
    pub(crate) fn client(&self, number: i64) -> Result<ClientNumber, Failure> {
        let kind = self.known_protocol(self.key()?).protocol.client_kind();
        client_of(kind, number)
            .ok_or_else(|| Failure::new(Status::Usage, format!("{number} is no client: {NO_CLIENT}")))
    }

    /// The queue that they name.
    pub(crate) fn open(&self) -> Result<Target, Failure> {
        let queue = self.find()?;
        Ok(Target::new(queue, self.known_protocol(queue.key())))
    }

    fn find(&self) -> Result<Queue, Failure> {
        match self.msqid {
            Some(msqid) => found_by_number(msqid),
            None => Queue::open(self.resolve_key()?).map_err(|error| Failure::of_queue(&error)),
        }
    }

    /// The protocol of the queue with this key, where a configuration is about that, or the command line names it; else the
    /// plain one.
    pub(crate) fn known_protocol(&self, key: Option<QueueKey>) -> KnownProtocol {
        let plain = |source: String| KnownProtocol {
            protocol: Arc::default(),
            source,
            is_configured: false,
            retold: String::new(),
            reply_key: None,
        };
        if let Some(NamedProtocol::Plain) = self.protocol {
            let known = plain("the plain one, as --protocol says".to_owned());
            return KnownProtocol { is_configured: true, retold: " --protocol plain".to_owned(), ..known };
        }
        let Some(key) = key else {
            return plain("the plain one, since no configuration is about a queue without a key".to_owned());
        };
        let Some(path) = self.config.clone().or_else(readable_system_config) else {
            return plain("the plain one, since no configuration could be read; --config FILE names it".to_owned());
        };
        let name = shown_path(&path);
        match Config::load_protocol(&path) {
            Ok(config) if config.queue.key.resolve().ok() == Some(key) => KnownProtocol {
                protocol: config.protocol,
                source: format!("that of {name}; --config FILE names another"),
                is_configured: true,
                retold: self.config.as_deref().map_or_else(String::new, retold_config),
                reply_key: config.reply_queue.and_then(|queue| queue.key.resolve().ok()),
            },
            Ok(_) => plain(format!("the plain one, since {name} is about another queue; --config FILE names another")),
            Err(error) => {
                let reason = error.to_string();
                let first = reason.lines().next().unwrap_or_default();
                plain(format!("the plain one, since {name} cannot be used: {first}; --config FILE names another"))
            }
        }
    }
}

/// What is known of a queue, which decides what may be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Knowledge {
    /// The msgqd with this PID serves it.
    Served(i32),
    /// A msgqd served it until it ended: its table names the queue.
    Left,
    /// Its protocol is known: a configuration names its key, or the command line names the protocol.
    Configured,
    /// A type is a type there, and nothing more. The sentence says what was seen.
    Unknown(String),
}

/// The queue that a command works on.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// What it is called.
    pub(crate) name: QueueName,
    pub(crate) queue: Queue,
    pub(crate) known: KnownProtocol,
    /// What it is used for, as far as its protocol is known.
    pub(crate) role: QueueRole,
    /// The protocol as it holds for the messages in this queue.
    pub(crate) messages: Arc<Protocol>,
}

impl Target {
    /// The queue that the command line or a configuration names: requests come from it.
    pub(crate) fn new(queue: Queue, known: KnownProtocol) -> Self {
        let (role, messages) = match known.protocol.route() {
            ReplyRoute::Shared => (QueueRole::Both, Arc::clone(&known.protocol)),
            _ => (QueueRole::Requests, Arc::new(known.protocol.in_queue_of_requests())),
        };
        let name = queue.key().map_or(QueueName::Msqid(queue.id()), QueueName::Key);
        let mut target = Self { name, queue, known, role, messages };
        // Who has not the configuration learns it of the daemon, as far as this user may read its table.
        if target.known.reply_key.is_none() {
            target.known.reply_key = target.identity().ok().and_then(|stat| reply_key_of_daemon(&stat));
        }
        target
    }

    /// The second queue, where answers go to one.
    pub(crate) fn answers(&self) -> Result<Option<Self>, Failure> {
        let Some(queue) = self.reply_queue()? else { return Ok(None) };
        let (known, messages) = (self.known.clone(), Arc::new(self.known.protocol.in_queue_of_answers()));
        let name = queue.key().map(QueueName::Key);
        Ok(name.map(|name| Self { name, queue, known, role: QueueRole::Answers, messages }))
    }

    /// The queue that answers rest in; the error says where they go instead.
    pub(crate) fn with_answers(&self) -> Result<Self, Failure> {
        let elsewhere = match self.known.protocol.route() {
            ReplyRoute::Shared => return Ok(self.clone()),
            ReplyRoute::Separate => return Ok(self.answers()?.unwrap_or_else(|| self.clone())),
            ReplyRoute::Private => "answers go into queues of the clients' own",
            ReplyRoute::Nowhere => "nothing is answered",
        };
        let message =
            format!("{elsewhere} (the protocol is {}), so no answer rests in queue {}", self.known.source, self.name);
        Err(Failure::new(Status::Usage, message))
    }

    /// For a look at the messages of this queue, where a command looks at both queues.
    pub(crate) fn look_limits(&self) -> BrowseLimits {
        BrowseLimits::default().shared_by(if self.known.reply_key.is_some() { 2 } else { 1 })
    }

    pub(crate) fn stat(&self) -> Result<QueueStat, Failure> {
        self.queue.stat().map_err(|error| self.failure(&error))
    }

    /// Whose queue it is, where answers go elsewhere for those too who may only send to it: in their place stand the kernel's list, and 0
    /// for its size.
    pub(crate) fn identity(&self) -> Result<QueueStat, Failure> {
        match self.queue.stat() {
            Err(error) if error.is_permission() && self.role == QueueRole::Requests => {
                self.queue.listed().map(QueueStat::from).ok_or_else(|| self.failure(&error))
            }
            stat => stat.map_err(|error| self.failure(&error)),
        }
    }

    /// The second queue, where answers go to one.
    pub(crate) fn reply_queue(&self) -> Result<Option<Queue>, Failure> {
        let Some(key) = self.known.reply_key else { return Ok(None) };
        let open = Queue::open(key).map(Some);
        open.map_err(|error| {
            let failure = Failure::of_queue(&error);
            Failure::new(failure.status, format!("the queue of the answers: {}", failure.message))
        })
    }

    pub(crate) fn protocol(&self) -> &Protocol {
        &self.known.protocol
    }

    /// Whose it is, and whether its protocol is known.
    pub(crate) fn knowledge(&self, stat: &QueueStat) -> Knowledge {
        if let LockSight::Serves(pid) = LockSight::of(DaemonFiles::of_queue(stat).as_ref(), stat) {
            return Knowledge::Served(pid);
        }
        match foreign_queue(stat) {
            None => Knowledge::Left,
            Some(_) if self.known.is_configured => Knowledge::Configured,
            Some(seen) => Knowledge::Unknown(seen),
        }
    }

    /// Why nobody knows what its messages mean: it is not known to be msgqd's, nor configured, or has another protocol than is
    /// known here.
    pub(crate) fn why_unknown(&self, stat: &QueueStat) -> Option<String> {
        match self.knowledge(stat) {
            Knowledge::Unknown(seen) => Some(seen),
            Knowledge::Configured => None,
            Knowledge::Served(_) | Knowledge::Left => self.known.contradiction(stat),
        }
    }

    /// An error of this queue's as the failure of a command.
    pub(crate) fn failure(&self, error: &QueueError) -> Failure {
        Failure::of_queue(error)
    }
}

/// Absolute, as a command is not always given where msgqctl ran.
fn retold_config(path: &Path) -> String {
    format!(" --config {}", shell_word(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned())))
}

/// The queue with this number, and with its key where it has one.
fn found_by_number(msqid: i32) -> Result<Queue, Failure> {
    let queue = Queue::from_msqid(msqid);
    let key = match queue.stat() {
        Ok(stat) => stat.key,
        Err(error) => match queue.listed() {
            Some(row) if error.is_permission() => QueueKey::new(row.key),
            _ if error.is_gone() => {
                let advice = "`msgqctl list` shows all; one that was made anew has another number";
                return Err(Failure::new(Status::NoQueue, format!("{error}; {advice}")));
            }
            _ => return Err(Failure::of_queue(&error)),
        },
    };
    Ok(Queue::known(key, msqid))
}

/// A user who may not read the daemon's configuration is no worse off than without one.
fn readable_system_config() -> Option<PathBuf> {
    File::open(SYSTEM_CONFIG).is_ok().then(|| PathBuf::from(SYSTEM_CONFIG))
}

fn key_from(path: &Path) -> Result<QueueKey, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            Status::Other,
            format!("{error}\nmsgqctl needs the queue's key from there; --key KEY does without"),
        )
    };
    let config = Config::load_leniently(path).map_err(|error| failed(&error))?;
    config.queue.key.resolve().map_err(|error| failed(&format!("{}: {error}", path.display())))
}
