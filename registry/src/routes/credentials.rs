use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use imajin_registry_api::{CredentialsRequest, NameCredentials};
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde_json::Value;

use crate::RegistryError;
use crate::dns::{Credentials, acme_label};
use crate::domain::credentials::{self, Wish};
use crate::names::host_of;
use crate::registry::{Registry, count};

/// A secret is for whoever asked, and for nobody's cache.
pub(super) const NOT_STORED: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

impl Registry {
    /// Credentials with everything that the programs of the world need besides.
    pub(crate) fn credentials_view(&self, name: &str, credentials: Credentials) -> NameCredentials {
        let zone = &self.context.zone;
        let label = acme_label(&self.context.dns.label_key, name);
        NameCredentials {
            hostname: host_of(name, zone),
            username: credentials.username,
            password: credentials.password,
            fulldomain: format!("{label}._acme.{zone}"),
            subdomain: label,
            allowfrom: Vec::new(),
            update_url: self.site.public.absolute("/registry/nic/update"),
            acme_url: self.site.public.absolute("/registry/api/acme-dns"),
        }
    }

    /// Gives a node new credentials by the request that it has signed.
    pub(super) async fn credentials_issue(&self, body: Value) -> Result<NameCredentials, RegistryError> {
        let wish = Arc::new(Wish::parse(body)?);
        let checked = Arc::clone(&wish);
        let key = self
            .read(move |conn, context| credentials::wish_check(conn, context, &checked))
            .await?;
        count(&self.attestations, key.to_bytes(), self.context.env.now())?;
        self.in_force_check(wish.did(), &key).await?;
        let fresh = Credentials::generate(&self.context.env);
        let issued = fresh.clone();
        let name = self
            .write(move |conn, context| credentials::credentials_issue(conn, context, &wish, &issued))
            .await?;
        Ok(self.credentials_view(&name, fresh))
    }
}

/// New credentials for the records of the node's name.
///
/// The node signs the request as it signs a heartbeat. The credentials from before end.
#[utoipa::path(
    post, path = "/api/node/credentials", tag = "node", request_body = CredentialsRequest,
    responses(
        (status = 200, description = "the new credentials; they are not shown again", body = NameCredentials),
        (status = 400, description = "shape", body = ProblemDocument),
        (status = 401, description = "signature missing, wrong, stale or used before", body = ProblemDocument),
        (status = 403, description = "the registration ran out, or was revoked", body = ProblemDocument),
        (status = 404, description = "no such node", body = ProblemDocument),
        (status = 429, description = "too many; see Retry-After", body = ProblemDocument),
    )
)]
pub(super) async fn node_credentials(
    State(registry): State<Arc<Registry>>,
    JsonBody(body): JsonBody<Value>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<NameCredentials>), Failure> {
    let issued = registry.credentials_issue(body).await?;
    Ok(([NOT_STORED], Json(issued)))
}
