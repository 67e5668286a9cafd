use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use imajin_query_api::OwnQuestions;
use imajin_web::{Failure, ProblemDocument, Reader};

use super::QueryRoutes;
use crate::domain::questions::questions_of;

/// List one's questions
///
/// What the caller has asked, and what was asked of them: who, when, how far it is, and what it has cost. The newest
/// 100 of each. What was asked is not kept.
#[utoipa::path(
    get, path = "/api/questions", tag = "questions",
    responses(
        (status = 200, description = "The questions, the newest first", body = OwnQuestions),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn question_list(
    State(QueryRoutes(query)): State<QueryRoutes>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let reader = reader.canonical();
    let own = query
        .read(move |conn, context| questions_of(conn, context, &reader))
        .await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(own)).into_response())
}
