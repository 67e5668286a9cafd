use std::path::Path;

use imajin_did::DidDocument;
use imajin_imagxp::{PROVENANCE, Provenance};
use imajin_kernel::{Code, Problem};
use imajin_proof::jose::{Jwk, Jwks};
use imajin_web::HttpAnswer;
use url::Url;

use crate::Agent;
use crate::broker::url_of;
use crate::page::digest_of;

impl Agent {
    /// What the publisher has signed about an answer: checked with the keys that its host publishes, for this URL, and
    /// for these bytes where it names them. None when it has signed nothing. [`Code::Unavailable`] when the keys cannot
    /// be read now.
    pub(crate) async fn provenance(
        &self,
        url: &Url,
        answer: &HttpAnswer,
        page: &Path,
    ) -> Result<Option<Provenance>, Problem> {
        let Some(text) = answer.headers.get(PROVENANCE).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let origin = url.origin().ascii_serialization();
        let found = self
            .get_plain(&url_of(&format!("{origin}/.well-known/did.json"))?)
            .await?;
        if found.status.is_server_error() {
            let detail = format!("{origin} answers with {} when it is asked for its keys.", found.status);
            return Err(Problem::new(Code::Unavailable, detail));
        }
        let unproven = || {
            Problem::invalid(format!(
                "{origin} does not say whose keys sign where its answers are from."
            ))
        };
        let document: DidDocument = serde_json::from_slice(&found.body).map_err(|_error| unproven())?;
        let keys = document.assertion_keys().into_iter().map(Jwk::from_key).collect();
        let keys = Jwks::new(keys).map_err(|_error| unproven())?;
        let wrong = |error| Problem::invalid(format!("What {origin} says about its answer does not count: {error}."));
        let said = Provenance::verify(text, &keys, &origin, self.now()).map_err(wrong)?;
        let is_this = said.url == url.as_str();
        let is_of_bytes = match &said.content_digest {
            Some(digest) => digest_of(page)? == *digest,
            None => true,
        };
        if is_this && is_of_bytes {
            return Ok(Some(said));
        }
        Err(Problem::invalid(format!(
            "What {origin} has signed is about another answer."
        )))
    }
}
