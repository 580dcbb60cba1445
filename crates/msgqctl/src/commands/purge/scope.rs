//! Whose messages a purge is about. On a queue of which nothing is known only those of the types that the operator names.

use super::arguments::PurgeArguments;
use crate::failure::{Failure, Status};
use msgq_core::layout::protocol::Protocol;
use msgq_core::orphan::{SweepScope, client_of};

/// On a queue of msgqd's, where a type tells the client.
pub(super) fn scope_of_clients(options: &PurgeArguments, protocol: &Protocol) -> Result<SweepScope, Failure> {
    let usage = |message: &str| Err(Failure::new(Status::Usage, message));
    if let Some(mtype) = options.r#type.iter().find(|mtype| protocol.request_types().receives(**mtype)) {
        return usage(&format!(
            "type {mtype} is that of requests, which msgqd takes: `msgqctl purge --requests` removes them"
        ));
    }
    let named: Vec<_> =
        options.pid.iter().flatten().filter_map(|number| client_of(protocol.client_kind(), *number)).collect();
    Ok(match (options.r#type.as_slice(), named.as_slice()) {
        ([], []) if options.force => {
            return usage("--force needs to know whom: name them, as in --pid 4711 --force");
        }
        ([], []) => SweepScope::All,
        ([], _) => SweepScope::Clients(named),
        _ => SweepScope::Types(named_types(options, protocol)),
    })
}

/// On a queue of which `seen` says what is known instead of its protocol: every message of the types that are named.
pub(super) fn scope_on_unknown_queue(options: &PurgeArguments, seen: &str) -> Result<SweepScope, Failure> {
    match options.r#type.as_slice() {
        [] => Err(refusal(seen, "--type N", "purge")),
        types => Ok(SweepScope::WholeTypes(types.to_vec())),
    }
}

fn named_types(options: &PurgeArguments, protocol: &Protocol) -> Vec<i64> {
    let of_clients = options.pid.iter().flatten().map(|pid| protocol.response_mtype(*pid));
    options.r#type.iter().copied().chain(of_clients).collect()
}

/// `--requests` on such a queue.
pub(super) fn no_requests_known(seen: &str) -> Failure {
    refusal(seen, "--type 1", "purge --requests")
}

/// The three ways on.
fn refusal(seen: &str, by_type: &str, command: &str) -> Failure {
    let message = format!(
        "{seen}, so a type is a type there and nothing more, and nothing was removed. `msgqctl {command}` needs to know what \
         the messages mean: from `--config FILE` with a configuration for this key, or from `--protocol plain`, if its clients \
         and its server really speak that. Or choose by hand: `{by_type} --yes` removes every message of that type, whatever \
         it is; with `--save FILE` it can be put back"
    );
    Failure::new(Status::Other, message)
}
