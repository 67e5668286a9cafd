//! What other services ask.

use async_trait::async_trait;
use imajin_kernel::Problem;
use imajin_registry_api::directory::DirectoryPage;
use imajin_registry_api::{
    Census, CensusFetch, Console, ConsoleFetch, MirrorList, MirrorLookup, MirrorPageAsk, MirrorView, MirroredNode,
    NodeFetch, NodeList, NodePage, NodeView, RegistryApi, StatusChange, StatusList,
};

use crate::domain::directory::Asked;
use crate::domain::{console, list, mirror};
use crate::registry::Registry;

#[async_trait]
impl RegistryApi for Registry {
    async fn node_list(&self, request: NodeList) -> Result<NodePage, Problem> {
        Ok(self
            .read(move |conn, context| list::node_list(conn, context, &request))
            .await?)
    }

    async fn node_fetch(&self, request: NodeFetch) -> Result<Option<NodeView>, Problem> {
        Ok(self
            .read(move |conn, context| list::node_fetch(conn, context, &request.key))
            .await?)
    }

    async fn census_fetch(&self, _request: CensusFetch) -> Result<Census, Problem> {
        Ok(self
            .read(|conn, context| {
                let counts = list::node_counts(conn, context)?;
                list::census(conn, context, counts)
            })
            .await?)
    }

    async fn status_list(&self, request: StatusList) -> Result<Vec<StatusChange>, Problem> {
        Ok(self
            .read(move |conn, context| console::status_list(conn, context, &request.key))
            .await?)
    }

    async fn console_fetch(&self, _request: ConsoleFetch) -> Result<Console, Problem> {
        let known_builds = self.known_builds;
        Ok(self
            .read(move |conn, context| console::console(conn, context, known_builds))
            .await?)
    }

    async fn mirror_list(&self, _all: MirrorList) -> Result<Vec<MirrorView>, Problem> {
        Ok(self
            .read(|conn, context| mirror::mirror_list(conn, context.env.now()))
            .await?)
    }

    async fn mirror_page(&self, request: MirrorPageAsk) -> Result<Option<DirectoryPage>, Problem> {
        let asked = Asked {
            since: 0,
            limit: Some(request.limit),
            cursor: request.cursor,
        };
        let registry = request.registry.canonical();
        Ok(self
            .read(move |conn, context| mirror::page(conn, context, &registry, &asked))
            .await?)
    }

    async fn mirror_lookup(&self, request: MirrorLookup) -> Result<Vec<MirroredNode>, Problem> {
        Ok(self
            .read(move |conn, _context| mirror::mirror_lookup(conn, &request.node))
            .await?)
    }
}
