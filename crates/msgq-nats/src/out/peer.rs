//! Who may use the socket of a route.

use crate::throttle::Throttle;
use nix::unistd::User;
use tokio::net::UnixStream;

/// The users whose connections are served.
#[derive(Debug)]
pub(super) struct Peers {
    route: String,
    user: u32,
    refused: Throttle,
}

impl Peers {
    /// Root, and the user of this name or number.
    pub(super) fn new(route: &str, user: &str) -> Result<Self, String> {
        Ok(Self { route: route.to_owned(), user: find_user(route, user)?, refused: Throttle::default() })
    }

    pub(super) fn allows(&self, connection: &UnixStream) -> bool {
        let peer = match connection.peer_cred() {
            Ok(peer) if peer.uid() == 0 || peer.uid() == self.user => return true,
            Ok(peer) => format!("uid {} (PID {})", peer.uid(), peer.pid().unwrap_or(0)),
            Err(error) => format!("somebody whose user is unknown ({error})"),
        };
        if let Some(more) = self.refused.admit() {
            let Self { route, user, .. } = self;
            log::warn!(
                "route {route}: {peer} connected to its socket and was refused: only uid {user} and root are served; \
                 `user` of the route says who that is{more}"
            );
        }
        false
    }
}

fn find_user(route: &str, name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => {
            Err(format!("route {route}: there is no user {name:?}; write the one that msgqd runs as in its `user`"))
        }
        Err(errno) => Err(format!("route {route}: cannot look up user {name:?}: {}", errno.desc())),
    }
}
