//! What other services ask of connections.

use async_trait::async_trait;
use imajin_connections_api::{
    CheckAnswer, ConnectionsOwn, NeighbourhoodFetch, NeighbourhoodView, OwnConnections, PathAnswer, PathFetch,
    TrustApi, TrustAsk, TrustRecord,
};
use imajin_kernel::Problem;
use imajin_profile_api::{Connected, ConnectionCheck, ConnectionsApi};
use imajin_trust_graph::Rule;

use crate::{Connections, domain};

#[async_trait]
impl TrustApi for Connections {
    async fn trust_check(&self, request: TrustAsk) -> Result<CheckAnswer, Problem> {
        let mut answer = self.check(&request).await?;
        // A service decides by it in the name of whoever trusts; what people are shown does not tell of a block.
        if answer.hops.is_some() && self.bars(&request.from, &request.to).await? {
            answer.hops = None;
        }
        Ok(answer)
    }

    async fn trust_path(&self, request: PathFetch) -> Result<PathAnswer, Problem> {
        Ok(self.path(&request.ask, &request.reader).await?)
    }

    async fn connections_own(&self, request: ConnectionsOwn) -> Result<OwnConnections, Problem> {
        let did = request.did.canonical();
        let own = self.read(move |conn, context| domain::own::connections_own(conn, context, &did));
        Ok(own.await?)
    }

    async fn trust_export(&self, request: ConnectionsOwn) -> Result<TrustRecord, Problem> {
        let (did, now) = (request.did.canonical(), self.site.env.now());
        let record = self.read(move |conn, context| {
            let invites = domain::invite::invite_list(conn, context, &did)?;
            Ok(TrustRecord {
                own: domain::own::connections_own(conn, context, &did)?,
                pods: domain::pod::list::pods_of(conn, context, &did)?,
                statements: domain::own::bundle_of(conn, context, &did)?,
                invites: invites.iter().map(|row| row.view(now)).collect(),
            })
        });
        Ok(record.await?)
    }

    async fn neighbourhood(&self, request: NeighbourhoodFetch) -> Result<NeighbourhoodView, Problem> {
        Ok(self.neighbours(&request.did, &request.reader).await?)
    }
}

#[async_trait]
impl ConnectionsApi for Connections {
    async fn connection_check(&self, request: ConnectionCheck) -> Result<Connected, Problem> {
        let (owner, reader) = (request.owner.canonical(), request.reader.canonical());
        let rule = Rule {
            vouches: None,
            ..Rule::hops(1, self.site.env.now())
        };
        let connected = self
            .live
            .look(|graph, _seq| owner != reader && graph.check(&owner, &reader, &rule).is_some());
        if !connected {
            return Ok(Connected { connected });
        }
        Ok(Connected {
            connected: !self.bars(&owner, &reader).await?,
        })
    }
}
