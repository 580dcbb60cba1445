//! Whether anybody serves: else the requests of all clients would be left in the queue.

use super::request::LoadRequest;
use crate::commands::test_client::TestClient;
use crate::daemon::why_no_answer;
use crate::failure::{Failure, Status};
use crate::target::Target;
use msgq_core::queue::ListedQueue;
use std::time::{Duration, Instant};

const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// One request: answered, or where nothing is answered at least taken.
pub(super) fn probe_server(
    target: &Target,
    timeout: Duration,
    client: &TestClient<'_>,
    request: &LoadRequest<'_>,
) -> Result<(), Failure> {
    let end = Instant::now() + timeout;
    let before = target.queue.listed();
    let _ = request.ask(client).map_err(|error| Failure::of_call(&target.queue, &error))?;
    if client.is_answered() {
        return Ok(());
    }
    while !is_taken(before, target.queue.listed()) {
        if Instant::now() >= end {
            let server = why_no_answer(&target.identity()?);
            let message =
                format!("nobody took the first request from queue {} within {timeout:?}; {server}", target.name);
            return Err(Failure::new(Status::Timeout, message));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(())
}

/// It stands behind all that waited before. Where nobody can see, it is believed.
fn is_taken(before: Option<ListedQueue>, now: Option<ListedQueue>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return true };
    now.messages <= before.messages || now.last_receive_time > before.last_receive_time
}
