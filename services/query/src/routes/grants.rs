use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_consent::{GrantRevocation, StandingGrant};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::{FUTURE_TOLERANCE, ProofError};
use imajin_query_api::{GrantView, OwnConsent};
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, Reader, SignedBody};

use super::QueryRoutes;
use crate::context::Change;
use crate::domain::comparing::comparisons_of;
use crate::domain::grants::{grant_find, grant_give as give, grant_revoke as revoke, grants_of};
use crate::domain::profiles::profile_find;
use crate::domain::records::records_of;
use crate::domain::uses::uses_of;
use crate::{Query, QueryError};

impl Query {
    /// What somebody allows, and what was made of it.
    pub(crate) async fn own_consent(&self, did: &Did) -> Result<OwnConsent, QueryError> {
        let (did, origin) = (did.canonical(), self.origin());
        self.read(move |conn, context| {
            let profile = profile_find(conn, context, &did)?;
            Ok(OwnConsent {
                grants: grants_of(conn, context, &did)?,
                profile: profile.map(|row| row.view()).transpose()?,
                uses: uses_of(conn, context, &did)?,
                comparisons: comparisons_of(conn, context, &did, &origin)?,
                records: records_of(conn, context, &did)?,
            })
        })
        .await
    }

    /// A grant by the signer of the request. It may be old: it holds until it is revoked.
    async fn grant_check(&self, grant: &StandingGrant, signer: &Did) -> Result<(), QueryError> {
        if grant.0.from.canonical() != signer.canonical() {
            return Err(QueryError::OtherSigner);
        }
        let (signed_at, now) = (Timestamp::from_millis(grant.0.timestamp), self.context.now());
        if signed_at > now.plus(FUTURE_TOLERANCE) {
            return Err(ProofError::FromTheFuture.into());
        }
        let keys = self.keys_at(signer, Some(signed_at.min(now))).await?;
        keys.check::<_, QueryError>(|key| grant.verify(std::slice::from_ref(key)))?;
        if grant.is_over(now) {
            return Err(QueryError::invalid("expires", "must be in the future"));
        }
        Ok(())
    }

    /// A revocation of a grant that is here, by its subject.
    async fn revocation_check(&self, revocation: &GrantRevocation, signer: &Did) -> Result<(), QueryError> {
        let digest = revocation.0.payload.consent.clone();
        let row = self
            .read(move |conn, context| grant_find(conn, context, &digest))
            .await?;
        let row = row.filter(|row| row.owner_did == signer.canonical());
        let grant = row.ok_or(QueryError::NotFound("grant of yours"))?.grant()?;
        let keys = self.keys_at(signer, None).await?;
        keys.check::<_, QueryError>(|key| revocation.verify(&grant, std::slice::from_ref(key)))
    }
}

/// List what one allows, and what was made of it
///
/// The caller's standing grants, also those that have ended; what may be disclosed about them at all; the uses that
/// others have made of it: when, by whom, for what, by which grant and declaration, with which receipt; and where what
/// those others say differs.
#[utoipa::path(
    get, path = "/api/consent", tag = "consent",
    responses(
        (status = 200, description = "Grants, profile, uses and comparisons, the newest first", body = OwnConsent),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn consent_list(
    State(QueryRoutes(query)): State<QueryRoutes>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let own = query.own_consent(&reader).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(own)).into_response())
}

/// Give a standing grant
///
/// The body is the signed document itself: a message of the type `consent` by the caller, about the caller. It holds
/// until it expires or is revoked. The same one a second time changes nothing.
#[utoipa::path(
    post, path = "/api/consent/grants", tag = "consent", request_body = Object,
    responses(
        (status = 201, description = "It holds from now on", body = GrantView),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Somebody else has signed it, or the caller has no key of their own here",
            body = ProblemDocument),
        (status = 409, description = "This very grant was revoked", body = ProblemDocument),
        (status = 429, description = "Too many grants", body = ProblemDocument),
    )
)]
pub(super) async fn grant_give(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<StandingGrant, Authorised<KeyTier>>,
) -> Result<(StatusCode, Json<GrantView>), Failure> {
    let grant = signed.value;
    query.grant_check(&grant, signed.verified.did()).await?;
    let change = Change::of((*signed.verified).clone(), signed.request);
    let row = query
        .write(move |conn, context| give(conn, context, &change, &grant))
        .await?;
    Ok((StatusCode::CREATED, Json(row.view(query.context.now())?)))
}

/// Revoke a standing grant
///
/// The body is a message of the type `revocation` by the caller, which names the grant by its digest. Nothing is
/// disclosed by it from then on. Revoking it again changes nothing.
#[utoipa::path(
    post, path = "/api/consent/revocations", tag = "consent", request_body = Object,
    responses(
        (status = 200, description = "The grant, which has ended", body = GrantView),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Somebody else has signed it, or the caller has no key of their own here",
            body = ProblemDocument),
        (status = 404, description = "The caller has no such grant", body = ProblemDocument),
    )
)]
pub(super) async fn grant_revoke(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<GrantRevocation, Authorised<KeyTier>>,
) -> Result<Json<GrantView>, Failure> {
    let revocation = signed.value;
    query.revocation_check(&revocation, signed.verified.did()).await?;
    let change = Change::of((*signed.verified).clone(), signed.request);
    let row = query
        .write(move |conn, context| revoke(conn, context, &change, &revocation))
        .await?;
    Ok(Json(row.view(query.context.now())?))
}
