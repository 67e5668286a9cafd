use std::net::IpAddr;

use axum::{Extension, Json};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, PeerAddress, ProblemDocument};
use serde::Serialize;
use utoipa::ToSchema;

/// From where a request came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AddressAnswer {
    /// An IPv4 or IPv6 address.
    #[schema(value_type = String)]
    address: IpAddr,
}

/// Says from which address the caller is seen: for nodes behind a router that gives them another one.
#[utoipa::path(
    get, path = "/api/node/address", tag = "node",
    responses(
        (status = 200, description = "the caller's address", body = AddressAnswer),
        (status = 404, description = "this listener does not know it", body = ProblemDocument),
    )
)]
pub(super) async fn node_address(peer: Option<Extension<PeerAddress>>) -> Result<Json<AddressAnswer>, Failure> {
    let Some(Extension(PeerAddress(peer))) = peer else {
        let unknown = Problem::new(Code::NotFound, "This listener does not see from where requests come.");
        return Err(Failure(unknown));
    };
    Ok(Json(AddressAnswer {
        address: peer.ip().to_canonical(),
    }))
}
