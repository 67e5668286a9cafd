use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_web::RawRequest;
use serde_json::{Value, json};

use super::BrokerState;
use crate::oauth::{Form, OauthError};

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({"error": self.error, "error_description": self.description});
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}

fn answer(value: Value) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    ([(header::CACHE_CONTROL, no_store)], Json(value)).into_response()
}

/// Get a token to read one's account with
///
/// OAuth 2.0 `client_credentials`: the client is an agent's domain or a DID, and proves itself by `private_key_jwt` (a
/// JWT by ES256 or `EdDSA`) or by an RFC 9421 signature over the request.
#[utoipa::path(
    post, path = "/oauth/token", tag = "oauth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`grant_type=client_credentials`, `client_assertion_type` and `client_assertion` (RFC 7523)"),
    responses(
        (status = 200, description = "`access_token`, `token_type`, `expires_in`, `scope`", body = Object),
        (status = 400, description = "Refused, with the error codes of RFC 6749", body = Object),
        (status = 401, description = "The client did not prove itself", body = Object),
    )
)]
pub(super) async fn token(
    State(BrokerState(broker)): State<BrokerState>,
    raw: RawRequest,
) -> Result<Response, OauthError> {
    let form = Form::parse(&raw.body)?;
    let client = broker.client_of(&raw, &form).await?;
    Ok(answer(broker.token_issue(&client, &form).await?))
}

/// Ask what a token is worth
///
/// RFC 7662, for visas and for tokens to read with. The client proves itself as at `/oauth/token`; a visa is shown to
/// its agent and to its publisher.
#[utoipa::path(
    post, path = "/oauth/introspect", tag = "oauth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`token`, and what proves the client"),
    responses(
        (status = 200, description = "`active`, and if it is so the claims", body = Object),
        (status = 400, description = "There is no token", body = Object),
        (status = 401, description = "The client did not prove itself", body = Object),
    )
)]
pub(super) async fn introspect(
    State(BrokerState(broker)): State<BrokerState>,
    raw: RawRequest,
) -> Result<Response, OauthError> {
    let form = Form::parse(&raw.body)?;
    let client = broker.client_of(&raw, &form).await?;
    let token = form.get("token");
    let token = token.ok_or_else(|| OauthError::invalid_request("The parameter token is missing."))?;
    Ok(answer(broker.introspect(&client, token).await?))
}
