//! Two nodes in one process, on ports of their own: somebody of one signs in at the other.

mod arrivals;
mod devices;
mod homes;
pub(crate) mod pair;
mod path;
mod residents;
mod rotations;

use imajin_testkit::Backend;

use crate::world::World;

/// A visitor.
pub(crate) async fn fill(world: &World) {
    let nodes = pair::Nodes::new(Backend::Sqlite);
    let home = nodes.node(5).await;
    let person = crate::oidc::ada(&home).await;
    let departed = pair::depart(world, &home).await;
    let forger = pair::Forger {
        visited: world,
        home: &home,
        person: &person,
        nonce: pair::claims(&departed.request)["nonce"].as_str().unwrap().to_owned(),
    };
    let path = forger.path(&forger.standard(), &forger.statement());
    let reply = pair::arrive(world, &path, &departed.cookie).await;
    assert!(reply.status.is_redirection(), "{reply:?}");
    nodes.close().await;
}
