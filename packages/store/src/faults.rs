use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::{Connection, InstrumentationEvent, get_default_instrumentation};
use diesel::result::{DatabaseErrorKind, Error};

use crate::Conn;

/// What the statements of a connection have met since the last look.
///
/// A closure's own error type hides which statement failed and why, so diesel's instrumentation is asked instead.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    failed: AtomicBool,
    collided: AtomicBool,
    lost: AtomicBool,
}

impl Faults {
    /// Any statement failed.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// A statement met another transaction (deadlock, serialization failure, too long a wait for a lock): the same
    /// again may succeed.
    pub(crate) fn collided(&self) -> bool {
        self.collided.load(Ordering::Relaxed)
    }

    /// The connection is gone.
    pub(crate) fn lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn clear(&self) {
        self.failed.store(false, Ordering::Relaxed);
        self.collided.store(false, Ordering::Relaxed);
    }

    pub(crate) fn watch(self: &Arc<Self>, conn: &mut Conn) {
        let faults = Arc::clone(self);
        // Whoever counts the statements of the process, a test for example, goes on counting.
        let mut outer = get_default_instrumentation();
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = &event {
                faults.note(error);
            }
            if let Some(outer) = &mut outer {
                outer.on_connection_event(event);
            }
        });
    }

    pub(crate) fn note(&self, error: &Error) {
        self.failed.store(true, Ordering::Relaxed);
        match error {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                self.collided.store(true, Ordering::Relaxed);
            }
            // diesel has no kinds of its own for SQLSTATE 40P01 and 55P03.
            Error::DatabaseError(DatabaseErrorKind::Unknown, info)
                if info.message().starts_with("deadlock") || info.message().ends_with("due to lock timeout") =>
            {
                self.collided.store(true, Ordering::Relaxed);
            }
            Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
            | Error::BrokenTransactionManager => {
                self.lost.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
