use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use imajin_kernel::Problem;
use imajin_web::Duplex;
use tokio::io::copy_bidirectional;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many connections speak another protocol at once: each keeps two sockets of the process that keeps the ledger.
const TUNNELS_MAX: usize = 256;
/// How long nobody may say anything. Whoever wants to stay sends a ping.
const QUIET_MAX: Duration = Duration::from_mins(5);
const RETRY_AFTER_SECONDS: u32 = 10;

/// Connections that have changed their protocol: what goes through them is the site's and the visitor's alone. They are
/// bounded in number and in silence, and end with the process.
pub struct Tunnels {
    tasks: TaskTracker,
    stop: CancellationToken,
    slots: Arc<Semaphore>,
}

/// The right to one of them.
pub(crate) struct Slot(OwnedSemaphorePermit);

impl Tunnels {
    /// Tunnels that run among `tasks` until `stop`.
    pub fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self {
            tasks,
            stop,
            slots: Arc::new(Semaphore::new(TUNNELS_MAX)),
        }
    }

    pub(crate) fn slot(&self) -> Result<Slot, Problem> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
        let slot = slot.ok_or_else(|| {
            let problem = Problem::unavailable("Another connection of this kind");
            problem.retry_after_seconds(RETRY_AFTER_SECONDS)
        })?;
        Ok(Slot(slot))
    }

    /// Passes on what either side says, from when the visitor's connection has changed as well.
    pub(crate) fn start(
        &self,
        slot: Slot,
        client: impl Future<Output = hyper::Result<Upgraded>> + Send + 'static,
        site: Box<dyn Duplex>,
    ) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            if let Some(Ok(client)) = stop.run_until_cancelled(client).await {
                stop.run_until_cancelled(pass_on(client, site)).await;
            }
            drop(slot.0);
        });
    }
}

async fn pass_on(client: Upgraded, site: Box<dyn Duplex>) {
    let has_moved = AtomicBool::new(false);
    let note = |_bytes: &[u8]| has_moved.store(true, Ordering::Relaxed);
    let mut client = InspectReader::new(TokioIo::new(client), note);
    let mut site = InspectReader::new(site, note);
    tokio::select! {
        // Either side may end it at any time.
        _ended = copy_bidirectional(&mut client, &mut site) => {}
        () = quiet(&has_moved) => {}
    }
}

/// Ends when nothing has moved for a while.
async fn quiet(has_moved: &AtomicBool) {
    loop {
        tokio::time::sleep(QUIET_MAX).await;
        if !has_moved.swap(false, Ordering::Relaxed) {
            return;
        }
    }
}
