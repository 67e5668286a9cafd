use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use imajin_did::{Keyring, Sealed, SecretKey};
use imajin_kernel::id::EventId;

use crate::EventsError;
use crate::rows::EventRow;

/// How many keys stay open at once; when there are more, all are forgotten and opened again as needed.
const OPEN_MAX: usize = 256;

/// The private keys of events, each opened once. They never leave this process, and are wiped when they are dropped.
pub(crate) struct EventKeys {
    keyring: Keyring,
    open: Mutex<HashMap<EventId, Arc<SecretKey>>>,
}

impl EventKeys {
    pub(crate) fn new(keyring: Keyring) -> Self {
        Self {
            keyring,
            open: Mutex::new(HashMap::new()),
        }
    }

    /// The key of an event, if it is open.
    pub(crate) fn get(&self, id: EventId) -> Option<Arc<SecretKey>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .map(Arc::clone)
    }

    /// Opens the key of an event and checks that it is the key of the event's DID.
    pub(crate) fn open(&self, event: &EventRow) -> Result<Arc<SecretKey>, EventsError> {
        let sealed = Sealed::from_bytes(event.sealed_key.clone());
        let key = self
            .keyring
            .open_key(&EventRow::key_label(event.id), &sealed)
            .map_err(|_error| EventsError::damaged("events", &event.id, "its key cannot be opened"))?;
        if key.did() != event.did {
            return Err(EventsError::damaged(
                "events",
                &event.id,
                "its key is not the key of its DID",
            ));
        }
        let key = Arc::new(key);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(event.id, Arc::clone(&key));
        Ok(key)
    }
}
