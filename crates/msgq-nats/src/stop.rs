//! The end of the gateway, as all its parts hear of it.

use tokio::sync::watch;

/// Whoever holds it tells all parts to end; so does its drop.
#[derive(Debug)]
pub struct StopSwitch {
    sender: watch::Sender<bool>,
}

/// Hears of the end.
#[derive(Debug, Clone)]
pub struct Stop {
    receiver: watch::Receiver<bool>,
}

impl StopSwitch {
    /// A switch, and who hears of it.
    #[must_use]
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self { sender }, Stop { receiver })
    }

    /// From now on nothing new is taken; what is in hand is finished.
    pub fn stop(&self) {
        self.sender.send_replace(true);
    }
}

impl Stop {
    /// Waits until the gateway is to end.
    pub async fn requested(&mut self) {
        // Without a switch nobody could ever tell.
        let _ = self.receiver.wait_for(|stops| *stops).await;
    }

    /// True once the gateway is to end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_parts_hear_of_the_end_and_of_a_lost_switch() {
        let (switch, mut stop) = StopSwitch::new();
        let mut other = stop.clone();
        assert!(!stop.is_requested());
        switch.stop();
        stop.requested().await;
        assert!(other.is_requested());
        drop(switch);
        other.requested().await;
        let (lost, mut stop) = StopSwitch::new();
        drop(lost);
        stop.requested().await;
        assert!(stop.is_requested());
    }
}
