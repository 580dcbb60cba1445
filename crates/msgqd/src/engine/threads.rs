//! The threads of the engine: workers, courier and janitor, and how they are started and stopped.

pub(super) mod answering;
mod consuming;
pub(super) mod courier;
pub(super) mod group;
pub(super) mod janitor;
pub(super) mod private_courier;
mod receiving;
mod spin;
mod type_turns;
pub(super) mod worker;
