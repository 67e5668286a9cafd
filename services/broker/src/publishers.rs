//! Which node a publisher's host is: its own DID document says so, read from the host itself.

use std::time::Duration;

use diesel::prelude::*;
use imajin_did::{Did, DidDocument};
use imajin_kernel::{Problem, Span};
use imajin_store::{Conn, SealedRow};
use imajin_web::{GuardedClient, Reach};
use url::Url;

use crate::context::Context;
use crate::domain::redemption::Hosts;
use crate::rows::PublisherRow;
use crate::schema::publishers;
use crate::{Broker, BrokerError};

const TIMEOUT: Duration = Duration::from_secs(5);
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// How long an answer counts.
const FRESH_FOR: Span = Span::hours(1);
/// A host that is another node than the caller's is asked again after so long.
const ASK_EVERY: Span = Span::minutes(1);

/// Reads the documents of publishers.
pub(crate) struct Publishers {
    http: GuardedClient,
}

impl Publishers {
    pub(crate) fn new(reach: Reach) -> Result<Self, Problem> {
        Ok(Self {
            http: GuardedClient::new(reach, TIMEOUT)?,
        })
    }

    /// The node at a host, by its own word; nothing, when it does not answer.
    async fn read(&self, host: &str) -> Option<Did> {
        let url = Url::parse(&format!("https://{host}/.well-known/did.json")).ok()?;
        let url = self.http.reach().url(url);
        let accept = "application/did+json, application/json;q=0.9";
        let answer = self.http.get(url, accept, DOCUMENT_BYTES_MAX).await.ok()?;
        if !answer.status.is_success() {
            return None;
        }
        let document: DidDocument = serde_json::from_slice(&answer.body).ok()?;
        let key = document.assertion_keys().into_iter().next()?;
        Some(Did::from_key(&key))
    }
}

fn publisher_find(conn: &mut Conn, context: &Context, host: &str) -> Result<Option<PublisherRow>, BrokerError> {
    let query = publishers::table.find(host).select(PublisherRow::as_select());
    let row: Option<PublisherRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn publisher_keep(conn: &mut Conn, context: &Context, host: &str, did: &Did) -> Result<(), BrokerError> {
    let known = publisher_find(conn, context, host)?;
    let row = PublisherRow {
        host: host.to_owned(),
        did: did.clone(),
        checked_at: context.now(),
        row_seal: Vec::new(),
    };
    match known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    Ok(())
}

impl Broker {
    /// Which of these hosts a node is, and of which nobody knows at the moment.
    pub(crate) async fn hosts_of(&self, node: &Did, named: Vec<String>) -> Result<Hosts, BrokerError> {
        let mut hosts = Hosts::default();
        for host in named {
            match self.host_did(&host, node).await? {
                Some(did) if did == *node => hosts.own.push(host),
                Some(_another) => {}
                None => hosts.unknown.push(host),
            }
        }
        Ok(hosts)
    }

    async fn host_did(&self, host: &str, expected: &Did) -> Result<Option<Did>, BrokerError> {
        if *host == self.own_host() {
            return Ok(Some(self.context.keyring.node_did().canonical()));
        }
        let name = host.to_owned();
        let known = self
            .read(move |conn, context| publisher_find(conn, context, &name))
            .await?;
        let now = self.context.now();
        if let Some(known) = known {
            let fresh_for = if known.did == *expected { FRESH_FOR } else { ASK_EVERY };
            if known.checked_at.plus(fresh_for) > now {
                return Ok(Some(known.did));
            }
        }
        let Some(did) = self.publishers.read(host).await else {
            return Ok(None);
        };
        let (name, found) = (host.to_owned(), did.clone());
        self.write(move |conn, context| publisher_keep(conn, context, &name, &found))
            .await?;
        Ok(Some(did))
    }

    /// What a visa for this node names as its audience.
    fn own_host(&self) -> String {
        let public = &self.site.public.0;
        let host = public.host_str().unwrap_or_default();
        public
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}
