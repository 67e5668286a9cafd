use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use tokio::sync::Semaphore;

use crate::location::{Connector, Link, Role};
use crate::migrate::depth;
use crate::{Conn, StoreError};

/// A connection to a server that was idle for longer than this is asked whether it is still there.
const TRUSTED: Duration = Duration::from_secs(5);

/// So many connections stay open when nobody reads: each has a page cache of its own.
const IDLE_MAX: usize = 2;

/// So long the others stay open: whoever reads much at once does so again, and opening one costs many times a read.
const SURPLUS_KEPT: Duration = Duration::from_secs(10);

fn connection_lost() -> StoreError {
    StoreError::Unavailable("the connection broke while it was read from".to_owned())
}

/// Connections for reading, opened when they are needed. Smaller than a general pool: no threads of its own, and an
/// idle node on a small board keeps next to nothing.
pub(crate) struct Readers {
    connector: Connector,
    permits: Arc<Semaphore>,
    /// The one that was used last is at the end, and is taken first.
    idle: Mutex<Vec<(Link, Instant)>>,
    /// Reads run on the thread that asks.
    inline: bool,
}

impl Readers {
    pub(crate) fn new(connector: Connector, inline: bool) -> Self {
        let permits = Arc::new(Semaphore::new(connector.options.readers.max(1)));
        Self {
            connector,
            permits,
            idle: Mutex::new(Vec::new()),
            inline,
        }
    }

    pub(crate) async fn run<T, E, F>(self: Arc<Self>, read: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return Err(StoreError::Closed.into());
        };
        if self.inline {
            return self.read(read);
        }
        let running = tokio::task::spawn_blocking(move || {
            let result = self.read(read);
            drop(permit);
            result
        });
        // The runtime drops the task only when it stops.
        running.await.unwrap_or_else(|_stopped| Err(StoreError::Closed.into()))
    }

    fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E>,
        E: From<StoreError>,
    {
        let mut link = self.take()?;
        let result = catch_unwind(AssertUnwindSafe(|| read(&mut link.conn)));
        let lost = link.faults.lost();
        self.put_back(link, result.is_err());
        let result = result.unwrap_or_else(|_payload| Err(StoreError::Panicked.into()));
        // Whatever the closure made of it: the server went away, and asking again may help.
        result.map_err(|error| if lost { connection_lost().into() } else { error })
    }

    /// No more reads begin; idle connections are closed.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Link, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Link, StoreError> {
        loop {
            let Some((mut link, since)) = self.lock().pop() else {
                return self.connector.connect(Role::Reader);
            };
            let stale = match &mut link.conn {
                Conn::Sqlite(_) => false,
                Conn::Postgres(conn) => since.elapsed() > TRUSTED && conn.batch_execute("SELECT 1").is_err(),
            };
            if !stale {
                link.faults.clear();
                return Ok(link);
            }
        }
    }

    fn put_back(&self, mut link: Link, panicked: bool) {
        let lost = link.faults.lost();
        let good = !panicked && !lost && depth(&mut link.conn) == Some(0);
        let mut idle = self.lock();
        // The server went away: the others are as dead.
        let ended = if lost { idle.len() } else { surplus(&idle) };
        let ended: Vec<_> = idle.drain(..ended).collect();
        if good && !self.permits.is_closed() {
            idle.push((link, Instant::now()));
        }
        drop(idle);
        // Closing takes a while, in which others may read.
        drop(ended);
    }
}

/// How many of the connections, from the one that was used longest ago, are more than stay open and were not needed
/// lately.
fn surplus(idle: &[(Link, Instant)]) -> usize {
    let more = idle.len().saturating_sub(IDLE_MAX);
    let unused = idle.iter().take_while(|(_, since)| since.elapsed() > SURPLUS_KEPT);
    unused.count().min(more)
}
