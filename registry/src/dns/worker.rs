use std::collections::HashSet;

use futures::StreamExt;
use imajin_did::Did;
use imajin_dns::{Change, DnsError};
use imajin_kernel::{Problem, Span};
use imajin_store::outbox::{self, OutboxRow};

use super::{Publisher, acme_label, changes, uuid_text};
use crate::RegistryError;
use crate::domain::publication::{self, NAMES_PUBLISH, Names, Outcome};
use crate::domain::vacancy;
use crate::registry::Registry;
use crate::rows::DnsNameRow;

/// Items that are taken from the outbox at a time.
const ITEMS: i64 = 64;
/// Nodes whose names are published at once.
const CONCURRENT: usize = 4;
/// For how long an item belongs to the worker that took it: longer than a provider may take for both its changes and
/// their undoing.
const LEASE: Span = Span::minutes(2);

/// Names that are to be published, after a look at what the zone has.
enum Begun {
    /// Those that may be.
    Ready(Vec<DnsNameRow>),
    /// The provider did not say.
    Failed(Vec<DnsNameRow>, DnsError),
}

impl Registry {
    /// Publishes the names that are due. Returns how many items of the outbox were handled. The background calls it,
    /// again and again.
    ///
    /// # Errors
    /// When the database does not answer. What the provider does not take is tried again later, and is no error here.
    pub async fn dns_drive(&self) -> Result<usize, Problem> {
        let Some(publisher) = &self.publisher else { return Ok(0) };
        let mut seen = HashSet::new();
        loop {
            let mut due = self
                .read(|conn, context| Ok(outbox::due(conn, context.env.now(), ITEMS)?))
                .await?;
            due.retain(|item| item.topic == NAMES_PUBLISH && seen.insert(item.id));
            if due.is_empty() {
                return Ok(seen.len());
            }
            futures::stream::iter(due)
                .for_each_concurrent(CONCURRENT, |item| async move {
                    if let Err(error) = self.item_handle(publisher, &item).await {
                        tracing::warn!(node = item.key, %error, "the names of a node could not be looked at");
                        self.item_postpone(&item, &error).await;
                    }
                })
                .await;
            self.published.notify_waiters();
        }
    }

    /// Puts an item back for a while, so that what cannot be handled now holds nothing else up.
    async fn item_postpone(&self, item: &OutboxRow, error: &RegistryError) {
        let (id, reason) = (item.id, error.to_string());
        let postponed = self
            .write(move |conn, context| {
                outbox::retry(conn, &context.sealer, &id, context.env.now(), &reason)?;
                Ok(())
            })
            .await;
        if let Err(error) = postponed {
            tracing::warn!(node = item.key, %error, "nor could that be noted");
        }
    }

    async fn item_handle(&self, publisher: &Publisher, item: &OutboxRow) -> Result<(), RegistryError> {
        let names: Names = item
            .parse()
            .map_err(|error| RegistryError::Fault(format!("an item of the outbox cannot be read: {error}")))?;
        let (id, asked) = (item.id, names.clone());
        let rows = self
            .write(move |conn, context| publication::names_take(conn, context, &id, &asked, LEASE))
            .await?;
        let Some(rows) = rows else { return Ok(()) };
        let (rows, outcome) = match self.rows_begin(publisher, rows).await? {
            Begun::Ready(rows) => {
                let outcome = self.rows_publish(publisher, &rows).await?;
                (rows, outcome)
            }
            Begun::Failed(rows, error) => (rows, Outcome::Failed(error.to_string())),
        };
        let revisions: Vec<(String, i64)> = rows.into_iter().map(|row| (row.name, row.revision)).collect();
        let did = item.key.clone();
        self.write(move |conn, context| publication::outcome_note(conn, context, &id, &did, &revisions, &outcome))
            .await
    }

    /// Looks what the zone has where names are published for the first time: where it has something, the name is taken
    /// back, and what is there stays.
    async fn rows_begin(&self, publisher: &Publisher, rows: Vec<DnsNameRow>) -> Result<Begun, RegistryError> {
        let (mut free, mut ready) = (Vec::new(), Vec::new());
        for row in &rows {
            if row.published.is_some() || row.withdrawn_at.is_some() {
                continue;
            }
            match self.is_occupied(publisher, &row.name).await {
                Ok(false) => free.push(row.name.clone()),
                Ok(true) => {
                    tracing::warn!(name = row.name, node = %row.node_did, "the zone has records there already");
                    let (did, name) = (row.node_did.clone(), row.name.clone());
                    self.write(move |conn, context| vacancy::name_refuse(conn, context, &did, &name))
                        .await?;
                }
                Err(error) => return Ok(Begun::Failed(rows, error)),
            }
        }
        if !free.is_empty() {
            let begun = free.clone();
            self.write(move |conn, context| vacancy::names_begin(conn, context, &begun))
                .await?;
        }
        let is_ready =
            |row: &DnsNameRow| row.published.is_some() || row.withdrawn_at.is_some() || free.contains(&row.name);
        ready.extend(rows.into_iter().filter(is_ready));
        Ok(Begun::Ready(ready))
    }

    /// Whether the zone has records at a name that are not this registry's own. A database that was restored from a
    /// backup does not know all that it has published.
    pub(crate) async fn is_occupied(&self, publisher: &Publisher, name: &str) -> Result<bool, DnsError> {
        let label = acme_label(&self.context.dns.label_key, name);
        Ok(publisher.is_occupied(name, || self.nobody()).await? && !publisher.is_own(&label, name).await?)
    }

    /// A name that nobody has.
    fn nobody(&self) -> String {
        uuid_text(&self.context.env.random_bytes::<16>())
    }

    /// All names of the item in one go: a change of name is one outcome. The new name is made before the old one goes.
    async fn rows_publish(&self, publisher: &Publisher, rows: &[DnsNameRow]) -> Result<Outcome, RegistryError> {
        let mut ordered: Vec<&DnsNameRow> = rows.iter().collect();
        ordered.sort_by_key(|row| row.withdrawn_at.is_some());
        let wanted = self.all_changes(publisher, &ordered, true)?;
        if wanted.is_empty() {
            return Ok(Outcome::Published);
        }
        let Err(error) = publisher.settings.provider.apply(&wanted).await else {
            return Ok(Outcome::Published);
        };
        let nodes: Vec<&Did> = ordered.iter().map(|row| &row.node_did).collect();
        tracing::warn!(?nodes, %error, "the DNS provider did not take the changes of a node's names");
        // Refused for good, and perhaps half done: what was there before is better than half of each.
        if matches!(error, DnsError::Refused(_)) {
            let before = self.all_changes(publisher, &ordered, false)?;
            if let Err(error) = publisher.settings.provider.apply(&before).await {
                tracing::warn!(%error, "nor did it take back what it had done of them");
            }
        }
        Ok(Outcome::Failed(error.to_string()))
    }

    fn all_changes(
        &self,
        publisher: &Publisher,
        rows: &[&DnsNameRow],
        wanted: bool,
    ) -> Result<Vec<Change>, RegistryError> {
        let mut all = Vec::new();
        // Of a name that was withdrawn before anything was published there is nothing to delete.
        for row in rows
            .iter()
            .filter(|row| row.published.is_some() || row.withdrawn_at.is_none())
        {
            let snapshot = if wanted { row.wanted()? } else { row.published()? };
            let label = acme_label(&self.context.dns.label_key, &row.name);
            let of_name = changes(
                &publisher.zone,
                &label,
                &row.name,
                publisher.settings.ttl_seconds,
                &snapshot,
            );
            all.extend(of_name.map_err(|error| RegistryError::Fault(error.to_string()))?);
        }
        Ok(all)
    }
}
