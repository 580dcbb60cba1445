//! Harness of the black-box tests: the built programs, real clients in several languages, a real kernel queue.
//!
//! Every test has a queue key of its own and a runtime directory of its own, so that tests run side by side and beside
//! other queues of the machine. What a test started is killed by its PID and its queue is removed when the test ends,
//! also when it fails. Nothing here asserts a time: every wait is for a condition and has a generous limit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "the harness runs in tests only, where a panic is the report"
)]

mod builder;
mod clients;
mod daemon;
mod declared;
mod kernel;
mod manager;
mod messages;
mod namespace;
mod plain_route;
mod plain_server;
mod process;
mod programs;
mod routes;
#[path = "../../../crates/msgq-core/tests/support/scratch.rs"]
mod scratch;
mod second_queue;
mod thief;
mod traced;
mod users;
mod wait;

pub use builder::DaemonBuilder;
pub use clients::{Language, ask, crowd, good_request_is_answered, hostile, load_client, with_pid};
pub use daemon::{Daemon, queue_of_dead_msgqd};
pub use declared::DeclaredProgram;
pub use kernel::{ClientCall, QueueRow, ipcs_row, is_blocked_in, proc_row};
pub use manager::ServiceManager;
pub use messages::Messages;
pub use namespace::{in_an_ipc_namespace, set_kernel_limit};
pub use plain_route::{PlainRoute, numbers_of_producers, produce};
pub use plain_server::PlainServer;
pub use process::{Finished, Process};
pub use programs::{
    can_trace, compile_program, copy_program, examples_dir, has_32_bit_compiler, msgqctl, msgqd, msgqd_with_switches,
    output_of_compiled, promtool, rust_example, schema_dir, set_modified, snapshots_dir, sources_dir, test_client,
    test_client_32_bit, test_client_by_type, test_client_with_texts_of, wrapped, write_program,
};
pub use routes::{RouteClient, RouteClients, RouteProgram};
pub use scratch::ScratchKey;
pub use second_queue::answers_of;
pub use thief::{Loot, Theft, Thief};
pub use traced::calls_to_serve;
pub use users::{STRANGER, as_member, as_user, is_root};
pub use wait::{LIMIT, PATIENCE_MS, Until, UntilGuard, eventually, wait_until};
