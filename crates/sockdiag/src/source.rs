//! Where socket states come from: the kernel, or a test.

use crate::{Error, Family, Moment, SocketKey, SocketMessage};

/// One socket as a dump showed it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Before the system call in which the kernel wrote it.
    pub request: Moment,
    /// After it was received.
    pub reply: Moment,
    /// The socket's state.
    pub message: SocketMessage,
}

/// A source of socket states.
pub trait Source: Send {
    /// Shows every socket of the family to `sink`.
    ///
    /// After an error the sockets shown are true, but others may be missing.
    fn dump(&mut self, family: Family, sink: &mut dyn FnMut(Reply)) -> Result<(), Error>;

    /// The state of one socket; `None` when it does not exist (any more).
    fn get(&mut self, key: &SocketKey) -> Result<Option<SocketMessage>, Error>;
}
