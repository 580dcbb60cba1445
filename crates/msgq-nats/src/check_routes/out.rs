//! Routes out: the socket, the subject, and who is behind it.

use super::listeners;
use super::permissions::{Permission, to_publish};
use super::report::Report;
use super::streams;
use crate::config::OutRoute;
use crate::connection::{Gateway, publishing_is_denied};
use crate::subject::Values;
use crate::wire::{Reply, RequestHead};
use async_nats::{Request, RequestErrorKind};
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// For the answer to what `--send` sends.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// Whether the gateway listens for msgqd.
pub(super) fn check_local(route: &OutRoute, report: &mut Report<'_>) -> io::Result<()> {
    let (name, socket) = (&route.name, route.socket.display());
    let Err(error) = UnixStream::connect(&route.socket) else {
        return report.ok(name, &format!("the gateway listens on {socket}"));
    };
    let advice = match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            "start the gateway, or look why it does not run: systemctl status msgqd-nats"
        }
        ErrorKind::PermissionDenied => "use sudo; msgqd must be a member of the group of this socket",
        _ => "",
    };
    report.fail(name, &format!("nobody can be reached on {socket}: {error}"), advice)
}

/// What is behind NATS.
pub(super) async fn check_far(
    route: &OutRoute,
    gateway: &Gateway,
    send: Option<&str>,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let name = &route.name;
    let subject = example(route, gateway, "_");
    match to_publish(gateway, &subject).await {
        Permission::Given => report.ok(name, &format!("may publish to subject {subject}"))?,
        Permission::Denied => return forbidden(name, &subject, report),
        Permission::Unknown => report.skipped(name, &format!("whether it may publish to subject {subject}"))?,
    }
    if let Some(stream) = &route.stream {
        return streams::check_out(name, stream, &route.subject.filter(gateway.host()), gateway, report).await;
    }
    if let Some(text) = send {
        return send_request(route, gateway, &subject, text, report).await;
    }
    let advice = "start what is to answer there, or compare the subject and what it subscribes to";
    listeners::report(gateway, name, &example(route, gateway, "*"), false, advice, report).await
}

fn forbidden(name: &str, subject: &str, report: &mut Report<'_>) -> io::Result<()> {
    let advice = "allow it for the gateway's user in the server's configuration (permissions, publish)";
    report.fail(name, &format!("no permission to publish to subject {subject}"), advice)
}

/// The subject of a request with the usual type, by this process; `field` stands for what only a real request tells.
fn example(route: &OutRoute, gateway: &Gateway, field: &'static str) -> String {
    let mtype = route.local.usual_type();
    let subject = route.subject.render(&Values { host: gateway.host(), mtype, client: 1, field: |_| "_".to_owned() });
    if field == "_" {
        return subject;
    }
    // Words that a request fills in, but for the type, where that is the only one.
    let filter = route.subject.filter(gateway.host());
    let words = subject.split('.').zip(filter.split('.'));
    let is_of_type = |word: &str| word == mtype.to_string();
    let words = words.map(|(word, pattern)| if pattern == "*" && !is_of_type(word) { field } else { word });
    words.collect::<Vec<_>>().join(".")
}

async fn send_request(
    route: &OutRoute,
    gateway: &Gateway,
    subject: &str,
    text: &str,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let head = RequestHead {
        host: Some(gateway.host().to_owned()),
        client: Some(std::process::id().into()),
        mtype: Some(route.local.usual_type()),
        deadline: Some(SEND_LIMIT),
        ..RequestHead::default()
    };
    let request = Request::new().headers(head.to_headers()).payload(text.to_owned().into()).timeout(Some(SEND_LIMIT));
    let name = &route.name;
    // Before anything is sent, so that no word is missed.
    let denials = gateway.denials();
    let answered = tokio::select! {
        answered = gateway.client().send_request(subject.to_owned(), request) => answered,
        () = publishing_is_denied(denials, subject) => return forbidden(name, subject, report),
    };
    match answered {
        Ok(message) => {
            let reply = Reply::from_message(&message);
            let seen = format!("asked subject {subject}: status {}, {}", reply.status, reply.shown());
            match reply.status {
                0 => report.ok(name, &seen),
                _ => report.fail(name, &seen, "this is what was answered there"),
            }
        }
        Err(error) if error.kind() == RequestErrorKind::NoResponders => {
            let advice = "start what is to answer there, or compare the subject and what it subscribes to";
            report.fail(name, &format!("nobody listens on subject {subject}"), advice)
        }
        Err(error) => report.fail(
            name,
            &format!("asked subject {subject}, and got no answer within {} ms: {error}", SEND_LIMIT.as_millis()),
            "look at the log of what listens there",
        ),
    }
}
