//! The applications that may ask who somebody is.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::OidcClientId;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_proof::jose::Algorithm;
use imajin_store::{Conn, SealedRow, Sealer, for_update};
use serde_json::json;

use super::error::OauthError;
use super::metadata::{AUTH_NONE, CheckedMetadata};
use super::rows::OidcClientRow;
use super::{secret_hash, secret_new};
use crate::AuthError;
use crate::auth::Auth;
use crate::log::{Authority, mutation_record};
use crate::schema::oidc_clients;

pub(crate) const ACTION_ADD: &str = "oidc.client.add";
pub(crate) const ACTION_REMOVE: &str = "oidc.client.remove";
const SECRET_PREFIX: &str = "ims_";
/// Applications of one node.
const CLIENTS_MAX: i64 = 1_000;

/// An application that may ask now.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: OidcClientId,
    pub(crate) name: String,
    pub(crate) auth_method: String,
    secret_hash: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) logout_uris: Vec<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) created_at: Timestamp,
}

/// A client that was just registered; its secret is shown this once.
#[derive(Debug, Clone)]
pub(crate) struct NewClient {
    pub(crate) client: Client,
    pub(crate) secret: Option<String>,
}

/// What a client sends to prove itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientProof {
    Basic(String),
    Post(String),
    None,
}

impl Client {
    pub(crate) fn from_row(row: OidcClientRow) -> Result<Self, AuthError> {
        let unreadable = || AuthError::Row(format!("oidc_clients {}", row.client_id));
        let list = |text: &str| serde_json::from_str::<Vec<String>>(text).map_err(|_error| unreadable());
        Ok(Self {
            id: row.client_id,
            redirect_uris: list(&row.redirect_uris)?,
            logout_uris: list(&row.logout_uris)?,
            algorithm: row.algorithm.parse().map_err(|_error| unreadable())?,
            name: row.name,
            auth_method: row.auth_method,
            secret_hash: row.secret_hash,
            created_at: row.created_at,
        })
    }

    /// Only in the way that it is registered for, so that a secret cannot be left out.
    fn is_proven_by(&self, proof: &ClientProof) -> bool {
        let (method, secret) = match proof {
            ClientProof::Basic(secret) => ("client_secret_basic", secret.as_str()),
            ClientProof::Post(secret) => ("client_secret_post", secret.as_str()),
            ClientProof::None => (AUTH_NONE, ""),
        };
        let hash = secret_hash(secret);
        let known = self.secret_hash.as_deref().unwrap_or("");
        let fits = verify_slices_are_equal(hash.as_bytes(), known.as_bytes()).is_ok();
        method == self.auth_method && (fits || (method == AUTH_NONE && self.secret_hash.is_none()))
    }
}

/// The living client with an id, as a client would write it.
pub(crate) fn client_find(conn: &mut Conn, sealer: &Sealer, id: &str) -> Result<Option<Client>, AuthError> {
    let row: Option<OidcClientRow> = oidc_clients::table
        .filter(oidc_clients::client_id.eq(id).and(oidc_clients::deleted_at.is_null()))
        .select(OidcClientRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| Client::from_row(row.intact(sealer)?)).transpose()
}

impl Auth {
    pub(crate) async fn oidc_client_find(&self, id: &str) -> Result<Option<Client>, AuthError> {
        let (id, sealer) = (id.to_owned(), self.sealer.clone());
        self.db.read(move |conn| client_find(conn, &sealer, &id)).await
    }

    /// The client that a request to the token endpoint comes from.
    pub(crate) async fn oidc_client_require(&self, id: &str, proof: &ClientProof) -> Result<Client, OauthError> {
        let client = self.oidc_client_find(id).await?;
        client
            .filter(|client| client.is_proven_by(proof))
            .ok_or_else(OauthError::invalid_client)
    }

    /// The living clients, oldest first.
    pub(crate) async fn oidc_clients_list(&self) -> Result<Vec<Client>, AuthError> {
        let sealer = self.sealer.clone();
        self.db
            .read(move |conn| {
                let rows: Vec<OidcClientRow> = oidc_clients::table
                    .filter(oidc_clients::deleted_at.is_null())
                    .order((oidc_clients::created_at, oidc_clients::client_id))
                    .limit(CLIENTS_MAX)
                    .select(OidcClientRow::as_select())
                    .load(conn)?;
                rows.into_iter()
                    .map(|row| Client::from_row(row.intact(&sealer)?))
                    .collect()
            })
            .await
    }

    /// Registers a client in somebody's name; `raw` is what the authority covers.
    pub(crate) async fn oidc_client_add(
        &self,
        metadata: &CheckedMetadata,
        owner: Did,
        raw: Option<Vec<u8>>,
        authority: Authority,
    ) -> Result<NewClient, AuthError> {
        self.oidc_key_ensure(metadata.algorithm).await?;
        let is_public = metadata.auth_method == AUTH_NONE;
        let secret = (!is_public).then(|| secret_new(&self.env, SECRET_PREFIX));
        let row = OidcClientRow {
            client_id: self.env.new_id(),
            name: metadata.name.clone(),
            auth_method: metadata.auth_method.clone(),
            secret_hash: secret.as_deref().map(secret_hash),
            redirect_uris: json!(metadata.redirect_uris).to_string(),
            logout_uris: json!(metadata.logout_uris).to_string(),
            algorithm: metadata.algorithm.to_string(),
            owner_did: owner,
            proof: String::new(),
            created_at: self.env.now(),
            deleted_at: None,
            row_seal: Vec::new(),
        };
        let raw = raw.unwrap_or_else(|| body_of(metadata));
        let auth = self.writing();
        let row = self
            .db
            .write(move |conn| {
                let living: i64 = oidc_clients::table
                    .filter(oidc_clients::deleted_at.is_null())
                    .count()
                    .get_result(conn)?;
                if living >= CLIENTS_MAX {
                    return Err(too_many().into());
                }
                let mut row = row.clone();
                let (owner, id) = (row.owner_did.clone(), row.client_id.to_string());
                row.proof = mutation_record(conn, &auth, &owner, ACTION_ADD, &id, raw.clone(), &authority)?;
                Ok::<_, AuthError>(row.insert(conn, &auth.sealer)?)
            })
            .await?;
        Ok(NewClient {
            client: Client::from_row(row)?,
            secret,
        })
    }

    /// Ends a client, its codes and its tokens.
    pub(crate) async fn oidc_client_remove(
        &self,
        id: OidcClientId,
        owner: &Did,
        raw: Vec<u8>,
        authority: Authority,
    ) -> Result<(), AuthError> {
        let (auth, owner) = (self.writing(), owner.clone());
        self.db
            .write(move |conn| {
                let row: Option<OidcClientRow> = for_update!(
                    conn,
                    oidc_clients::table.find(id).select(OidcClientRow::as_select()) => first
                )
                .optional()?;
                let mut row = row.ok_or_else(unknown)?.intact(&auth.sealer)?;
                if row.deleted_at.is_some() {
                    return Err(unknown().into());
                }
                let object = id.to_string();
                row.proof = mutation_record(conn, &auth, &owner, ACTION_REMOVE, &object, raw.clone(), &authority)?;
                row.deleted_at = Some(auth.env.now());
                row.save(conn, &auth.sealer)?;
                Ok::<_, AuthError>(())
            })
            .await
    }
}

fn unknown() -> Problem {
    Problem::not_found("client").hint("`imajin oidc client list` names them.")
}

fn too_many() -> Problem {
    Problem::new(Code::Conflict, "This node has as many clients as it takes.").hint("Remove those that are not used.")
}

/// What the node logs for a client that registered itself.
fn body_of(metadata: &CheckedMetadata) -> Vec<u8> {
    json!({
        "client_name": metadata.name, "redirect_uris": metadata.redirect_uris,
        "post_logout_redirect_uris": metadata.logout_uris,
        "token_endpoint_auth_method": metadata.auth_method,
        "id_token_signed_response_alg": metadata.algorithm.name(),
    })
    .to_string()
    .into_bytes()
}
