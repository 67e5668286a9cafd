use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_rails::{SolanaClaim, SolanaDesk};
use imajin_web::{Failure, ProblemDocument, QueryParams, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::PayRoutes;
use crate::domain::address::{self, AddressView};
use crate::{Pay, PayError};

/// The longest nonce.
const NONCE_BYTES_MAX: usize = 64;

#[derive(Debug, Deserialize)]
pub(crate) struct AddressQuery {
    /// An address of yours: the answer then has the text that its wallet is to sign.
    address: Option<String>,
}

/// Where you are paid on the chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressAnswer {
    /// The address in force; missing, if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<AddressView>,
    /// What the wallet of the address that was asked for is to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<AddressText>,
}

/// A text for a wallet to sign; good for ten minutes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressText {
    /// The address.
    address: String,
    /// To be sent back as it is.
    nonce: String,
    /// To be sent back as it is.
    #[schema(value_type = String)]
    issued_at: Timestamp,
    /// The text, to be signed byte for byte.
    message: String,
}

/// The body of `PUT /api/connect/solana`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AddressBody {
    /// The address.
    address: String,
    /// As `GET` gave it.
    nonce: String,
    /// As `GET` gave it.
    #[schema(value_type = String)]
    issued_at: Timestamp,
    /// The wallet's Ed25519 signature over the text, in Base58 or in hex.
    signature: String,
}

fn desk(pay: &Pay) -> Result<&dyn SolanaDesk, PayError> {
    pay.solana.as_deref().ok_or_else(|| PayError::State {
        detail: "This node does not pay on Solana.".to_owned(),
        hint: "Ask the node's operator to set it up; GET /pay/api/rails shows what there is.",
    })
}

fn claim_of(pay: &Pay, did: &Did, address: String, nonce: String, issued_at: Timestamp) -> SolanaClaim {
    SolanaClaim {
        did: did.canonical(),
        address,
        node: pay.site.public.absolute("").trim_end_matches('/').to_owned(),
        nonce,
        issued_at,
    }
}

/// Where you are paid on Solana
///
/// The address in force. With `?address=`, also the text that the wallet of that address signs to prove that it is
/// yours.
#[utoipa::path(
    get, path = "/api/connect/solana", tag = "payouts",
    params(("address" = Option<String>, Query, description = "An address of yours, to be bound")),
    responses(
        (status = 200, description = "The address, and the text", body = AddressAnswer),
        (status = 400, description = "The address is none", body = ProblemDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 409, description = "This node does not pay on Solana", body = ProblemDocument),
    )
)]
pub(super) async fn address(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<AddressQuery>,
) -> Result<Json<AddressAnswer>, Failure> {
    let did = viewer.session_require()?.did.clone();
    let desk = desk(&pay)?;
    let challenge = match query.address {
        Some(address) => {
            let nonce = hex::encode(pay.context.env.random_bytes::<16>());
            let claim = claim_of(&pay, &did, address, nonce, pay.context.now());
            let message = desk.claim_text(&claim).map_err(|error| named("address", error))?;
            Some(AddressText {
                address: claim.address,
                nonce: claim.nonce,
                issued_at: claim.issued_at,
                message,
            })
        }
        None => None,
    };
    let bound = pay.read(move |conn, context| address::address_find(conn, context, &did));
    let bound = bound.await?.as_ref().map(AddressView::of);
    Ok(Json(AddressAnswer { bound, challenge }))
}

/// Be paid on Solana
///
/// Binds an address to the signer: its wallet has signed the text that `GET` gave, and the signer signs this request.
/// From then on shares go there with the payment itself where they can, and payouts as well. An earlier address is
/// replaced.
#[utoipa::path(
    put, path = "/api/connect/solana", tag = "payouts", request_body = AddressBody,
    responses(
        (status = 200, description = "The address in force", body = AddressView),
        (status = 400, description = "The address or the signature is none", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong, used or too old", body = ProblemDocument),
        (status = 409, description = "This node does not pay on Solana", body = ProblemDocument),
    )
)]
pub(super) async fn address_bind(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<AddressBody>,
) -> Result<Json<AddressView>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let desk = desk(&pay)?;
    if value.nonce.is_empty() || value.nonce.len() > NONCE_BYTES_MAX || !value.nonce.is_ascii() {
        let problem = format!("must have 1 to {NONCE_BYTES_MAX} letters");
        return Err(PayError::invalid("nonce", problem).into());
    }
    let claim = claim_of(&pay, verified.did(), value.address, value.nonce, value.issued_at);
    let document = desk.claim_check(&claim, &value.signature, pay.context.now());
    let document = document.map_err(|error| named("signature", error))?;
    let request = (verified, request.body);
    let bound = pay.write(move |conn, context| address::address_bind(conn, context, &request, &claim, &document));
    Ok(Json(bound.await?))
}

/// Be paid on Solana no more
///
/// Shares and balances stay at this node again.
#[utoipa::path(
    delete, path = "/api/connect/solana", tag = "payouts",
    responses(
        (status = 204, description = "There is no address any more"),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There was none", body = ProblemDocument),
    )
)]
pub(super) async fn address_unbind(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<Option<Value>>,
) -> Result<StatusCode, Failure> {
    let request = (signed.verified, signed.request.body);
    let unbound = pay.write(move |conn, context| address::address_unbind(conn, context, &request));
    unbound.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A refusal of the rail that is about a member of the request.
fn named(member: &str, error: imajin_rails::RailError) -> PayError {
    use imajin_rails::RailError;
    match error {
        RailError::Malformed(problem) => PayError::invalid(member, problem),
        RailError::Forged => PayError::Problem(imajin_kernel::Problem::new(
            imajin_kernel::Code::BadSignature,
            "The wallet of this address has not signed this text.",
        )),
        RailError::Stale => PayError::Problem(
            imajin_kernel::Problem::new(
                imajin_kernel::Code::StaleSignature,
                "The text that the wallet signed is too old.",
            )
            .hint("Ask for a new one, and sign that within ten minutes."),
        ),
        error => error.into(),
    }
}
