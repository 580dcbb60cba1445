//! Logging of msgqd.
