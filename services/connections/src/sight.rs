//! What a reader may see of somebody's ties.

use std::collections::BTreeMap;

use imajin_connections_api::Audience;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_trust_graph::{Graph, Rule};

use crate::{Connections, ConnectionsError, domain};

/// Somebody shows their ties to those within so many steps of themselves, unless they say otherwise.
const REACH: u8 = 3;

/// Who reads, and what the people in question have said about being seen.
pub(crate) struct Sight {
    reader: Option<Did>,
    audiences: BTreeMap<Did, Audience>,
    now: Timestamp,
}

impl Sight {
    fn audience(&self, of: &Did) -> Audience {
        self.audiences.get(of).copied().unwrap_or_default()
    }

    /// Whether the reader may see the ties of somebody. How near the reader is counts from that person's side: nobody
    /// comes nearer by saying something of others.
    pub(crate) fn sees(&self, graph: &Graph, of: &Did) -> bool {
        if self.reader.as_ref() == Some(of) {
            return true;
        }
        let Some(reader) = &self.reader else {
            return self.audience(of) == Audience::Everybody;
        };
        let connected = Rule {
            vouches: None,
            ..Rule::hops(1, self.now)
        };
        match self.audience(of) {
            Audience::Everybody => true,
            Audience::Nobody => false,
            Audience::Connections => graph.check(of, reader, &connected).is_some(),
            Audience::Reach => graph.check(of, reader, &Rule::hops(REACH, self.now)).is_some(),
        }
    }

    /// Whether the reader may know how many steps it is to somebody: a number tells of nobody else.
    pub(crate) fn counts(&self, graph: &Graph, of: &Did) -> bool {
        self.audience(of) == Audience::Reach && self.reader.is_some() || self.sees(graph, of)
    }
}

impl Connections {
    /// What `reader` may see of these people.
    pub(crate) async fn sight(&self, reader: Option<&Did>, people: Vec<Did>) -> Result<Sight, ConnectionsError> {
        let audiences = self
            .read(move |conn, context| domain::privacy::audiences_of(conn, context, &people))
            .await?;
        Ok(Sight {
            reader: reader.map(Did::canonical),
            audiences,
            now: self.site.env.now(),
        })
    }
}
