//! Command line of msgqd.
