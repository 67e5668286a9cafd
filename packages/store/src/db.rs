use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::job::{Job, Task};
use crate::location::{Connector, Role};
use crate::migrate::migrate;
use crate::readers::Readers;
use crate::stepped::Stepper;
use crate::writer::Writer;
use crate::{Conn, Location, Migrations, StoreError};

/// How a database is used. The defaults suit a small board and are no hindrance to a large machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// So many writes may wait; the next one is refused as [`StoreError::Busy`].
    pub queue_length: usize,
    /// So many writes share one commit at most.
    pub batch_length: usize,
    /// So many reads run at once; the others wait.
    pub readers: usize,
    /// How long SQLite waits for another process' lock.
    pub busy_timeout: Duration,
    /// SQLite's page cache of the writer, in KiB.
    pub writer_cache_kib: u32,
    /// SQLite's page cache of each reader, in KiB.
    pub reader_cache_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_length: 4096,
            batch_length: 256,
            readers: 4,
            busy_timeout: Duration::from_secs(5),
            // A large batch fits, and need not be spilled to the log before its commit; given back at rest.
            writer_cache_kib: 8192,
            reader_cache_kib: 512,
        }
    }
}

/// A service's database. Cheap to clone; every clone is the same database.
#[derive(Clone)]
pub struct Db(Arc<Shared>);

struct Shared {
    service: &'static str,
    queue: RwLock<Option<SyncSender<Box<dyn Job>>>>,
    queued: Arc<AtomicUsize>,
    commits: watch::Receiver<u64>,
    readers: Arc<Readers>,
    /// Whether write transactions wait for those of other processes.
    excludes: Arc<AtomicBool>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Db {
    /// Connects, brings the schema up to date (the tables that all services share, then the service's own) and
    /// starts the writer. Blocks while it does: call it at the start.
    ///
    /// # Errors
    /// [`StoreError::Location`] for what cannot be opened, [`StoreError::Unavailable`] when the database is not
    /// there, [`StoreError::Migration`] when the schema cannot be brought up to date.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a caller hands over a constant, and its name reads better alone"
    )]
    pub fn open(
        location: Location,
        service: &'static str,
        migrations: Migrations,
        options: Options,
    ) -> Result<Self, StoreError> {
        let (shared, writer) = open(location, service, &migrations, options, false)?;
        let thread = std::thread::Builder::new()
            .name(format!("{service}-writer"))
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        let writer = Mutex::new(Some(thread));
        Ok(Self(Arc::new(Shared { writer, ..shared })))
    }

    /// As [`Db::open`], without threads: reads run where they are asked for, and writes when the [`Stepper`] says so.
    /// For simulations, in which one seed decides the order of everything; dropping both is a process' sudden end.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_stepped(
        location: Location,
        service: &'static str,
        migrations: &Migrations,
        options: Options,
    ) -> Result<(Self, Stepper), StoreError> {
        let (shared, writer) = open(location, service, migrations, options, true)?;
        Ok((Self(Arc::new(shared)), Stepper::new(writer)))
    }

    /// Whose database it is.
    pub fn service(&self) -> &'static str {
        self.0.service
    }

    /// Runs queries on a connection that cannot write. Wrap them in `conn.transaction` when several must see the same
    /// moment.
    ///
    /// # Errors
    /// What the closure returns; [`StoreError::Unavailable`], [`StoreError::Closed`] or [`StoreError::Panicked`].
    pub async fn read<T, E, F>(&self, read: F) -> Result<T, E>
    where
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        Arc::clone(&self.0.readers).run(read).await
    }

    /// Runs a closure in a transaction and answers when its changes are durable.
    ///
    /// The closures of many callers share one commit. An error rolls back what this closure wrote, and nothing else;
    /// so does a panic. The closure may run more than once (a deadlock, a lost connection) and must therefore have no
    /// effect outside the database. When the future is dropped, the write may or may not happen.
    ///
    /// # Errors
    /// What the closure returns; [`StoreError::Busy`] when too many writes wait, and the other variants as they say.
    pub async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (task, answer) = Task::new(write);
        self.enqueue(Box::new(task))?;
        // A writer that ends drops what it has not run.
        answer.await.unwrap_or_else(|_dropped| Err(StoreError::Closed.into()))
    }

    /// From now on, a write transaction waits until no other process writes to this database, as it does on SQLite
    /// anyway. For services whose rules are about several rows at once: money, of which two processes could otherwise
    /// each read what the other is about to change.
    pub fn exclude_other_writers(&self) {
        self.0.excludes.store(true, Ordering::Relaxed);
    }

    /// Changes with every commit of this process: an outbox worker waits here instead of asking again and again.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.clone()
    }

    /// Refuses new work, finishes what is queued, and closes every connection. For all clones.
    pub async fn close(self) {
        let sender = self.0.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(sender);
        self.0.readers.close();
        let thread = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!(service = self.0.service, "the database writer ended with a panic");
        }
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.0.queue.read().unwrap_or_else(PoisonError::into_inner);
        let sender = queue.as_ref().ok_or(StoreError::Closed)?;
        self.0.queued.fetch_add(1, Ordering::Relaxed);
        sender.try_send(job).map_err(|error| {
            self.0.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => StoreError::Closed,
            }
        })
    }
}

/// Everything but the thread of the writer.
fn open(
    location: Location,
    service: &'static str,
    migrations: &Migrations,
    options: Options,
    inline: bool,
) -> Result<(Shared, Writer), StoreError> {
    location.check()?;
    let connector = Connector { location, options };
    let mut link = connector.connect(Role::Writer)?;
    migrate(&mut link.conn, &connector.location, service, migrations)?;
    let (sender, queue) = sync_channel(connector.options.queue_length.max(1));
    let (commits_sender, commits) = watch::channel(0);
    let queued = Arc::new(AtomicUsize::new(0));
    let excludes = Arc::new(AtomicBool::new(false));
    let writer = Writer {
        service,
        connector: connector.clone(),
        link: Some(link),
        queue,
        queued: Arc::clone(&queued),
        commits: commits_sender,
        excludes: Arc::clone(&excludes),
        cautious: 0,
    };
    let shared = Shared {
        service,
        excludes,
        queue: RwLock::new(Some(sender)),
        queued,
        commits,
        readers: Arc::new(Readers::new(connector, inline)),
        writer: Mutex::new(None),
    };
    Ok((shared, writer))
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db")
            .field("service", &self.0.service)
            .finish_non_exhaustive()
    }
}
