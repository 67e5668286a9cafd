//! Group commit: one thread runs the queued writes and makes many of them durable with one sync of the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use diesel::connection::{SimpleConnection, TransactionManager};
use tokio::sync::watch;

use crate::job::Job;
use crate::location::{Connector, Link, Role};
use crate::migrate::{begin_write, depth};
use crate::stepped::Fate;
use crate::{Conn, Location, StoreError};

/// After this long without a write, the log is moved into the file and memory is given back.
const IDLE: Duration = Duration::from_secs(2);

/// After a refusal, so many batches in a row are run with savepoints.
const CAUTION: u32 = 16;

/// How often a write that meets another process' transactions is tried before it is refused.
const ATTEMPTS: u32 = 5;

pub(crate) struct Writer {
    pub(crate) service: &'static str,
    pub(crate) connector: Connector,
    pub(crate) link: Option<Link>,
    pub(crate) queue: Receiver<Box<dyn Job>>,
    pub(crate) queued: Arc<AtomicUsize>,
    pub(crate) commits: watch::Sender<u64>,
    /// See [`Db::exclude_other_writers`](crate::Db::exclude_other_writers).
    pub(crate) excludes: Arc<AtomicBool>,
    /// Batches to go until writes may share a transaction without savepoints again.
    pub(crate) cautious: u32,
}

/// How the writes of a transaction are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// There is only one: the transaction is its own.
    Alone,
    /// Each has a savepoint.
    Savepoints,
    /// Not at all, as long as none of them fails. A savepoint costs Postgres two more round trips; when a write does
    /// fail, the whole batch is rolled back and run again with savepoints.
    Trusting,
}

/// Why a transaction of several writes did not happen.
enum Setback {
    /// Nothing was written: each alone may succeed.
    Again,
    /// Nothing was written: one of them failed, and there were no savepoints.
    Refusal,
    /// All share this fate.
    Failed(fn(&str) -> StoreError, String),
}

impl Setback {
    fn unavailable(cause: &impl ToString) -> Self {
        Self::Failed(|cause| StoreError::Unavailable(cause.to_owned()), cause.to_string())
    }

    fn unknown() -> Self {
        Self::Failed(|_cause| StoreError::OutcomeUnknown, String::new())
    }
}

impl Writer {
    /// Works until every sender is gone and the queue is empty.
    pub(crate) fn run(mut self) {
        let mut rested = true;
        loop {
            let received = if rested {
                self.queue.recv().map_err(|_closed| RecvTimeoutError::Disconnected)
            } else {
                self.queue.recv_timeout(IDLE)
            };
            match received {
                Ok(first) => {
                    rested = false;
                    self.run_batch(first);
                }
                Err(RecvTimeoutError::Timeout) => {
                    rested = true;
                    self.rest();
                }
                Err(RecvTimeoutError::Disconnected) => return self.rest(),
            }
        }
    }

    fn run_batch(&mut self, first: Box<dyn Job>) {
        let limit = self.connector.options.batch_length.max(1);
        let mut batch = self.batch_take(first, limit);
        if batch.is_empty() {
            return;
        }
        self.batch_write(&mut batch);
        self.batch_answer(batch);
    }

    /// Runs a batch of what waits, with a given end; returns how many writes it took. For simulations.
    pub(crate) fn step(&mut self, limit: usize, fate: Fate) -> usize {
        let Ok(first) = self.queue.try_recv() else { return 0 };
        let mut batch = self.batch_take(first, limit.max(1));
        let length = batch.len();
        if length == 0 {
            return 0;
        }
        let unavailable = || StoreError::Unavailable("the database is away".to_owned());
        match fate {
            Fate::Kept => self.batch_write(&mut batch),
            Fate::Refused => batch.iter_mut().for_each(|job| job.fail(unavailable())),
            Fate::KeptUnheard => {
                self.batch_write(&mut batch);
                for job in &mut batch {
                    job.fail(StoreError::OutcomeUnknown);
                }
            }
            Fate::LostUnheard => batch.iter_mut().for_each(|job| job.fail(StoreError::OutcomeUnknown)),
        }
        self.batch_answer(batch);
        length
    }

    /// The writes that are next, without those that nobody waits for any more.
    fn batch_take(&mut self, first: Box<dyn Job>, limit: usize) -> Vec<Box<dyn Job>> {
        let mut batch = vec![first];
        while batch.len() < limit {
            match self.queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(_empty_or_closed) => break,
            }
        }
        let waiting = self
            .queued
            .fetch_sub(batch.len(), Ordering::Relaxed)
            .saturating_sub(batch.len());
        batch.retain(|job| !job.is_abandoned());
        if !batch.is_empty() {
            self.measure(batch.len(), waiting);
        }
        batch
    }

    fn batch_write(&mut self, batch: &mut [Box<dyn Job>]) {
        match self.commit_batch(batch) {
            Ok(()) => {}
            Err(Setback::Again | Setback::Refusal) => batch.iter_mut().for_each(|job| self.commit_alone(job)),
            Err(Setback::Failed(error, cause)) => batch.iter_mut().for_each(|job| job.fail(error(&cause))),
        }
    }

    fn batch_answer(&self, batch: Vec<Box<dyn Job>>) {
        self.commits.send_modify(|count| *count = count.wrapping_add(1));
        for job in batch {
            job.answer();
        }
    }

    fn measure(&self, batch: usize, waiting: usize) {
        let gauge = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::histogram!("imajin_store_batch_length", "service" => self.service).record(gauge(batch));
        metrics::gauge!("imajin_store_queue_length", "service" => self.service).set(gauge(waiting));
    }

    fn commit_batch(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), Setback> {
        if batch.len() == 1 {
            return self.commit(batch, Mode::Alone);
        }
        let is_remote = matches!(self.connector.location, Location::Postgres { .. });
        if is_remote && self.cautious == 0 {
            match self.commit(batch, Mode::Trusting) {
                Err(Setback::Refusal) => self.cautious = CAUTION,
                outcome => return outcome,
            }
        }
        self.cautious = self.cautious.saturating_sub(1);
        self.commit(batch, Mode::Savepoints)
    }

    /// A write that cannot share its transaction, tried until it stops meeting others.
    fn commit_alone(&mut self, job: &mut Box<dyn Job>) {
        for _attempt in 0..ATTEMPTS {
            match self.commit(std::slice::from_mut(job), Mode::Alone) {
                Ok(()) => return,
                Err(Setback::Again | Setback::Refusal) => {}
                Err(Setback::Failed(error, cause)) => return job.fail(error(&cause)),
            }
        }
        job.fail(StoreError::Unavailable(
            "the write kept meeting other transactions".to_owned(),
        ));
    }

    /// One transaction for all of them. Those that do not want to stay are rolled back to their savepoint.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>], mode: Mode) -> Result<(), Setback> {
        let mut link = self.begin()?;
        for job in jobs.iter_mut() {
            link.faults.clear();
            let stays = match mode {
                Mode::Alone | Mode::Trusting => attempt(job, &mut link, 1),
                Mode::Savepoints => in_savepoint(job, &mut link),
            };
            if link.faults.lost() {
                return Err(Setback::Again);
            }
            if link.faults.collided() {
                self.roll_back(link);
                return Err(Setback::Again);
            }
            match mode {
                Mode::Alone if !stays => {
                    self.roll_back(link);
                    return Ok(());
                }
                Mode::Trusting if !stays => {
                    self.roll_back(link);
                    return Err(Setback::Refusal);
                }
                _ => {}
            }
        }
        self.finish(link, jobs)
    }

    fn finish(&mut self, mut link: Link, jobs: &mut [Box<dyn Job>]) -> Result<(), Setback> {
        let Err(error) = Conn::commit_transaction(&mut link.conn) else {
            metrics::counter!("imajin_store_commits_total", "service" => self.service).increment(1);
            self.link = Some(link);
            return Ok(());
        };
        link.faults.note(&error);
        if link.faults.lost() || depth(&mut link.conn) != Some(0) {
            tracing::error!(%error, service = self.service, "a commit broke off");
            return Err(Setback::unknown());
        }
        let collided = link.faults.collided();
        self.link = Some(link);
        match jobs {
            // A deferred constraint speaks up at the commit: only alone is it clear whose it was.
            [job] if !collided => {
                job.fail(StoreError::Database(error));
                Ok(())
            }
            _ => Err(Setback::Again),
        }
    }

    /// Ends the transaction without a trace and keeps the connection if it is still good.
    fn roll_back(&mut self, mut link: Link) {
        match Conn::rollback_transaction(&mut link.conn) {
            Ok(()) if depth(&mut link.conn) == Some(0) => self.link = Some(link),
            Ok(()) => {}
            // Closing the connection rolls back as well.
            Err(error) => tracing::warn!(%error, service = self.service, "a rollback failed; reconnecting"),
        }
    }

    /// A connection with an open transaction; connects again when the old one has gone.
    fn begin(&mut self) -> Result<Link, Setback> {
        let alone = self
            .excludes
            .load(Ordering::Relaxed)
            .then_some(&self.connector.location);
        if let Some(mut link) = self.link.take() {
            link.faults.clear();
            match begin_write(&mut link.conn, alone) {
                Ok(()) => return Ok(link),
                Err(error) => {
                    link.faults.note(&error);
                    if !link.faults.lost() && depth(&mut link.conn) == Some(0) {
                        self.link = Some(link);
                        return Err(Setback::unavailable(&error));
                    }
                    tracing::warn!(%error, service = self.service, "the database connection has gone; reconnecting");
                }
            }
        }
        let mut link = self
            .connector
            .connect(Role::Writer)
            .map_err(|error| Setback::unavailable(&error))?;
        begin_write(&mut link.conn, alone).map_err(|error| Setback::unavailable(&error))?;
        Ok(link)
    }

    /// Bounds the log while nobody waits, and gives the page cache back. Failing is harmless: the next commit does it.
    fn rest(&mut self) {
        if let Some(Link {
            conn: Conn::Sqlite(conn),
            ..
        }) = &mut self.link
            && let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE); PRAGMA shrink_memory;")
        {
            tracing::debug!(%error, service = self.service, "the write-ahead log was not checkpointed");
        }
    }
}

fn in_savepoint(job: &mut Box<dyn Job>, link: &mut Link) -> bool {
    if let Err(error) = Conn::begin_transaction(&mut link.conn) {
        link.faults.note(&error);
        job.fail(StoreError::Database(error));
        return false;
    }
    let stays = attempt(job, link, 2);
    let ended = if stays {
        Conn::commit_transaction(&mut link.conn)
    } else {
        Conn::rollback_transaction(&mut link.conn)
    };
    match ended {
        Ok(()) => stays,
        Err(error) => {
            link.faults.note(&error);
            if stays {
                job.fail(StoreError::Database(error));
                // Diesel leaves a savepoint that could not be released open.
                unwind(&mut link.conn, 1);
            }
            false
        }
    }
}

/// Runs the closure at the given depth and brings the connection back to that depth, whatever the closure left open.
fn attempt(job: &mut Box<dyn Job>, link: &mut Link, base: u32) -> bool {
    let mut stays = job.attempt(&mut link.conn);
    if unwind(&mut link.conn, base) && stays {
        job.fail(StoreError::Database(diesel::result::Error::AlreadyInTransaction));
        stays = false;
    }
    // Postgres answers COMMIT after a failed statement with a silent rollback: the closure may not have noticed.
    if stays
        && link.faults.failed()
        && let Conn::Postgres(conn) = &mut link.conn
        && let Err(error) = conn.batch_execute("SELECT 1")
    {
        link.faults.note(&error);
        job.fail(StoreError::Database(error));
        stays = false;
    }
    stays
}

/// Rolls back what is open above `base`; true when there was something.
fn unwind(conn: &mut Conn, base: u32) -> bool {
    let mut found = false;
    while depth(conn).is_some_and(|depth| depth > base) {
        found = true;
        if Conn::rollback_transaction(conn).is_err() {
            break;
        }
    }
    found
}
