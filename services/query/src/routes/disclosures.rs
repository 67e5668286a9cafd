use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use imajin_consent::ConsentProfile;
use imajin_kernel::{Code, Problem};
use imajin_mjn::VerifiedMjnRequest;
use imajin_proof::SignedMessage;
use imajin_query_api::{
    CompareBody, Comparison, Disclosed, DisclosureBody, ProfileView, RecordsBody, RecordsPage, UseRecord,
};
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, SignedBody};

use super::QueryRoutes;
use crate::context::Change;
use crate::domain::profiles::profile_set as set;
use crate::domain::records::{LogAsked, log_page, record_keep as keep};
use crate::{Query, QueryError};

impl Query {
    /// A profile that came just now from whom it is about.
    async fn profile_check(&self, profile: &ConsentProfile, signer: &imajin_did::Did) -> Result<(), QueryError> {
        if profile.0.from.canonical() != signer.canonical() {
            return Err(QueryError::OtherSigner);
        }
        let (keys, now) = (self.keys_at(signer, None).await?, self.context.now());
        keys.check::<_, QueryError>(|key| profile.verify(std::slice::from_ref(key)))?;
        keys.check::<_, QueryError>(|key| profile.0.verify_fresh(ConsentProfile::KIND, key, now))
    }

    /// A record by the signer of the request, of now or of earlier.
    async fn record_check(
        &self,
        record: &SignedMessage<UseRecord>,
        signer: &imajin_did::Did,
    ) -> Result<(), QueryError> {
        if record.from.canonical() != signer.canonical() {
            return Err(QueryError::OtherSigner);
        }
        let keys = self.keys_at(signer, None).await?;
        keys.check::<_, QueryError>(|key| record.verify(UseRecord::KIND, key))
    }
}

/// Say what may be disclosed about oneself
///
/// The body is the signed document itself: a message of the type `consent-profile` by the caller, with the fields that
/// are on for each purpose. What is not in it is off, whatever grants allow. It takes the place of the earlier one.
#[utoipa::path(
    put, path = "/api/consent/profile", tag = "consent", request_body = Object,
    responses(
        (status = 200, description = "It holds from now on", body = ProfileView),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong, old or used", body = ProblemDocument),
        (status = 403, description = "Somebody else has signed it, or the caller has no key of their own here",
            body = ProblemDocument),
        (status = 409, description = "A later one holds", body = ProblemDocument),
    )
)]
pub(super) async fn profile_set(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<ConsentProfile, Authorised<KeyTier>>,
) -> Result<Json<ProfileView>, Failure> {
    let profile = signed.value;
    query.profile_check(&profile, signed.verified.did()).await?;
    let change = Change::of((*signed.verified).clone(), signed.request);
    let row = query
        .write(move |conn, context| set(conn, context, &change, &profile))
        .await?;
    Ok(Json(row.view()?))
}

/// Ask about a person
///
/// With the MJN headers (docs/mjn-headers.md): who asks, and the consent to read what is about this person for this
/// purpose, which is its scope. Nothing is paid. All fields that are asked for are told, or none: a standing grant of
/// the person must allow each of them to the asker, and the person must have it on for this purpose. Each time is a use
/// with a receipt, which the person sees.
#[utoipa::path(
    post, path = "/api/consent/disclosures", tag = "consent", request_body = DisclosureBody,
    params(
        ("X-MJN-DID" = String, Header, description = "Who asks"),
        ("X-MJN-Consent" = String, Header, description = "The consent: its use is `read`, its scope the purpose"),
        ("X-MJN-Settlement" = String, Header, description = "Nothing is paid: `free`"),
        ("X-MJN-Timestamp" = String, Header, description = "When it was signed"),
        ("X-MJN-Signature" = String, Header, description = "The signature `mjn` once more"),
    ),
    responses(
        (status = 200, description = "What was asked for, and the receipt", body = Disclosed),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "Signature or consent are missing, wrong, old or used", body = ProblemDocument),
        (status = 403, description = "A term is not met: `term` names it", body = ProblemDocument),
        (status = 429, description = "Too often today", body = ProblemDocument),
        (status = 503, description = "The trust graph or the profiles are away", body = ProblemDocument),
    )
)]
pub(super) async fn disclose(
    State(QueryRoutes(query)): State<QueryRoutes>,
    Extension(request): Extension<Arc<VerifiedMjnRequest>>,
    body: Bytes,
) -> Result<Response, Failure> {
    let body: DisclosureBody = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Code::MalformedBody, format!("The JSON body was not accepted: {error}.")))?;
    let disclosed = query.disclose(&request, body).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(disclosed)).into_response())
}

/// Keep a record of what one was told
///
/// The caller's own log: a message of the type `use-record` by the caller. The person whom it is about and the node
/// that has told it may read it. The same record a second time changes nothing.
#[utoipa::path(
    post, path = "/api/consent/records", tag = "consent", request_body = Object,
    responses(
        (status = 204, description = "It is kept"),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Somebody else has signed it, or the caller has no key of their own here",
            body = ProblemDocument),
        (status = 429, description = "The log is full", body = ProblemDocument),
    )
)]
pub(super) async fn record_keep(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<SignedMessage<UseRecord>, Authorised<KeyTier>>,
) -> Result<StatusCode, Failure> {
    let record = signed.value;
    query.record_check(&record, signed.verified.did()).await?;
    let change = Change::of((*signed.verified).clone(), signed.request);
    query
        .write(move |conn, context| keep(conn, context, &change, &record))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read an asker's log about a person
///
/// Signed: the asker and the person get all of it, a node what it has told the asker itself, and everybody else
/// nothing.
#[utoipa::path(
    post, path = "/api/consent/log", tag = "consent", request_body = RecordsBody,
    responses(
        (status = 200, description = "What the asker has signed, a page of it", body = RecordsPage),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
    )
)]
pub(super) async fn log_read(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<RecordsBody>,
) -> Result<Response, Failure> {
    let asked = LogAsked {
        reader: signed.verified,
        asker: signed.value.asker.canonical(),
        subject: signed.value.subject.canonical(),
        after: signed.value.after,
    };
    let page = query
        .write(move |conn, context| log_page(conn, context, &asked))
        .await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response())
}

/// Compare what was told about oneself with an asker's log
///
/// The log is read at the node that the asker has named, unless it is this one. Each use that one of the two streams
/// lacks, or of which they say different things, is in the answer.
#[utoipa::path(
    post, path = "/api/consent/compare", tag = "consent", request_body = CompareBody,
    responses(
        (status = 200, description = "What came of it; `problem` says why it could not be read", body = Comparison),
        (status = 400, description = "The asker has named no node that keeps their log", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
    )
)]
pub(super) async fn log_compare(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<CompareBody, Authorised<KeyTier>>,
) -> Result<Json<Comparison>, Failure> {
    let change = Change::of((*signed.verified).clone(), signed.request);
    Ok(Json(query.compare(change, &signed.value.asker).await?))
}
