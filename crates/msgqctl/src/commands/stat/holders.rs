//! One list of the clients from what rests in the queue and what the daemon holds.

use super::holdings::ClientHoldings;
use super::report::Waiting;
use crate::daemon::DaemonReport;
use crate::names::{Named, process_state};
use crate::procfs;
use msgq_core::identity::{ClientPid, process_name};
use msgq_core::orphan::reader_of;
use std::collections::HashMap;

/// Who holds the most comes first.
pub(super) fn holdings_by_client(waiting: Option<&Waiting>, daemon: Option<&DaemonReport>) -> Vec<ClientHoldings> {
    let mut holders: HashMap<i64, ClientHoldings> = HashMap::new();
    for client in waiting.iter().flat_map(|waiting| &waiting.clients) {
        let holder = holders.entry(client.mtype).or_insert_with(|| nothing(client.mtype));
        holder.state = client.state;
        holder.program.clone_from(&client.program);
        (holder.resting, holder.resting_bytes) = (client.messages, client.bytes);
    }
    let mut of_daemon = |client: i32, in_hand: usize, outbox: usize, oldest_ms: u64| {
        let holder = holders.entry(client.into()).or_insert_with(|| known(client));
        holder.in_hand += in_hand;
        holder.outbox += outbox;
        holder.oldest_ms = holder.oldest_ms.max(Some(oldest_ms));
    };
    if let Some(daemon) = daemon {
        daemon.in_hand.iter().for_each(|held| of_daemon(held.client, 1, 0, held.age_ms));
        daemon.outbox.clients.iter().for_each(|row| of_daemon(row.client, 0, row.answers, row.oldest_ms));
    }
    let mut holders: Vec<ClientHoldings> = holders.into_values().collect();
    holders.sort_by_key(|holder| (std::cmp::Reverse(holder.held()), holder.mtype));
    name_users(&mut holders);
    holders
}

fn nothing(mtype: i64) -> ClientHoldings {
    ClientHoldings {
        mtype,
        pid: reader_of(mtype).map(ClientPid::get),
        state: "impossible",
        ..ClientHoldings::default()
    }
}

/// One of whom nothing rests in the queue.
fn known(pid: i32) -> ClientHoldings {
    let program = ClientPid::new(pid).and_then(process_name);
    ClientHoldings { program, state: process_state(pid), ..nothing(pid.into()) }
}

/// Each user is looked up once: thousands of clients may be of one, and the look-up may go over a network.
fn name_users(holders: &mut [ClientHoldings]) {
    let mut users: HashMap<u32, Named> = HashMap::new();
    for holder in holders {
        let uid = holder.pid.and_then(procfs::uid);
        holder.user = uid.map(|uid| users.entry(uid).or_insert_with(|| Named::user(uid)).clone());
    }
}
