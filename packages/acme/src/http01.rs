use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::{AcmeError, Answer, ChallengeKind, Solver};

/// Answers on port 80 (RFC 8555, section 8.3). Clones answer the same.
#[derive(Clone, Default)]
pub struct Http01(Arc<RwLock<BTreeMap<String, String>>>);

impl Http01 {
    /// The route that the authority asks for; nothing else.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/.well-known/acme-challenge/{token}", get(answer))
            .with_state(self.clone())
    }
}

async fn answer(State(solver): State<Http01>, Path(token): Path<String>) -> impl IntoResponse {
    let answers = solver.0.read().unwrap_or_else(PoisonError::into_inner);
    match answers.get(&token) {
        Some(text) => Ok(([(header::CONTENT_TYPE, "application/octet-stream")], text.clone())),
        None => Err(StatusCode::NOT_FOUND),
    }
}

#[async_trait]
impl Solver for Http01 {
    fn kind(&self) -> ChallengeKind {
        ChallengeKind::Http01
    }

    async fn present(&self, answers: &[Answer]) -> Result<(), AcmeError> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for answer in answers {
            known.insert(answer.token.clone(), answer.key_authorization.clone());
        }
        Ok(())
    }

    async fn withdraw(&self, answers: &[Answer]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for answer in answers {
            known.remove(&answer.token);
        }
    }
}
