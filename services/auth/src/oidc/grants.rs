//! Somebody's consent: signed by their own key, or by the node where the node holds the key.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{OidcClientId, OidcGrantId, SessionId};
use imajin_kernel::{Problem, Timestamp};
use imajin_store::{Conn, SealedRow, Sealer};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::clients::{Client, client_find};
use super::codes::{code_insert, code_row};
use super::request::{Asked, pending_open};
use super::rows::{OidcGrantRow, OidcTokenRow};
use super::scope::{Scope, Scopes};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::log::{Authority, mutation_record};
use crate::rows::{MailboxAliasRow, SessionRow};
use crate::schema::{mailbox_aliases, oidc_codes, oidc_grants, oidc_tokens, sessions};
use crate::sessions::Living;

pub(crate) const ACTION_ALLOW: &str = "oidc.grant.allow";
pub(crate) const ACTION_REVOKE: &str = "oidc.grant.revoke";

/// How somebody stands to an application.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) did: Did,
    pub(crate) session_id: SessionId,
    /// When the person logged in.
    pub(crate) auth_time: Timestamp,
    pub(crate) grant: Option<OidcGrantRow>,
    /// The mailbox that the person has proven.
    pub(crate) mailbox: Option<String>,
}

/// A consent, as its giver sees it.
#[derive(Debug)]
pub(crate) struct GrantView {
    pub(crate) row: OidcGrantRow,
    /// The application, while it is registered.
    pub(crate) client: Option<Client>,
    /// When it was last given something, as far as that is still kept.
    pub(crate) used_at: Option<Timestamp>,
}

impl GrantView {
    /// What to call the application.
    pub(crate) fn name(&self) -> &str {
        self.client
            .as_ref()
            .map_or("An application that is gone", |client| client.name.as_str())
    }
}

/// A person's decision. It names in the clear what the sealed request says, so that the signature does, too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConsentBody {
    /// The request, as the page has it.
    pub(crate) request: String,
    /// The application.
    pub(crate) client_id: String,
    /// Where the answer goes.
    pub(crate) redirect_uri: String,
    /// What was asked for, separated by spaces.
    pub(crate) asked: String,
    /// What is allowed, separated by spaces.
    pub(crate) scope: String,
}

impl ConsentBody {
    fn check(&self, asked: &Asked) -> Result<Scopes, Problem> {
        let fits = self.client_id == asked.client_id
            && self.redirect_uri == asked.answer_to.redirect_uri
            && self.asked == asked.scope;
        if !fits {
            return Err(Problem::invalid(
                "The consent is for another request than the one that was made.",
            ));
        }
        let allowed = Scopes::parse(&self.scope);
        if allowed.to_string() != self.scope || !asked.scopes().covers(&allowed) || !allowed.has(Scope::OpenId) {
            return Err(Problem::invalid(
                "More is allowed than was asked for, or not even openid.",
            ));
        }
        Ok(allowed)
    }
}

/// The living grant of somebody for a client.
pub(crate) fn grant_find(
    conn: &mut Conn,
    sealer: &Sealer,
    did: &Did,
    client_id: OidcClientId,
) -> Result<Option<OidcGrantRow>, AuthError> {
    let row: Option<OidcGrantRow> = oidc_grants::table
        .filter(
            oidc_grants::did
                .eq(did.clone())
                .and(oidc_grants::client_id.eq(client_id))
                .and(oidc_grants::deleted_at.is_null()),
        )
        .select(OidcGrantRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

/// The mailbox that somebody has proven, if any.
pub(crate) fn mailbox_of(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<Option<String>, AuthError> {
    let row: Option<MailboxAliasRow> = mailbox_aliases::table
        .filter(mailbox_aliases::did.eq(did.clone()))
        .order((mailbox_aliases::created_at, mailbox_aliases::alias))
        .select(MailboxAliasRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?.map(|row| row.mailbox))
}

fn standing_read(
    conn: &mut Conn,
    sealer: &Sealer,
    did: Did,
    id: SessionId,
    client_id: OidcClientId,
) -> Result<Standing, AuthError> {
    let row: Option<SessionRow> = sessions::table
        .find(id)
        .select(SessionRow::as_select())
        .first(conn)
        .optional()?;
    let session = row.ok_or(AuthError::SessionEnded)?.intact(sealer)?;
    Ok(Standing {
        grant: grant_find(conn, sealer, &did, client_id)?,
        mailbox: mailbox_of(conn, sealer, &did)?,
        session_id: session.id,
        auth_time: session.created_at,
        did,
    })
}

impl Auth {
    pub(crate) async fn oidc_standing(&self, living: &Living, client: &Client) -> Result<Standing, AuthError> {
        let (did, id, client_id) = (living.identity.did.clone(), living.id, client.id);
        let sealer = self.sealer.clone();
        self.db
            .read(move |conn| standing_read(conn, &sealer, did.clone(), id, client_id))
            .await
    }

    /// Notes a signed consent and answers the application: where the browser goes next.
    pub(crate) async fn oidc_consent(
        &self,
        living: &Living,
        verified: &Verified,
        body: &ConsentBody,
        raw: Vec<u8>,
    ) -> Result<String, AuthError> {
        let did = verified.did().clone();
        if living.identity.did != did {
            return Err(Problem::invalid("The consent is signed by somebody else than who is logged in.").into());
        }
        let asked = pending_open(&self.keyring, self.env.now(), &body.request, &did)?;
        let allowed = body.check(&asked)?;
        let client = self.oidc_client_find(&asked.client_id).await?;
        let client = client.ok_or_else(|| Problem::not_found("application"))?;
        let standing = self.oidc_standing(living, &client).await?;
        if allowed.has(Scope::Email) && standing.mailbox.is_none() {
            return Err(Problem::invalid("There is no proven mailbox that could be told.").into());
        }
        let grant = OidcGrantRow {
            id: self.env.new_id(),
            did: did.clone(),
            client_id: client.id,
            asked: asked.scope.clone(),
            scope: allowed.to_string(),
            owner_did: did,
            proof: String::new(),
            created_at: self.env.now(),
            deleted_at: None,
            row_seal: Vec::new(),
        };
        let (code, row) = code_row(&self.env, &standing, grant.id, &asked, &allowed)?;
        let (auth, authority) = (self.writing(), Authority::Signed(verified.proof().clone()));
        self.write_contended(move |conn| {
            let mut row = row.clone();
            row.grant_id = grant_store(conn, &auth, grant.clone(), raw.clone(), &authority)?;
            code_insert(conn, &auth, row)
        })
        .await?;
        Ok(asked.answer_to.url(&self.issuer(), &[("code", &code)]))
    }

    /// What the caller allows which application.
    pub(crate) async fn oidc_grants_list(&self, did: &Did) -> Result<Vec<GrantView>, AuthError> {
        let (did, sealer) = (did.clone(), self.sealer.clone());
        self.db
            .read(move |conn| {
                let rows: Vec<OidcGrantRow> = oidc_grants::table
                    .filter(oidc_grants::did.eq(did.clone()).and(oidc_grants::deleted_at.is_null()))
                    .order((oidc_grants::created_at.desc(), oidc_grants::id))
                    .limit(1_000)
                    .select(OidcGrantRow::as_select())
                    .load(conn)?;
                rows.into_iter()
                    .map(|row| {
                        let row = row.intact(&sealer)?;
                        let client = client_find(conn, &sealer, &row.client_id.to_string())?;
                        let used_at = grant_used_at(conn, row.id)?;
                        Ok(GrantView { row, client, used_at })
                    })
                    .collect()
            })
            .await
    }

    /// Takes a consent back: every token that came from it is worth nothing at once.
    pub(crate) async fn oidc_grant_revoke(
        &self,
        client_id: OidcClientId,
        verified: &Verified,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let (did, authority) = (verified.did().clone(), Authority::Signed(verified.proof().clone()));
        let auth = self.writing();
        self.db
            .write(move |conn| {
                let grant = grant_find(conn, &auth.sealer, &did, client_id)?;
                let mut grant = grant.ok_or_else(|| Problem::not_found("consent"))?;
                let object = grant.id.to_string();
                grant.proof = mutation_record(conn, &auth, &did, ACTION_REVOKE, &object, raw.clone(), &authority)?;
                grant.deleted_at = Some(auth.env.now());
                grant.save(conn, &auth.sealer)?;
                Ok::<_, AuthError>(())
            })
            .await
    }
}

/// Ends what somebody has allowed applications since a moment, because it may not have been they: consents, and the
/// tokens that came from older ones.
pub(crate) fn grants_end(conn: &mut Conn, auth: &Writing, did: &Did, since: Timestamp) -> Result<(), AuthError> {
    let now = auth.env.now();
    let grants: Vec<OidcGrantRow> = oidc_grants::table
        .filter(oidc_grants::did.eq(did.clone()).and(oidc_grants::deleted_at.is_null()))
        .filter(oidc_grants::created_at.ge(since))
        .select(OidcGrantRow::as_select())
        .load(conn)?;
    for grant in grants {
        let mut grant = grant.intact(&auth.sealer)?;
        let id = grant.id.to_string();
        let body = json!({"id": id}).to_string().into_bytes();
        grant.proof = mutation_record(conn, auth, did, ACTION_REVOKE, &id, body, &Authority::Node)?;
        grant.deleted_at = Some(now);
        grant.save(conn, &auth.sealer)?;
    }
    let tokens: Vec<OidcTokenRow> = oidc_tokens::table
        .filter(oidc_tokens::did.eq(did.clone()).and(oidc_tokens::revoked_at.is_null()))
        .filter(oidc_tokens::created_at.ge(since))
        .select(OidcTokenRow::as_select())
        .load(conn)?;
    for token in tokens {
        let mut token = token.intact(&auth.sealer)?;
        token.revoked_at = Some(now);
        token.save(conn, &auth.sealer)?;
    }
    Ok(())
}

/// When an application was last given something on the strength of a consent, as far as that is still kept.
fn grant_used_at(conn: &mut Conn, id: OidcGrantId) -> QueryResult<Option<Timestamp>> {
    let code: Option<Timestamp> = oidc_codes::table
        .filter(oidc_codes::grant_id.eq(id))
        .select(diesel::dsl::max(oidc_codes::created_at))
        .first(conn)?;
    let token: Option<Timestamp> = oidc_tokens::table
        .filter(oidc_tokens::grant_id.eq(id))
        .select(diesel::dsl::max(oidc_tokens::created_at))
        .first(conn)?;
    Ok(code.max(token))
}

/// One living grant for each person and application: a new consent takes the place of the old one.
fn grant_store(
    conn: &mut Conn,
    auth: &Writing,
    mut fresh: OidcGrantRow,
    raw: Vec<u8>,
    authority: &Authority,
) -> Result<OidcGrantId, AuthError> {
    let known = grant_find(conn, &auth.sealer, &fresh.did, fresh.client_id)?;
    let id = known.as_ref().map_or(fresh.id, |known| known.id);
    fresh.proof = mutation_record(conn, auth, &fresh.did, ACTION_ALLOW, &id.to_string(), raw, authority)?;
    match known {
        Some(known) => {
            let (id, created_at) = (known.id, known.created_at);
            fresh.id = id;
            fresh.created_at = created_at;
            fresh.save(conn, &auth.sealer)?;
        }
        None => {
            fresh.insert(conn, &auth.sealer)?;
        }
    }
    Ok(id)
}
