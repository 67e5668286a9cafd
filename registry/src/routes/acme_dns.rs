//! What programs that ask for certificates by DNS-01 expect of an acme-dns server.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use diesel::prelude::*;
use imajin_kernel::Problem;
use imajin_proof::digest::sha256;
use imajin_registry_api::{CredentialsRequest, NameCredentials};
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::credentials::NOT_STORED;
use crate::RegistryError;
use crate::dns::acme_label;
use crate::domain::credentials::{self, Presented};
use crate::registry::{Registry, count};
use crate::schema::dns_names;

/// The text that proves control is a digest in base64url (RFC 8555, section 8.4).
const TEXT_LENGTH: usize = 43;

/// How often, and for how long each time, an update waits until it is in DNS.
const WAITS: u32 = 5;
const WAIT: Duration = Duration::from_secs(2);

/// A text for the certificate authority.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AcmeUpdate {
    /// The subdomain of the credentials.
    subdomain: String,
    /// 43 characters of base64url.
    txt: String,
}

/// The text that is in DNS now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcmeUpdated {
    /// The same text.
    txt: String,
}

/// New credentials, for those who prove to be a registered node.
///
/// The body is what `POST /api/node/credentials` takes; the answer is the same, too. Nobody gets any anonymously.
#[utoipa::path(
    post, path = "/api/acme-dns/register", tag = "names", request_body = CredentialsRequest,
    responses(
        (status = 201, description = "the new credentials; they are not shown again", body = NameCredentials),
        (status = 401, description = "not signed by a registered node", body = ProblemDocument),
        (status = 403, description = "the registration ran out, or was revoked", body = ProblemDocument),
        (status = 404, description = "no such node", body = ProblemDocument),
        (status = 429, description = "too many; see Retry-After", body = ProblemDocument),
    )
)]
pub(super) async fn acme_register(
    State(registry): State<Arc<Registry>>,
    body: Result<JsonBody<Value>, Failure>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<NameCredentials>), Failure> {
    // A body that says nothing about who asks, or none at all, is what the programs themselves send.
    let body = body.map_or(Value::Null, |JsonBody(body)| body);
    if body.get("signature").is_none() {
        return Err(acme_refused(RegistryError::Unsigned));
    }
    let issued = registry.credentials_issue(body).await.map_err(acme_refused)?;
    Ok((StatusCode::CREATED, [NOT_STORED], Json(issued)))
}

/// Puts a text for the certificate authority into DNS; the last two stay. When the answer comes it is there.
#[utoipa::path(
    post, path = "/api/acme-dns/update", tag = "names", request_body = AcmeUpdate,
    params(
        ("x-api-user" = String, Header, description = "the user"),
        ("x-api-key" = String, Header, description = "the password"),
    ),
    responses(
        (status = 200, description = "it is in DNS", body = AcmeUpdated),
        (status = 400, description = "no such text or subdomain", body = ProblemDocument),
        (status = 401, description = "user or password wrong", body = ProblemDocument),
        (status = 429, description = "too many; see Retry-After", body = ProblemDocument),
        (status = 503, description = "it is stored; DNS does not answer yet", body = ProblemDocument),
    )
)]
pub(super) async fn acme_update(
    State(registry): State<Arc<Registry>>,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<AcmeUpdate>,
) -> Result<Json<AcmeUpdated>, Failure> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let presented = header("x-api-user").zip(header("x-api-key"));
    let (username, password) = presented.ok_or_else(|| acme_refused(RegistryError::Credentials))?;
    let presented = Presented { username, password };
    let txt = registry.challenge_set(presented, asked).await.map_err(acme_refused)?;
    Ok(Json(AcmeUpdated { txt }))
}

impl Registry {
    async fn challenge_set(&self, presented: Presented, asked: AcmeUpdate) -> Result<String, RegistryError> {
        let AcmeUpdate { subdomain, txt } = asked;
        let is_text = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if txt.len() != TEXT_LENGTH || !txt.bytes().all(is_text) {
            return Err(RegistryError::shape("txt", "it must have 43 characters of base64url"));
        }
        let name = self.presented_name(&presented).await?;
        if acme_label(&self.context.dns.label_key, &name) != subdomain {
            return Err(RegistryError::shape(
                "subdomain",
                "it is not the one of these credentials",
            ));
        }
        self.update_count(&name)?;
        let text = txt.clone();
        let (name, revision) = self
            .write(move |conn, context| credentials::presented_challenge_add(conn, context, &presented, &text))
            .await?;
        self.published_await(name, revision).await?;
        Ok(txt)
    }

    /// The name that credentials are for.
    pub(super) async fn presented_name(&self, presented: &Presented) -> Result<String, RegistryError> {
        let presented = presented.clone();
        let row = self
            .read(move |conn, context| credentials::presented_check(conn, context, &presented))
            .await?;
        Ok(row.name)
    }

    /// Counts a change of a name's records, after it was proven that it may be made.
    pub(super) fn update_count(&self, name: &str) -> Result<(), RegistryError> {
        count(&self.updates, sha256(name.as_bytes()), self.context.env.now())
    }

    /// Waits until a revision of a name is in DNS.
    async fn published_await(&self, name: String, revision: i64) -> Result<(), RegistryError> {
        if self.publisher.is_none() {
            return Err(RegistryError::Unpublished);
        }
        for _attempt in 0..WAITS {
            let rung = self.published.notified();
            self.dns_drive()
                .await
                .map_err(|problem| RegistryError::Fault(problem.to_string()))?;
            let of = name.clone();
            let (done, error): (i64, Option<String>) = self
                .read(move |conn, _context| {
                    let columns = (dns_names::published_revision, dns_names::last_error);
                    Ok(dns_names::table.find(of).select(columns).first(conn)?)
                })
                .await?;
            if done >= revision {
                return Ok(());
            }
            if error.is_some() {
                break;
            }
            // Another worker has it in hands.
            drop(tokio::time::timeout(WAIT, rung).await);
        }
        Err(RegistryError::Unpublished)
    }
}

/// A refusal with the member that programs for acme-dns look for.
fn acme_refused(error: RegistryError) -> Failure {
    let word = match &error {
        RegistryError::Credentials | RegistryError::Unsigned => "forbidden",
        RegistryError::Shape { member: "txt", .. } => "bad_txt",
        RegistryError::Shape {
            member: "subdomain", ..
        } => "bad_subdomain",
        _ => "not_done",
    };
    Failure(Problem::from(error).with("error", word))
}
