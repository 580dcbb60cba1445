/// A reason not to start, as a sentence for the person who reads the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub(super) String);
