//! What runs beside the requests: publishing names, signing the directory, and what time alone brings.

use std::sync::Arc;
use std::time::Duration;

use imajin_kernel::{Problem, Span};
use imajin_store::{Conn, mutation, outbox};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Context;
use crate::domain::sweep::Withdrawn;
use crate::domain::{console, directory, publication, resume, sweep};
use crate::registry::Registry;
use crate::{NamesSwept, RegistryError};

/// How often changes of status that nobody caused are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often names that could not be published are looked at when nothing else happens.
const PUBLISH_EVERY: Duration = Duration::from_secs(5);

/// How long items of the outbox that have arrived are kept.
const OUTBOX_KEPT: Span = Span::days(7);

/// What became of signing the directory.
enum Signed {
    /// The log ends now with this number, after so many entries have changed.
    Now { own: i64, changed: usize },
    /// The log ends before what was seen of it, and nothing was signed.
    Older { own: i64 },
}

/// Signs what has changed, unless the log ends before the number that was `seen` in it.
fn log_go_on(conn: &mut Conn, context: &Context, seen: i64) -> Result<Signed, RegistryError> {
    let own = resume::own_seq(conn)?;
    if own < seen {
        return Ok(Signed::Older { own });
    }
    let changed = directory::head_sign(conn, context)?;
    let own = resume::own_seq(conn)?;
    Ok(Signed::Now { own, changed })
}

impl Registry {
    /// Starts what runs beside the requests, until `stop`: writing down the changes of status that time brings, and
    /// publishing names.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (registry, ends) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move { registry.names_run(&ends).await });
        let (registry, ends) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move { registry.copies_run(&ends).await });
        let (registry, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                match registry.sweep().await {
                    Ok(0) => {}
                    Ok(changed) => tracing::info!(changed, "nodes changed their status"),
                    Err(problem) => tracing::warn!(%problem, "changes of status were not written down"),
                }
                registry.purge().await;
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(SWEEP_EVERY) => {}
                }
            }
            mutation::head_sign(&registry.db, &registry.context.writer).await;
        });
    }

    /// Forgets what has served its time. That it is still there harms nobody.
    async fn purge(&self) {
        let purged = self
            .write(|conn, context| Ok(outbox::purge(conn, context.env.now().minus(OUTBOX_KEPT))?))
            .await;
        if let Err(error) = purged {
            tracing::warn!(%error, "what has been published was not forgotten");
        }
        imajin_store::purge(&self.db, self.context.env.now()).await;
    }

    /// Publishes names whenever something has changed, and tries again what failed.
    async fn names_run(&self, stop: &CancellationToken) {
        if let Err(problem) = self.unpublished_look().await {
            tracing::warn!(%problem, "names that are not published could not be looked for");
        }
        if let Err(problem) = self.directory_fill().await {
            tracing::warn!(%problem, "nodes that the directory does not know could not be looked for");
        }
        loop {
            if let Err(problem) = self.directory_sign().await {
                tracing::warn!(%problem, "the directory could not be signed");
            }
            if let Err(problem) = self.dns_drive().await {
                tracing::warn!(%problem, "names that are due could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(PUBLISH_EVERY) => {}
            }
        }
    }

    /// Signs the directory anew when something in it has changed; returns how many entries did. The background task
    /// calls it. Nothing is signed before copies have said what they have seen of it, nor while one has more.
    ///
    /// # Errors
    /// When the database does not answer, or another process has signed in this moment.
    pub async fn directory_sign(&self) -> Result<usize, Problem> {
        let mut total = 0_usize;
        while self.copies_heard().await {
            let seen = self.copies.own_seen();
            let signed = self.write(move |conn, context| log_go_on(conn, context, seen)).await?;
            match signed {
                Signed::Older { own } => self.copies.own_restored(own, self.context.env.now()),
                Signed::Now { own, changed } => {
                    self.copies.own_note(own);
                    if changed == 0 {
                        break;
                    }
                    total = total.saturating_add(changed);
                }
            }
        }
        Ok(total)
    }

    /// Notes nodes that the directory does not know, because they registered before there was one; returns how many.
    /// It looks at every node: the background task calls it when it starts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directory_fill(&self) -> Result<usize, Problem> {
        let mut total = 0_usize;
        loop {
            let noted = self.write(directory::missing_note).await?;
            if noted == 0 {
                return Ok(total);
            }
            total = total.saturating_add(noted);
        }
    }

    /// Makes the worker look at names that were given out while nobody served the zone; returns how many. The
    /// background task calls it when it starts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unpublished_look(&self) -> Result<usize, Problem> {
        self.all_names(publication::unpublished_enqueue).await
    }

    /// Publishes every name again, because the zone was lost or somebody else serves it now; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn names_republish(&self) -> Result<usize, Problem> {
        let names = self.all_names(publication::all_unpublish).await?;
        self.wake.notify_one();
        Ok(names)
    }

    /// Tries names that are not published at once; returns how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn names_retry(&self) -> Result<usize, Problem> {
        let names = self.all_names(console::unpublished_expedite).await?;
        self.wake.notify_one();
        Ok(names)
    }

    async fn all_names(
        &self,
        step: fn(&mut Conn, &Context, &str) -> Result<Vec<String>, RegistryError>,
    ) -> Result<usize, Problem> {
        let (mut total, mut after) = (0_usize, String::new());
        loop {
            let from = after.clone();
            let names = self.write(move |conn, context| step(conn, context, &from)).await?;
            let Some(last) = names.last() else { return Ok(total) };
            after.clone_from(last);
            total = total.saturating_add(names.len());
        }
    }

    /// Writes down the changes of status that time has brought, and takes the names of nodes that are gone out of DNS;
    /// returns for how many nodes the status was another. The background task calls it. What is read is right without
    /// it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self) -> Result<usize, Problem> {
        let noted = self.statuses_sweep().await;
        // Names leave DNS whatever became of the statuses.
        self.names_sweep(false).await?;
        self.strays_sweep().await?;
        Ok(noted?)
    }

    /// Nodes that came back with the directory and never registered again leave it.
    async fn strays_sweep(&self) -> Result<(), RegistryError> {
        let due = self
            .read(|conn, context| resume::strays_due(conn, context.env.now()))
            .await?;
        if due.is_empty() {
            return Ok(());
        }
        self.write(move |conn, context| resume::strays_retire(conn, context, &due))
            .await
    }

    async fn statuses_sweep(&self) -> Result<usize, RegistryError> {
        let (mut total, mut passed) = (0_usize, Vec::new());
        loop {
            let over = passed.clone();
            let mut noted = self
                .write(move |conn, context| sweep::statuses_note(conn, context, &over))
                .await?;
            if noted.changed == 0 && noted.passed.is_empty() {
                return Ok(total);
            }
            total = total.saturating_add(noted.changed);
            passed.append(&mut noted.passed);
        }
    }

    /// Takes the names of nodes whose registration ran out out of DNS. When too many nodes fell silent together nothing
    /// is swept, because the registry's own network is the suspect, unless somebody says that they `are_gone`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn names_sweep(&self, are_gone: bool) -> Result<NamesSwept, Problem> {
        let (mut total, mut after) = (0_usize, String::new());
        loop {
            let from = after.clone();
            let Withdrawn { swept, last } = self
                .write(move |conn, context| sweep::names_withdraw(conn, context, (&from, are_gone)))
                .await?;
            match swept {
                NamesSwept::Withdrawn(names) => total = total.saturating_add(names),
                held @ NamesSwept::Held { .. } => {
                    tracing::warn!(
                        ?held,
                        "too many nodes fell silent together: no name is taken out of DNS"
                    );
                    return Ok(held);
                }
            }
            let Some(last) = last else { break };
            after = last;
        }
        if total > 0 {
            tracing::info!(names = total, "names of nodes that are gone leave DNS");
            self.wake.notify_one();
        }
        Ok(NamesSwept::Withdrawn(total))
    }
}
