//! Pods as their readers may see them.

use async_trait::async_trait;
use imajin_connections_api::{
    PodCheck, PodCheckAnswer, PodFetch, PodMemberPage, PodMemberView, PodMembersFetch, PodPage, PodPageAsk, PodRole,
    PodView, PodsApi, PodsOwn,
};
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_kernel::id::PodId;

use crate::domain::pod::UNKNOWN;
use crate::domain::pod::find::{place_living, pod_living};
use crate::domain::pod::list::{Seen, member_rows, pod_check, pod_list_own, pod_view};
use crate::domain::privacy::blocked_by;
use crate::rows::PodMemberRow;
use crate::{Connections, ConnectionsError};

impl Connections {
    /// A pod that the reader may know of. To everybody else it is as if it were not there.
    async fn pod_seen(&self, id: PodId, reader: Option<&Did>) -> Result<Seen, ConnectionsError> {
        let reader = reader.map(Did::canonical);
        let who = reader.clone();
        let found = self.read(move |conn, context| {
            let row = pod_living(conn, context, &id)?;
            let Some(who) = who else {
                return Ok((row, None, false));
            };
            let place = place_living(conn, context, (&id, &who))?;
            let is_blocked = blocked_by(conn, context, &row.owner_did)?.contains(&who);
            Ok((row, place, is_blocked))
        });
        let (row, place, is_blocked) = found.await?;
        let sight = self.sight(reader.as_ref(), vec![row.owner_did.clone()]).await?;
        let is_within = !is_blocked && self.live.look(|graph, _seq| sight.sees(graph, &row.owner_did));
        let seen = Seen {
            row,
            place,
            reader,
            is_within,
        };
        if seen.shows(&seen.row, seen.place.as_ref())? {
            Ok(seen)
        } else {
            Err(UNKNOWN)
        }
    }

    /// A pod with what stands around it.
    pub(crate) async fn pod_view(&self, id: PodId, reader: Option<&Did>) -> Result<PodView, ConnectionsError> {
        let seen = self.pod_seen(id, reader).await?;
        self.read(move |conn, context| pod_view(conn, context, &seen)).await
    }

    /// A page of members: all of them for those who are in it, else those who show themselves to the reader.
    pub(crate) async fn pod_members(
        &self,
        (id, reader): (PodId, Option<&Did>),
        page: PodPageAsk,
    ) -> Result<PodMemberPage, ConnectionsError> {
        let seen = self.pod_seen(id, reader).await?;
        let asked = seen.clone();
        let read = self.read(move |conn, context| member_rows(conn, context, (&asked, &page)));
        let (mut rows, cursor) = read.await?;
        if !seen.shows_all()? {
            let people = rows.iter().map(|row| row.member_did.clone()).collect();
            let sight = self.sight(seen.reader.as_ref(), people).await?;
            let is_shown = |row: &PodMemberRow| {
                let did = &row.member_did;
                *did == seen.row.owner_did || self.live.look(|graph, _seq| sight.sees(graph, did))
            };
            rows.retain(is_shown);
        }
        let is_manager = seen.role()? >= Some(PodRole::Admin);
        let members = rows.iter().map(|row| member_view(row, is_manager));
        Ok(PodMemberPage {
            members: members.collect::<Result<_, _>>()?,
            cursor,
        })
    }

    /// A page of the pods that somebody is in or invited to.
    pub(crate) async fn pods_own(&self, did: &Did, page: PodPageAsk) -> Result<PodPage, ConnectionsError> {
        let did = did.canonical();
        self.read(move |conn, context| pod_list_own(conn, context, (&did, &page)))
            .await
    }
}

/// Somebody in a pod; who has invited them is for those who do so themselves.
pub(crate) fn member_view(row: &PodMemberRow, for_manager: bool) -> Result<PodMemberView, ConnectionsError> {
    Ok(PodMemberView {
        did: row.member_did.clone(),
        role: row.role()?,
        joined_at: row.joined_at,
        invited_by: for_manager.then(|| row.invited_by.clone()),
    })
}

#[async_trait]
impl PodsApi for Connections {
    async fn pod_check(&self, request: PodCheck) -> Result<PodCheckAnswer, Problem> {
        if let Some(by) = &request.by
            && self.bars(by, &request.did).await?
        {
            return Ok(PodCheckAnswer { role: None });
        }
        let role = self.read(move |conn, context| pod_check(conn, context, &request));
        Ok(PodCheckAnswer { role: role.await? })
    }

    async fn pod_fetch(&self, request: PodFetch) -> Result<PodView, Problem> {
        Ok(self.pod_view(request.pod, request.reader.as_ref()).await?)
    }

    async fn pod_member_list(&self, request: PodMembersFetch) -> Result<PodMemberPage, Problem> {
        let PodMembersFetch { pod, reader, page } = request;
        Ok(self.pod_members((pod, reader.as_ref()), page).await?)
    }

    async fn pod_list_own(&self, request: PodsOwn) -> Result<PodPage, Problem> {
        Ok(self.pods_own(&request.did, request.page).await?)
    }
}
