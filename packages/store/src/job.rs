use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{Conn, StoreError};

/// A write that waits for its turn. Erases the closure's types, so that the writer is compiled once.
pub(crate) trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;

    /// Runs the closure and keeps its result; true when it wants its changes to stay. May be called again after its
    /// changes were rolled back.
    fn attempt(&mut self, conn: &mut Conn) -> bool;

    /// Replaces the result: the changes did not, or may not, stay.
    fn fail(&mut self, error: StoreError);

    /// Hands the result to the caller.
    fn answer(self: Box<Self>);
}

pub(crate) struct Task<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Task<F, T, E> {
    pub(crate) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        let task = Self {
            work,
            result: None,
            reply,
        };
        (task, answer)
    }
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: Fn(&mut Conn) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn attempt(&mut self, conn: &mut Conn) -> bool {
        // What the closure captured is only seen again by the closure itself; its changes are rolled back.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(conn)))
            .unwrap_or_else(|_payload| Err(StoreError::Panicked.into()));
        let wants_to_stay = result.is_ok();
        self.result = Some(result);
        wants_to_stay
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(StoreError::Closed.into()));
        // The caller may have left; what was written stays.
        drop(self.reply.send(result));
    }
}
