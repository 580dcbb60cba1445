//! Routes in, as NATS sees them.

use super::listeners;
use super::permissions::{Permission, to_subscribe};
use super::report::Report;
use super::streams;
use crate::config::InRoute;
use crate::connection::Gateway;
use std::io;

/// What is before NATS: the subject or the stream that messages come from.
pub(super) async fn check_far(route: &InRoute, gateway: &Gateway, report: &mut Report<'_>) -> io::Result<()> {
    let (name, subject) = (&route.name, &route.subject);
    if let Some(stream) = &route.stream {
        return streams::check_in(name, stream, subject, gateway, report).await;
    }
    match to_subscribe(gateway, subject).await {
        Permission::Given => report.ok(name, &format!("may subscribe to subject {subject}"))?,
        Permission::Unknown => report.skipped(name, &format!("whether it may subscribe to subject {subject}"))?,
        Permission::Denied => {
            let advice = "allow it for the gateway's user in the server's configuration (permissions, subscribe)";
            return report.fail(name, &format!("no permission to subscribe to subject {subject}"), advice);
        }
    }
    let advice = "start the gateway, or look why it does not run: systemctl status msgqd-nats";
    listeners::report(gateway, name, subject, true, advice, report).await
}
