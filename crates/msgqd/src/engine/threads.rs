//! The threads of the engine: workers, courier and janitor, and how they are started and stopped.

pub(super) mod answering;
pub(super) mod courier;
pub(super) mod group;
pub(super) mod janitor;
mod receiving;
mod spin;
pub(super) mod worker;
