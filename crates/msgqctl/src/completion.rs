//! Completion in a shell: the scripts that ask msgqctl, and what it answers. The two halves do not know each other, and
//! neither knows the command line.

pub(crate) mod candidates;
pub(crate) mod dead_letters;
pub(crate) mod queues;
pub(crate) mod script;
