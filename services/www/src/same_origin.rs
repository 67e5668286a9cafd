use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use imajin_web::{Failure, PublicBase, same_origin_require};

use crate::AppState;

/// The form comes from a page of this very listener. Stands before every other extractor of a form's handler.
#[derive(Debug)]
pub(crate) struct SameOrigin;

impl FromRequestParts<AppState> for SameOrigin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        let base = parts.extensions.get::<PublicBase>().unwrap_or(&state.deps.site.public);
        same_origin_require(&parts.headers, base)?;
        Ok(Self)
    }
}
