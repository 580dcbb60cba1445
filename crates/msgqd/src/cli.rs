//! Command line of msgqd; [`command`] is for whoever makes man pages and completions of it.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, Parser};
use log::Level;
use msgq_core::config::LOG_LEVELS;
use msgq_core::instance::InstanceName;
use msgq_core::queue::QueueKey;
use std::path::PathBuf;

/// What `--version` says; `-V` says the first word. The build script knows the rest.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\ncommit: ", env!("MSGQ_COMMIT"), "\nbuild: ", env!("MSGQ_BUILD"));

/// Behind the options where the long help and the man page have room for it.
const EXAMPLES_AND_PLACES: &str = "\
Examples:
  msgqd                                          serve as /etc/msgqd/msgqd.toml says, in the foreground
  msgqd --config /dev/null --key 0x7a7a          serve another queue with the built-in settings
  msgqd --instance orders                        serve as /etc/msgqd/orders.toml says
  msgqd --config new.toml --check-config         is this file good for this machine
  msgqd --config /etc/msgqd/msgqd.toml --reload  what systemctl reload msgqd does

Signals:
  SIGTERM, SIGINT  end in order; a second one ends at once
  SIGHUP           read the configuration again

Files:
  /etc/msgqd/msgqd.toml            the configuration; see msgqd.toml(5)
  /etc/msgqd/NAME.toml             that of the instance NAME, whose other files are in /run/msgqd/NAME and
                                   /var/lib/msgqd/NAME
  /etc/msgqd/msgqd.d/*.toml        settings that come after it; for FILE.toml those in FILE.d
  /run/msgqd/queue-KEY-ipcN.table  what is held for clients; N is the IPC namespace
  /run/msgqd/queue-KEY-ipcN.lock   locked while it lives
  Instead of /run/msgqd, for an ordinary user: $XDG_RUNTIME_DIR/msgqd or /dev/shm/msgqd-UID.
  /var/lib/msgqd/dead-KEY.jsonl    messages that no handler took; see msgqctl-dead(1)
  Instead of /var/lib/msgqd: $STATE_DIRECTORY, $XDG_STATE_HOME/msgqd or ~/.local/state/msgqd.

Environment:
  CONFIGURATION_DIRECTORY                     where NAME.toml of an instance is, instead of /etc/msgqd
  XDG_RUNTIME_DIR, and what a unit's directories are called in systemd.exec(5)
                                              where lock and table are: on a memory file system
  STATE_DIRECTORY, XDG_STATE_HOME, HOME       where messages are kept that no handler took
  NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID  from the service manager, as in sd_notify(3)
  JOURNAL_STREAM                              whether the log goes to the journal, and has fields and priorities
  Programs of handlers get none of it, but what [handler] says.

Exit codes:
  0  ended in order, or done
  1  cannot start, or what was asked for failed; the last line says why
  2  the command line is wrong";

/// Serve programs that talk through one System V message queue
///
/// A client sends its request with mtype 1 and its PID in the body; the server answers with mtype = that PID. See
/// msgqd-protocol(7). Without a configuration msgqd serves queue 0x12345678 in the foreground and answers every request with
/// "Processed: TEXT". SIGTERM and SIGINT end it: the queue is closed for new requests, what is queued is answered,
/// clients get a moment to fetch their answers, and the queue is removed. A second signal ends it at once.
#[derive(Debug, Parser)]
#[command(name = "msgqd", version, long_version = LONG_VERSION, max_term_width = 100, after_long_help = EXAMPLES_AND_PLACES)]
pub struct Arguments {
    /// Read settings from FILE, and after FILE.toml from FILE.d/*.toml; see msgqd.toml(5). Default: /etc/msgqd/msgqd.toml where there is one, else the built-in
    /// settings, which /dev/null has too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Be the instance NAME: settings of /etc/msgqd/NAME.toml, files in /run/msgqd/NAME and /var/lib/msgqd/NAME. What
    /// msgqd@NAME.service runs
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub instance: Option<InstanceName>,

    /// Check the configuration, and that what it names is on this machine, say which files it has, and exit: 0 when all is
    /// good, 1 with the errors
    #[arg(long)]
    pub check_config: bool,

    /// Have the server that runs read its configuration again, and wait for it: 0 when it is in effect, 1 with the reason
    /// when it was refused; then nothing was changed. For the service manager
    #[arg(long, conflicts_with = "check_config")]
    pub reload: bool,

    /// Do with the queue what on_failure says, unless a server runs, and exit. For the service manager, once it has given
    /// up on the server
    #[arg(long, conflicts_with_all = ["check_config", "reload"])]
    pub after_failure: bool,

    /// Remove every queue that a server of this runtime directory left and nobody serves, and exit. For the removal of the
    /// package
    #[arg(long, conflicts_with_all = ["check_config", "after_failure"])]
    pub remove_left_queues: bool,

    /// As root, give the queue to the user of the service where a client made it first and `queue.takeover` allows it, and
    /// exit: 0 when that is done or nothing is to be done, 1 with the reason. An instance gets its runtime directory too, for
    /// the group of its clients. What is wrong with the configuration it leaves to the server to say, and exits with 0. For the unit, before the server starts
    #[arg(long, value_name = "USER[:GROUP]", conflicts_with_all = ["check_config", "reload", "after_failure", "remove_left_queues"])]
    pub take_over: Option<String>,

    /// Serve the queue with this key, decimal or hexadecimal with 0x; overrides the configuration
    #[arg(long, value_name = "KEY", allow_negative_numbers = true)]
    pub key: Option<QueueKey>,

    /// Log this and everything more important; overrides the configuration
    #[arg(long, value_name = "LEVEL", value_parser = log_level())]
    pub log_level: Option<Level>,
}

/// The definition that `--help` and the man page are made from.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

fn log_level() -> impl TypedValueParser<Value = Level> {
    let names = LOG_LEVELS.map(|(name, _, meaning)| PossibleValue::new(name).help(meaning));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}
