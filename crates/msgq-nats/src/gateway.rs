//! All parts together: from the first connection to the last answer.

use crate::config::Config;
use crate::connection::{Gateway, Link};
use crate::metrics::{self, Direction, Metrics};
use crate::out::{Listener, PassedSockets};
use crate::stop::StopSwitch;
use crate::{inward, out, service_manager};
use msgq_core::words::counted;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

/// For what was published last.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// For a status that must change at the latest.
const FAR: Duration = Duration::from_secs(3600);

type Routes = JoinSet<Result<(), String>>;

/// Runs the gateway until it is asked to end.
///
/// # Errors
/// A sentence, where it cannot start or a route cannot be served.
pub async fn run(config: Config, mut passed: PassedSockets) -> Result<(), String> {
    let mut signals = Signals::new().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let listeners = listeners(&config, &mut passed)?;
    let metrics = Metrics::new(names(&config));
    let (switch, stop) = StopSwitch::new();
    let connected = Gateway::connect(&config.nats, &config.gateway.host, &metrics).await;
    let gateway = connected.map_err(|error| error.to_string())?;
    metrics::serve(&config.gateway, &metrics, &stop).await?;
    let mut routes = Routes::new();
    for (route, listener) in config.out.iter().cloned().zip(listeners) {
        routes.spawn(out::run(route, listener, gateway.clone(), metrics.clone(), stop.clone()));
    }
    for route in config.inward.iter().cloned() {
        routes.spawn(inward::run(route, gateway.clone(), metrics.clone(), stop.clone()));
    }
    let summary = summary(&config);
    let ended = serve(&mut routes, &mut signals, &gateway, &summary).await;
    service_manager::stopping();
    switch.stop();
    let drained = timeout(config.gateway.drain_timeout, all(&mut routes)).await;
    if drained.is_err() {
        let limit = config.gateway.drain_timeout.as_millis();
        log::warn!("something was still in hand after {limit} ms (drain_timeout_ms), and is dropped");
    }
    gateway.flush(FLUSH_LIMIT).await;
    log::info!("ended");
    ended
}

fn listeners(config: &Config, passed: &mut PassedSockets) -> Result<Vec<Listener>, String> {
    let listeners = config.out.iter().map(|route| Listener::open(route, passed)).collect::<Result<_, _>>()?;
    for name in passed.left() {
        log::warn!("systemd passed a socket {name:?}, and no route out has this name (FileDescriptorName)");
    }
    Ok(listeners)
}

fn names(config: &Config) -> impl Iterator<Item = (&str, Direction)> {
    let out = config.out.iter().map(|route| (route.name.as_str(), Direction::Out));
    out.chain(config.inward.iter().map(|route| (route.name.as_str(), Direction::In)))
}

fn summary(config: &Config) -> String {
    format!("{} out, {} in", counted(config.out.len(), "route"), config.inward.len())
}

/// Until a signal says to end, or a route cannot be served.
async fn serve(routes: &mut Routes, signals: &mut Signals, gateway: &Gateway, summary: &str) -> Result<(), String> {
    let mut watchdog = interval(service_manager::watchdog_period().unwrap_or(FAR));
    let mut link = gateway.link();
    let mut is_ready = false;
    loop {
        tokio::select! {
            name = signals.next() => {
                log::info!("{name}: finishing what is in hand");
                return Ok(());
            }
            Some(ended) = routes.join_next() => ended.map_err(|error| format!("a route ended: {error}"))??,
            () = gateway.settled(), if !is_ready => {
                is_ready = true;
                let status = status(&link.borrow_and_update(), summary);
                log::info!("ready: {status}");
                service_manager::ready(&status);
            }
            // Its sender lives as long as the connection.
            Ok(()) = link.changed(), if is_ready => service_manager::status(&status(&link.borrow_and_update(), summary)),
            _ = watchdog.tick() => service_manager::alive(),
        }
    }
}

fn status(link: &Link, summary: &str) -> String {
    match link {
        Link::Up(_) => format!("connected to NATS; {summary}"),
        Link::Down(reason) => format!("no connection to NATS ({reason}), trying; {summary}"),
    }
}

async fn all(routes: &mut Routes) {
    while let Some(ended) = routes.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!("{error}"),
            Err(error) => log::error!("a route ended: {error}"),
        }
    }
}

/// What tells the gateway to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
